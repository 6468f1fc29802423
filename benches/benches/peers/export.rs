//! Keys out of the database: what an export of an audience costs before anything is sent.

use tagdb_benches::questions::EXPORT;
use tagdb_benches::report::Report;
use tagdb_benches::sql::stream;
use tagdb_benches::subjects::Result;
use tagdb_benches::timing::Repeat;
use tagdb_query::{Database, Value};

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
    each(database, |key| {
        out.extend_from_slice(key.as_bytes());
        out.push(b'\n');
    })
}

/// The length of each key, in one byte, and its bytes: what a binary row format writes of strings
/// below 128 bytes.
fn binary(database: &Database, out: &mut Vec<u8>) -> tagdb_query::Result<u64> {
    each(database, |key| {
        out.push(key.len() as u8);
        out.extend_from_slice(key.as_bytes());
    })
}

/// The one place that knows in what form rows leave the query crate.
fn each(database: &Database, mut visit: impl FnMut(&str)) -> tagdb_query::Result<u64> {
    let mut rows = stream(database, EXPORT)?;
    let mut count = 0;
    while let Some(batch) = rows.next()? {
        for row in &batch {
            if let [Value::Text(key)] = &row[..] {
                visit(key);
                count += 1;
            }
        }
    }
    Ok(count)
}
