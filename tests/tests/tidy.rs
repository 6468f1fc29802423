//! What must hold of the sources as a whole: who may use whom, how long a file may be, what may
//! not be left in it, and that the documents' links lead somewhere.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of this file is a test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file at most.
const LINES_MAX: usize = 500;

/// Files that may be longer, with the reason.
const LONGER: [(&str, &str); 0] = [];

/// What each crate may use of the workspace, and what it may not use at all.
const CRATES: [(&str, &[&str], &[&str]); 5] = [
    (
        "storage",
        &[],
        &[
            "tokio",
            "serde",
            "serde_json",
            "axum",
            "hyper",
            "reqwest",
            "sqlparser",
        ],
    ),
    (
        "query",
        &["tagdb-storage"],
        &["tokio", "serde", "serde_json", "axum", "hyper", "reqwest"],
    ),
    ("client/wire", &[], &["tokio", "axum", "hyper", "reqwest"]),
    ("client", &["tagdb-wire"], &["axum", "hyper"]),
    (
        "server",
        &["tagdb-client", "tagdb-query", "tagdb-storage", "tagdb-wire"],
        &[],
    ),
];

fn root() -> PathBuf {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_root.parent().unwrap().to_owned()
}

/// All files below a folder with that ending, but for what is built.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            files(&path, ending, found);
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}

/// All sources, each by its path in the workspace.
fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    files(&root, ".rs", &mut found);
    found.sort();
    assert!(found.len() > 100, "the sources are not where they were");
    let read = |path: PathBuf| {
        let name = path
            .strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).unwrap();
        (name, text)
    };
    found.into_iter().map(read).collect()
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || path.starts_with("benches/")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.ends_with("/fixture.rs")
}

/// The lines of a source that are part of the product, with their numbers: without comments, and
/// without the module of tests, which comes last.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let code = text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"));
    let lines = (1..).zip(code);
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn report(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn crates_use_only_what_lies_below_them() {
    let mut wrong = Vec::new();
    for (folder, allowed, banned) in CRATES {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let parts = manifest.split("\n[");
        let part = parts
            .into_iter()
            .find(|part| part.starts_with("dependencies]"));
        for line in part.unwrap_or("").lines().skip(1) {
            let name = line.split(['.', ' ', '=']).next().unwrap_or("");
            let foreign = name.starts_with("tagdb") && !allowed.contains(&name);
            if foreign || banned.contains(&name) {
                wrong.push(format!("{folder} uses {name}"));
            }
        }
    }
    report("dependencies against the order of the layers", &wrong);
}

#[test]
fn only_the_vfs_touches_the_file_system() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let below = path.starts_with("storage/src") || path.starts_with("query/src");
        if !below || is_test(&path) || path == "storage/src/vfs/os.rs" {
            continue;
        }
        let lines = product_lines(&text);
        let named = lines.filter(|(_, line)| line.contains("std::fs"));
        wrong.extend(named.map(|(line, _)| format!("{path}:{line}")));
    }
    report("std::fs outside storage/src/vfs/os.rs", &wrong);
}

/// The parser may use the types of tags, but not what holds or changes data.
#[test]
fn parsing_knows_nothing_of_data() {
    let data = [
        "engine",
        "batch",
        "layer",
        "segment",
        "bitmap",
        "vfs",
        "vocabulary",
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if path.starts_with("query/src/parse") && !is_test(&path) {
            for (number, line) in product_lines(&text) {
                let used = |module: &&&str| line.contains(&format!("tagdb_storage::{module}"));
                let named = data.iter().filter(used);
                wrong.extend(named.map(|module| format!("{path}:{number}: {module}")));
            }
        }
    }
    report("data in the parser", &wrong);
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        let longer = LONGER.iter().any(|(name, _)| *name == path);
        if lines > LINES_MAX && !longer {
            wrong.push(format!("{path} has {lines} lines, at most {LINES_MAX}"));
        }
        if lines <= LINES_MAX && longer {
            wrong.push(format!("{path} is short again: take it off the list"));
        }
    }
    report("files that have grown too long", &wrong);
}

#[test]
fn nothing_is_left_for_later() {
    let words = [
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("X", "XX"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[", "ignore"),
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (number, line) in (1..).zip(text.lines()) {
            let named = words.iter().filter(|word| line.contains(**word));
            wrong.extend(named.map(|word| format!("{path}:{number}: {word}")));
        }
    }
    report("unfinished work", &wrong);
}

#[test]
fn the_product_does_not_unwrap() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if is_test(&path) {
            continue;
        }
        let lines = product_lines(&text);
        let named = lines.filter(|(_, line)| line.contains(".unwrap()"));
        wrong.extend(named.map(|(line, _)| format!("{path}:{line}")));
    }
    report("unwrap outside tests", &wrong);
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let root = root();
    let mut documents = Vec::new();
    files(&root, ".md", &mut documents);
    let mut wrong = Vec::new();
    for document in &documents {
        let text = fs::read_to_string(document).unwrap();
        for target in links(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = document.parent().unwrap();
            let file = if file.is_empty() {
                document.clone()
            } else {
                folder.join(file)
            };
            let found = match fs::read_to_string(&file) {
                Ok(text) => anchor.is_empty() || anchors(&text).contains(anchor),
                Err(_) => anchor.is_empty() && file.is_dir(),
            };
            if !found {
                wrong.push(format!("{}: {target}", document.display()));
            }
        }
    }
    report("links that lead nowhere", &wrong);
}

/// The targets of the links of a document, but for those in blocks of code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let (target, after) = after.split_once(')').expect("a link ends");
            found.push(target.split(' ').next().unwrap_or("").to_owned());
            rest = after;
        }
    }
    found
}

/// The names by which the headings of a document are reached.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let name = |heading: &str| -> String {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(name).collect()
}

fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}
