//! Uploads that come by columns: one thread reads and decodes, the other converts and writes.

use std::io::BufRead;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use arrow_array::{Array, RecordBatch};
use arrow_schema::Schema;
use tagdb_storage::batch::RowBatch;
use tagdb_storage::column_batch::ColumnBatch;
use tagdb_wire::OnError;

use super::{LOAD_ROWS_MIN, Reading, Sink};
use crate::http::{ApiError, ApiResult};
use crate::ingest::columns::{ArrowStream, Converter, ParquetRows, Plan, without};

/// Decoded batches that wait to be written.
const WAITING_MAX: usize = 2;
/// Decoded batches in memory: those that wait, one that is being read and one being written.
const BATCHES_MAX: usize = WAITING_MAX + 2;

/// Record batches as they are read.
enum Batches<R> {
    Arrow(ArrowStream<R>),
    Parquet(ParquetRows),
}

impl<R: BufRead> Batches<R> {
    fn schema(&self) -> &Schema {
        match self {
            Self::Arrow(stream) => stream.schema(),
            Self::Parquet(rows) => rows.schema(),
        }
    }

    /// Bytes of memory that reading takes beside the batches; a stream counts its own.
    fn memory_bytes(&self) -> usize {
        match self {
            Self::Arrow(_) => 0,
            Self::Parquet(rows) => rows.memory_bytes(),
        }
    }

    fn next_batch(&mut self) -> ApiResult<Option<RecordBatch>> {
        match self {
            Self::Arrow(stream) => stream.next_batch(),
            Self::Parquet(rows) => rows.next_batch(),
        }
    }

    /// Hands over all batches, or the error that ends them.
    fn send(mut self, to: &SyncSender<ApiResult<RecordBatch>>) {
        while let Some(next) = self.next_batch().transpose() {
            let failed = next.is_err();
            // Whoever has stopped listening needs no more.
            if to.send(next).is_err() || failed {
                return;
            }
        }
    }
}

impl Reading<'_> {
    /// Reads an Arrow stream.
    pub(super) fn read_arrow(&mut self, source: &mut (impl BufRead + Send)) -> ApiResult<()> {
        let stream = ArrowStream::counted(source, self.held.another())?;
        let plan = Plan::new(Arc::clone(&self.target), stream.schema())?;
        self.read_batches(Batches::Arrow(stream), plan)
    }

    /// Reads a Parquet file, which has to be whole before it can be read.
    pub(super) fn read_parquet<R: BufRead + Send>(&mut self, source: &mut R) -> ApiResult<()> {
        let mut file = self.engine.scratch_file()?;
        loop {
            let bytes = source.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            file.append(bytes)?;
            let count = bytes.len();
            source.consume(count);
        }
        let mut rows = ParquetRows::new(file)?;
        let plan = Plan::new(Arc::clone(&self.target), rows.schema())?;
        rows.prepare(&plan)?;
        self.read_batches(Batches::<R>::Parquet(rows), plan)
    }

    fn read_batches<R: BufRead + Send>(
        &mut self,
        batches: Batches<R>,
        plan: Plan,
    ) -> ApiResult<()> {
        debug_assert!(!batches.schema().fields().is_empty());
        let mut converter = Converter::new(plan);
        self.read_bytes = batches.memory_bytes();
        self.hold(0)?;
        thread::scope(|scope| {
            let (to, from) = sync_channel(WAITING_MAX);
            scope.spawn(move || batches.send(&to));
            for batch in from {
                self.check_cancelled()?;
                let batch = batch?;
                let decoded = BATCHES_MAX.saturating_mul(bytes_of(&batch));
                self.hold(decoded + converter.bytes())?;
                self.add(&mut converter, batch)?;
            }
            self.check_report()?;
            if converter.rows() == 0 {
                return Ok(());
            }
            if converter.rows() >= LOAD_ROWS_MIN as usize {
                self.begin_load()?;
            }
            self.push_columns(converter.take())
        })
    }

    fn add(&mut self, converter: &mut Converter, mut batch: RecordBatch) -> ApiResult<()> {
        while batch.num_rows() > 0 {
            let (count, faults) = converter.add(&batch)?;
            if !faults.is_empty() {
                let good = without(&batch.slice(0, count), &faults)
                    .map_err(|error| ApiError::internal(error.to_string()))?;
                for (row, fault) in faults {
                    self.report.add(self.rows + u64::from(row) + 1, fault);
                }
                if self.report.rejected >= super::ERRORS_MAX as u64 {
                    self.check_report()?;
                }
                if self.upload.on_error == OnError::Skip && good.num_rows() > 0 {
                    let (_, faults) = converter.add(&good)?;
                    if !faults.is_empty() {
                        return Err(ApiError::internal("a good row is bad"));
                    }
                }
            }
            self.rows += count as u64;
            batch = batch.slice(count, batch.num_rows() - count);
            if converter.is_full() {
                self.check_report()?;
                self.begin_load()?;
                self.push_columns(converter.take())?;
            }
        }
        Ok(())
    }

    fn push_columns(&mut self, batch: ColumnBatch) -> ApiResult<()> {
        match &mut self.sink {
            Sink::Load(loader) => {
                loader.push_columns(&batch)?;
                self.weigh_sink();
                self.hold(batch.bytes())
            }
            Sink::Write(_) | Sink::Delete(_) => self.push_held(RowBatch::from(batch)),
        }
    }
}

/// Bytes of a batch's values; columns may lie in one buffer together.
fn bytes_of(batch: &RecordBatch) -> usize {
    let columns = batch.columns().iter();
    let bytes = columns.map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
    bytes.sum()
}
