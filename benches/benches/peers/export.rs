//! Keys out of the database: what an export of an audience costs before anything is sent.

use tagdb_benches::questions::EXPORT;
use tagdb_benches::report::Report;
use tagdb_benches::sql::stream;
use tagdb_benches::subjects::Result;
use tagdb_benches::timing::Repeat;
use tagdb_query::{ColumnValues, Database, push_lines};

pub(crate) fn measure(
    database: &Database,
    state: &str,
    keys: u64,
    report: &mut Report,
) -> Result<()> {
    type Write = fn(&Database, &mut Vec<u8>) -> tagdb_query::Result<u64>;
    let forms: [(&str, Write); 2] = [("CSV", csv), ("binary", binary)];
    for (form, write) in forms {
        let mut out = Vec::new();
        let found = write(database, &mut out)?;
        if found != keys {
            return Err(format!("{state}: {found} keys exported, not {keys}").into());
        }
        let times = Repeat::QUERY.times(|| {
            out.clear();
            write(database, &mut out).map(drop)
        })?;
        let item = format!("{state}: Q4 export ids {form}");
        report.times(&item, times, &format!("keys={keys} bytes={}", out.len()))?;
    }
    Ok(())
}

/// A key a line. No key here needs quotes.
fn csv(database: &Database, out: &mut Vec<u8>) -> tagdb_query::Result<u64> {
    let mut digits = itoa::Buffer::new();
    each(database, |keys| match keys {
        ColumnValues::Texts { bytes, ends, .. } => push_lines(bytes.as_bytes(), ends, out),
        ColumnValues::Numbers { values, .. } => {
            for key in values {
                out.extend_from_slice(digits.format(*key).as_bytes());
                out.push(b'\n');
            }
        }
        ColumnValues::Values(_) => {}
    })
}

/// The keys as Arrow has them: 8 bytes each, or their bytes and the ends of the keys in them.
fn binary(database: &Database, out: &mut Vec<u8>) -> tagdb_query::Result<u64> {
    each(database, |keys| match keys {
        ColumnValues::Texts { bytes, ends, .. } => {
            out.extend_from_slice(bytes.as_bytes());
            push_each(ends, u32::to_le_bytes, out);
        }
        ColumnValues::Numbers { values, .. } => push_each(values, i64::to_le_bytes, out),
        ColumnValues::Values(_) => {}
    })
}

fn push_each<T: Copy, const N: usize>(
    numbers: &[T],
    bytes_of: impl Fn(T) -> [u8; N],
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.resize(start + N * numbers.len(), 0);
    let (places, _) = out[start..].as_chunks_mut();
    for (place, number) in places.iter_mut().zip(numbers) {
        *place = bytes_of(*number);
    }
}

/// The one place that knows in what form rows leave the query crate.
fn each(database: &Database, mut visit: impl FnMut(&ColumnValues)) -> tagdb_query::Result<u64> {
    let mut rows = stream(database, EXPORT)?;
    let mut count = 0;
    while let Some(batch) = rows.next_columns()? {
        if let [keys] = &batch.columns[..] {
            visit(keys);
            count += match keys {
                ColumnValues::Texts { ends, .. } => ends.len(),
                ColumnValues::Numbers { values, .. } => values.len(),
                ColumnValues::Values(values) => values.len(),
            } as u64;
        }
    }
    Ok(count)
}
