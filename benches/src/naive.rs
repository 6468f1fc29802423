//! The answers that are right: one walk over the raw columns, user by user.

use std::collections::BTreeMap;

use crate::questions::{AGE_EDGES, OVERLAP};
use crate::raw::{Raw, Sources};
use crate::sql::Findings;

/// No interest at all, among counts by interest.
const NOBODY: usize = 200;

/// The findings of each question, by its item, and the number of keys of the export.
#[must_use]
pub fn answers(raw: &Raw, sources: &Sources) -> (BTreeMap<&'static str, Findings>, u64) {
    let (mut all, mut five_tags, mut few) = (Tally::new(), Tally::new(), Tally::new());
    let (mut two_tags, mut export, mut union) = (0, 0, 0);
    let mut pairs = [[0_i64; 10]; 10];
    for row in sources.rows() {
        let interests = raw.interests(row);
        all.add(raw, row);
        if is_five_tags(raw, row) {
            five_tags.add(raw, row);
        }
        if raw.city[row] == 16 && raw.device[row] == 1 {
            few.add(raw, row);
        }
        two_tags += i64::from(raw.gender[row] == 2 && interests.contains(&5));
        export += u64::from(raw.gender[row] == 2 && interests.contains(&2));
        union += i64::from(interests.iter().any(|member| member % 2 == 0));
        if raw.is_active[row] == 1 {
            let has = OVERLAP.map(|member| interests.contains(&member));
            for (x, counts) in pairs.iter_mut().enumerate().filter(|(x, _)| has[*x]) {
                for y in (x + 1..10).filter(|y| has[*y]) {
                    counts[y] += 1;
                }
            }
        }
    }
    let one = |name: &str, number| Findings::from([(format!("users {name}"), number)]);
    let mut sum = one("n", five_tags.users);
    sum.extend(one("total", five_tags.spend));
    let mut tgi = five_tags.findings("", &["interests"]);
    tgi.extend(all.findings("all ", &["interests"]));
    let every = &crate::questions::PORTRAIT;
    let mut beside = few.findings("", every);
    beside.extend(all.findings("all ", every));
    let three = five_tags.findings("", &["gender", "age", "city"]);
    let answers = BTreeMap::from([
        ("Q1 count 2-tag AND", one("n", two_tags)),
        ("Q2 count 5-tag + range", one("n", five_tags.users)),
        ("Q3 portrait", three),
        ("Q6 overlap 10x10", overlaps(&pairs)),
        ("Q7 TGI 200 interests", tgi),
        ("Q8 sum/avg spend", sum),
        ("union of 100 tags", one("n", union)),
        ("portrait of 0.1%", few.findings("", every)),
        ("portrait of 0.1% and of the base", beside),
    ]);
    (answers, export)
}

fn is_five_tags(raw: &Raw, row: usize) -> bool {
    (raw.city[row] == 1 || raw.interests(row).contains(&3))
        && raw.is_active[row] == 1
        && raw.vip_level[row] != 0
        && raw.device[row] != 1
        && (20..=5_000).contains(&raw.spend_30d[row])
}

fn overlaps(pairs: &[[i64; 10]; 10]) -> Findings {
    let mut findings = Findings::new();
    for (x, counts) in pairs.iter().enumerate() {
        for y in x + 1..10 {
            findings.insert(format!("{}&{} n", OVERLAP[x], OVERLAP[y]), counts[y]);
        }
    }
    findings
}

/// Counts of an audience by the values of each tag.
struct Tally {
    users: i64,
    spend: i64,
    by: BTreeMap<&'static str, Vec<i64>>,
}

impl Tally {
    fn new() -> Self {
        let tags = crate::questions::PORTRAIT;
        Self {
            users: 0,
            spend: 0,
            by: tags.into_iter().map(|tag| (tag, vec![0; 301])).collect(),
        }
    }

    fn add(&mut self, raw: &Raw, row: usize) {
        self.users += 1;
        self.spend += i64::from(raw.spend_30d[row]);
        let age = AGE_EDGES.iter().rev().find(|edge| **edge <= raw.age[row]);
        let interests = raw.interests(row);
        for (tag, counts) in &mut self.by {
            let value = match *tag {
                "gender" => raw.gender[row].into(),
                "age" => usize::from(*age.unwrap_or(&0)),
                "city" => raw.city[row].into(),
                "vip_level" => raw.vip_level[row].into(),
                "is_active" => raw.is_active[row].into(),
                "device" => raw.device[row].into(),
                _ if interests.is_empty() => NOBODY,
                _ => {
                    interests.iter().for_each(|m| counts[usize::from(*m)] += 1);
                    continue;
                }
            };
            counts[value] += 1;
        }
    }

    fn findings(&self, label: &str, tags: &[&str]) -> Findings {
        let mut findings = Findings::new();
        for tag in tags {
            let counts = self.by.get(tag).into_iter().flatten();
            for (value, count) in counts.enumerate().filter(|(_, count)| **count > 0) {
                let value = match *tag {
                    "gender" | "city" | "device" => format!("{tag}-{value}"),
                    "interests" if value == NOBODY => "Null".to_owned(),
                    "interests" => format!("interest-{value}"),
                    "is_active" => (value == 1).to_string(),
                    _ => value.to_string(),
                };
                findings.insert(format!("{label}{tag}/{value} n"), *count);
            }
        }
        findings
    }
}
