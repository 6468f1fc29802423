//! tagdb
