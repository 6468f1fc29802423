//! The examples of `docs/sql.md`.
