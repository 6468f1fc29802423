//! Records of CSV text, as bytes come in.
//!
//! A scanner of our own, since an unquoted empty cell is NULL and `""` is the empty string, and the
//! libraries do not tell the two apart.

use std::io::{self, BufRead};

use super::report::RowFault;

/// Cells of a record that are kept; more are counted as one too many.
const CELLS_MAX: usize = 8_192;

/// One record: its cells' text, unquoted.
#[derive(Debug, Default)]
pub struct Record {
    text: Vec<u8>,
    cells: Vec<CellEnd>,
}

#[derive(Clone, Copy, Debug)]
struct CellEnd {
    end: usize,
    quoted: bool,
}

/// One cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvCell<'a> {
    /// Its text, without quotes.
    pub text: &'a str,
    /// Whether it was in quotes.
    pub quoted: bool,
}

impl Record {
    /// The number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The bytes of all cells together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The cells.
    ///
    /// # Errors
    /// When the record is not UTF-8 text.
    pub fn cells(&self) -> Result<impl Iterator<Item = CsvCell<'_>>, RowFault> {
        let text = str::from_utf8(&self.text)
            .map_err(|_| RowFault::new("syntax_error", "the row is not UTF-8 text"))?;
        let mut start = 0;
        Ok(self.cells.iter().map(move |cell| {
            let from = std::mem::replace(&mut start, cell.end);
            CsvCell {
                text: &text[from..cell.end],
                quoted: cell.quoted,
            }
        }))
    }

    fn end_cell(&mut self, quoted: bool) {
        if self.cells.len() <= CELLS_MAX {
            let end = self.text.len();
            self.cells.push(CellEnd { end, quoted });
        }
    }
}

/// What the scanner found.
#[derive(Debug)]
pub enum Scanned {
    /// A record was filled.
    Record,
    /// A record was found that breaks the rules of quotes.
    Bad(RowFault),
    /// The text is at its end.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    RecordStart,
    CellStart,
    Unquoted,
    Quoted,
    /// Behind a quote inside a quoted cell: the cell's end, or half of a doubled quote.
    Quote,
    /// In a record that is not usable, up to the end of the line.
    Skipping,
}

/// Reads records from CSV text.
#[derive(Debug)]
pub struct Scanner<R> {
    source: R,
    delimiter: u8,
    record_bytes_max: usize,
}

impl<R: BufRead> Scanner<R> {
    /// A scanner of text whose cells are separated by an ASCII character.
    pub const fn new(source: R, delimiter: u8, record_bytes_max: usize) -> Self {
        Self {
            source,
            delimiter,
            record_bytes_max,
        }
    }

    /// Reads the next record; empty lines are passed over.
    ///
    /// # Errors
    /// When the source fails, or a record is larger than it may be.
    pub fn read(&mut self, record: &mut Record) -> io::Result<Scanned> {
        record.text.clear();
        record.cells.clear();
        let mut state = State::RecordStart;
        loop {
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                return Ok(end_of_text(state, record));
            }
            let (used, ended) = scan(bytes, self.delimiter, &mut state, record);
            self.source.consume(used);
            if record.text.len() > self.record_bytes_max {
                return Err(super::report::row_too_large(self.record_bytes_max));
            }
            if ended {
                return Ok(finished(state));
            }
        }
    }
}

fn finished(state: State) -> Scanned {
    if state == State::Skipping {
        let detail = "text follows the closing quote of a cell";
        return Scanned::Bad(RowFault::new("syntax_error", detail));
    }
    Scanned::Record
}

fn end_of_text(state: State, record: &mut Record) -> Scanned {
    match state {
        State::RecordStart => return Scanned::End,
        State::CellStart | State::Unquoted => record.end_cell(false),
        State::Quote => record.end_cell(true),
        State::Quoted => {
            let detail = "the text ends inside a quoted cell";
            return Scanned::Bad(RowFault::new("syntax_error", detail));
        }
        State::Skipping => {}
    }
    finished(state)
}

/// Scans until a record or the bytes end: how many bytes were used, and whether the record ended.
fn scan(bytes: &[u8], delimiter: u8, state: &mut State, record: &mut Record) -> (usize, bool) {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match *state {
            State::RecordStart if byte == b'\n' || byte == b'\r' => at += 1,
            State::RecordStart => *state = State::CellStart,
            State::CellStart if byte == b'"' => {
                *state = State::Quoted;
                at += 1;
            }
            State::CellStart => *state = State::Unquoted,
            State::Unquoted | State::Skipping => {
                let rest = &bytes[at..];
                let run = rest
                    .iter()
                    .position(|&b| b == delimiter || b == b'\n' || b == b'\r');
                let run_bytes = run.unwrap_or(rest.len());
                if *state == State::Unquoted {
                    record.text.extend_from_slice(&rest[..run_bytes]);
                }
                at += run_bytes;
                let Some(&end) = bytes.get(at) else { break };
                at += 1;
                if end != delimiter {
                    if *state == State::Unquoted {
                        record.end_cell(false);
                    }
                    return (at, true);
                }
                if *state == State::Unquoted {
                    record.end_cell(false);
                    *state = State::CellStart;
                }
            }
            State::Quoted => {
                let rest = &bytes[at..];
                let run = rest.iter().position(|&b| b == b'"');
                record
                    .text
                    .extend_from_slice(&rest[..run.unwrap_or(rest.len())]);
                at += run.map_or(rest.len(), |run| run + 1);
                if run.is_some() {
                    *state = State::Quote;
                }
            }
            State::Quote => {
                at += 1;
                match byte {
                    b'"' => {
                        record.text.push(b'"');
                        *state = State::Quoted;
                    }
                    b'\n' | b'\r' => {
                        record.end_cell(true);
                        return (at, true);
                    }
                    _ if byte == delimiter => {
                        record.end_cell(true);
                        *state = State::CellStart;
                    }
                    _ => *state = State::Skipping,
                }
            }
        }
    }
    (at, false)
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    /// Hands out a few bytes at a time, so that every state is met at a border.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn read_all(text: &[u8], step: usize) -> Vec<Result<Vec<(String, bool)>, String>> {
        let mut scanner = Scanner::new(BufReader::new(Dribble(text, step)), b',', 1000);
        let mut record = Record::default();
        let mut found = Vec::new();
        loop {
            match scanner.read(&mut record).unwrap() {
                Scanned::End => return found,
                Scanned::Bad(fault) => found.push(Err(fault.detail)),
                Scanned::Record => found.push(match record.cells() {
                    Ok(cells) => Ok(cells.map(|c| (c.text.to_owned(), c.quoted)).collect()),
                    Err(fault) => Err(fault.detail),
                }),
            }
        }
    }

    fn cells(pairs: &[(&str, bool)]) -> Vec<(String, bool)> {
        pairs.iter().map(|(t, q)| ((*t).to_owned(), *q)).collect()
    }

    type Row = &'static [(&'static str, bool)];

    #[test]
    fn cells_keep_whether_they_were_quoted() {
        let cases: &[(&str, &[Row])] = &[
            ("a,b\n", &[&[("a", false), ("b", false)]]),
            ("a,,\"\"\r\n", &[&[("a", false), ("", false), ("", true)]]),
            ("\"x\"\"y\n,z\",1", &[&[("x\"y\n,z", true), ("1", false)]]),
            ("a\n\n\r\nb", &[&[("a", false)], &[("b", false)]]),
            (",", &[&[("", false), ("", false)]]),
            ("\"\"", &[&[("", true)]]),
            ("a\"b,c", &[&[("a\"b", false), ("c", false)]]),
            ("a,", &[&[("a", false), ("", false)]]),
            ("", &[]),
            ("\n\n", &[]),
            ("é,\u{1F600}\n", &[&[("é", false), ("\u{1F600}", false)]]),
        ];
        for (text, expected) in cases {
            for step in [1, 2, 3, 1000] {
                let expected: Vec<_> = expected.iter().map(|row| Ok(cells(row))).collect();
                assert_eq!(
                    read_all(text.as_bytes(), step),
                    expected,
                    "{text:?} by {step}"
                );
            }
        }
    }

    #[test]
    fn a_bad_record_does_not_hide_the_next() {
        for step in [1, 1000] {
            let found = read_all(b"a\n\"b\"c,\"d\n\"e\"\n\xFF,1\nf", step);
            assert_eq!(found.len(), 5, "{found:?}");
            assert!(found[1].as_ref().unwrap_err().contains("closing quote"));
            assert_eq!(found[2], Ok(cells(&[("e", true)])));
            assert!(found[3].as_ref().unwrap_err().contains("UTF-8"));
            assert_eq!(found[4], Ok(cells(&[("f", false)])));
        }
    }

    #[test]
    fn an_open_quote_is_told() {
        let found = read_all(b"a\n\"b", 1);
        assert!(found[1].as_ref().unwrap_err().contains("ends inside"));
    }

    #[test]
    fn records_are_bounded() {
        let text = format!("\"{}", "x".repeat(5000));
        let mut scanner = Scanner::new(BufReader::with_capacity(64, text.as_bytes()), b',', 1000);
        assert!(scanner.read(&mut Record::default()).is_err());
        let commas = ",".repeat(CELLS_MAX * 2);
        let mut scanner = Scanner::new(commas.as_bytes(), b',', 1 << 20);
        let mut record = Record::default();
        scanner.read(&mut record).unwrap();
        assert_eq!(record.len(), CELLS_MAX + 1);
    }

    #[test]
    fn what_the_csv_crate_writes_is_read_back() {
        let seed = 0x5EED_0001_u64;
        let mut state = seed;
        let mut next = |bound: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as usize % bound
        };
        for case in 0..500 {
            let width = 1 + next(4);
            let rows: Vec<Vec<String>> = (0..next(5))
                .map(|_| {
                    let cell = |next: &mut dyn FnMut(usize) -> usize| -> String {
                        let alphabet = ["a", "\"", ",", "\n", "\r", " ", "é"];
                        (0..next(5))
                            .map(|_| alphabet[next(alphabet.len())])
                            .collect()
                    };
                    (0..width).map(|_| cell(&mut next)).collect()
                })
                .collect();
            let mut writer = ::csv::WriterBuilder::new()
                .quote_style(::csv::QuoteStyle::Always)
                .from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let expected: Vec<_> = rows
                .into_iter()
                .map(|row| Ok(row.into_iter().map(|cell| (cell, true)).collect()))
                .collect();
            assert_eq!(
                read_all(&text, 1 + case % 7),
                expected,
                "seed {seed} case {case}"
            );
        }
    }
}
