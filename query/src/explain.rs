//! Bound statements as text, close to the SQL that means the same.

mod expr;

use std::sync::Arc;

use crate::bind::bound::{
    Column, Fraction, GroupKey, Grouping, Insert, Predicate, Query, Scan, Select, Statement,
    TagChange, Union, Update,
};
use crate::value::{DataType, Value};
use expr::Names;

/// Elements of a list that are shown, at most.
const SHOWN_MAX: usize = 5;

/// A statement as lines, with two blanks a level.
#[must_use]
pub fn explain(statement: &Statement) -> Vec<String> {
    let (mut lines, mut queries) = (Vec::new(), Vec::new());
    explain_statement(statement, &mut lines, &mut queries);
    let mut next = 0;
    // Queries that WITH names may use each other many times; each is shown once.
    while let Some(query) = queries.get(next).cloned() {
        next += 1;
        lines.push(format!("query {next}"));
        let mut inner = Vec::new();
        match &*query {
            Query::Select(select) => explain_select(select, &mut inner, &mut queries),
            Query::Union(union) => explain_union(union, &mut inner, &mut queries),
        }
        lines.extend(inner.into_iter().map(|line| format!("  {line}")));
    }
    lines
}

/// Queries in conditions, in the order in which they are found.
type Queries = Vec<Arc<Query>>;

fn explain_statement(statement: &Statement, lines: &mut Vec<String>, queries: &mut Queries) {
    match statement {
        Statement::Select(select) => explain_select(select, lines, queries),
        Statement::Union(union) => explain_union(union, lines, queries),
        Statement::Insert(insert) => explain_insert(insert, lines),
        Statement::Update(update) => explain_update(update, lines, queries),
        Statement::Delete(scan) => {
            lines.push("delete".to_owned());
            explain_scan(scan, 1, lines, queries);
        }
        Statement::Schema(Some(change)) => lines.push(format!("change of the schema: {change:?}")),
        Statement::Schema(None) => lines.push("nothing to do".to_owned()),
        Statement::ShowTables => lines.push("show tables".to_owned()),
        Statement::Describe(table) => lines.push(format!("describe {}", table.name)),
        Statement::Explain { statement, .. } => explain_statement(statement, lines, queries),
        Statement::Membership(_) => lines.push("membership".to_owned()),
    }
}

/// What the columns of a scan are called.
pub(crate) fn column_names(scan: &Scan) -> Vec<String> {
    Names::of_scan(scan).slots().to_vec()
}

/// A predicate on one line.
#[must_use]
pub fn predicate_text(predicate: &Predicate, scan: &Scan) -> String {
    let mut text = String::new();
    Names::of_scan(scan).predicate(predicate, &mut text);
    text
}

fn explain_select(select: &Select, lines: &mut Vec<String>, queries: &mut Queries) {
    let names = match &select.grouping {
        Some(grouping) => group_names(&select.scan, grouping),
        None => Names::of_scan(&select.scan),
    };
    let outputs = select
        .columns
        .iter()
        .zip(&select.output)
        .map(|(column, expr)| {
            let text = names.expr_text(expr);
            match text == column.name {
                true => format!("{text} {}", column.kind),
                false => format!("{text} as {:?} {}", column.name, column.kind),
            }
        });
    lines.push(format!("select {}", outputs.collect::<Vec<_>>().join(", ")));
    explain_queries(&asked_of_rows(select), 1, lines, queries);
    explain_limit(select.limit, select.offset, lines);
    if !select.order.is_empty() {
        let terms = select.order.iter().map(|term| {
            let direction = if term.descending { "desc" } else { "asc" };
            let nulls = if term.nulls_first { "first" } else { "last" };
            format!("{} {direction} nulls {nulls}", names.expr_text(&term.expr))
        });
        lines.push(format!(
            "  order by {}",
            terms.collect::<Vec<_>>().join(", ")
        ));
    }
    if let Some(grouping) = &select.grouping {
        if grouping.having != Predicate::Constant(Some(true)) {
            let mut text = String::new();
            names.predicate(&grouping.having, &mut text);
            lines.push(format!("  having {text}"));
        }
        let slots = names.slots();
        let (keys, aggregates) = slots.split_at(grouping.keys.len().min(slots.len()));
        let list = |names: &[String]| match names.is_empty() {
            true => "nothing".to_owned(),
            false => names.join(", "),
        };
        lines.push(format!("  group by {}", list(keys)));
        lines.push(format!("  aggregate {}", list(aggregates)));
    }
    explain_scan(&select.scan, 1, lines, queries);
}

/// The queries that are asked anywhere but of who is selected.
fn asked_of_rows(select: &Select) -> Vec<&Arc<Query>> {
    let mut asked = Vec::new();
    let mut push = |query| asked.push(query);
    let order = select.order.iter().map(|term| &term.expr);
    for expr in select.output.iter().chain(order) {
        expr.for_each_query(&mut push);
    }
    if let Some(grouping) = &select.grouping {
        for key in &grouping.keys {
            if let GroupKey::Value(expr) = key {
                expr.for_each_query(&mut push);
            }
        }
        let arguments = grouping
            .aggregates
            .iter()
            .filter_map(|a| a.argument.as_ref());
        arguments.for_each(|expr| expr.for_each_query(&mut push));
        for predicate in grouping.filters.iter().chain([&grouping.having]) {
            predicate.for_each_query(&mut push);
        }
    }
    asked
}

fn explain_union(union: &Union, lines: &mut Vec<String>, queries: &mut Queries) {
    lines.push("one after the other".to_owned());
    explain_limit(union.limit, union.offset, lines);
    if let Some(term) = union.order.first() {
        let direction = if term.descending { "desc" } else { "asc" };
        let nulls = if term.nulls_first { "first" } else { "last" };
        lines.push(format!("  order by the key {direction} nulls {nulls}"));
    }
    for part in &union.parts {
        let mut select = Vec::new();
        explain_select(part, &mut select, queries);
        lines.extend(select.into_iter().map(|line| format!("  {line}")));
    }
}

fn explain_limit(limit: Option<u64>, offset: u64, lines: &mut Vec<String>) {
    if limit.is_some() || offset > 0 {
        let limit = limit.map_or("all".to_owned(), |limit| limit.to_string());
        lines.push(format!("  limit {limit} offset {offset}"));
    }
}

/// Names of the slots of a group's row.
fn group_names(scan: &Scan, grouping: &Grouping) -> Names {
    let rows = Names::of_scan(scan);
    let keys = grouping.keys.iter().map(|key| match key {
        GroupKey::Value(expr) => rows.expr_text(expr),
        GroupKey::Unnest(slot) => match scan.columns.get(*slot) {
            Some(Column::Tag { kind, .. }) if matches!(DataType::from(*kind), DataType::Map(_)) => {
                format!("unnest(map_keys({}))", rows.slot(*slot))
            }
            _ => format!("unnest({})", rows.slot(*slot)),
        },
    });
    let aggregates = grouping.aggregates.iter().map(|aggregate| {
        let argument = aggregate.argument.as_ref();
        let argument = argument.map_or("*".to_owned(), |argument| rows.expr_text(argument));
        use crate::bind::bound::AggregateKind as Kind;
        let text = match aggregate.kind {
            Kind::Count => format!("count({argument})"),
            Kind::CountDistinct => format!("count(distinct {argument})"),
            Kind::Sum => format!("sum({argument})"),
            Kind::Avg => format!("avg({argument})"),
            Kind::Min => format!("min({argument})"),
            Kind::Max => format!("max({argument})"),
            Kind::Quantile(Fraction::HALF) => format!("median({argument})"),
            Kind::Quantile(fraction) => {
                let fraction = fraction.units() as f64 / Fraction::WHOLE as f64;
                format!("quantile({argument}, {fraction})")
            }
            Kind::Stddev => format!("stddev({argument})"),
            Kind::Share => "share()".to_owned(),
            Kind::Tgi => "tgi()".to_owned(),
        };
        let filter = aggregate
            .filter
            .and_then(|place| grouping.filters.get(place));
        let Some(filter) = filter else {
            return text;
        };
        let mut condition = String::new();
        rows.predicate(filter, &mut condition);
        format!("{text} filter (where {condition})")
    });
    Names::of_groups(keys.chain(aggregates).collect())
}

fn explain_insert(insert: &Insert, lines: &mut Vec<String>) {
    let what = match insert.ignore_existing {
        true => "insert new rows",
        false => "upsert rows",
    };
    lines.push(format!("{what} into {}", insert.table.name));
    lines.push(format!("  rows: {}", insert.keys.len()));
}

fn explain_update(update: &Update, lines: &mut Vec<String>, queries: &mut Queries) {
    let names = Names::of_scan(&update.scan);
    lines.push("update".to_owned());
    for assignment in &update.assignments {
        let tag = update.scan.table.tag_by_id(assignment.tag);
        let tag = tag.map_or("?", |tag| &*tag.name);
        lines.push(match &assignment.change {
            TagChange::Set(expr) => format!("  set {tag} = {}", names.expr_text(expr)),
            TagChange::EditSet { drop, put } => {
                let (drop, put) = (Value::Set(drop.clone()), Value::Set(put.clone()));
                format!(
                    "  edit {tag}: drop {}, put {}",
                    expr::value_text(&drop),
                    expr::value_text(&put)
                )
            }
            TagChange::Entry { key, value } => {
                format!("  set {tag}['{key}'] = {}", names.expr_text(value))
            }
        });
        if let TagChange::Set(value) | TagChange::Entry { value, .. } = &assignment.change {
            let mut asked = Vec::new();
            value.for_each_query(&mut |query| asked.push(query));
            explain_queries(&asked, 2, lines, queries);
        }
    }
    explain_scan(&update.scan, 1, lines, queries);
}

fn explain_scan(scan: &Scan, depth: usize, lines: &mut Vec<String>, queries: &mut Queries) {
    let indent = "  ".repeat(depth);
    lines.push(format!("{indent}scan {}", scan.table.name));
    let names = Names::of_scan(scan);
    explain_predicate(&names, &scan.predicate, depth + 1, lines, queries);
}

/// Which queries are asked; each is shown once, at the end.
fn explain_queries(
    asked: &[&Arc<Query>],
    depth: usize,
    lines: &mut Vec<String>,
    queries: &mut Queries,
) {
    for asked in asked {
        let known = queries.iter().position(|query| Arc::ptr_eq(query, asked));
        let number = known.unwrap_or(queries.len()) + 1;
        if known.is_none() {
            queries.push(Arc::clone(asked));
        }
        let indent = "  ".repeat(depth);
        lines.push(format!("{indent}query {number}, see below"));
    }
}

/// One node a line.
fn explain_predicate(
    names: &Names,
    predicate: &Predicate,
    depth: usize,
    lines: &mut Vec<String>,
    queries: &mut Queries,
) {
    let indent = "  ".repeat(depth);
    let (name, inner): (&str, &[Predicate]) = match predicate {
        Predicate::And(terms) => ("and", terms),
        Predicate::Or(terms) => ("or", terms),
        Predicate::Not(inner) => ("not", std::slice::from_ref(inner)),
        Predicate::IsTrue(inner) => ("is true", std::slice::from_ref(inner)),
        Predicate::IsFalse(inner) => ("is false", std::slice::from_ref(inner)),
        Predicate::IsNull(inner) => ("is null", std::slice::from_ref(inner)),
        Predicate::Constant(_) | Predicate::Leaf(_) => {
            let mut text = String::new();
            names.predicate(predicate, &mut text);
            lines.push(format!("{indent}{text}"));
            let mut asked = Vec::new();
            predicate.for_each_query(&mut |query| asked.push(query));
            explain_queries(&asked, depth + 1, lines, queries);
            return;
        }
    };
    lines.push(format!("{indent}{name}"));
    for term in inner {
        explain_predicate(names, term, depth + 1, lines, queries);
    }
}
