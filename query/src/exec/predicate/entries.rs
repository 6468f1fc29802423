//! `any_key` by the entries of maps as they are stored, where its condition asks for nothing but
//! keys and the values under them.

use std::sync::Arc;

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::engine::PartitionState;
use tagdb_storage::ids::{Code, Ordinal, ordinal_at};
use tagdb_storage::layer::MultiStack;
use tagdb_storage::schema::NumberType;
use tagdb_storage::vocabulary::Vocabulary;

use crate::bind::bound::{
    AnyKey, Comparison, EntryColumn, Expr, Leaf as Test, Predicate, Ranges, Scan, Slot,
};
use crate::error::{Error, Result};
use crate::exec::Interrupt;
use crate::exec::columns::Reader;
use crate::exec::predicate::compile::codes_of;
use crate::exec::predicate::leaf::CodeTest;
use crate::exec::progress::Progress;

/// Whether any entry of a map passes a condition.
#[derive(Debug)]
pub(super) struct EntryTest {
    map: MultiStack,
    others: Vec<Other>,
    condition: Condition,
    /// Of the condition.
    nodes: usize,
    interrupt: Interrupt,
}

/// Another map that is asked for the same key.
#[derive(Debug)]
struct Other {
    slot: Slot,
    number: NumberType,
    stack: MultiStack,
    /// By the key's code in the first map: its code here.
    codes: Vec<Option<Code>>,
}

/// Whose value under the key is asked for: the first map's, or that of one of the others.
#[derive(Clone, Copy, Debug)]
enum Whose {
    Own,
    Other(usize),
}

#[derive(Debug)]
enum Condition {
    Constant(Option<bool>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    /// IS TRUE, or IS FALSE.
    Is(Box<Condition>, bool),
    IsNull(Box<Condition>),
    Number(Whose, Ranges),
    Known(Whose),
    Compare(Comparison, Whose, Whose),
    Key(CodeTest),
}

/// An entry of a subject's map.
#[derive(Clone, Copy)]
struct Entry {
    ordinal: Ordinal,
    code: Code,
    value: i64,
}

impl EntryTest {
    /// Compiles a test; nothing if it asks for anything else.
    pub(super) fn compile(
        any: &AnyKey,
        (scan, partition): (&Scan, &Arc<PartitionState>),
        interrupt: &Interrupt,
    ) -> Result<Option<Self>> {
        let (map, vocabulary, number) = map_of(any.map, scan, partition)?;
        let mut compiler = Compiler {
            any,
            scan,
            partition,
            vocabulary,
            number,
            others: Vec::new(),
            interrupt,
        };
        let condition = compiler.condition(&any.predicate)?;
        Ok(condition.map(|condition| Self {
            map,
            others: compiler.others,
            condition,
            nodes: any.predicate.size(),
            interrupt: interrupt.clone(),
        }))
    }

    /// Makes `out` those of the candidates for which it is true.
    pub(super) fn members(&self, chunk: u16, candidates: &Chunk, out: &mut Chunk) -> Result<()> {
        out.clear();
        let mut failed = Ok(());
        let mut progress = Progress::default();
        self.map
            .for_each_row(chunk, candidates, &mut |low, entries| {
                if failed.is_ok() {
                    match self.holds(ordinal_at(chunk, low), entries, &mut progress) {
                        Ok(true) => out.set(low),
                        Ok(false) => {}
                        Err(error) => failed = Err(error),
                    }
                }
            })?;
        failed
    }

    fn holds(
        &self,
        ordinal: Ordinal,
        entries: &[(Code, i64)],
        progress: &mut Progress,
    ) -> Result<bool> {
        for (code, value) in entries {
            progress.step(self.nodes, &self.interrupt)?;
            let entry = Entry {
                ordinal,
                code: *code,
                value: *value,
            };
            if self.eval(&self.condition, entry)? == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn eval(&self, condition: &Condition, entry: Entry) -> Result<Option<bool>> {
        Ok(match condition {
            Condition::Constant(value) => *value,
            Condition::And(terms) => self.chain(terms, entry, false)?,
            Condition::Or(terms) => self.chain(terms, entry, true)?,
            Condition::Not(inner) => self.eval(inner, entry)?.map(|value| !value),
            Condition::Is(inner, wanted) => Some(self.eval(inner, entry)? == Some(*wanted)),
            Condition::IsNull(inner) => Some(self.eval(inner, entry)?.is_none()),
            Condition::Number(whose, ranges) => self
                .value(*whose, entry)?
                .map(|value| ranges.contains(value)),
            Condition::Known(whose) => Some(self.value(*whose, entry)?.is_some()),
            Condition::Compare(comparison, left, right) => {
                match (self.value(*left, entry)?, self.value(*right, entry)?) {
                    (Some(left), Some(right)) => Some(match comparison {
                        Comparison::Equal => left == right,
                        Comparison::Less => left < right,
                        Comparison::LessOrEqual => left <= right,
                    }),
                    _ => None,
                }
            }
            Condition::Key(codes) => Some(codes.has(entry.code)),
        })
    }

    fn chain(&self, terms: &[Condition], entry: Entry, decides: bool) -> Result<Option<bool>> {
        let mut result = Some(!decides);
        for term in terms {
            match self.eval(term, entry)? {
                Some(value) if value == decides => return Ok(Some(decides)),
                Some(_) => {}
                None => result = None,
            }
        }
        Ok(result)
    }

    fn value(&self, whose: Whose, entry: Entry) -> Result<Option<i64>> {
        let Whose::Other(place) = whose else {
            return Ok(Some(entry.value));
        };
        let other = &self.others[place];
        match other.codes.get(entry.code as usize) {
            Some(Some(code)) => Ok(other.stack.get_entry(entry.ordinal, *code)?),
            _ => Ok(None),
        }
    }
}

struct Compiler<'a> {
    any: &'a AnyKey,
    scan: &'a Scan,
    partition: &'a Arc<PartitionState>,
    vocabulary: Arc<Vocabulary>,
    number: NumberType,
    others: Vec<Other>,
    interrupt: &'a Interrupt,
}

impl Compiler<'_> {
    fn condition(&mut self, predicate: &Predicate) -> Result<Option<Condition>> {
        let is = |inner, wanted| Condition::Is(Box::new(inner), wanted);
        Ok(match predicate {
            Predicate::Constant(value) => Some(Condition::Constant(*value)),
            Predicate::And(terms) => self.conditions(terms)?.map(Condition::And),
            Predicate::Or(terms) => self.conditions(terms)?.map(Condition::Or),
            Predicate::Not(inner) => {
                let inner = self.condition(inner)?;
                inner.map(|inner| Condition::Not(Box::new(inner)))
            }
            Predicate::IsTrue(inner) => self.condition(inner)?.map(|inner| is(inner, true)),
            Predicate::IsFalse(inner) => self.condition(inner)?.map(|inner| is(inner, false)),
            Predicate::IsNull(inner) => {
                let inner = self.condition(inner)?;
                inner.map(|inner| Condition::IsNull(Box::new(inner)))
            }
            Predicate::Leaf(test) => self.leaf(test)?,
        })
    }

    /// What reads no other map comes first.
    fn conditions(&mut self, terms: &[Predicate]) -> Result<Option<Vec<Condition>>> {
        let mut conditions = Vec::with_capacity(terms.len());
        for term in terms {
            match self.condition(term)? {
                Some(condition) => conditions.push(condition),
                None => return Ok(None),
            }
        }
        conditions.sort_by_key(Condition::asks_others);
        Ok(Some(conditions))
    }

    fn leaf(&mut self, test: &Test) -> Result<Option<Condition>> {
        Ok(match test {
            Test::Number(slot, ranges) => {
                let whose = self.whose(*slot)?;
                whose.map(|(whose, _)| Condition::Number(whose, ranges.clone()))
            }
            Test::Known(slot) => self.whose(*slot)?.map(|(whose, _)| Condition::Known(whose)),
            Test::Text(slot, test) => match self.any.columns.get(*slot) {
                Some(EntryColumn::Key) => Some(Condition::Key(codes_of(
                    &self.vocabulary,
                    test,
                    self.interrupt,
                )?)),
                _ => None,
            },
            Test::Compare(comparison, left, right) => {
                match (self.whose_is(left)?, self.whose_is(right)?) {
                    (Some((left, a)), Some((right, b))) if a == b => {
                        Some(Condition::Compare(*comparison, left, right))
                    }
                    _ => None,
                }
            }
            _ => None,
        })
    }

    fn whose_is(&mut self, expr: &Expr) -> Result<Option<(Whose, NumberType)>> {
        match expr.as_slot() {
            Some(slot) => self.whose(slot),
            None => Ok(None),
        }
    }

    /// Whose value a slot of the condition is, and of which type.
    fn whose(&mut self, slot: Slot) -> Result<Option<(Whose, NumberType)>> {
        let map = match self.any.columns.get(slot) {
            Some(EntryColumn::Value(map)) if *map == self.any.map => {
                return Ok(Some((Whose::Own, self.number)));
            }
            Some(EntryColumn::Value(map)) => *map,
            _ => return Ok(None),
        };
        let place = self.others.iter().position(|other| other.slot == map);
        let place = match place {
            Some(place) => place,
            None => {
                let other = self.other(map)?;
                self.others.push(other);
                self.others.len() - 1
            }
        };
        Ok(Some((Whose::Other(place), self.others[place].number)))
    }

    fn other(&self, slot: Slot) -> Result<Other> {
        let (stack, vocabulary, number) = map_of(slot, self.scan, self.partition)?;
        // One vocabulary is held at a time.
        let own = self.vocabulary.read()?.from(0);
        let codes = vocabulary.read()?;
        Ok(Other {
            slot,
            number,
            stack,
            codes: own.iter().map(|key| codes.code_of(key)).collect(),
        })
    }
}

impl Condition {
    fn asks_others(&self) -> bool {
        let other = |whose: &Whose| matches!(whose, Whose::Other(_));
        match self {
            Self::Constant(_) | Self::Key(_) => false,
            Self::And(terms) | Self::Or(terms) => terms.iter().any(Self::asks_others),
            Self::Not(inner) | Self::Is(inner, _) | Self::IsNull(inner) => inner.asks_others(),
            Self::Number(whose, _) | Self::Known(whose) => other(whose),
            Self::Compare(_, left, right) => other(left) || other(right),
        }
    }
}

fn map_of(
    slot: Slot,
    scan: &Scan,
    partition: &Arc<PartitionState>,
) -> Result<(MultiStack, Arc<Vocabulary>, NumberType)> {
    let column = scan.columns.get(slot);
    let column = column.ok_or_else(|| Error::internal("any_key reads beyond its row"))?;
    match Reader::open(column, partition)? {
        Reader::Map(stack, vocabulary, number) => Ok((stack, vocabulary, number)),
        _ => Err(Error::internal("any_key of what is no map")),
    }
}
