//! Figures for people, and for the scripts that put them beside those of other systems.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::timing::Times;

/// The rows of a run. Each is printed when it is known, and the file is written anew with it.
#[derive(Debug)]
pub struct Report {
    rows: Vec<Value>,
    file: Option<PathBuf>,
}

impl Report {
    /// Without any row; written to `file` too, if given.
    #[must_use]
    pub const fn new(file: Option<PathBuf>) -> Self {
        Self {
            rows: Vec::new(),
            file,
        }
    }

    /// Adds the times of some work.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn times(&mut self, item: &str, times: Times, note: &str) -> std::io::Result<()> {
        let (median, p99) = (times.median_ms, times.p99_ms);
        print(&format!(
            "{item:<52} median {median:>11.4} ms  p99 {p99:>11.4}  n={:<5} {note}",
            times.runs
        ));
        self.add(json!({
            "engine": "tagdb", "item": item, "median_ms": median, "p99_ms": p99,
            "min_ms": times.min_ms, "runs": times.runs, "note": note,
        }))
    }

    /// Adds a figure that is no time of repeated work.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn figure(
        &mut self,
        item: &str,
        value: f64,
        unit: &str,
        note: &str,
    ) -> std::io::Result<()> {
        print(&format!("{item:<52} {value:>18.3} {unit:<10} {note}"));
        self.add(json!({
            "engine": "tagdb", "item": item, "value": value, "unit": unit, "note": note,
        }))
    }

    fn add(&mut self, row: Value) -> std::io::Result<()> {
        self.rows.push(row);
        let Some(file) = &self.file else {
            return Ok(());
        };
        std::fs::write(file, format!("{:#}\n", json!(self.rows)))
    }
}

#[expect(
    clippy::print_stdout,
    reason = "a program of figures for people prints them"
)]
fn print(line: &str) {
    println!("{line}");
}
