//! Three-valued logic, compared with an evaluator that knows nothing of leaves and rules: it reads
//! the written tree and combines truth values by the tables of the standard.

use super::scan_of;
use crate::bind::bound::{Column, Scan};
use crate::functions::eval_predicate;
use crate::value::Value;

type Truth = Option<bool>;

/// A generated condition: its text, and its truth for a subject by the tables of the standard.
struct Condition {
    text: String,
    truth: Box<dyn Fn(&Subject) -> Truth>,
}

#[derive(Clone, Debug)]
struct Subject {
    age: Option<i64>,
    city: Option<&'static str>,
    vip: Option<bool>,
    interests: Vec<&'static str>,
    visits: Option<i64>,
}

fn subjects() -> Vec<Subject> {
    let mut all = Vec::new();
    for age in [None, Some(1), Some(2), Some(3)] {
        for city in [None, Some("a"), Some("b")] {
            for vip in [None, Some(false), Some(true)] {
                for interests in [vec![], vec!["a"], vec!["a", "b"]] {
                    for visits in [None, Some(2)] {
                        all.push(Subject {
                            age,
                            city,
                            vip,
                            interests: interests.clone(),
                            visits,
                        });
                    }
                }
            }
        }
    }
    all
}

/// The row of a subject as a scan reads it.
fn row(subject: &Subject, scan: &Scan) -> Vec<Value> {
    let value = |column: &Column| match column {
        Column::Key => Value::Text("u1".into()),
        Column::MapValue { .. } => subject.visits.map_or(Value::Null, Value::Int),
        Column::Tag { id, .. } => match &*scan.table.tag_by_id(*id).unwrap().name {
            "age" => subject.age.map_or(Value::Null, Value::Int),
            "city" => subject
                .city
                .map_or(Value::Null, |city| Value::Text(city.into())),
            "vip" => subject.vip.map_or(Value::Null, Value::Boolean),
            "interests" => Value::set(subject.interests.iter().map(|i| (*i).into()).collect()),
            "brand_visits_30d" => Value::map(
                subject
                    .visits
                    .iter()
                    .map(|n| ("x".into(), Value::Int(*n)))
                    .collect(),
            ),
            other => panic!("{other}"),
        },
    };
    scan.columns.iter().map(value).collect()
}

/// Numbers that look random and are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

fn compare(a: Option<i64>, b: Option<i64>, operator: &str) -> Truth {
    let (a, b) = (a?, b?);
    Some(match operator {
        "=" => a == b,
        "<>" => a != b,
        "<" => a < b,
        "<=" => a <= b,
        ">" => a > b,
        _ => a >= b,
    })
}

fn and(a: Truth, b: Truth) -> Truth {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(a: Truth, b: Truth) -> Truth {
    not(and(not(a), not(b)))
}

fn not(a: Truth) -> Truth {
    a.map(|value| !value)
}

fn leaf(random: &mut Random) -> Condition {
    let number = random.below(4).cast_signed();
    let written = match number {
        0 => None,
        number => Some(number),
    };
    let literal = written.map_or("NULL".to_owned(), |number| number.to_string());
    let operator = ["=", "<>", "<", "<=", ">", ">="][random.below(6) as usize];
    match random.below(10) {
        0..=2 => Condition {
            text: format!("age {operator} {literal}"),
            truth: Box::new(move |s| compare(s.age, written, operator)),
        },
        3 => Condition {
            text: format!("city {operator} 'b'"),
            truth: Box::new(move |s| {
                compare(s.city.map(|city| i64::from(city == "b")), Some(1), operator)
            }),
        },
        4 => Condition {
            text: "vip".into(),
            truth: Box::new(|s| s.vip),
        },
        5 => Condition {
            text: "has(interests, 'b')".into(),
            truth: Box::new(|s| Some(s.interests.contains(&"b"))),
        },
        6 => Condition {
            text: format!("age IN (2, {literal}, 9)"),
            truth: Box::new(move |s| {
                let two = compare(s.age, Some(2), "=");
                or(
                    or(two, compare(s.age, written, "=")),
                    compare(s.age, Some(9), "="),
                )
            }),
        },
        7 => Condition {
            text: format!("age BETWEEN {literal} AND 2"),
            truth: Box::new(move |s| {
                and(compare(s.age, written, ">="), compare(s.age, Some(2), "<="))
            }),
        },
        8 => Condition {
            text: format!("brand_visits_30d['x'] {operator} age"),
            truth: Box::new(move |s| compare(s.visits, s.age, operator)),
        },
        _ => Condition {
            text: format!("cardinality(interests) {operator} 1"),
            truth: Box::new(move |s| {
                compare(
                    Some(s.interests.len().try_into().unwrap()),
                    Some(1),
                    operator,
                )
            }),
        },
    }
}

fn condition(random: &mut Random, depth: u64) -> Condition {
    if depth == 0 {
        return leaf(random);
    }
    let kind = random.below(12);
    let a = condition(random, depth - 1);
    if kind < 2 {
        return Condition {
            text: format!("NOT ({})", a.text),
            truth: Box::new(move |s| not((a.truth)(s))),
        };
    }
    if kind < 5 {
        let negated = random.below(2) == 1;
        let word = ["TRUE", "FALSE", "NULL"][kind as usize - 2];
        let wanted = [Some(true), Some(false), None][kind as usize - 2];
        let not = if negated { "NOT " } else { "" };
        return Condition {
            text: format!("({}) IS {not}{word}", a.text),
            truth: Box::new(move |s| Some(((a.truth)(s) == wanted) != negated)),
        };
    }
    let b = condition(random, depth - 1);
    match kind {
        5 | 6 => Condition {
            text: format!("({}) AND ({})", a.text, b.text),
            truth: Box::new(move |s| and((a.truth)(s), (b.truth)(s))),
        },
        7 | 8 => Condition {
            text: format!("({}) OR ({})", a.text, b.text),
            truth: Box::new(move |s| or((a.truth)(s), (b.truth)(s))),
        },
        9 => Condition {
            text: format!("({}) IS DISTINCT FROM ({})", a.text, b.text),
            truth: Box::new(move |s| Some((a.truth)(s) != (b.truth)(s))),
        },
        10 => Condition {
            text: format!("({}) = ({})", a.text, b.text),
            truth: Box::new(move |s| Some((a.truth)(s)? == (b.truth)(s)?)),
        },
        _ => {
            let c = condition(random, depth - 1);
            Condition {
                text: format!("CASE WHEN {} THEN {} ELSE {} END", a.text, b.text, c.text),
                truth: Box::new(move |s| match (a.truth)(s) {
                    Some(true) => (b.truth)(s),
                    _ => (c.truth)(s),
                }),
            }
        }
    }
}

#[test]
fn conditions_have_the_truth_of_the_standard() {
    let subjects = subjects();
    for seed in 0..3_000 {
        let mut random = Random(seed);
        let depth = random.below(4);
        let condition = condition(&mut random, depth);
        let scan = scan_of(&condition.text, &[])
            .unwrap_or_else(|error| panic!("SEED={seed} {}: {error}", condition.text));
        for subject in &subjects {
            let expected = (condition.truth)(subject);
            let found = eval_predicate(&scan.predicate, &row(subject, &scan)).unwrap();
            assert_eq!(
                found, expected,
                "SEED={seed} {} {subject:?}",
                condition.text
            );
        }
    }
}
