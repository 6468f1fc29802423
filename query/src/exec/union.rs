//! Rows of several SELECTs, one after the other.

use std::collections::VecDeque;

use crate::bind::bound::{Select, Union};
use crate::error::Result;
use crate::exec::order::Ordered;
use crate::exec::rows::RowStream;
use crate::exec::{Execution, select};
use crate::functions::eval;
use crate::value::Value;

/// Begins the rows of several SELECTs. The queries in them have been run.
///
/// # Errors
/// As of [`select::select`].
pub(crate) fn union(execution: Execution, union: Union) -> Result<RowStream> {
    let (columns, lsn) = (union.columns.clone(), execution.state.lsn());
    if union.order.is_empty() {
        return Ok(RowStream::joined(
            columns,
            lsn,
            JoinedRows::new(execution, union),
        ));
    }
    let last = union.limit.map(|limit| limit.saturating_add(union.offset));
    let last = last.and_then(|last| usize::try_from(last).ok());
    let mut kept = Ordered::new(&union.order, last);
    let order = union.order.clone();
    let offset = usize::try_from(union.offset).unwrap_or(usize::MAX);
    let all = Union {
        limit: None,
        offset: 0,
        ..union
    };
    let mut rows = JoinedRows::new(execution.clone(), all);
    loop {
        let batch = rows.next()?;
        if batch.is_empty() {
            break;
        }
        for row in batch {
            let keys = order.iter().map(|key| eval(&key.expr, &row));
            kept.offer(keys.collect::<Result<_>>()?, row, &execution.budget)?;
        }
    }
    let rows = kept.finish(&execution.interrupt)?.skip(offset).collect();
    Ok(RowStream::made(columns, lsn, rows))
}

/// The rows of SELECTs in their order.
#[derive(Debug)]
pub(crate) struct JoinedRows {
    execution: Execution,
    parts: VecDeque<Select>,
    current: Option<RowStream>,
    offset: u64,
    limit: u64,
}

impl JoinedRows {
    fn new(execution: Execution, union: Union) -> Self {
        Self {
            execution,
            parts: union.parts.into(),
            current: None,
            offset: union.offset,
            limit: union.limit.unwrap_or(u64::MAX),
        }
    }

    /// Bytes of memory that it holds, about.
    pub(crate) fn held_bytes(&self) -> usize {
        self.execution.budget.used()
    }

    /// The next rows; none at the end.
    pub(crate) fn next(&mut self) -> Result<Vec<Vec<Value>>> {
        while self.limit > 0 {
            let batch = match &mut self.current {
                Some(rows) => rows.next()?,
                None => None,
            };
            let Some(mut rows) = batch else {
                let Some(mut part) = self.parts.pop_front() else {
                    break;
                };
                // What has to be passed over, and how much is wanted, is best known to the part.
                part.limit = Some(self.limit.saturating_add(self.offset));
                self.current = Some(select::select(self.execution.clone(), part)?);
                continue;
            };
            let passed = self.offset.min(rows.len() as u64);
            self.offset -= passed;
            rows.drain(..passed as usize);
            rows.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
            self.limit -= rows.len() as u64;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        self.limit = 0;
        Ok(Vec::new())
    }
}
