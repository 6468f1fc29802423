//! The documentation, held against the program: its examples are run, its tables compared.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must fail"
)]

mod curl;
mod examples;
mod expected;
mod session;
mod tables;

use std::path::{Path, PathBuf};

use session::Session;

/// The project's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap()
}

/// Runs the examples of a page, one after the other, in a folder of their own.
fn run_examples(page: &str) {
    let examples = examples::of(&read(page));
    assert!(!examples.is_empty(), "{page} has no examples");
    let mut session = Session::new();
    for example in examples {
        let place = format!("{page}:{}: {}", example.line, example.command);
        let told = session.run(&example, &place);
        assert!(
            expected::fits(&example.output, &told),
            "{place}\nis to tell\n{}\nand told\n{told}",
            example.output
        );
    }
}

#[test]
fn the_readme_tells_the_truth() {
    run_examples("README.md");
}

#[test]
fn the_http_page_tells_the_truth() {
    run_examples("docs/http.md");
}

#[test]
fn the_operations_page_tells_the_truth() {
    run_examples("docs/operations.md");
}
