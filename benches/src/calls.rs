//! Analyses that are one call: they take the place of the statements that they save.

use tagdb_query::analysis::{Conditions, Content, Overlap, Portrait, Question};
use tagdb_query::{Context, Database, Param, Result, Value};

use crate::questions::{AGE_EDGES, OVERLAP};
use crate::sql::Findings;

/// Values that a portrait lists of one tag: all of them.
const TOP: usize = 10_000;

/// One call.
#[derive(Clone, Debug)]
pub enum Call {
    /// Tags of an audience, against everybody.
    Portrait(&'static [&'static str], &'static str),
    /// The audiences of some interests among the active.
    Overlap,
}

/// What a call found.
#[derive(Debug)]
pub enum Called {
    /// A portrait.
    Portrait(Portrait),
    /// An overlap.
    Overlap(Overlap),
}

impl Call {
    /// Makes the call.
    ///
    /// # Errors
    /// Those of the analysis.
    pub fn ask(&self, database: &Database) -> Result<Called> {
        let state = database.engine().snapshot();
        let analysis = database.analysis(state, "users", &Context::default())?;
        match self {
            Self::Portrait(tags, audience) => {
                let question = Question {
                    conditions: conditions([("where".to_owned(), (*audience).to_owned())]),
                    tags: Some(tags.iter().map(|tag| (*tag).to_owned()).collect()),
                    buckets: buckets(tags),
                };
                analysis.portrait(&question, TOP).map(Called::Portrait)
            }
            Self::Overlap => {
                let audience = |interest: &u8| {
                    let text = format!("is_active AND has(interests, 'interest-{interest}')");
                    (interest.to_string(), text)
                };
                let conditions = conditions(OVERLAP.iter().map(audience));
                analysis.overlap(&conditions).map(Called::Overlap)
            }
        }
    }
}

fn conditions(texts: impl IntoIterator<Item = (String, String)>) -> Conditions {
    Conditions {
        texts: texts.into_iter().collect(),
        ..Conditions::default()
    }
}

/// Ages by their edges, levels one by one.
fn buckets(tags: &[&str]) -> Vec<(String, Vec<Param>)> {
    let bounds = |bounds: &[u8]| {
        bounds
            .iter()
            .map(|n| Param::Number(n.to_string()))
            .collect()
    };
    let all = [
        ("age", bounds(&AGE_EDGES[1..])),
        ("vip_level", bounds(&[1, 2, 3, 4, 5, 6, 7, 8])),
    ];
    let asked = all.into_iter().filter(|(tag, _)| tags.contains(tag));
    asked
        .map(|(tag, bounds)| (tag.to_owned(), bounds))
        .collect()
}

impl Called {
    /// The counts of the audience, as the statements' findings name them.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let mut findings = Findings::new();
        match self {
            Self::Portrait(portrait) => {
                for tag in &portrait.tags {
                    let mut add = |value: &str, count: u64| {
                        if count > 0 {
                            findings.insert(format!("{}/{value} n", tag.name), count as i64);
                        }
                    };
                    add("Null", portrait.audience - tag.known.audience);
                    match &tag.content {
                        Content::Values { values, .. } => values
                            .iter()
                            .for_each(|(value, compared)| add(&text(value), compared.count)),
                        Content::Numbers { buckets, .. } => buckets.iter().for_each(|bucket| {
                            let from = bucket.from.as_ref().map_or("0".to_owned(), text);
                            add(&from, bucket.compared.count);
                        }),
                    }
                }
            }
            Self::Overlap(overlap) => {
                for pair in &overlap.pairs {
                    let (x, y) = (OVERLAP[pair.places.0], OVERLAP[pair.places.1]);
                    findings.insert(format!("{x}&{y} n"), pair.both as i64);
                }
            }
        }
        findings
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        other => format!("{other:?}"),
    }
}
