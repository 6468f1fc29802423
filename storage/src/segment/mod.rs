//! Segments: immutable files of checksummed blobs. Tag segments hold layers in delta or base form,
//! key segments the keys of a range of ordinals, vocabulary segments the strings of codes.
//!
//! Formats are in `docs/file-format.md`. Nothing here changes a file once it is written.

mod arrange;
pub mod base;
pub mod blob_file;
pub mod cache;
pub mod directory;
pub mod entry;
pub mod groups;
pub mod keys;
mod members;
pub mod packed;
mod place_hash;
pub mod row_group;
pub mod tags;
pub mod vocabulary;

pub use blob_file::{BlobFile, BlobFileWriter, BlobRef, FileKind};
pub use cache::BlobCache;
