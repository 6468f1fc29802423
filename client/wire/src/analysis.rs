//! Questions about audiences: `portrait`, `significant`, `overlap`, `match`, `membership` and
//! `explain-count` under a table.

mod named;
mod overlap;
mod portrait;
mod tree;

pub use named::{Named, NamedParams};
pub use overlap::{
    MatchRequest, MatchResponse, OverlapAudience, OverlapCell, OverlapPair, OverlapRequest,
    OverlapResponse,
};
pub use portrait::{
    BucketShare, PortraitRequest, PortraitResponse, Share, SignificanceTest, SignificantRequest,
    SignificantResponse, SignificantValue, Summary, TagPortrait, ValueShare,
};
pub use tree::{
    CountNode, ExplainCountRequest, ExplainCountResponse, MembershipRequest, MembershipResponse,
    NodeOperator, SeenValue, VerdictNode,
};
