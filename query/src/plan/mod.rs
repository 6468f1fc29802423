//! Rules that make a bound predicate smaller without changing what it means.

mod simplify;

pub use simplify::simplify;
