//! Bodies of requests and answers that count against the memory of all requests for as long as
//! somebody has them: a thousand clients who read slowly must not hold a thousand large answers.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tagdb_query::{MemoryPool, Reserved};
use tagdb_wire::media;

use super::error::ApiResult;

/// Text, and the memory that it counts for.
#[derive(Debug)]
pub(super) struct Held {
    text: String,
    reserved: Reserved,
}

impl Held {
    /// A text that is made already.
    ///
    /// # Errors
    /// `overloaded` if all requests together hold too much.
    pub(super) fn new(pool: &Arc<MemoryPool>, text: String) -> ApiResult<Self> {
        Self::grown(Reserved::new(Arc::clone(pool)), text)
    }

    /// A text for which memory was reserved while it grew.
    ///
    /// # Errors
    /// As of [`Self::new`].
    pub(super) fn grown(mut reserved: Reserved, text: String) -> ApiResult<Self> {
        reserved.grow_to(text.len())?;
        Ok(Self { text, reserved })
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// An answer of JSON.
    pub(super) fn into_response(self) -> Response {
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static(media::JSON));
        let body = Body::from(body(self.text.into_bytes(), self.reserved));
        ([content_type], body).into_response()
    }
}

/// Bytes that hold memory until the last copy of them is dropped.
struct Owned(
    Vec<u8>,
    #[expect(dead_code, reason = "held, and given back when dropped")] Reserved,
);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes, and the memory that they count for.
pub(super) fn body(bytes: Vec<u8>, reserved: Reserved) -> Bytes {
    Bytes::from_owner(Owned(bytes, reserved))
}
