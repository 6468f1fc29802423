//! tagdb
fn main() {}
