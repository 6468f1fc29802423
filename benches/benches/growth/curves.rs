//! Points of curves.

use std::path::PathBuf;

use serde_json::{Value, json};

/// The points of one run, over so many users.
#[derive(Debug)]
pub(crate) struct Curves {
    users: usize,
    file: PathBuf,
    points: Vec<Value>,
}

impl Curves {
    pub(crate) fn new(users: usize, file: &str) -> Self {
        Self {
            users,
            file: file.into(),
            points: Vec::new(),
        }
    }

    pub(crate) const fn users(&self) -> usize {
        self.users
    }

    /// Adds a point: prints it, and writes the file anew.
    #[expect(clippy::print_stdout, reason = "a program of figures for people")]
    pub(crate) fn point(
        &mut self,
        plot: &str,
        series: &str,
        x: f64,
        y: f64,
    ) -> std::io::Result<()> {
        println!("{plot:<10} {series:<28} {x:>14.4} {y:>14.4}");
        let users = self.users;
        self.points
            .push(json!({"plot": plot, "series": series, "users": users, "x": x, "y": y}));
        std::fs::write(&self.file, format!("{:#}\n", json!(self.points)))
    }
}
