//! How many subjects each part of a condition is true for, false and unknown, in one pass.

use std::sync::Arc;

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;

use super::membership::Operator;
use super::{Analysis, Conditions};
use crate::bind::bound::Predicate;
use crate::bind::written::{Condition, Node, NodeKind};
use crate::error::Result;
use crate::exec::in_query::Place;
use crate::exec::predicate::Tests;

/// A part of a condition, and for how many subjects it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCount {
    /// As it is written.
    pub text: String,
    /// What it is.
    pub operator: Operator,
    /// Subjects for which it is true.
    pub yes: u64,
    /// Subjects for which it is false.
    pub no: u64,
    /// All others.
    pub unknown: u64,
    /// Of a part of an AND or OR: subjects that are left (AND), or found (OR), after the parts up
    /// to this one.
    pub after: Option<u64>,
    /// The parts below.
    pub children: Vec<NodeCount>,
}

/// Sums of a part, over chunks and partitions.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    yes: u64,
    no: u64,
    after: u64,
}

impl Analysis<'_> {
    /// For how many subjects each part of a condition (the first of `conditions`) is true.
    ///
    /// # Errors
    /// The condition is at fault, a file cannot be read or is damaged, or the call has to stop.
    pub fn explain_count(&self, conditions: &Conditions) -> Result<NodeCount> {
        let condition = self.written(conditions, Place::Bitmaps)?;
        let nodes = condition.root.count();
        self.execution.budget.charge(nodes * size_of::<Sums>())?;
        let mut sums = vec![Sums::default(); nodes];
        let mut subjects = 0;
        for partition in self.execution.table(&self.table)?.partitions() {
            subjects += partition.subjects();
            self.count_in(partition, &condition, &mut sums)?;
        }
        let mut sums = sums.into_iter();
        let root = (&condition.root, false);
        Ok(finished(&condition, root, subjects, &mut sums))
    }

    fn count_in(
        &self,
        partition: &Arc<PartitionState>,
        condition: &Condition,
        sums: &mut [Sums],
    ) -> Result<()> {
        let mut predicates = Vec::new();
        tests_of(&condition.root, &mut predicates);
        let tests = Tests::compile(
            predicates.into_iter(),
            (&condition.scan, partition),
            &self.execution,
        )?;
        let mut counter = Counter {
            tests,
            test: 0,
            free: Vec::new(),
        };
        let mut alive = Box::<Chunk>::default();
        let mut sides = Sides::default();
        for chunk in 0..partition.chunks() {
            self.execution.interrupt.check()?;
            let chunk = chunk as u16;
            partition.alive(chunk, &mut alive);
            if alive.is_empty() {
                continue;
            }
            counter.test = 0;
            counter.count(&condition.root, (chunk, &alive), sums, &mut sides)?;
        }
        Ok(())
    }
}

/// The tests of a tree, from left to right.
fn tests_of<'a>(node: &'a Node, found: &mut Vec<&'a Predicate>) {
    if let NodeKind::Test(predicate) = &node.kind {
        found.push(predicate);
    }
    for child in node.kind.children() {
        tests_of(child, found);
    }
}

/// For whom a part is true, and for whom false.
#[derive(Default)]
struct Sides {
    yes: Box<Chunk>,
    no: Box<Chunk>,
}

struct Counter {
    tests: Tests,
    /// The next test.
    test: usize,
    free: Vec<Sides>,
}

impl Counter {
    /// Makes `out` the sides of a part among the living subjects of a chunk, and adds their sizes
    /// to the part's sums, the first of `sums`. Gives the number of parts.
    fn count(
        &mut self,
        node: &Node,
        (chunk, alive): (u16, &Chunk),
        sums: &mut [Sums],
        out: &mut Sides,
    ) -> Result<usize> {
        let mut nodes = 1;
        match &node.kind {
            NodeKind::And(children) | NodeKind::Or(children) => {
                let is_and = matches!(node.kind, NodeKind::And(_));
                out.yes.clear();
                out.no.clear();
                let (all, any) = match is_and {
                    true => (&mut out.yes, &mut out.no),
                    false => (&mut out.no, &mut out.yes),
                };
                all.copy_from(alive);
                let mut part = self.free.pop().unwrap_or_default();
                for child in children {
                    let below = &mut sums[nodes..];
                    let count = self.count(child, (chunk, alive), below, &mut part)?;
                    let (left, found) = match is_and {
                        true => (&part.yes, &part.no),
                        false => (&part.no, &part.yes),
                    };
                    all.and(left);
                    any.or(found);
                    let after = if is_and { all.count() } else { any.count() };
                    below[0].after += u64::from(after);
                    nodes += count;
                }
                self.free.push(part);
            }
            NodeKind::Not(inner) => {
                nodes += self.count(inner, (chunk, alive), &mut sums[1..], out)?;
                std::mem::swap(&mut out.yes, &mut out.no);
            }
            NodeKind::Is {
                inner,
                wanted,
                negated,
            } => {
                nodes += self.count(inner, (chunk, alive), &mut sums[1..], out)?;
                let Sides { yes, no } = out;
                match wanted {
                    Some(true) => {}
                    Some(false) => yes.copy_from(no),
                    None => {
                        yes.or(no);
                        yes.not();
                        yes.and(alive);
                    }
                }
                no.copy_from(alive);
                no.and_not(yes);
                if *negated {
                    std::mem::swap(yes, no);
                }
            }
            NodeKind::Test(_) => {
                self.tests
                    .sides(self.test, chunk, alive, &mut out.yes, &mut out.no)?;
                self.test += 1;
            }
        }
        sums[0].yes += u64::from(out.yes.count());
        sums[0].no += u64::from(out.no.count());
        Ok(nodes)
    }
}

fn finished(
    condition: &Condition,
    (node, is_term): (&Node, bool),
    subjects: u64,
    sums: &mut impl Iterator<Item = Sums>,
) -> NodeCount {
    let own = sums.next().unwrap_or_default();
    let children = node.kind.children().iter();
    let are_terms = matches!(node.kind, NodeKind::And(_) | NodeKind::Or(_));
    let children = children.map(|child| finished(condition, (child, are_terms), subjects, sums));
    NodeCount {
        text: condition
            .text
            .get(node.place.clone())
            .unwrap_or("")
            .to_owned(),
        operator: Operator::of(&node.kind),
        yes: own.yes,
        no: own.no,
        unknown: subjects.saturating_sub(own.yes + own.no),
        after: is_term.then_some(own.after),
        children: children.collect(),
    }
}
