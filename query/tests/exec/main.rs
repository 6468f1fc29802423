//! Statements from text to answer, on engines in memory: by hand, and against an oracle.

mod analysis;
mod bank;
mod edges;
mod memory;
mod nulls;
mod oracle;
mod session;
mod sizes;
mod statements;
mod statistics;
mod subqueries;
mod top;
mod wide;
