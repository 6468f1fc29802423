//! The rows of a result, pulled batch by batch.

use std::collections::VecDeque;
use std::sync::Arc;

use tagdb_storage::bitmap::Chunk;
use tagdb_storage::ids::{Lsn, Ordinal, chunk_of, low_of};

use crate::bind::bound::{Expr, ExprKind, OutputColumn, Scan, Select, Slot};
use crate::error::{Error, Result};
use crate::exec::Execution;
use crate::exec::batch::{BATCH_ROWS, BATCH_VALUES, Batch, Remaining};
use crate::exec::budget::{bytes_of, bytes_of_row};
use crate::exec::column_rows::{ColumnRows, ColumnValues, transposed};
use crate::exec::columns::{Columns, RowBuffer, slots_of};
use crate::exec::progress::Progress;
use crate::exec::scan::PartitionScan;
use crate::exec::union::JoinedRows;
use crate::functions::eval;
use crate::value::Value;

/// Bytes of a result's buffers, about.
const STREAM_BYTES: usize = 256 << 10;

/// A result that is made while it is pulled, in constant memory if its order allows.
#[derive(Debug)]
pub struct RowStream {
    columns: Vec<OutputColumn>,
    lsn: Lsn,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Made(std::vec::IntoIter<Vec<Value>>),
    Scanned(Box<ScannedRows>),
    Picked(Box<PickedRows>),
    Joined(Box<JoinedRows>),
}

impl RowStream {
    /// Rows that are there already.
    pub(crate) fn made(columns: Vec<OutputColumn>, lsn: Lsn, rows: Vec<Vec<Value>>) -> Self {
        Self {
            columns,
            lsn,
            source: Source::Made(rows.into_iter()),
        }
    }

    pub(crate) fn scanned(columns: Vec<OutputColumn>, rows: ScannedRows) -> Self {
        let lsn = rows.execution.state.lsn();
        Self {
            columns,
            lsn,
            source: Source::Scanned(Box::new(rows)),
        }
    }

    pub(crate) fn picked(columns: Vec<OutputColumn>, rows: PickedRows) -> Self {
        let lsn = rows.execution.state.lsn();
        Self {
            columns,
            lsn,
            source: Source::Picked(Box::new(rows)),
        }
    }

    pub(crate) fn joined(columns: Vec<OutputColumn>, lsn: Lsn, rows: JoinedRows) -> Self {
        Self {
            columns,
            lsn,
            source: Source::Joined(Box::new(rows)),
        }
    }

    /// The columns of each row.
    #[must_use]
    pub fn columns(&self) -> &[OutputColumn] {
        &self.columns
    }

    /// The state that the rows are of.
    #[must_use]
    pub const fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// Bytes of memory that it holds, about.
    pub(crate) fn held_bytes(&self) -> usize {
        let held = match &self.source {
            Source::Made(rows) => rows.as_slice().iter().map(|row| bytes_of_row(row)).sum(),
            Source::Scanned(rows) => rows.execution.budget.used(),
            Source::Picked(rows) => rows.execution.budget.used(),
            Source::Joined(rows) => rows.held_bytes(),
        };
        STREAM_BYTES.saturating_add(held)
    }

    /// The next rows; nothing at the end. A batch is never empty.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, an expression cannot be computed, or the statement has
    /// to stop. The stream is over then.
    #[expect(clippy::should_implement_trait, reason = "it returns errors first")]
    pub fn next(&mut self) -> Result<Option<Vec<Vec<Value>>>> {
        let rows = match &mut self.source {
            Source::Made(rows) => rows.take(BATCH_ROWS).collect(),
            Source::Scanned(rows) => rows.next()?,
            Source::Picked(rows) => rows.next()?,
            Source::Joined(rows) => rows.next()?,
        };
        Ok(if rows.is_empty() { None } else { Some(rows) })
    }

    /// As [`Self::next`], column by column: for many rows, which need not be values one by one.
    ///
    /// # Errors
    /// As of [`Self::next`].
    pub fn next_columns(&mut self) -> Result<Option<ColumnRows>> {
        if let Source::Scanned(rows) = &mut self.source {
            return rows.next_columns();
        }
        let width = self.columns.len();
        Ok(self.next()?.map(|rows| transposed(rows, width)))
    }
}

/// The output of subjects in the order of their ordinals.
#[derive(Debug)]
pub(crate) struct ScannedRows {
    execution: Execution,
    scan: Scan,
    output: Output,
    offset: u64,
    limit: u64,
    /// The partition to open next.
    partition: usize,
    current: Option<(PartitionScan, Columns)>,
    chunk: u16,
    audience: Box<Chunk>,
    left: Remaining,
    batch: Batch,
}

impl ScannedRows {
    /// Before the first row.
    pub(crate) fn new(execution: Execution, select: Select) -> Self {
        Self {
            execution,
            scan: select.scan,
            output: Output::new(select.output),
            offset: select.offset,
            limit: select.limit.unwrap_or(u64::MAX),
            partition: 0,
            current: None,
            chunk: 0,
            audience: Box::default(),
            left: Remaining::default(),
            batch: Batch::default(),
        }
    }

    fn next(&mut self) -> Result<Vec<Vec<Value>>> {
        match (self.next_subjects()?, &self.current) {
            (true, Some((_, columns))) => self.output.rows(columns, &self.batch),
            _ => Ok(Vec::new()),
        }
    }

    fn next_columns(&mut self) -> Result<Option<ColumnRows>> {
        match (self.next_subjects()?, &self.current) {
            (true, Some((_, columns))) => self.output.column_rows(columns, &self.batch).map(Some),
            _ => Ok(None),
        }
    }

    /// Takes the next subjects into the batch; false at the end.
    fn next_subjects(&mut self) -> Result<bool> {
        while self.limit > 0 {
            self.offset -= self.left.pass(self.offset);
            if let Some((_, columns)) = &self.current {
                let rows_max = self.output.rows_at_a_time(columns);
                let rows_max = self.limit.min(rows_max as u64) as usize;
                if self.batch.take(self.chunk, &mut self.left, rows_max) {
                    self.limit -= self.batch.len() as u64;
                    return Ok(true);
                }
            }
            if !self.advance()? {
                break;
            }
        }
        self.limit = 0;
        Ok(false)
    }

    /// Goes to the next chunk in which there is anybody.
    fn advance(&mut self) -> Result<bool> {
        loop {
            if let Some((chunks, _)) = &mut self.current
                && let Some(chunk) = chunks.next(&mut self.audience)?
            {
                self.chunk = chunk;
                self.left.reset(&self.audience);
                return Ok(true);
            }
            let partitions = self.execution.table(&self.scan.table)?.partitions();
            let Some(partition) = partitions.get(self.partition) else {
                return Ok(false);
            };
            let chunks = PartitionScan::open(&self.scan, partition, &self.execution)?;
            let columns = Columns::open(
                partition,
                &self.scan.columns,
                self.output.slots(),
                &self.execution,
            )?;
            self.current = Some((chunks, columns));
            self.partition += 1;
        }
    }
}

/// A subject: its partition's place and its ordinal.
pub(crate) type Subject = (u32, Ordinal);

/// The output of given subjects, in any order.
#[derive(Debug)]
pub(crate) struct PickedRows {
    execution: Execution,
    columns: Vec<Arc<Columns>>,
    output: Output,
    subjects: VecDeque<Subject>,
    batch: Batch,
    left: Remaining,
}

impl PickedRows {
    /// Before the first row.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub(crate) fn new(
        execution: Execution,
        scan: &Scan,
        output: Vec<Expr>,
        subjects: VecDeque<Subject>,
    ) -> Result<Self> {
        let output = Output::new(output);
        let mut columns = Vec::new();
        for partition in execution.table(&scan.table)?.partitions() {
            columns.push(Arc::new(Columns::open(
                partition,
                &scan.columns,
                output.slots(),
                &execution,
            )?));
        }
        let (batch, left) = (Batch::default(), Remaining::default());
        Ok(Self {
            execution,
            columns,
            output,
            subjects,
            batch,
            left,
        })
    }

    fn next(&mut self) -> Result<Vec<Vec<Value>>> {
        self.execution.interrupt.check()?;
        let rows_max = self
            .columns
            .first()
            .map_or(BATCH_ROWS, |columns| self.output.rows_at_a_time(columns));
        let count = self.subjects.len().min(rows_max);
        let mut wanted: Vec<(Subject, usize)> = self.subjects.drain(..count).zip(0..).collect();
        wanted.sort_unstable();
        let mut rows = vec![Vec::new(); wanted.len()];
        let mut audience = Box::<Chunk>::default();
        self.output.hand_over();
        let chunks =
            wanted.chunk_by(|((p, a), _), ((q, b), _)| p == q && chunk_of(*a) == chunk_of(*b));
        for together in chunks {
            let Some(((partition, first), _)) = together.first() else {
                continue;
            };
            let columns = self.columns.get(*partition as usize);
            let columns = columns.ok_or_else(|| Error::internal("no such partition"))?;
            audience.clear();
            together
                .iter()
                .for_each(|((_, ordinal), _)| audience.set(low_of(*ordinal)));
            self.left.reset(&audience);
            self.batch.take(chunk_of(*first), &mut self.left, rows_max);
            let made = self.output.more_rows(columns, &self.batch)?;
            for (row, (_, place)) in made.into_iter().zip(together) {
                rows[*place] = row;
            }
        }
        Ok(rows)
    }
}

/// Expressions over the columns of a scan.
#[derive(Debug)]
pub(crate) struct Output {
    exprs: Vec<Expr>,
    /// Of each of them.
    nodes: Vec<usize>,
    slots: Vec<Slot>,
    buffer: RowBuffer,
    progress: Progress,
}

impl Output {
    /// These expressions.
    pub(crate) fn new(exprs: Vec<Expr>) -> Self {
        Self {
            slots: slots_of(&exprs),
            nodes: exprs.iter().map(Expr::size).collect(),
            exprs,
            buffer: RowBuffer::default(),
            progress: Progress::default(),
        }
    }

    /// What they read.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Rows of a batch, so that their values are not too many.
    pub(crate) fn rows_at_a_time(&self, columns: &Columns) -> usize {
        let most = BATCH_VALUES / self.exprs.len().max(1);
        columns.batch_rows().min(most.max(1))
    }

    /// The rows made so far are somebody else's.
    const fn hand_over(&mut self) {
        self.progress.hand_over();
    }

    /// Their values for each row of a batch.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, an expression cannot be computed, `limit_exceeded`, or
    /// the statement has to stop.
    pub(crate) fn rows(&mut self, columns: &Columns, batch: &Batch) -> Result<Vec<Vec<Value>>> {
        self.hand_over();
        self.more_rows(columns, batch)
    }

    /// The same, which are held beside those made before.
    fn more_rows(&mut self, columns: &Columns, batch: &Batch) -> Result<Vec<Vec<Value>>> {
        let Self {
            exprs,
            nodes,
            slots,
            buffer,
            progress,
        } = self;
        let Execution {
            interrupt, budget, ..
        } = &columns.execution;
        buffer.load(columns, slots, batch)?;
        let row = |place| {
            let row = buffer.row(slots, place);
            let value = |(expr, nodes): (&Expr, &usize)| {
                progress.step(*nodes, interrupt)?;
                let value = eval(expr, row)?;
                progress.made(bytes_of(&value), budget)?;
                Ok(value)
            };
            exprs.iter().zip(&*nodes).map(value).collect()
        };
        (0..batch.len()).map(row).collect()
    }

    /// The same column by column; what is no column of the table is computed row by row.
    ///
    /// # Errors
    /// As of [`Self::rows`].
    pub(crate) fn column_rows(&mut self, columns: &Columns, batch: &Batch) -> Result<ColumnRows> {
        self.hand_over();
        let Self {
            exprs,
            nodes,
            buffer,
            progress,
            ..
        } = self;
        let Execution {
            interrupt, budget, ..
        } = &columns.execution;
        let column = |(expr, nodes): (&Expr, &usize)| {
            interrupt.check()?;
            if let ExprKind::Slot(slot) = &expr.kind {
                return columns.column(*slot, batch);
            }
            let slots = slots_of([expr]);
            buffer.load(columns, &slots, batch)?;
            let value = |place| {
                progress.step(*nodes, interrupt)?;
                let value = eval(expr, buffer.row(&slots, place))?;
                progress.made(bytes_of(&value), budget)?;
                Ok(value)
            };
            let values = (0..batch.len()).map(value);
            Ok(ColumnValues::Values(values.collect::<Result<_>>()?))
        };
        Ok(ColumnRows {
            len: batch.len(),
            columns: exprs
                .iter()
                .zip(&*nodes)
                .map(column)
                .collect::<Result<_>>()?,
        })
    }
}
