//! Evaluating a tree in one chunk, with buffers that are used again.

use tagdb_storage::bitmap::Chunk;

use crate::error::Result;
use crate::exec::Interrupt;
use crate::exec::batch::{Batch, Remaining};
use crate::exec::predicate::leaf::RowTest;
use crate::exec::predicate::profile::Running;
use crate::exec::predicate::{Node, NodeKind};
use crate::functions::eval_predicate;

/// Buffers of an evaluation.
#[derive(Debug)]
pub(super) struct Scratch {
    interrupt: Interrupt,
    free: Vec<Box<Chunk>>,
    rows: Option<Box<RowScratch>>,
}

#[derive(Debug, Default)]
struct RowScratch {
    batch: Batch,
    left: Remaining,
}

impl Scratch {
    /// No buffers yet.
    pub(super) fn new(interrupt: &Interrupt) -> Self {
        Self {
            interrupt: interrupt.clone(),
            free: Vec::new(),
            rows: None,
        }
    }

    /// A buffer with anything in it.
    pub(super) fn take(&mut self) -> Box<Chunk> {
        self.free.pop().unwrap_or_default()
    }

    /// Gives a buffer back. (Those that an error keeps are simply freed.)
    pub(super) fn give(&mut self, buffer: Box<Chunk>) {
        self.free.push(buffer);
    }

    /// Makes `out` the candidates on the demanded side of a node: for which it is true, or for
    /// which it is false. Nobody outside the candidates is in it.
    pub(super) fn evaluate(
        &mut self,
        node: &mut Node,
        side: bool,
        chunk: u16,
        candidates: &Chunk,
        out: &mut Chunk,
    ) -> Result<()> {
        let running = node.profile.is_some().then(Running::start);
        self.evaluate_kind(&mut node.kind, side, chunk, candidates, out)?;
        if let (Some(running), Some(profile)) = (running, &mut node.profile) {
            running.finish(profile, candidates.count(), out.count());
        }
        Ok(())
    }

    fn evaluate_kind(
        &mut self,
        kind: &mut NodeKind,
        side: bool,
        chunk: u16,
        candidates: &Chunk,
        out: &mut Chunk,
    ) -> Result<()> {
        match kind {
            NodeKind::Constant(value) => {
                match *value == Some(side) {
                    true => out.copy_from(candidates),
                    false => out.clear(),
                }
                Ok(())
            }
            NodeKind::And(nodes) if side => self.all(nodes, side, chunk, candidates, out),
            NodeKind::And(nodes) => self.any(nodes, side, chunk, candidates, out),
            NodeKind::Or(nodes) if side => self.any(nodes, side, chunk, candidates, out),
            NodeKind::Or(nodes) => self.all(nodes, side, chunk, candidates, out),
            NodeKind::Not(inner) => self.evaluate(inner, !side, chunk, candidates, out),
            NodeKind::IsTrue(inner) => self.is(inner, (true, side), chunk, candidates, out),
            NodeKind::IsFalse(inner) => self.is(inner, (false, side), chunk, candidates, out),
            NodeKind::IsNull(inner) => {
                let mut left = self.take();
                let mut found = self.take();
                left.copy_from(candidates);
                for side in [true, false] {
                    self.evaluate(inner, side, chunk, &left, &mut found)?;
                    left.and_not(&found);
                }
                out.copy_from(&left);
                if !side {
                    out.not();
                    out.and(candidates);
                }
                self.give(left);
                self.give(found);
                Ok(())
            }
            NodeKind::Leaf(leaf) => {
                self.interrupt.check()?;
                leaf.evaluate(side, (chunk, candidates), self, out)
            }
        }
    }

    /// Those on a side of every node.
    fn all(
        &mut self,
        nodes: &mut [Node],
        side: bool,
        chunk: u16,
        candidates: &Chunk,
        out: &mut Chunk,
    ) -> Result<()> {
        let Some((first, rest)) = nodes.split_first_mut() else {
            out.copy_from(candidates);
            return Ok(());
        };
        self.evaluate(first, side, chunk, candidates, out)?;
        let mut left = self.take();
        for node in rest {
            if out.is_empty() {
                break;
            }
            left.copy_from(out);
            self.evaluate(node, side, chunk, &left, out)?;
        }
        self.give(left);
        Ok(())
    }

    /// Those on a side of any node.
    fn any(
        &mut self,
        nodes: &mut [Node],
        side: bool,
        chunk: u16,
        candidates: &Chunk,
        out: &mut Chunk,
    ) -> Result<()> {
        let mut left = self.take();
        let mut found = self.take();
        left.copy_from(candidates);
        out.clear();
        for node in nodes {
            self.evaluate(node, side, chunk, &left, &mut found)?;
            out.or(&found);
            left.and_not(&found);
            if left.is_empty() {
                break;
            }
        }
        self.give(left);
        self.give(found);
        Ok(())
    }

    /// `IS TRUE` and `IS FALSE`: two-valued.
    fn is(
        &mut self,
        node: &mut Node,
        (wanted, side): (bool, bool),
        chunk: u16,
        candidates: &Chunk,
        out: &mut Chunk,
    ) -> Result<()> {
        self.evaluate(node, wanted, chunk, candidates, out)?;
        if !side {
            out.not();
            out.and(candidates);
        }
        Ok(())
    }

    /// A leaf that compares rows.
    pub(super) fn by_rows(
        &mut self,
        test: &mut RowTest,
        side: bool,
        (chunk, candidates): (u16, &Chunk),
        out: &mut Chunk,
    ) -> Result<()> {
        let RowTest {
            predicate,
            columns,
            function,
        } = test;
        let RowScratch { batch, left } = &mut **self.rows.get_or_insert_default();
        out.clear();
        left.reset(candidates);
        while batch.take(chunk, left, columns.batch_rows()) {
            let values =
                function.apply(columns, batch, &mut |row| eval_predicate(predicate, row))?;
            for (low, value) in batch.lows().iter().zip(values) {
                if value == Some(side) {
                    out.set(*low);
                }
            }
        }
        Ok(())
    }
}
