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
    each(database, |bytes, ends| push_lines(bytes, ends, out))
}

/// The keys' bytes and the ends of the keys in them, as Arrow has them.
fn binary(database: &Database, out: &mut Vec<u8>) -> tagdb_query::Result<u64> {
    each(database, |bytes, ends| {
        out.extend_from_slice(bytes);
        let start = out.len();
        out.resize(start + 4 * ends.len(), 0);
        let (places, _) = out[start..].as_chunks_mut();
        for (place, end) in places.iter_mut().zip(ends) {
            *place = end.to_le_bytes();
        }
    })
}

/// The one place that knows in what form rows leave the query crate.
fn each(database: &Database, mut visit: impl FnMut(&[u8], &[u32])) -> tagdb_query::Result<u64> {
    let mut rows = stream(database, EXPORT)?;
    let mut count = 0;
    while let Some(batch) = rows.next_columns()? {
        if let [ColumnValues::Texts { bytes, ends, .. }] = &batch.columns[..] {
            visit(bytes.as_bytes(), ends);
            count += ends.len() as u64;
        }
    }
    Ok(count)
}
