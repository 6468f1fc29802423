//! Random histories and queries against a plain row scan.
//!
//! The model keeps each subject as a map from tag to value and follows SQL's own definitions:
//! three-valued logic by truth tables, groups by going over all rows. It shares no code with the
//! executor; what the two have in common is the text of the statements.

mod aggregates;
pub(crate) mod analysis;
mod any_key;
mod grouped;
mod history;
mod keys;
mod model;
mod patterns;
mod predicates;
pub(super) mod random;
mod run;
pub(super) mod sample;
mod trees;
