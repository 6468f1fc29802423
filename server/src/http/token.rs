//! The header that names the state an answer was read from or a write has made.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::RwLock;
use tagdb_storage::engine::Engine;
use tagdb_storage::ids::Lsn;
use tagdb_wire::headers;

static TOKEN: HeaderName = HeaderName::from_static(headers::TOKEN);

/// The header of the state that was answered last: most answers between two writes have the same.
#[derive(Debug, Default)]
pub(super) struct LastToken(RwLock<Option<(Lsn, HeaderValue)>>);

impl LastToken {
    /// Marks an answer that was read at that state.
    pub(super) fn mark(&self, engine: &Engine, lsn: Lsn, headers: &mut HeaderMap) {
        if let Some((known, value)) = &*self.0.read()
            && *known == lsn
        {
            headers.insert(TOKEN.clone(), value.clone());
            return;
        }
        if let Ok(value) = HeaderValue::from_str(&engine.token(lsn)) {
            headers.insert(TOKEN.clone(), value.clone());
            *self.0.write() = Some((lsn, value));
        }
    }
}
