//! The contract over HTTP/1.1.

mod accept;
mod body;
mod convert;
mod error;
mod negotiate;
mod output;
mod params;

pub use error::{ApiError, ApiResult};
