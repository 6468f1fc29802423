//! Statements from text to answer, on engines in memory: by hand, and against an oracle.

mod edges;
mod oracle;
mod session;
mod statements;
