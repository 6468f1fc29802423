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
mod profile;

use std::sync::Arc;

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::{Ordinal, chunk_of};

use crate::bind::bound::{Predicate, Scan};
use crate::error::{Error, Result};
use crate::exec::Execution;
use evaluate::Scratch;
use leaf::Leaf;

pub(crate) use leaf::KnownTest;
pub(crate) use profile::{Profile, Report};

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
    /// Its place among the terms of an AND or OR as they are bound.
    place: usize,
    /// What it did, while it is watched.
    profile: Option<Box<Profile>>,
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
    /// A file cannot be read or is damaged, or the statement has to stop.
    pub(crate) fn compile(
        predicate: &Predicate,
        (scan, partition): (&Scan, &Arc<PartitionState>),
        execution: &Execution,
    ) -> Result<Self> {
        Ok(Self {
            root: compile::compile(predicate, (scan, partition), execution)?,
            scratch: Scratch::new(&execution.interrupt),
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

    /// Those of the candidates, living subjects of a chunk, for which the predicate is true, or
    /// false.
    ///
    /// # Errors
    /// As of [`Self::audience`].
    pub(crate) fn side(
        &mut self,
        side: bool,
        chunk: u16,
        candidates: &Chunk,
        out: &mut Chunk,
    ) -> Result<()> {
        self.scratch
            .evaluate(&mut self.root, side, chunk, candidates, out)
    }
}

/// Predicates over the columns of one scan, each to be asked for both of its sides.
#[derive(Debug)]
pub(crate) struct Tests {
    roots: Vec<Node>,
    scratch: Scratch,
    left: Box<Chunk>,
}

impl Tests {
    /// As of [`Filter::compile`], of several predicates.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn compile<'a>(
        predicates: impl Iterator<Item = &'a Predicate>,
        place: (&Scan, &Arc<PartitionState>),
        execution: &Execution,
    ) -> Result<Self> {
        let root = |predicate| compile::compile(predicate, place, execution);
        Ok(Self {
            roots: predicates.map(root).collect::<Result<_>>()?,
            scratch: Scratch::new(&execution.interrupt),
            left: Box::default(),
        })
    }

    /// The candidates, living subjects of a chunk, for which the predicate at a place is true, and
    /// those for which it is false.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, or an expression cannot be computed.
    pub(crate) fn sides(
        &mut self,
        place: usize,
        chunk: u16,
        candidates: &Chunk,
        yes: &mut Chunk,
        no: &mut Chunk,
    ) -> Result<()> {
        let Some(root) = self.roots.get_mut(place) else {
            return Err(Error::internal("a test that was not compiled"));
        };
        self.scratch.evaluate(root, true, chunk, candidates, yes)?;
        self.left.copy_from(candidates);
        self.left.and_not(yes);
        self.scratch.evaluate(root, false, chunk, &self.left, no)
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
