//! Everything that decodes bytes from outside, as functions of bytes that panic if something is
//! wrong: a panic of the product, an answer that contradicts another one, an error that blames
//! the server. `fuzz/` gives them to a fuzzer; `tests/tests/corpus.rs` gives them the kept bytes of
//! `tests/corpus/` and what becomes of those by mutation.
//!
//! Checksums would stop both at the door, so what lies behind is reached by making them right
//! again: see [`seal`].

mod bitmap;
mod column;
mod database;
mod disk;
pub mod mutate;
mod read;
pub mod seal;
mod sql;
mod upload;

/// A decoder and what it is tried with.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder of kept bytes.
    pub name: &'static str,
    /// Tries some bytes, and says whether they were taken for sound.
    pub run: fn(&[u8]) -> bool,
    /// Sound bytes to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 10] = [
    Target {
        name: "bitmap",
        run: bitmap::run,
        seeds: bitmap::seeds,
    },
    Target {
        name: "column",
        run: column::run,
        seeds: column::seeds,
    },
    Target {
        name: "log",
        run: disk::log,
        seeds: disk::log_seeds,
    },
    Target {
        name: "manifest",
        run: disk::manifest,
        seeds: disk::manifest_seeds,
    },
    Target {
        name: "segment",
        run: disk::segment,
        seeds: disk::segment_seeds,
    },
    Target {
        name: "sql",
        run: sql::text,
        seeds: sql::text_seeds,
    },
    Target {
        name: "exec_diff",
        run: sql::made,
        seeds: sql::made_seeds,
    },
    Target {
        name: "rows",
        run: upload::rows,
        seeds: upload::rows_seeds,
    },
    Target {
        name: "arrow",
        run: upload::arrow,
        seeds: upload::arrow_seeds,
    },
    Target {
        name: "parquet",
        run: upload::parquet,
        seeds: upload::parquet_seeds,
    },
];

/// Tries some bytes on the target of a name.
///
/// # Panics
/// Something is wrong with the target, or there is none of that name.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    assert!(target.is_some(), "there is no target {name}");
    if let Some(target) = target {
        (target.run)(input);
    }
}
