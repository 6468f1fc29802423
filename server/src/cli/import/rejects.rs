//! Copies rejected rows, to be mended and imported again.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::path::Path;
use std::rc::Rc;

use tagdb::ingest::csv::{Record, Scanned, Scanner};

use crate::cli::failure::Failure;
use crate::cli::import::source::{Again, Form};

/// Bytes of a record; the server's own limit is lower.
const RECORD_BYTES_MAX: usize = 64 << 20;

/// Copies the rows of these numbers (from 1, rising) as they are, under the file's header.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn copy(source: &Again, rows: &[u64], path: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::file(path, &error);
    let text = source.text()?;
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    match source.form {
        Form::Csv(delimiter) => copy_csv(text, delimiter, rows, &mut file),
        // Rows of the other forms have no text to copy; whoever asks for it is told before.
        Form::NdJson | Form::Parquet | Form::Arrow => copy_lines(text, rows, &mut file),
    }
    .and_then(|()| file.flush())
    .map_err(failed)
}

fn copy_csv(
    text: impl BufRead,
    delimiter: u8,
    rows: &[u64],
    out: &mut impl Write,
) -> io::Result<()> {
    let used = Rc::new(RefCell::new(Vec::new()));
    let tee = Tee {
        source: text,
        used: Rc::clone(&used),
    };
    let mut scanner = Scanner::new(tee, delimiter, RECORD_BYTES_MAX);
    let mut record = Record::default();
    let mut wanted = rows.iter().copied().peekable();
    // The header is row 0.
    for row in 0_u64.. {
        if row > 0 && wanted.peek().is_none() {
            return Ok(());
        }
        if let Scanned::End = scanner.read(&mut record)? {
            return Ok(());
        }
        let mut bytes = used.borrow_mut();
        if row == 0 || wanted.next_if_eq(&row).is_some() {
            // The end of the line before may come with the record.
            out.write_all(without_line_ends(&bytes))?;
            out.write_all(b"\n")?;
        }
        bytes.clear();
    }
    Ok(())
}

fn copy_lines(text: impl BufRead, rows: &[u64], out: &mut impl Write) -> io::Result<()> {
    let mut wanted = rows.iter().copied().peekable();
    let mut row = 0;
    for line in text.split(b'\n') {
        let line = line?;
        if wanted.peek().is_none() {
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        row += 1;
        if wanted.next_if_eq(&row).is_some() {
            out.write_all(&line)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

fn without_line_ends(mut bytes: &[u8]) -> &[u8] {
    while let [b'\r' | b'\n', rest @ ..] | [rest @ .., b'\r' | b'\n'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Keeps what is read through it.
struct Tee<R> {
    source: R,
    used: Rc<RefCell<Vec<u8>>>,
}

impl<R: BufRead> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Tee<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        // What was filled last is still there: only consuming ends it.
        if let Ok(bytes) = self.source.fill_buf() {
            let bytes = bytes.get(..count).unwrap_or(bytes);
            self.used.borrow_mut().extend_from_slice(bytes);
        }
        self.source.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_csv_are_copied_as_they_are() {
        let text = "a,b\r\n1,x\r\n\r\n2,\"y\n,\"\"z\"\r\n3,\"open\"x\n4,\"\"";
        for (rows, expected) in [
            (&[][..], "a,b\n"),
            (&[1], "a,b\n1,x\n"),
            (&[2, 4], "a,b\n2,\"y\n,\"\"z\"\n4,\"\"\n"),
            (&[3], "a,b\n3,\"open\"x\n"),
            (&[9], "a,b\n"),
        ] {
            for capacity in [1, 3, 1000] {
                let source = io::BufReader::with_capacity(capacity, text.as_bytes());
                let mut copied = Vec::new();
                copy_csv(source, b',', rows, &mut copied).unwrap();
                assert_eq!(String::from_utf8(copied).unwrap(), expected, "{rows:?}");
            }
        }
    }

    #[test]
    fn lines_are_copied_by_number_of_row() {
        let text = "{\"a\":1}\n\n  \n{\"a\":2}\n{\"a\":3}";
        let mut copied = Vec::new();
        copy_lines(text.as_bytes(), &[2, 3], &mut copied).unwrap();
        assert_eq!(copied, b"{\"a\":2}\n{\"a\":3}\n");
    }
}
