//! SQL for tagdb: from text to a bound statement, and from there to an answer.
//!
//! [`parse`] turns text into a tree and knows nothing of tables; [`bind`] resolves names and types
//! against a catalog; [`functions`] computes expressions by rows. Nothing here knows of HTTP or
//! JSON.

pub mod analysis;
pub mod bind;
pub mod database;
pub mod decimal;
pub mod error;
mod exec;
pub mod explain;
pub mod functions;
pub mod limits;
pub mod literal;
pub mod memory;
pub mod parse;
pub mod plan;
pub mod value;

pub use bind::Param;
pub use bind::bound::OutputColumn;
pub use database::{Answer, Context, Database, Moment, Row, RowStream, TagValue};
pub use error::{Error, Result};
pub use exec::CancelFlag;
pub use exec::column_rows::{ColumnRows, ColumnValues, Known, text_of};
pub use exec::lines::push_lines;
pub use exec::pages::Pages;
pub use limits::Limits;
pub use memory::{MemoryPool, Reserved};
pub use parse::{RESERVED, Statement};
pub use value::{DataType, Value};
