//! What is asked: the same questions that other systems are asked, in tagdb's SQL.

use tagdb_query::{Database, Result};

use crate::calls::Call;
use crate::sql::{Answered, ask};

/// The interests of the overlaps.
pub const OVERLAP: [u8; 10] = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55];
/// Where buckets of age begin.
pub const AGE_EDGES: [u8; 7] = [0, 18, 25, 35, 45, 55, 65];
/// About 2% of the users, by five tags and a range.
pub const FIVE_TAGS: &str = "(has(interests, 'interest-3') OR city = 'city-1') AND is_active \
    AND NOT vip_level = 0 AND NOT device = 'device-1' AND spend_30d BETWEEN 20 AND 5000";
/// About 0.1% of the users.
pub const FEW: &str = "city = 'city-16' AND device = 'device-1'";
/// The keys that are taken out: about 13% of the users.
pub const EXPORT: &str =
    "SELECT user_id FROM users WHERE gender = 'gender-2' AND has(interests, 'interest-2')";

/// One question, and how it is asked.
#[derive(Debug)]
pub struct Question {
    /// Its name in reports.
    pub item: &'static str,
    /// Each under the label that its findings get.
    statements: Vec<(String, String)>,
    /// What is timed instead, if it says the same.
    pub call: Option<Call>,
}

impl Question {
    /// Asks it: everything from the texts to the last rows.
    ///
    /// # Errors
    /// Those of [`Database::run`].
    pub fn ask(&self, database: &Database) -> Result<Vec<Answered>> {
        let asked = self.statements.iter();
        asked
            .map(|(label, sql)| ask(database, label, sql))
            .collect()
    }
}

/// All questions whose answers are numbers.
#[must_use]
pub fn questions() -> Vec<Question> {
    vec![
        users(
            "Q1 count 2-tag AND",
            "count(*) AS n",
            "gender = 'gender-2' AND has(interests, 'interest-5')",
        ),
        users("Q2 count 5-tag + range", "count(*) AS n", FIVE_TAGS),
        Question {
            item: "Q3 portrait",
            statements: portrait(&["gender", "age", "city"], "", FIVE_TAGS),
            call: Some(Call::Portrait(&["gender", "age", "city"], FIVE_TAGS)),
        },
        overlap(),
        tgi(),
        users(
            "Q8 sum/avg spend",
            "sum(spend_30d) AS total, avg(spend_30d) AS mean, count(*) AS n",
            FIVE_TAGS,
        ),
        users(
            "union of 100 tags",
            "count(*) AS n",
            &format!("has_any(interests, [{}])", union_members()),
        ),
        Question {
            item: "portrait of 0.1%",
            statements: portrait(&PORTRAIT, "", FEW),
            call: None,
        },
        Question {
            item: "portrait of 0.1% and of the base",
            statements: [
                portrait(&PORTRAIT, "", FEW),
                portrait(&PORTRAIT, "all ", "true"),
            ]
            .concat(),
            call: Some(Call::Portrait(&PORTRAIT, FEW)),
        },
    ]
}

/// The tags of a portrait.
pub const PORTRAIT: [&str; 7] = [
    "gender",
    "age",
    "city",
    "vip_level",
    "interests",
    "is_active",
    "device",
];

/// Counts of the values of tags, a statement a tag.
#[must_use]
pub fn portrait(tags: &[&str], label: &str, audience: &str) -> Vec<(String, String)> {
    let statement = |tag: &&str| {
        let value = match *tag {
            "age" => age_bucket(),
            "interests" => "unnest(interests)".to_owned(),
            tag => tag.to_owned(),
        };
        let sql = format!(
            "SELECT {value} AS value, count(*) AS n FROM users WHERE {audience} GROUP BY 1"
        );
        (format!("{label}{tag}"), sql)
    };
    tags.iter().map(statement).collect()
}

fn users(item: &'static str, what: &str, audience: &str) -> Question {
    let sql = format!("SELECT {what} FROM users WHERE {audience}");
    Question {
        item,
        statements: vec![("users".to_owned(), sql)],
        call: None,
    }
}

/// The first edge that an age is not below.
fn age_bucket() -> String {
    let pairs = AGE_EDGES.windows(2);
    let branches: Vec<String> = pairs
        .map(|pair| format!("WHEN age < {} THEN {}", pair[1], pair[0]))
        .collect();
    format!("CASE {} ELSE 65 END", branches.join(" "))
}

fn overlap() -> Question {
    let pair = |x: u8, y: u8| {
        let sql = format!(
            "SELECT count(*) AS n FROM users WHERE is_active AND has(interests, 'interest-{x}') \
             AND has(interests, 'interest-{y}')"
        );
        (format!("{x}&{y}"), sql)
    };
    let mut statements = Vec::new();
    for (index, x) in OVERLAP.iter().enumerate() {
        statements.extend(OVERLAP[index + 1..].iter().map(|y| pair(*x, *y)));
    }
    Question {
        item: "Q6 overlap 10x10",
        statements,
        call: Some(Call::Overlap),
    }
}

fn tgi() -> Question {
    let statements = [
        portrait(&["interests"], "", FIVE_TAGS),
        portrait(&["interests"], "all ", "true"),
    ];
    Question {
        item: "Q7 TGI 200 interests",
        statements: statements.concat(),
        call: Some(Call::Portrait(&["interests"], FIVE_TAGS)),
    }
}

/// Every second interest.
fn union_members() -> String {
    let members: Vec<String> = (0..100).map(|n| format!("'interest-{}'", 2 * n)).collect();
    members.join(", ")
}
