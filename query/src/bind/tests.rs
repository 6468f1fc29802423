//! What statements mean: a table of bound forms, of errors with their places, and of logic.

mod errors;
mod forms;
mod hostile;
mod logic;
mod params;
mod refused;
mod writes;

use std::sync::Arc;

use jiff::tz::TimeZone;
use tagdb_storage::catalog::Catalog;

use super::bound::{Scan, Select, Statement};
use super::{Environment, Param, bind};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::parse::parse;

/// 2026-11-20T12:34:56Z
pub(super) const NOW: i64 = 1_795_178_096_000_000;

pub(super) const USERS: &str = "CREATE TABLE users (
  user_id    KEYWORD PRIMARY KEY,
  gender     KEYWORD COMMENT 'self-reported',
  age        SMALLINT,
  city       KEYWORD,
  vip        BOOLEAN,
  points     BIGINT,
  score      DOUBLE,
  interests  KEYWORD[],
  wishes     TEXT[],
  spend_30d  DECIMAL(12,2),
  birthday   DATE,
  last_login TIMESTAMP,
  brand_visits_30d MAP(KEYWORD, INT),
  spent_at   MAP(KEYWORD, TIMESTAMP),
  bio        LONGTEXT
) WITH (partitions = 4)";

pub(super) const DEVICES: &str =
    "CREATE TABLE devices (device_id BIGINT PRIMARY KEY, model VARCHAR)";

/// A catalog made by statements.
pub(super) fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for sql in [USERS, DEVICES] {
        match bind_in(&catalog, sql, &[]).unwrap() {
            Statement::Schema(Some(change)) => catalog = catalog.apply(&change).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    catalog
}

pub(super) fn bind_in(catalog: &Catalog, sql: &str, params: &[Param]) -> Result<Statement> {
    bind_zoned(catalog, sql, params, TimeZone::UTC)
}

pub(super) fn bind_zoned(
    catalog: &Catalog,
    sql: &str,
    params: &[Param],
    time_zone: TimeZone,
) -> Result<Statement> {
    let limits = Limits::default();
    let statements = parse(sql, &limits)?;
    let env = Environment {
        catalog,
        limits: &limits,
        params,
        now: NOW,
        time_zone,
        applies_rules: true,
    };
    let [statement] = statements.as_slice() else {
        return Err(Error::internal("one statement is expected"));
    };
    bind(statement, &env)
}

pub(super) fn bound(sql: &str) -> Result<Statement> {
    bind_in(&catalog(), sql, &[])
}

pub(super) fn select(sql: &str) -> Select {
    match bound(sql) {
        Ok(Statement::Select(select)) => *select,
        other => panic!("{sql}: {other:?}"),
    }
}

/// The predicate of `SELECT user_id FROM users WHERE ...`, as text.
pub(super) fn condition(text: &str, params: &[Param]) -> Result<String> {
    scan_of(text, params).map(|scan| crate::explain::predicate_text(&scan.predicate, &scan))
}

pub(super) fn scan_of(text: &str, params: &[Param]) -> Result<Scan> {
    let sql = format!("DELETE FROM users WHERE {text}");
    match bind_in(&catalog(), &sql, params)? {
        Statement::Delete(scan) => Ok(scan),
        other => panic!("{other:?}"),
    }
}

pub(super) fn text(text: &str) -> Arc<str> {
    text.into()
}
