//! The decoders, on the kept bytes of `tests/corpus/` and on what becomes of them by mutation. The
//! same functions are given to a fuzzer in `fuzz/`.
//!
//! ```text
//! ROUNDS=100000 cargo test --release -p tagdb-tests --test corpus -- --nocapture
//! TARGET=segment SEED=7 ROUNDS=1 cargo test -p tagdb-tests --test corpus
//! CORPUS_FILL=1 cargo test -p tagdb-tests --test corpus   # writes the seeds into empty folders
//! ```

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "all of this file is a test"
)]

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tagdb_tests::decoders::mutate::mutate;
use tagdb_tests::decoders::{TARGETS, Target};
use tagdb_tests::random::Random;

/// Mutations of a target in a usual run.
const ROUNDS: u64 = 1_000;

/// Mutations that begin at one seed, so that one of them is repeated by few others.
const ROUNDS_OF_SEED: u64 = 50;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

fn folder(target: &Target) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("corpus").join(target.name)
}

/// The kept files of a target, by name.
fn kept(target: &Target) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder(target)).expect("a folder of kept bytes") {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        files.push((name, fs::read(&path).unwrap()));
    }
    files.sort();
    files
}

/// Writes the seeds of targets that have no files yet.
fn fill() {
    for target in &TARGETS {
        let folder = folder(target);
        fs::create_dir_all(&folder).unwrap();
        if fs::read_dir(&folder).unwrap().next().is_none() {
            for (number, seed) in (target.seeds)().into_iter().enumerate() {
                fs::write(folder.join(format!("seed-{number:02}")), seed).unwrap();
            }
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let owned = panic.downcast_ref::<String>().cloned();
    let borrowed = || panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    owned.or_else(borrowed).unwrap_or_default()
}

/// Tries some bytes; what is wrong with them is kept beside the build.
fn tried(target: &Target, bytes: &[u8], case: &dyn Fn() -> String) -> Result<bool, String> {
    let run = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    run.map_err(|panic| {
        let crash = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{}", target.name));
        fs::write(&crash, bytes).unwrap();
        let (name, what) = (target.name, said(&*panic));
        format!("{name}, {}: {what}\nkept as {}", case(), crash.display())
    })
}

fn replay(target: &Target) -> Result<usize, String> {
    let files = kept(target);
    for (name, bytes) in &files {
        let is_sound = tried(target, bytes, &|| name.clone())?;
        // Or the target tries less than it says.
        if name.starts_with("seed") && !is_sound {
            return Err(format!("{}, {name}: it is not taken", target.name));
        }
    }
    let first = number("SEED").unwrap_or(1);
    let rounds = number("ROUNDS").unwrap_or(ROUNDS);
    for round in 0..rounds {
        let seed = first + round / ROUNDS_OF_SEED;
        let mut random = Random::new((seed << 16) | (round % ROUNDS_OF_SEED));
        let mut bytes = random.pick(&files).1.clone();
        let other = &random.pick(&files).1;
        mutate(&mut bytes, other, &mut random);
        tried(target, &bytes, &|| format!("SEED={seed}"))?;
    }
    Ok(files.len())
}

#[test]
fn kept_bytes_and_their_mutations_bring_nothing_down() {
    if number("CORPUS_FILL").is_some() {
        fill();
    }
    // Panics are told of below; those that the product expects of libraries, not at all.
    set_hook(Box::new(|_| {}));
    let only = std::env::var("TARGET").ok();
    let wanted = |target: &&Target| only.as_deref().is_none_or(|name| name == target.name);
    let targets = Mutex::new(TARGETS.iter().filter(wanted));
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(target) = targets.lock().unwrap().next() else {
                        return;
                    };
                    let begun = std::time::Instant::now();
                    match replay(target) {
                        Ok(files) => {
                            let took = begun.elapsed();
                            println!("corpus: {}: {files} files, {took:.1?}", target.name);
                        }
                        Err(wrong) => failures.lock().unwrap().push(wrong),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let _ = take_hook();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
