//! Names that are unknown, and what was probably meant.

use tagdb_storage::catalog::Catalog;
use tagdb_storage::schema::TableSchema;

use crate::error::Error;

/// Scalar functions, aggregates and what stands in GROUP BY.
pub(super) const FUNCTIONS: &[&str] = &[
    "abs",
    "array_append",
    "array_remove",
    "avg",
    "cardinality",
    "ceil",
    "coalesce",
    "concat",
    "count",
    "current_date",
    "date_trunc",
    "extract",
    "floor",
    "greatest",
    "has",
    "has_all",
    "has_any",
    "least",
    "length",
    "lower",
    "map_contains",
    "map_keys",
    "max",
    "min",
    "now",
    "nullif",
    "round",
    "sum",
    "unnest",
    "upper",
    "width_bucket",
    "any_key",
    "bucket_of",
    "median",
    "quantile",
    "share",
    "stddev",
    "tgi",
];

/// What other systems call things, and what it is written as here.
const FOREIGN: &[(&str, &str)] = &[
    ("hasany", "has_any(set, ['a'])"),
    ("hasall", "has_all(set, ['a'])"),
    ("list_contains", "has(set, 'a')"),
    ("array_contains", "has(set, 'a')"),
    ("contains", "has(set, 'a')"),
    ("array_position", "has(set, 'a')"),
    ("list_has", "has(set, 'a')"),
    ("list_has_any", "has_any(set, ['a'])"),
    ("list_has_all", "has_all(set, ['a'])"),
    ("arrays_overlap", "has_any(set, ['a'])"),
    ("array_intersect", "has_any(set, ['a'])"),
    ("list_append", "array_append(set, 'a')"),
    ("arraypushback", "array_append(set, 'a')"),
    ("list_filter", "array_remove(set, 'a')"),
    ("arrayjoin", "unnest(set) in GROUP BY"),
    ("explode", "unnest(set) in GROUP BY"),
    ("mapcontains", "map_contains(map, 'a')"),
    ("map_contains_key", "map_contains(map, 'a')"),
    ("element_at", "map['a']"),
    ("mapkeys", "map_keys(map)"),
    ("array_length", "cardinality(set)"),
    ("array_size", "cardinality(set)"),
    ("list_length", "cardinality(set)"),
    ("size", "cardinality(set)"),
    ("len", "length(text), or cardinality(set)"),
    ("char_length", "length(text)"),
    ("character_length", "length(text)"),
    ("uniq", "count(DISTINCT tag)"),
    ("uniqexact", "count(DISTINCT tag)"),
    ("approx_count_distinct", "count(DISTINCT tag)"),
    ("approx_distinct", "count(DISTINCT tag)"),
    ("bitmap_count", "count(DISTINCT tag)"),
    ("countif", "count(*) FILTER (WHERE ...)"),
    ("count_if", "count(*) FILTER (WHERE ...)"),
    ("sumif", "sum(x) FILTER (WHERE ...)"),
    ("ifnull", "coalesce(a, b)"),
    ("nvl", "coalesce(a, b)"),
    ("isnull", "a IS NULL"),
    ("if", "CASE WHEN ... THEN ... ELSE ... END"),
    ("iff", "CASE WHEN ... THEN ... ELSE ... END"),
    ("multiif", "CASE WHEN ... THEN ... ELSE ... END"),
    ("date_part", "extract(YEAR FROM x)"),
    ("toyear", "extract(YEAR FROM x)"),
    ("tostartofday", "date_trunc('day', x)"),
    ("tostartofmonth", "date_trunc('month', x)"),
    ("todate", "CAST(x AS DATE)"),
    ("today", "current_date"),
    ("getdate", "now()"),
    ("ceiling", "ceil(x)"),
    ("percentile_cont", "quantile(x, 0.9)"),
    ("quantileexact", "quantile(x, 0.9)"),
    ("quantile_cont", "quantile(x, 0.9)"),
    ("stddev_samp", "stddev(x)"),
    ("stddevsamp", "stddev(x)"),
    ("mapexists", "any_key(m, k -> m[k] > 1)"),
];

/// The error for a name that no function has.
pub(super) fn unknown_function(name: &str) -> Error {
    let foreign = FOREIGN.iter().find(|(foreign, _)| *foreign == name);
    let detail = match foreign {
        Some((_, here)) => format!("unknown function {name:?}; here it is {here}"),
        None => format!(
            "unknown function {name:?}{}",
            suggestion(name, FUNCTIONS.iter().copied())
        ),
    };
    Error::new("unknown_function", detail)
}

/// The error for a name that no column of a table has.
pub(super) fn unknown_tag(name: &str, table: &TableSchema) -> Error {
    let names = table.tags.iter().map(|tag| &*tag.name);
    let hint = suggestion(name, names.chain([&*table.key_name]));
    let detail = format!("unknown tag {name:?} of table {:?}{hint}", table.name);
    Error::new("unknown_tag", detail)
}

/// The error for a name that no table has.
pub(super) fn unknown_table(name: &str, catalog: &Catalog) -> Error {
    let hint = suggestion(name, catalog.tables().map(|table| &*table.name));
    Error::new("unknown_table", format!("unknown table {name:?}{hint}"))
}

/// `; did you mean "gender"?` if a name is near enough.
fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let wanted = name.to_lowercase();
    let most = (wanted.chars().count() / 3).max(1);
    let near = known
        .into_iter()
        .map(|known| (distance(&wanted, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= most)
        .min();
    near.map_or(String::new(), |(_, near)| {
        format!("; did you mean {near:?}?")
    })
}

/// Characters to insert, drop, change or exchange with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            next[j] = change.min(last[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, next);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        for (a, b, expected) in [
            ("gendr", "gender", 1),
            ("gednre", "gender", 2),
            ("", "abc", 3),
            ("same", "same", 0),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
        assert_eq!(
            suggestion("gendr", ["age", "gender"]),
            "; did you mean \"gender\"?"
        );
        assert_eq!(suggestion("xyz", ["age", "gender"]), "");
    }
}
