//! Over all tags, the values that set an audience apart.

use super::portrait::{Content, Counted, bucket_content, check_top};
use super::statistics::{Compared, Known, Test};
use super::tally::Found;
use super::{Analysis, Bucket, Question};
use crate::error::Result;
use crate::value::{DataType, Value};

/// The values that set an audience apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Significant {
    /// Subjects of the audience.
    pub audience: u64,
    /// Subjects of the base.
    pub base: u64,
    /// What z-scores are of.
    pub test: Test,
    /// Highest JLH first; before them those that nobody of the base has.
    pub values: Vec<SignificantValue>,
    /// Others that would have been listed.
    pub more: u64,
}

/// A value whose share in the audience is above its share in the base.
#[derive(Clone, Debug, PartialEq)]
pub struct SignificantValue {
    /// The tag's name.
    pub tag: String,
    /// The tag's type.
    pub kind: DataType,
    /// The value, member or key, or a bucket of numbers.
    pub what: What,
    /// Shares, TGI and z.
    pub compared: Compared,
    /// (p - q) (p / q); nothing if nobody of the base has the value.
    pub jlh: Option<f64>,
}

/// What a share is of.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A string, boolean, member or key.
    Value(Value),
    /// Numbers or dates from the first up to, but without, the second.
    Bucket(Option<Value>, Option<Value>),
}

impl Analysis<'_> {
    /// The `top` values that set an audience apart, of those that at least `min_support` of it
    /// have.
    ///
    /// # Errors
    /// As of [`Self::portrait`].
    pub fn significant(
        &self,
        question: &Question,
        min_support: u64,
        top: usize,
    ) -> Result<Significant> {
        check_top(top)?;
        let min_support = min_support.max(1);
        let mut counted = self.count(question)?;
        let found = std::mem::take(&mut counted.gathered.tags);
        let mut values = Vec::new();
        for (place, found) in found.into_iter().enumerate() {
            self.significant_of(place, found, &counted, min_support, &mut values)?;
        }
        values.sort_by(|a, b| {
            // Nothing is more than every number.
            let jlh = |value: &SignificantValue| value.jlh.unwrap_or(f64::INFINITY);
            let order = jlh(b).total_cmp(&jlh(a));
            order.then(b.compared.count.cmp(&a.compared.count))
        });
        let more = values.len().saturating_sub(top) as u64;
        values.truncate(top);
        Ok(Significant {
            audience: counted.gathered.audience,
            base: counted.gathered.base,
            test: counted.test,
            values,
            more,
        })
    }

    /// Adds the values of one tag.
    fn significant_of(
        &self,
        place: usize,
        found: Found,
        counted: &Counted<'_>,
        min_support: u64,
        values: &mut Vec<SignificantValue>,
    ) -> Result<()> {
        let Some(tag) = counted.tags.get(place) else {
            return Ok(());
        };
        let content = match (found, counted.numbers.get(place)) {
            (Found::Numbers(found), Some(Some(numbers))) => {
                let [audience, base] = &found.spreads;
                let known = Known {
                    audience: audience.totals().count,
                    base: base.totals().count,
                };
                bucket_content(tag.kind, known, counted.test, numbers)
            }
            (Found::Values(found), _) => {
                let keep = |values: &mut Vec<(Value, [u64; 2])>| {
                    values.retain(|(_, counts)| counts[0] >= min_support);
                };
                self.values(tag, found, counted, keep)?.1
            }
            (Found::Numbers(_), _) => return Ok(()),
        };
        let found: Vec<(What, Compared)> = match content {
            Content::Values { values, .. } => {
                let what = |(value, compared)| (What::Value(value), compared);
                values.into_iter().map(what).collect()
            }
            Content::Numbers { buckets, .. } => {
                let what = |bucket: Bucket| (What::Bucket(bucket.from, bucket.to), bucket.compared);
                buckets.into_iter().map(what).collect()
            }
        };
        for (what, compared) in found {
            let is_new = compared.base_count == 0;
            let jlh = compared.jlh();
            if compared.count >= min_support && (jlh.is_some() || is_new) {
                values.push(SignificantValue {
                    tag: tag.name.to_string(),
                    kind: tag.kind.into(),
                    what,
                    compared,
                    jlh,
                });
            }
        }
        Ok(())
    }
}
