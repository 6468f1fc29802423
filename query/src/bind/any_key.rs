//! `any_key(map, k -> condition)`

use crate::bind::bound::{AnyKey, Column, EntryColumn, Expr, Leaf, Predicate};
use crate::bind::expr::scalar;
use crate::bind::predicate::predicate;
use crate::bind::scope::{Lambda, Scope};
use crate::error::{Error, Result};
use crate::parse::ast::{self, Call, ExprKind as Ast, Name};
use crate::value::DataType;

use tagdb_storage::schema::TagType;

/// Binds a call. Inside of the condition a map that is asked for the key stands as a tag of its
/// id with the type of the map's values, and the key as one with the type KEYWORD: no real column
/// is like that, and everything that is known of conditions on tags holds for them too.
pub(super) fn any_key(scope: &mut Scope<'_>, call: &Call) -> Result<Predicate> {
    let [map, Ast::Lambda(name, body)] = (match call.arguments.as_slice() {
        [map, lambda] => [&map.kind, &lambda.kind],
        _ => return Err(wrong_call()),
    }) else {
        return Err(wrong_call());
    };
    let at = call.arguments[0].at;
    let Ast::Column { .. } = map else {
        let detail = "any_key of anything but a map column";
        return Err(Error::unsupported(detail).at(at));
    };
    if scope.lambda.is_some() {
        return Err(Error::unsupported("any_key inside of any_key").at(call.name.at));
    }
    let expr = scalar(scope, &call.arguments[0], None)?;
    let column = expr.as_slot().and_then(|slot| scope.column(slot).cloned());
    let (Some(slot), Some(Column::Tag { id, .. }), DataType::Map(_)) =
        (expr.as_slot(), column, expr.data_type)
    else {
        let detail = format!("any_key takes a map, not {}", expr.data_type);
        return Err(Error::type_mismatch(detail).at(at));
    };
    let outer = scope.enter(Lambda {
        name: name.text.clone(),
        map: id,
    });
    let bound = predicate(scope, body).map(|bound| scope.simplified(bound));
    let columns = scope.leave(outer);
    let predicate = bound?;
    let columns = columns
        .into_iter()
        .map(|column| entry_column(scope, column))
        .collect::<Result<_>>()?;
    Ok(Predicate::Leaf(Leaf::AnyKey(Box::new(AnyKey {
        map: slot,
        name: name.text.as_str().into(),
        columns,
        predicate,
    }))))
}

fn wrong_call() -> Error {
    Error::type_mismatch(
        "any_key takes a map and a condition on its keys: any_key(m, k -> m[k] > 1)",
    )
}

/// What a column of the condition is outside of it.
fn entry_column(scope: &mut Scope<'_>, column: Column) -> Result<EntryColumn> {
    let Column::Tag { id, kind } = column else {
        return Ok(EntryColumn::Outer(scope.slot(column)));
    };
    let own = scope.table()?.tag_by_id(id).map(|tag| tag.kind);
    let own = own.ok_or_else(|| Error::internal("a tag without a table"))?;
    Ok(match (own, kind) {
        (TagType::Map(_), TagType::Keyword) => EntryColumn::Key,
        (TagType::Map(_), TagType::Number(_)) => {
            EntryColumn::Value(scope.slot(Column::Tag { id, kind: own }))
        }
        _ => EntryColumn::Outer(scope.slot(Column::Tag { id, kind })),
    })
}

/// The key that is tried, if the name is its own.
pub(super) fn own_key(
    scope: &mut Scope<'_>,
    qualifier: Option<&Name>,
    name: &Name,
) -> Option<Expr> {
    let lambda = scope.lambda.as_ref()?;
    if qualifier.is_some() || lambda.name != name.text {
        return None;
    }
    let column = Column::Tag {
        id: lambda.map,
        kind: TagType::Keyword,
    };
    Some(Expr::slot(scope.slot(column), DataType::Keyword))
}

/// Whether an expression is the key that is tried.
pub(super) fn is_own_key(scope: &Scope<'_>, ast: &ast::Expr) -> bool {
    match (&scope.lambda, &ast.kind) {
        (
            Some(lambda),
            Ast::Column {
                qualifier: None,
                name,
            },
        ) => lambda.name == name.text,
        _ => false,
    }
}
