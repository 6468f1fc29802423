//! Rules that make a bound predicate smaller without changing what it means.

mod simplify;

pub(crate) use simplify::joined;
pub use simplify::simplify;
