//! What the tests of the whole database share: a plain model of it, a generator of histories, and
//! a comparison of the two.
//!
//! The model knows nothing of layers, codes or ordinals: it is maps. A history is made from a seed
//! alone, so that a failure can be repeated; it names tables and tags by name, so that operations
//! can be cut out of it.

pub mod compare;
pub mod decoders;
pub mod generate;
pub mod history;
pub mod model;
pub mod random;
pub mod run;
pub mod sim;
pub mod translate;
