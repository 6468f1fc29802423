//! Portraits: what an audience is like, tag by tag, against everybody or another audience.

use tagdb_storage::schema::{Tag, TagType};

use super::numbers::{Finished, Summary, Wanted};
use super::statistics::{Compared, Known, Test};
use super::tally::{Found, Gathered, Values};
use super::{Analysis, Conditions, buckets};
use crate::bind::bound::Scan;
use crate::bind::{Param, tag_of};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::literal::from_stored;
use crate::value::{DataType, Value};

/// Values of one tag that a portrait may list.
const TOP_MAX: usize = 10_000;

/// What a portrait, or a list of significant values, is asked of.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The audience, called `where`, and if there is a second one the base, called `against`;
    /// without it the base is everybody.
    pub conditions: Conditions,
    /// The tags; all indexed ones if there is nothing.
    pub tags: Option<Vec<String>>,
    /// Where the buckets of numbers and dates begin; others begin at round numbers.
    pub buckets: Vec<(String, Vec<Param>)>,
}

/// What an audience is like.
#[derive(Clone, Debug, PartialEq)]
pub struct Portrait {
    /// Subjects of the audience.
    pub audience: u64,
    /// Subjects of the base.
    pub base: u64,
    /// What z-scores are of.
    pub test: Test,
    /// One a tag, in the order asked.
    pub tags: Vec<TagPortrait>,
}

/// What an audience is like in one tag.
#[derive(Clone, Debug, PartialEq)]
pub struct TagPortrait {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: DataType,
    /// Whether a subject can have several values, so that shares may add up to more than 1.
    pub multi: bool,
    /// Of whom it is known.
    pub known: Known,
    /// Of the audience, those of whom it is known; nothing if nobody is in the audience.
    pub coverage: Option<f64>,
    /// The same of the base.
    pub base_coverage: Option<f64>,
    /// What is known.
    pub content: Content,
}

/// Values or buckets.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Of strings, booleans, sets (their members) and maps (their keys): most frequent in the
    /// audience first.
    Values {
        /// Those that are listed.
        values: Vec<(Value, Compared)>,
        /// Others that somebody in the audience has.
        more: u64,
    },
    /// Of numbers and dates.
    Numbers {
        /// Over the audience; nothing if nobody there has a value.
        summary: Option<Summary>,
        /// All of them, rising, with their bounds: from the first up to, but without, the second.
        buckets: Vec<Bucket>,
    },
}

/// Neighbouring numbers or dates.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// The least value that is in it; nothing for the first bucket.
    pub from: Option<Value>,
    /// The least value that is beyond it; nothing for the last bucket.
    pub to: Option<Value>,
    /// How many are in it.
    pub compared: Compared,
}

/// What was counted to answer a question.
pub(super) struct Counted<'t> {
    pub(super) tags: Vec<&'t Tag>,
    pub(super) gathered: Gathered,
    pub(super) scans: Vec<Scan>,
    /// By tag; nothing for those that are no numbers.
    pub(super) numbers: Vec<Option<Finished>>,
    pub(super) test: Test,
}

impl Analysis<'_> {
    /// What an audience is like, with the `top` most frequent values of each tag.
    ///
    /// # Errors
    /// A condition, a tag or a bound is at fault, `limit_exceeded`, a file cannot be read or is
    /// damaged, or the call has to stop.
    pub fn portrait(&self, question: &Question, top: usize) -> Result<Portrait> {
        check_top(top)?;
        let mut counted = self.count(question)?;
        let mut tags = Vec::with_capacity(counted.tags.len());
        let found = std::mem::take(&mut counted.gathered.tags);
        for ((tag, found), numbers) in counted.tags.iter().zip(found).zip(&counted.numbers) {
            let (known, content) = match (found, numbers) {
                (Found::Values(values), _) => {
                    let keep = |values: &mut Vec<_>| values.truncate(top);
                    self.values(tag, values, &counted, keep)?
                }
                (Found::Numbers(found), Some(numbers)) => {
                    let [audience, base] = &found.spreads;
                    let known = Known {
                        audience: audience.totals().count,
                        base: base.totals().count,
                    };
                    (
                        known,
                        bucket_content(tag.kind, known, counted.test, numbers),
                    )
                }
                (Found::Numbers(_), None) => return Err(Error::internal("numbers without end")),
            };
            let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
            tags.push(TagPortrait {
                name: tag.name.to_string(),
                kind: tag.kind.into(),
                multi: matches!(tag.kind, TagType::KeywordSet | TagType::Map(_)),
                known,
                coverage: share(known.audience, counted.gathered.audience),
                base_coverage: share(known.base, counted.gathered.base),
                content,
            });
        }
        Ok(Portrait {
            audience: counted.gathered.audience,
            base: counted.gathered.base,
            test: counted.test,
            tags,
        })
    }

    /// Counts all that a question asks for, but for the values of a base of everybody.
    pub(super) fn count<'s>(&'s self, question: &Question) -> Result<Counted<'s>> {
        let tags = self.tags(question)?;
        let given = self.given_bounds(question, &tags)?;
        let scans = self.scans(&question.conditions)?;
        let (Some(audience), base) = (scans.first(), scans.get(1)) else {
            return Err(Error::new("bad_parameter", "there is no condition"));
        };
        let gathered = self.gather(&tags, audience, base)?;
        let mut wanted = Vec::new();
        for ((tag, found), given) in tags.iter().zip(&gathered.tags).zip(given) {
            let (Found::Numbers(found), TagType::Number(number)) = (found, tag.kind) else {
                continue;
            };
            let [own, all] = &found.spreads;
            let shown = if own.totals().count > 0 { own } else { all };
            wanted.push(Wanted {
                tag,
                number,
                found,
                bounds: given.unwrap_or_else(|| buckets::automatic(number, shown)),
            });
        }
        let mut finished = self.finish_numbers(wanted, audience, base)?.into_iter();
        let numbers = gathered.tags.iter().map(|found| match found {
            Found::Numbers(_) => finished.next(),
            Found::Values(_) => None,
        });
        Ok(Counted {
            numbers: numbers.collect(),
            test: match gathered.outside {
                0 => Test::Hypergeometric,
                _ => Test::TwoProportion,
            },
            tags,
            gathered,
            scans,
        })
    }

    /// The tags of a question.
    fn tags(&self, question: &Question) -> Result<Vec<&Tag>> {
        let Some(names) = &question.tags else {
            let tags = self.table.tags.iter();
            return Ok(tags.filter(|tag| tag.kind != TagType::LongText).collect());
        };
        let mut tags: Vec<&Tag> = Vec::with_capacity(names.len().min(self.table.tags.len()));
        for name in names {
            let tag = tag_of(&self.table, name)?;
            if tag.kind == TagType::LongText {
                let detail = format!("{name:?} is a LONGTEXT, which has no index");
                return Err(Error::type_mismatch(detail));
            }
            if tags.iter().any(|known| known.id == tag.id) {
                let detail = format!("tag {name:?} is asked for twice");
                return Err(Error::new("bad_parameter", detail));
            }
            tags.push(tag);
        }
        Ok(tags)
    }

    /// The bounds that a question gives, by tag.
    fn given_bounds(&self, question: &Question, tags: &[&Tag]) -> Result<Vec<Option<Vec<i64>>>> {
        for (name, _) in &question.buckets {
            let tag = tag_of(&self.table, name)?;
            if !tags.iter().any(|wanted| wanted.id == tag.id) {
                let detail = format!("there are buckets of {name:?}, which is not asked for");
                return Err(Error::new("bad_parameter", detail));
            }
        }
        let bounds = |tag: &&Tag| {
            let given = question
                .buckets
                .iter()
                .find(|(name, _)| **name == *tag.name);
            match (given, tag.kind) {
                (None, _) => Ok(None),
                (Some((name, bounds)), TagType::Number(number)) => {
                    buckets::given(name, number, bounds).map(Some)
                }
                (Some((name, _)), kind) => {
                    let kind = DataType::from(kind);
                    let detail = format!("{name:?} is a {kind}, which has no buckets");
                    Err(Error::type_mismatch(detail))
                }
            }
        };
        tags.iter().map(bounds).collect()
    }

    /// The values that `keep` leaves of those in the audience, most frequent first.
    pub(super) fn values(
        &self,
        tag: &Tag,
        found: Values,
        counted: &Counted<'_>,
        keep: impl FnOnce(&mut Vec<(Value, [u64; 2])>),
    ) -> Result<(Known, Content)> {
        let values = found
            .counts
            .into_iter()
            .map(|(value, counts)| (value.0, counts));
        let mut values: Vec<_> = values.filter(|(_, counts)| counts[0] > 0).collect();
        values.sort_by(|(a, own), (b, other)| {
            let order = a.compare(b).unwrap_or(std::cmp::Ordering::Equal);
            other[0].cmp(&own[0]).then(order)
        });
        let all = values.len();
        keep(&mut values);
        let more = (all - values.len()) as u64;
        let mut known = Known {
            audience: found.known[0],
            base: found.known[1],
        };
        if counted.scans.len() < 2 {
            known.base = self.everybody(tag, &mut values)?;
        }
        let compared = |(value, [own, base]): (Value, [u64; 2])| {
            (value, Compared::new(own, base, known, counted.test))
        };
        let values = values.into_iter().map(compared).collect();
        Ok((known, Content::Values { values, more }))
    }
}

/// Buckets of a number, compared.
pub(super) fn bucket_content(
    kind: TagType,
    known: Known,
    test: Test,
    numbers: &Finished,
) -> Content {
    let value = |stored: &i64| match kind {
        TagType::Number(number) => Some(from_stored(number, *stored)),
        _ => None,
    };
    let bounds = &numbers.bounds;
    let bucket = |(place, [own, base]): (usize, &[u64; 2])| Bucket {
        from: place
            .checked_sub(1)
            .and_then(|before| bounds.get(before))
            .and_then(value),
        to: bounds.get(place).and_then(value),
        compared: Compared::new(*own, *base, known, test),
    };
    Content::Numbers {
        summary: numbers.summary.clone(),
        buckets: numbers.buckets.iter().enumerate().map(bucket).collect(),
    }
}

/// Refuses lists that are too long, or of nothing.
pub(super) fn check_top(top: usize) -> Result<()> {
    if top == 0 {
        return Err(Error::new("bad_parameter", "\"top\" is at least 1"));
    }
    Limits::check("top", top, TOP_MAX)
}
