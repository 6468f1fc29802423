//! From what is written to what it means: names, types and rules.

pub mod bound;
