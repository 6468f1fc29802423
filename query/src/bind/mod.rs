//! From what is written to what it means: names, types and rules.

pub mod bound;

mod aggregate;
mod any_key;
mod arithmetic;
mod call;
mod combined;
mod compare;
mod condition;
mod expr;
mod group;
mod grouping;
mod in_query;
mod like;
mod names;
mod params;
mod predicate;
mod queries;
mod query;
mod sample;
mod schema;
mod scope;
mod select;
mod sets;
mod types;
mod walk;
mod write;
pub mod written;

pub use params::Param;
pub use scope::Environment;

use bound::{Scan, Statement};
use scope::{Scope, find_table};

use tagdb_storage::schema::{TableSchema, Tag};

use crate::error::Result;
use crate::parse;
use crate::parse::ast::{Name, StatementKind};

/// Resolves the names and types of a statement.
///
/// # Errors
/// `unknown_table`, `unknown_tag`, `unknown_function`, `type_mismatch`, `not_grouped`,
/// `duplicate_column`, `bad_key`, `bad_parameter`, `already_exists`, `overflow` (of constants),
/// `limit_exceeded` and `unsupported`, with line and column where the text is at fault.
pub fn bind(statement: &parse::Statement, env: &Environment<'_>) -> Result<Statement> {
    bind_kind(&statement.kind, &statement.text, env)
        .map_err(|error| error.located_in(&statement.text))
}

/// A condition on its own.
#[derive(Clone, Debug)]
pub struct BoundPredicate {
    /// The subjects for which it is true.
    pub scan: Scan,
    /// The highest number of its parameters.
    pub params_used: usize,
}

/// Resolves a condition on its own, on the subjects of a table.
///
/// # Errors
/// As of [`bind`].
pub fn bind_predicate(
    condition: &parse::Predicate,
    table: &str,
    env: &Environment<'_>,
) -> Result<BoundPredicate> {
    let bound = || {
        let mut scope = Scope::new(env, &condition.text);
        let name = Name {
            text: table.to_owned(),
            at: 0,
        };
        let table = scope.open(&name, None)?;
        let bound = predicate::predicate(&mut scope, &condition.expr)?;
        let bound = scope.simplified(bound);
        Ok(BoundPredicate {
            params_used: scope.params_used(),
            scan: Scan {
                table,
                columns: scope.into_columns(),
                predicate: bound,
            },
        })
    };
    bound().map_err(|error: crate::error::Error| error.located_in(&condition.text))
}

/// The tag of that name.
///
/// # Errors
/// `unknown_tag`, with the nearest name.
pub(crate) fn tag_of<'t>(table: &'t TableSchema, name: &str) -> Result<&'t Tag> {
    let unknown = || names::unknown_tag(name, table);
    table.tag(name).ok_or_else(unknown)
}

fn bind_kind(kind: &StatementKind, text: &str, env: &Environment<'_>) -> Result<Statement> {
    let catalog = env.catalog;
    let change = match kind {
        StatementKind::Query { with, query } => return query::statement(env, text, with, query),
        StatementKind::Insert(ast) => return write::insert(env, text, ast).map(Statement::Insert),
        StatementKind::Update(ast) => return write::update(env, text, ast).map(Statement::Update),
        StatementKind::Delete(ast) => return write::delete(env, text, ast).map(Statement::Delete),
        StatementKind::Explain { analyze, statement } => {
            let statement = Box::new(bind_kind(statement, text, env)?);
            return Ok(Statement::Explain {
                analyze: *analyze,
                statement,
            });
        }
        StatementKind::ExplainMembership(ast) => {
            let membership = written::membership(env, text, ast)?;
            return Ok(Statement::Membership(Box::new(membership)));
        }
        StatementKind::ShowTables => {
            Scope::new(env, text).check_params()?;
            return Ok(Statement::ShowTables);
        }
        StatementKind::Describe(name) => {
            Scope::new(env, text).check_params()?;
            return find_table(catalog, name).map(Statement::Describe);
        }
        StatementKind::CreateTable(ast) => schema::create_table(catalog, ast)?,
        StatementKind::DropTable { table, if_exists } => {
            schema::drop_table(catalog, table, *if_exists)?
        }
        StatementKind::Truncate(table) => schema::truncate(catalog, table)?,
        StatementKind::AddColumn {
            table,
            if_not_exists,
            column,
        } => schema::add_column(catalog, table, *if_not_exists, column)?,
        StatementKind::DropColumn {
            table,
            if_exists,
            column,
        } => schema::drop_column(catalog, table, *if_exists, column)?,
        StatementKind::RenameColumn { table, from, to } => {
            schema::rename_column(catalog, table, from, to)?
        }
        StatementKind::Comment {
            table,
            column,
            comment,
        } => schema::comment(catalog, table, column, comment)?,
    };
    Scope::new(env, text).check_params()?;
    Ok(Statement::Schema(change))
}

#[cfg(test)]
mod tests;
