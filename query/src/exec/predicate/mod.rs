//! Predicates over a partition, chunk by chunk, by their true and false sides.
//!
//! Of a predicate only the demanded side is built: T(NOT p) = F(p), T of an AND is what is left
//! after each T, F of an AND the union of each F; OR is the dual. A leaf's T are its members, its
//! F what is known and not T. That is three-valued logic exactly. What can still matter is passed
//! down as candidates, so that each child looks only at what the cheaper ones have left.

mod compile;
mod entries;
mod evaluate;
mod leaf;

use std::sync::Arc;

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::{Ordinal, chunk_of};

use crate::bind::bound::{Predicate, Scan};
use crate::error::Result;
use evaluate::Scratch;
use leaf::Leaf;

pub(crate) use leaf::KnownTest;

/// A predicate compiled for one partition.
#[derive(Debug)]
pub(crate) struct Filter {
    partition: Arc<PartitionState>,
    root: Node,
    scratch: Scratch,
    alive: Box<Chunk>,
}

/// A node of a compiled predicate.
#[derive(Debug)]
struct Node {
    kind: NodeKind,
    /// What evaluating it takes, roughly, in chunk operations.
    cost: u32,
}

#[derive(Debug)]
enum NodeKind {
    Constant(Option<bool>),
    /// Cheapest first.
    And(Vec<Node>),
    /// Cheapest first.
    Or(Vec<Node>),
    Not(Box<Node>),
    IsTrue(Box<Node>),
    IsFalse(Box<Node>),
    IsNull(Box<Node>),
    Leaf(Box<Leaf>),
}

impl Filter {
    /// Compiles a predicate over the columns of a scan: strings become codes, keys ordinals, and layers are opened.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn compile(
        predicate: &Predicate,
        scan: &Scan,
        partition: &Arc<PartitionState>,
    ) -> Result<Self> {
        Ok(Self {
            root: compile::compile(predicate, scan, partition)?,
            scratch: Scratch::default(),
            partition: partition.clone(),
            alive: Box::default(),
        })
    }

    /// The chunks that can hold anybody, rising.
    pub(crate) fn chunks(&self) -> Vec<u16> {
        let mut chunks: Vec<u16> = match self.root.few() {
            Some(ordinals) => ordinals.iter().map(|ordinal| chunk_of(*ordinal)).collect(),
            // There are at most 65,536 chunks.
            None => (0..self.partition.chunks())
                .map(|chunk| chunk as u16)
                .collect(),
        };
        chunks.dedup();
        chunks
    }

    /// What evaluating it in a chunk takes, roughly, in chunk operations.
    pub(crate) const fn cost(&self) -> u32 {
        self.root.cost
    }

    /// How a single condition is met, in words.
    pub(crate) fn method(&self) -> String {
        match &self.root.kind {
            NodeKind::Leaf(leaf) => leaf.method(),
            NodeKind::Constant(_) => "constant".to_owned(),
            _ => "sides of other conditions".to_owned(),
        }
    }

    /// The living subjects of a chunk for which the predicate is true.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, or an expression cannot be computed.
    pub(crate) fn audience(&mut self, chunk: u16, out: &mut Chunk) -> Result<()> {
        self.partition.alive(chunk, &mut self.alive);
        if self.alive.is_empty() {
            out.clear();
            return Ok(());
        }
        self.scratch
            .evaluate(&mut self.root, true, chunk, &self.alive, out)
    }

    /// Those of some living subjects of a chunk for which the predicate is true.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, or an expression cannot be computed.
    pub(crate) fn among(&mut self, chunk: u16, candidates: &Chunk, out: &mut Chunk) -> Result<()> {
        self.scratch
            .evaluate(&mut self.root, true, chunk, candidates, out)
    }
}

impl Node {
    /// The few subjects that it can be true for, if keys name them.
    fn few(&self) -> Option<&[Ordinal]> {
        match &self.kind {
            NodeKind::Constant(Some(true)) => None,
            NodeKind::Constant(_) => Some(&[]),
            NodeKind::Leaf(leaf) => leaf.ordinals(),
            NodeKind::And(children) => children
                .iter()
                .filter_map(Self::few)
                .min_by_key(|ordinals| ordinals.len()),
            _ => None,
        }
    }
}
