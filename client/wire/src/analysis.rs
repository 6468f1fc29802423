//! Questions about audiences: `portrait`, `significant`, `overlap`, `match`, `membership` and
//! `explain-count` under a table.

mod named;
mod overlap;

pub use named::{Named, NamedParams};
pub use overlap::{
    MatchRequest, MatchResponse, OverlapAudience, OverlapCell, OverlapPair, OverlapRequest,
    OverlapResponse,
};
