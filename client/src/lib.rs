//! The client of tagdb: SQL, rows by key, bulk writes and upkeep over HTTP.
//!
//! Every write carries an idempotency key, so that it happens once however often it is sent.
//! Requests are repeated where that is safe: when the server could not be reached, and when it
//! asked to come back later.
//!
//! ```
//! # tagdb_client::canned::example(|url| async move {
//! use serde::Deserialize;
//! use tagdb_client::Client;
//!
//! #[derive(Deserialize)]
//! struct City {
//!     city: Option<String>,
//!     n: u64,
//! }
//!
//! let client = Client::new(&url)?;
//! let cities: Vec<City> = client
//!     .sql("SELECT city, count(*) AS n FROM users WHERE age >= $1 GROUP BY city")
//!     .param(18)
//!     .rows()
//!     .await?;
//! assert_eq!(cities[0].city.as_deref(), Some("berlin"));
//! assert_eq!(cities[0].n, 12);
//! # Ok(()) });
//! ```

#[doc(hidden)]
pub mod canned;

mod admin;
mod analysis;
mod bulk;
mod client;
mod error;
mod pages;
mod rows;
mod send;
mod sql;
mod stream;

#[cfg(test)]
mod tests;

pub use bulk::{Bulk, Encoding};
pub use client::{Client, ClientBuilder};
pub use error::{Error, Result};
pub use pages::Pages;
pub use reqwest::Body;
pub use sql::Sql;
pub use stream::{ByteStream, RowStream};
pub use tagdb_wire as wire;
