//! EXPLAIN MEMBERSHIP.

use crate::analysis::membership::{Line, lines, verdict};
use crate::bind::bound::Membership;
use crate::error::Result;
use crate::exec::Execution;
use crate::exec::in_query::{Place, run_in_condition};
use crate::exec::rows::RowStream;
use crate::exec::show::{columns, text};
use crate::value::{DataType, Value};

/// The parts of a condition, what each says of a subject, and what it saw.
///
/// # Errors
/// `not_found` if nobody has the key, a file cannot be read or is damaged, or an expression cannot
/// be computed.
pub(crate) fn membership(execution: &Execution, mut asked: Membership) -> Result<RowStream> {
    run_in_condition(execution, &mut asked.condition, Place::Rows)?;
    let verdict = verdict(execution, &asked.key, &asked.condition)?;
    let row = |line: Line| {
        let seen = line.seen.map_or(Value::Null, text);
        vec![text(line.condition), text(line.verdict), seen]
    };
    let rows = lines(&verdict).into_iter().map(row).collect();
    let columns = columns(&[
        ("condition", DataType::Keyword),
        ("verdict", DataType::Keyword),
        ("seen", DataType::Keyword),
    ]);
    Ok(RowStream::made(columns, execution.state.lsn(), rows))
}
