//! From a bound predicate to a tree for one partition.

use std::sync::Arc;

use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::{Code, Ordinal};
use tagdb_storage::partitioning::partition_of;
use tagdb_storage::schema::Key;
use tagdb_storage::vocabulary::Vocabulary;

use crate::bind::bound::{
    Column, Found, InQuery, KeyTest, Leaf as Test, Operand, Predicate, Ranges, Scan, Slot, TextTest,
};
use crate::error::{Error, Result};
use crate::exec::columns::{Columns, Reader};
use crate::exec::predicate::entries::EntryTest;
use crate::exec::predicate::leaf::{CodeTest, KnownTest, Leaf, RowTest, Sides};
use crate::exec::predicate::{Node, NodeKind};
use crate::exec::row_function::RowFunction;
use crate::exec::{Execution, Interrupt};

/// So many subjects are kept in a list, from which the chunks to look at are known.
const KEYS_FEW: u64 = 1 << 16;

/// After so many keys or strings it is looked at the interrupt.
const LOOKS_EVERY: usize = 256;

/// Compiles a predicate.
pub(super) fn compile(
    predicate: &Predicate,
    (scan, partition): (&Scan, &Arc<PartitionState>),
    execution: &Execution,
) -> Result<Node> {
    let compiler = Compiler {
        scan,
        partition,
        execution,
    };
    compiler.node(predicate)
}

struct Compiler<'a> {
    scan: &'a Scan,
    partition: &'a Arc<PartitionState>,
    execution: &'a Execution,
}

impl Compiler<'_> {
    fn node(&self, predicate: &Predicate) -> Result<Node> {
        let boxed = |inner: &Predicate| self.node(inner).map(Box::new);
        let kind = match predicate {
            Predicate::Constant(value) => NodeKind::Constant(*value),
            Predicate::And(terms) => NodeKind::And(self.nodes(terms)?),
            Predicate::Or(terms) => NodeKind::Or(self.nodes(terms)?),
            Predicate::Not(inner) => NodeKind::Not(boxed(inner)?),
            Predicate::IsTrue(inner) => NodeKind::IsTrue(boxed(inner)?),
            Predicate::IsFalse(inner) => NodeKind::IsFalse(boxed(inner)?),
            Predicate::IsNull(inner) => NodeKind::IsNull(boxed(inner)?),
            Predicate::Leaf(test) => self.leaf(test, predicate)?,
        };
        Ok(Node {
            cost: cost_of(&kind),
            kind,
            place: 0,
            profile: None,
        })
    }

    fn nodes(&self, terms: &[Predicate]) -> Result<Vec<Node>> {
        let mut nodes = terms
            .iter()
            .map(|term| self.node(term))
            .collect::<Result<Vec<_>>>()?;
        for (place, node) in nodes.iter_mut().enumerate() {
            node.place = place;
        }
        nodes.sort_by_key(|node| node.cost);
        Ok(nodes)
    }

    fn leaf(&self, test: &Test, predicate: &Predicate) -> Result<NodeKind> {
        let interrupt = &self.execution.interrupt;
        interrupt.check()?;
        match test {
            Test::Boolean(slot) => match self.reader(*slot)? {
                Reader::Boolean(stack) => leaf(Leaf::Boolean(stack)),
                _ => Err(wrong_column()),
            },
            Test::Number(slot, ranges) => self.number(*slot, ranges),
            Test::Text(slot, test) => match self.reader(*slot)? {
                Reader::Keyword(stack, vocabulary) => leaf(Leaf::Keyword(
                    stack,
                    codes_of(&vocabulary, test, interrupt)?,
                )),
                _ => Err(wrong_column()),
            },
            Test::Known(slot) => self.known(*slot),
            Test::Key(_, KeyTest::OneOf(keys)) => leaf(Leaf::Keys(self.ordinals_of(keys)?)),
            Test::Key(_, test) => leaf(Leaf::KeyScan(self.partition.clone(), test.clone())),
            Test::HasAny(slot, members) => self.has_any(*slot, members),
            Test::HasAll(slot, members) => self.has_all(*slot, members),
            Test::Cardinality(slot, ranges) => match self.reader(*slot)? {
                Reader::Set(stack, _) | Reader::Map(stack, ..) => {
                    leaf(Leaf::Cardinality(stack, ranges.clone()))
                }
                _ => Err(wrong_column()),
            },
            Test::InQuery(test) if !matches!(test.operand, Operand::Rows(_)) => self.in_query(test),
            Test::InQuery(_)
            | Test::Overlaps(..)
            | Test::Contains(..)
            | Test::Compare(..)
            | Test::OneOf(..)
            | Test::Holds(_)
            | Test::NotNull(_) => self.rows(test, predicate),
            Test::AnyKey(any) => {
                match EntryTest::compile(any, (self.scan, self.partition), interrupt)? {
                    Some(test) => leaf(Leaf::AnyKey(Box::new(test))),
                    None => self.rows(test, predicate),
                }
            }
        }
    }

    /// Of a query that was run; of one that was not, as EXPLAIN shows it, without the values.
    fn in_query(&self, test: &InQuery) -> Result<NodeKind> {
        let Some(found) = &test.found else {
            return leaf(Leaf::NotRun);
        };
        let place = usize::from(self.partition.id().0);
        match (&test.operand, found) {
            (Operand::Key(_), Found::Subjects(subjects)) => {
                let own = subjects.get(place).ok_or_else(wrong_column)?;
                leaf(match own.len() <= KEYS_FEW {
                    true => Leaf::Keys(own.iter().collect()),
                    false => Leaf::Subjects(own.clone()),
                })
            }
            (Operand::Number(slot, _), Found::Numbers(numbers)) => match self.reader(*slot)? {
                Reader::Number(stack, _) => leaf(Leaf::NumberSet(stack, numbers.clone())),
                Reader::MapValue(_, None, _) => Ok(NodeKind::Constant(None)),
                Reader::MapValue(stack, Some(code), _) => {
                    leaf(Leaf::MapNumberSet(stack, code, numbers.clone()))
                }
                _ => Err(wrong_column()),
            },
            (operand, Found::Codes(codes)) => {
                let codes = codes.get(place).ok_or_else(wrong_column)?.as_deref();
                self.among_codes(operand, codes)
            }
            _ => Err(wrong_column()),
        }
    }

    fn among_codes(&self, operand: &Operand, codes: Option<&[Code]>) -> Result<NodeKind> {
        let Some(codes) = codes else {
            return Ok(NodeKind::Constant(Some(false)));
        };
        let codes = codes.to_vec();
        match operand {
            Operand::Text(slot) => match self.reader(*slot)? {
                Reader::Keyword(stack, _) => leaf(Leaf::Keyword(stack, CodeTest::new(codes))),
                _ => Err(wrong_column()),
            },
            Operand::AnyMember(_) if codes.is_empty() => Ok(NodeKind::Constant(Some(false))),
            Operand::AnyMember(slot) => {
                leaf(Leaf::HasAny(self.set(*slot)?.0, CodeTest::new(codes)))
            }
            Operand::AllValues(slot) => leaf(Leaf::HasAll(self.set(*slot)?.0, codes)),
            Operand::Key(_) | Operand::Number(..) | Operand::Rows(_) => Err(wrong_column()),
        }
    }

    /// A test that nothing but rows can answer.
    fn rows(&self, test: &Test, predicate: &Predicate) -> Result<NodeKind> {
        let mut slots = Vec::new();
        test.for_each_slot(&mut |slot| slots.push(slot));
        slots.sort_unstable();
        slots.dedup();
        let columns = Columns::open(self.partition, &self.scan.columns, &slots, self.execution)?;
        let predicate = predicate.clone();
        let function = RowFunction::new(slots, predicate.size(), |_| 0);
        leaf(Leaf::Rows(Box::new(RowTest {
            predicate,
            columns,
            function,
        })))
    }

    fn number(&self, slot: Slot, ranges: &Ranges) -> Result<NodeKind> {
        match self.reader(slot)? {
            Reader::Number(stack, _) => {
                let sides = Sides {
                    inside: ranges.clone(),
                    outside: ranges.complement(),
                };
                leaf(Leaf::Number(stack, sides))
            }
            // NULL for everybody.
            Reader::MapValue(_, None, _) => Ok(NodeKind::Constant(None)),
            Reader::MapValue(stack, Some(code), _) => {
                leaf(Leaf::MapNumber(stack, code, ranges.clone()))
            }
            _ => Err(wrong_column()),
        }
    }

    fn known(&self, slot: Slot) -> Result<NodeKind> {
        let test = match self.scan.columns.get(slot).ok_or_else(wrong_column)? {
            Column::Key => return Ok(NodeKind::Constant(Some(true))),
            Column::Tag { id, kind } => KnownTest::of(self.partition, *id, kind.family())?,
            Column::MapValue { .. } => match self.reader(slot)? {
                Reader::MapValue(stack, Some(code), _) => KnownTest::Entry(stack, code),
                _ => return Ok(NodeKind::Constant(Some(false))),
            },
        };
        leaf(Leaf::Known(test))
    }

    fn has_any(&self, slot: Slot, members: &[Arc<str>]) -> Result<NodeKind> {
        let (stack, vocabulary) = self.set(slot)?;
        let mut codes = known_codes(&vocabulary, members)?;
        codes.sort_unstable();
        if codes.is_empty() {
            return Ok(NodeKind::Constant(Some(false)));
        }
        leaf(Leaf::HasAny(stack, CodeTest::new(codes)))
    }

    fn has_all(&self, slot: Slot, members: &[Arc<str>]) -> Result<NodeKind> {
        let (stack, vocabulary) = self.set(slot)?;
        let codes = known_codes(&vocabulary, members)?;
        if codes.len() < members.len() {
            return Ok(NodeKind::Constant(Some(false)));
        }
        leaf(Leaf::HasAll(stack, codes))
    }

    fn set(&self, slot: Slot) -> Result<(tagdb_storage::layer::MultiStack, Arc<Vocabulary>)> {
        match self.reader(slot)? {
            Reader::Set(stack, vocabulary) | Reader::Map(stack, vocabulary, _) => {
                Ok((stack, vocabulary))
            }
            _ => Err(wrong_column()),
        }
    }

    fn reader(&self, slot: Slot) -> Result<Reader> {
        Reader::open(
            self.scan.columns.get(slot).ok_or_else(wrong_column)?,
            self.partition,
        )
    }

    /// The subjects of keys, rising. Keys of other partitions have none here.
    fn ordinals_of(&self, keys: &[Key]) -> Result<Vec<Ordinal>> {
        let partitions = self.scan.table.partitions;
        let mut ordinals = Vec::new();
        for (number, key) in keys.iter().map(Key::as_ref).enumerate() {
            if number % LOOKS_EVERY == 0 {
                self.execution.interrupt.check()?;
            }
            if partition_of(key, partitions) == self.partition.id() {
                ordinals.extend(self.partition.find(key)?);
            }
        }
        ordinals.sort_unstable();
        Ok(ordinals)
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it ends functions that return a Result"
)]
fn leaf(leaf: Leaf) -> Result<NodeKind> {
    Ok(NodeKind::Leaf(Box::new(leaf)))
}

fn known_codes(vocabulary: &Vocabulary, strings: &[Arc<str>]) -> Result<Vec<Code>> {
    let known = vocabulary.read()?;
    Ok(strings
        .iter()
        .filter_map(|string| known.code_of(string))
        .collect())
}

/// The codes of the strings that pass a test.
pub(super) fn codes_of(
    vocabulary: &Vocabulary,
    test: &TextTest,
    interrupt: &Interrupt,
) -> Result<CodeTest> {
    let mut codes = match test {
        TextTest::OneOf(strings) => known_codes(vocabulary, strings)?,
        TextTest::Range(..) | TextTest::Like(_) => {
            let strings = vocabulary.read()?;
            let mut matching = Vec::new();
            for (number, (code, string)) in strings.iter().enumerate() {
                if number % LOOKS_EVERY == 0 {
                    interrupt.check()?;
                }
                if test.contains(string) {
                    matching.push(code);
                }
            }
            matching
        }
    };
    codes.sort_unstable();
    Ok(CodeTest::new(codes))
}

fn cost_of(kind: &NodeKind) -> u32 {
    let sum = |nodes: &[Node]| {
        nodes
            .iter()
            .fold(0_u32, |sum, n| sum.saturating_add(n.cost))
    };
    match kind {
        NodeKind::Constant(_) => 0,
        NodeKind::And(nodes) | NodeKind::Or(nodes) => sum(nodes),
        NodeKind::Not(node) | NodeKind::IsTrue(node) | NodeKind::IsFalse(node) => node.cost,
        NodeKind::IsNull(node) => node.cost.saturating_mul(2),
        NodeKind::Leaf(leaf) => leaf.cost(),
    }
}

fn wrong_column() -> Error {
    Error::internal("a test does not fit its column")
}
