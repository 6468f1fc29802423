//! How fast a request's body has to come.

use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;

use super::body::{next_piece, too_slow};
use super::error::ApiResult;

/// Bytes that must come in a second, once a body has been waited for as long as for one piece.
const BYTES_PER_SECOND_MIN: u64 = 1_024;

/// How fast a body comes, apart from the time that its reader takes.
#[derive(Debug, Default)]
pub(super) struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// The next piece of a body; none at its proper end.
    ///
    /// # Errors
    /// `timeout` if it is not there within `timeout`, or the body comes too slowly by now;
    /// `bad_parameter` if it is cut short.
    pub(super) async fn next_piece(
        &mut self,
        body: &mut Body,
        timeout: Duration,
    ) -> ApiResult<Option<Bytes>> {
        let started = Instant::now();
        let piece = next_piece(body, timeout).await?;
        let bytes = piece.as_ref().map_or(0, Bytes::len);
        if piece.is_some() && !self.add(started.elapsed(), bytes, timeout) {
            return Err(too_slow());
        }
        Ok(piece)
    }

    /// Adds a piece and the time it was waited for; false if the body comes too slowly by now. A
    /// trickle would otherwise hold its place for days.
    fn add(&mut self, waited: Duration, bytes: usize, timeout: Duration) -> bool {
        self.waited += waited;
        self.bytes += bytes as u64;
        self.waited < timeout || self.bytes >= self.waited.as_secs() * BYTES_PER_SECOND_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_is_given_up_and_a_slow_line_is_not() {
        let (second, timeout) = (Duration::from_secs(1), Duration::from_secs(30));
        let ends = |bytes: usize| {
            let mut pace = Pace::default();
            (1..=3600).find(|_| !pace.add(second, bytes, timeout))
        };
        assert_eq!(ends(1), Some(30));
        assert_eq!(ends(1_023), Some(30));
        assert_eq!(ends(1_024), None);
        // What came early counts.
        let mut pace = Pace::default();
        assert!(pace.add(second, 100 << 10, timeout));
        assert_eq!((2..).find(|_| !pace.add(second, 0, timeout)), Some(101));
    }
}
