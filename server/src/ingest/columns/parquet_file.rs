//! Parquet files, row group by row group, from a scratch file: their description is at their end.

use std::io::{BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Fields, Schema, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups};
use parquet::arrow::{
    FieldLevels, ProjectionMask, parquet_to_arrow_field_levels, parquet_to_arrow_schema,
};
use parquet::basic::Type;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length, SerializedPageReader};
use tagdb_storage::engine::ScratchFile;

use super::damage::Kind;
use super::pages::{check_footer, check_pages, read_exact_at};
use super::plan::{Plan, best_types};
use crate::http::ApiResult;

/// Rows decoded at a time: few enough that their columns' memory is used again and again.
const ROWS_MAX: usize = 16_384;
/// Bytes read at a time to find the head of a page.
const BUFFER_BYTES: usize = 4 << 10;
/// Values of a column that repeats which are in memory at a time: of some rows' sets or maps.
const REPEATED_VALUES_MAX: u64 = 64 << 20;

/// A Parquet file that is being read.
#[derive(Debug)]
pub struct ParquetRows {
    file: Arc<File>,
    metadata: Arc<ParquetMetaData>,
    /// Of pages that are in memory at a time.
    page_bytes: usize,
    schema: Schema,
    levels: Option<FieldLevels>,
    /// The row group to open next.
    group: usize,
    reader: Option<Reading>,
}

struct Reading {
    batches: ParquetRecordBatchReader,
    repeated: Arc<AtomicU64>,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reading")
    }
}

impl ParquetRows {
    /// Reads the description of a file.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or asks for too much memory.
    pub fn new(file: ScratchFile) -> ApiResult<Self> {
        check_footer(&file)?;
        let file = Arc::new(File(file));
        let metadata =
            Kind::Parquet.guard(|| ParquetMetaDataReader::new().parse_and_finish(&*file))?;
        let page_bytes = check_pages(&file.0, &metadata)?;
        let described = metadata.file_metadata();
        let columns = described.schema_descr();
        // Arrow's writers leave a schema of their own in the file, which knows more types.
        let schema = Kind::Parquet
            .guard(|| parquet_to_arrow_schema(columns, described.key_value_metadata()))
            .or_else(|_| Kind::Parquet.guard(|| parquet_to_arrow_schema(columns, None)))?;
        Ok(Self {
            file,
            metadata: Arc::new(metadata),
            page_bytes,
            schema,
            levels: None,
            group: 0,
            reader: None,
        })
    }

    /// The columns.
    #[must_use]
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Bytes of memory that reading takes beside the rows, at most.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.metadata.memory_size().saturating_add(self.page_bytes)
    }

    /// Chooses how columns are best read for what becomes of them.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn prepare(&mut self, plan: &Plan) -> ApiResult<()> {
        let columns = self.metadata.file_metadata().schema_descr();
        let as_read = |fields: &Fields| {
            parquet_to_arrow_field_levels(columns, ProjectionMask::all(), Some(fields))
        };
        let roots = columns.root_schema().get_fields();
        let best = best_types(self.schema.fields(), plan);
        let best = best.iter().zip(roots).map(|(field, column)| {
            if column.is_primitive() && column.get_physical_type() == Type::INT96 {
                // Nanoseconds since 1970 have no room for all of its range.
                let kind = DataType::Timestamp(TimeUnit::Microsecond, None);
                Arc::new(field.as_ref().clone().with_data_type(kind))
            } else {
                Arc::clone(field)
            }
        });
        let best = best.collect();
        let levels = match Kind::Parquet.guard(|| as_read(&best)) {
            Ok(levels) => levels,
            // What a column cannot be read as, it is read as it is.
            Err(_) => Kind::Parquet.guard(|| as_read(self.schema.fields()))?,
        };
        self.levels = Some(levels);
        Ok(())
    }

    /// The next rows; none at the end.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn next_batch(&mut self) -> ApiResult<Option<RecordBatch>> {
        loop {
            if let Some(reading) = &mut self.reader {
                reading.repeated.store(0, Ordering::Relaxed);
                let next = Kind::Parquet.guard(|| reading.batches.next().transpose())?;
                if next.is_some() {
                    return Ok(next);
                }
            }
            if self.group >= self.metadata.num_row_groups() {
                return Ok(None);
            }
            self.reader = Some(self.open_group()?);
            self.group += 1;
        }
    }

    fn open_group(&self) -> ApiResult<Reading> {
        let repeated = Arc::new(AtomicU64::new(0));
        let group = Group {
            file: Arc::clone(&self.file),
            metadata: Arc::clone(&self.metadata),
            index: self.group,
            repeated: Arc::clone(&repeated),
        };
        let Some(levels) = &self.levels else {
            return Err(Kind::Parquet.damaged("it has no columns"));
        };
        let batches = Kind::Parquet.guard(|| {
            ParquetRecordBatchReader::try_new_with_row_groups(levels, &group, ROWS_MAX, None)
        })?;
        Ok(Reading { batches, repeated })
    }
}

/// A scratch file as the library reads it.
#[derive(Debug)]
struct File(ScratchFile);

/// A scratch file from some place on.
struct From {
    file: ScratchFile,
    at: u64,
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read_at(self.at, buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Length for File {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for File {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let from = From {
            file: self.0.clone(),
            at: start,
        };
        Ok(BufReader::with_capacity(BUFFER_BYTES, from))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.0.len()) {
            return Err(ParquetError::EOF(
                "a page lies outside of the file".to_owned(),
            ));
        }
        let mut bytes = vec![0; length];
        read_exact_at(&self.0, start, &mut bytes)?;
        Ok(bytes.into())
    }
}

/// One row group.
struct Group {
    file: Arc<File>,
    metadata: Arc<ParquetMetaData>,
    index: usize,
    /// Values that were read of columns that repeat, since the last batch.
    repeated: Arc<AtomicU64>,
}

impl RowGroups for Group {
    fn num_rows(&self) -> usize {
        let rows = self.metadata.row_group(self.index).num_rows();
        usize::try_from(rows).unwrap_or(0)
    }

    fn column_chunks(&self, column: usize) -> ParquetResult<Box<dyn PageIterator>> {
        let chunk = self.metadata.row_group(self.index).column(column);
        let file = Arc::clone(&self.file);
        let pages = SerializedPageReader::new(file, chunk, self.num_rows(), None)?;
        let is_repeated = chunk.column_descr().max_rep_level() > 0;
        let pages = Counted {
            pages,
            counter: is_repeated.then(|| Arc::clone(&self.repeated)),
        };
        Ok(Box::new(OneChunk(Some(Box::new(pages)))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata.row_group(self.index)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The pages of one column of one row group.
struct OneChunk(Option<Box<dyn PageReader>>);

impl Iterator for OneChunk {
    type Item = ParquetResult<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneChunk {}

/// Pages whose values are counted: a few bytes may stand for any number of members, of a single
/// row even.
struct Counted {
    pages: SerializedPageReader<File>,
    counter: Option<Arc<AtomicU64>>,
}

impl Iterator for Counted {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Counted {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let page = self.pages.get_next_page()?;
        if let (Some(counter), Some(page)) = (&self.counter, &page)
            && !matches!(page, Page::DictionaryPage { .. })
        {
            let values = u64::from(page.num_values());
            let so_far = counter.fetch_add(values, Ordering::Relaxed);
            if so_far.saturating_add(values) > REPEATED_VALUES_MAX {
                return Err(ParquetError::General(format!(
                    "some {ROWS_MAX} rows have more than {REPEATED_VALUES_MAX} members"
                )));
            }
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> ParquetResult<bool> {
        self.pages.at_record_boundary()
    }
}
