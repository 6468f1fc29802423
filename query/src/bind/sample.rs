//! TABLESAMPLE and `bucket_of`: parts of a table that keys alone decide.

use std::sync::Arc;

use tagdb_storage::limits::KEYWORD_BYTES_MAX;

use crate::bind::bound::{Column, Expr, Function, KeyTest, Leaf, Predicate};
use crate::bind::expr::{called, scalar};
use crate::bind::scope::Scope;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::parse::ast;
use crate::value::{DataType, Value};

/// 2^64, the number of hashes.
const HASHES: f64 = 18_446_744_073_709_551_616.0;

/// The condition that a subject is in a sample.
pub(super) fn sample(scope: &mut Scope<'_>, sample: &ast::Sample) -> Result<Predicate> {
    let expr = scalar(scope, &sample.percent, Some(DataType::Double))?;
    let percent = expr.as_literal().and_then(Value::to_double);
    let Some(percent) = percent.filter(|percent| (0.0..=100.0).contains(percent)) else {
        let detail = "TABLESAMPLE BERNOULLI takes a constant number from 0 to 100";
        return Err(Error::new("bad_parameter", detail).at(sample.percent.at));
    };
    let seed = match &sample.seed {
        None => scope.env.now,
        Some(ast) => {
            let expr = scalar(scope, ast, Some(DataType::BigInt))?;
            match expr.as_literal() {
                Some(Value::Int(seed)) => *seed,
                _ => {
                    let detail = "REPEATABLE takes a whole number";
                    return Err(Error::new("bad_parameter", detail).at(ast.at));
                }
            }
        }
    };
    if percent >= 100.0 {
        return Ok(Predicate::Constant(Some(true)));
    }
    let slot = scope.slot(Column::Key);
    let test = KeyTest::Sample {
        salt: seed.to_string().into(),
        below: (percent / 100.0 * HASHES) as u64,
    };
    Ok(Predicate::Leaf(Leaf::Key(slot, test)))
}

/// `bucket_of(key, n, 'salt')`
pub(super) fn bucket_of(scope: &mut Scope<'_>, arguments: &[&ast::Expr]) -> Result<Expr> {
    let [key, buckets, salt] = arguments else {
        let detail = format!("bucket_of takes 3 arguments, not {}", arguments.len());
        return Err(Error::type_mismatch(detail));
    };
    let key_expr = scalar(scope, key, Some(DataType::Keyword))?;
    let is_key = key_expr.data_type.is_integer()
        || matches!(key_expr.data_type, DataType::Keyword | DataType::Null);
    if !is_key {
        let detail = format!(
            "bucket_of takes a string or a whole number, not {}",
            key_expr.data_type
        );
        return Err(Error::type_mismatch(detail).at(key.at));
    }
    let count = scalar(scope, buckets, Some(DataType::BigInt))?;
    let count = match count.as_literal() {
        Some(Value::Int(count)) if *count >= 1 => *count,
        _ => {
            let detail = "the number of buckets is a constant whole number from 1 on";
            return Err(Error::new("bad_parameter", detail).at(buckets.at));
        }
    };
    let salt_expr = scalar(scope, salt, Some(DataType::Keyword))?;
    let text: Arc<str> = match salt_expr.as_literal() {
        Some(Value::Text(text)) => text.clone(),
        _ => {
            let detail = "the salt of bucket_of is a constant string";
            return Err(Error::new("bad_parameter", detail).at(salt.at));
        }
    };
    Limits::check("keyword_bytes", text.len(), KEYWORD_BYTES_MAX)
        .map_err(|error| error.at(salt.at))?;
    let function = Function::BucketOf {
        buckets: count,
        salt: text,
    };
    Ok(called(function, vec![key_expr], DataType::BigInt))
}
