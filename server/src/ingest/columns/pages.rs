//! A look at a Parquet file's own description and at the heads of its pages, before the library
//! takes memory for what they claim.

use std::io;

use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use tagdb_storage::engine::ScratchFile;

use super::PIECE_BYTES_MAX;
use super::damage::Kind;
use super::thrift::{self, Fault, Thrift};
use crate::http::ApiResult;

/// What a file begins and ends with.
const SIGNATURE: &[u8] = b"PAR1";
/// Bytes of the length and signature at a file's end.
const TAIL_BYTES: u64 = 8;
/// Bytes of the description at a file's end.
const FOOTER_BYTES_MAX: usize = 64 << 20;
/// Columns inside each other.
const SCHEMA_DEPTH_MAX: usize = 16;
/// Bytes of a page's head that are looked at first.
const HEAD_BYTES: usize = 4 << 10;
/// Bytes of a page's head, statistics included.
const HEAD_BYTES_MAX: usize = 1 << 20;
/// Values of a page of a column that may repeat: members of sets, entries of maps.
const REPEATED_VALUES_MAX: i64 = 16 << 20;

/// Checks the description at a file's end, as far as the library believes it.
///
/// # Errors
/// It is damaged, too large, or nested too deeply.
pub(super) fn check_footer(file: &ScratchFile) -> ApiResult<()> {
    let damaged = |why: &str| Kind::Parquet.damaged(why);
    let mut tail = [0; TAIL_BYTES as usize];
    if file.len() < TAIL_BYTES + SIGNATURE.len() as u64 {
        return Err(damaged("it is cut short"));
    }
    read_exact_at(file, file.len() - TAIL_BYTES, &mut tail)?;
    let (len, signature) = tail.split_at(4);
    if signature != SIGNATURE {
        return Err(damaged(
            "it does not end with PAR1, so it is cut short, or encrypted",
        ));
    }
    let len = u32::from_le_bytes([len[0], len[1], len[2], len[3]]) as usize;
    if len > FOOTER_BYTES_MAX {
        return Err(Kind::Parquet.too_large("bytes of the footer", len as u64, FOOTER_BYTES_MAX));
    }
    let Some(start) = (file.len() - TAIL_BYTES).checked_sub(len as u64) else {
        return Err(damaged("its footer is longer than the file"));
    };
    let mut footer = vec![0; len];
    read_exact_at(file, start, &mut footer)?;
    let mut is_flat_enough = true;
    let read = Thrift::new(&footer).structure(&mut |footer, id, kind| {
        let is_schema = id == 2 && kind == thrift::Kind::List;
        if is_schema {
            is_flat_enough &= schema_depth(footer)? <= SCHEMA_DEPTH_MAX;
        }
        Ok(is_schema)
    });
    match read {
        Ok(()) if is_flat_enough => Ok(()),
        Ok(()) => Err(damaged("its columns are nested too deeply")),
        Err(_) => Err(damaged("its footer is damaged")),
    }
}

/// How deep the columns of a schema lie in each other; they come in the order of a walk through
/// their tree, each with the number of those inside it.
fn schema_depth(footer: &mut Thrift<'_>) -> Result<usize, Fault> {
    let (kind, count) = footer.list()?;
    if kind != thrift::Kind::Struct && count > 0 {
        return Err(Fault::Malformed);
    }
    let mut deepest = 0;
    // For each column that is open, how many of those inside it are to come.
    let mut open: Vec<i64> = Vec::new();
    for _ in 0..count {
        let mut children = 0;
        footer.structure(&mut |column, id, kind| {
            let is_count = id == 5 && kind == thrift::Kind::Int;
            if is_count {
                children = column.int()?;
            }
            Ok(is_count)
        })?;
        while open.last() == Some(&0) {
            open.pop();
        }
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        if children > 0 {
            open.push(children);
        }
        deepest = deepest.max(open.len());
        if deepest > SCHEMA_DEPTH_MAX {
            return Ok(deepest);
        }
    }
    Ok(deepest)
}

/// Checks the heads of all pages, and tells how many bytes are in memory at most while the columns
/// of a row group are read side by side.
///
/// # Errors
/// A page lies outside the file, or is larger than it may be.
pub(super) fn check_pages(file: &ScratchFile, metadata: &ParquetMetaData) -> ApiResult<usize> {
    let mut most = 0;
    for group in metadata.row_groups() {
        if group.num_rows() < 0 {
            return Err(Kind::Parquet.damaged("it has less than no rows"));
        }
        let mut together = 0_usize;
        for column in group.columns() {
            together = together.saturating_add(check_column(file, column)?);
        }
        most = most.max(together);
    }
    Ok(most)
}

/// Checks the heads of a column's pages, and tells how many bytes its dictionary and one page take.
fn check_column(file: &ScratchFile, column: &ColumnChunkMetaData) -> ApiResult<usize> {
    let outside = || Kind::Parquet.damaged("a column lies outside of the file");
    let start = column
        .dictionary_page_offset()
        .unwrap_or(column.data_page_offset());
    let mut at = u64::try_from(start).map_err(|_| outside())?;
    let len = u64::try_from(column.compressed_size()).map_err(|_| outside())?;
    let end = at.checked_add(len).filter(|end| *end <= file.len());
    let end = end.ok_or_else(outside)?;
    let is_repeated = column.column_descr().max_rep_level() > 0;
    let (mut dictionary, mut page) = (0, 0);
    while at < end {
        let (head, head_len) = read_head(file, at, end)?;
        head.check(is_repeated)?;
        // As it is in the file, and decompressed.
        let held = head.packed.saturating_add(head.unpacked);
        if head.is_dictionary {
            dictionary = held.max(dictionary);
        } else {
            page = held.max(page);
        }
        at = at
            .checked_add(head_len + head.packed.cast_unsigned())
            .filter(|next| *next <= end)
            .ok_or_else(|| Kind::Parquet.damaged("a page is longer than its column"))?;
    }
    Ok(usize::try_from(dictionary + page).unwrap_or(usize::MAX))
}

/// What the head of a page claims.
#[derive(Debug, Default)]
struct Head {
    unpacked: i64,
    packed: i64,
    values: i64,
    is_dictionary: bool,
}

impl Head {
    fn check(&self, is_repeated: bool) -> ApiResult<()> {
        if self.unpacked < 0 || self.packed < 0 || self.values < 0 {
            return Err(Kind::Parquet.damaged("a page has less than no bytes or values"));
        }
        let most = self.unpacked.max(self.packed);
        if most > PIECE_BYTES_MAX as i64 {
            let what = "bytes of a page";
            return Err(Kind::Parquet.too_large(what, most.cast_unsigned(), PIECE_BYTES_MAX));
        }
        if self.is_dictionary && self.values > self.unpacked {
            return Err(Kind::Parquet.damaged("a dictionary has more values than bytes"));
        }
        if is_repeated && self.values > REPEATED_VALUES_MAX {
            let what = "values of a page";
            let most = REPEATED_VALUES_MAX as usize;
            return Err(Kind::Parquet.too_large(what, self.values.cast_unsigned(), most));
        }
        Ok(())
    }
}

/// A page's head, and its length.
fn read_head(file: &ScratchFile, at: u64, end: u64) -> ApiResult<(Head, u64)> {
    let mut len = HEAD_BYTES;
    loop {
        let left = usize::try_from(end - at).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len.min(left)];
        read_exact_at(file, at, &mut bytes)?;
        let mut thrift = Thrift::new(&bytes);
        let mut head = Head::default();
        match thrift.structure(&mut |thrift, id, kind| head.field(thrift, id, kind)) {
            Ok(()) => return Ok((head, thrift.position() as u64)),
            Err(Fault::TooShort) if len < left && len < HEAD_BYTES_MAX => len *= 16,
            Err(_) => return Err(Kind::Parquet.damaged("the head of a page is damaged")),
        }
    }
}

impl Head {
    fn field(
        &mut self,
        thrift: &mut Thrift<'_>,
        id: i64,
        kind: thrift::Kind,
    ) -> Result<bool, Fault> {
        match (id, kind) {
            (2, thrift::Kind::Int) => self.unpacked = thrift.int()?,
            (3, thrift::Kind::Int) => self.packed = thrift.int()?,
            // Data pages of both versions and dictionaries all begin with their number of values.
            (5 | 7 | 8, thrift::Kind::Struct) => {
                self.is_dictionary |= id == 7;
                let values = &mut self.values;
                thrift.structure(&mut |inner, id, kind| {
                    let is_count = id == 1 && kind == thrift::Kind::Int;
                    if is_count {
                        *values = inner.int()?;
                    }
                    Ok(is_count)
                })?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Fills a buffer from an offset.
///
/// # Errors
/// The file cannot be read, or ends too early.
pub(super) fn read_exact_at(file: &ScratchFile, at: u64, buffer: &mut [u8]) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(at + done as u64, &mut buffer[done..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
