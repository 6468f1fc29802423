//! The file of an import: what it is, and its text.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tagdb_client::Encoding;
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::cli::failure::Failure;
use crate::cli::infer::{Sample, read_arrow, read_csv, read_ndjson, read_parquet};

/// Bytes of standard input that are looked at before they are sent.
const SAMPLE_BYTES: usize = 4 << 20;
/// Bytes of a file from which its form is told.
const HEAD_BYTES: usize = 64 << 10;
/// Bytes read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// With a header; cells are parted by this character.
    Csv(u8),
    /// An object a line.
    NdJson,
    /// Columns, described at the file's end.
    Parquet,
    /// Record batches.
    Arrow,
}

impl Form {
    /// Whether rows are lines of text.
    pub(crate) const fn is_text(self) -> bool {
        matches!(self, Self::Csv(_) | Self::NdJson)
    }
}

/// The file of an import.
#[derive(Debug)]
pub(crate) struct Source {
    input: Input,
    pub(crate) form: Form,
    pub(crate) encoding: Option<Encoding>,
}

#[derive(Debug)]
enum Input {
    File(PathBuf),
    /// The beginning, and whether that was all.
    Stdin(Vec<u8>, bool),
}

/// A source that can be read again.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    path: PathBuf,
    pub(crate) form: Form,
    encoding: Option<Encoding>,
}

/// The bytes of a source as they are sent.
#[derive(Debug)]
pub(crate) enum Raw {
    File(PathBuf),
    /// What was read of standard input, with more to come unless that was all.
    Stdin(Vec<u8>, bool),
}

impl Source {
    /// Finds out what a file is; `-` is standard input.
    ///
    /// # Errors
    /// It cannot be read, or is of a form that is not taken.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::file(path, &error);
        let (input, head) = if path == Path::new("-") {
            let mut head = Vec::new();
            let limit = SAMPLE_BYTES as u64;
            let stdin = io::stdin().lock();
            stdin.take(limit).read_to_end(&mut head).map_err(failed)?;
            let is_all = head.len() < SAMPLE_BYTES;
            (Input::Stdin(head.clone(), is_all), head)
        } else {
            let mut head = Vec::new();
            let file = File::open(path).map_err(failed)?;
            file.take(HEAD_BYTES as u64)
                .read_to_end(&mut head)
                .map_err(failed)?;
            (Input::File(path.to_owned()), head)
        };
        let encoding = encoding_of(&head);
        let mut text = Vec::new();
        decode(encoding, Cursor::new(head))
            .map_err(failed)?
            .take(HEAD_BYTES as u64)
            .read_to_end(&mut text)
            // The beginning of a compressed file need not decode to its end.
            .or_else(|error| if text.is_empty() { Err(error) } else { Ok(0) })
            .map_err(failed)?;
        let form = form_of(path, &text).map_err(Failure::Failed)?;
        Ok(Self {
            input,
            form,
            encoding,
        })
    }

    /// Says that an option needs a file, if this is none.
    ///
    /// # Errors
    /// This is standard input.
    pub(crate) fn require_file(&self, option: &str) -> Result<(), Failure> {
        match self.input {
            Input::File(_) => Ok(()),
            Input::Stdin(..) => Err(Failure::Usage(format!(
                "{option} needs a file, which can be read a second time"
            ))),
        }
    }

    /// What it is, for people.
    pub(crate) fn describe(&self) -> String {
        let form = match self.form {
            Form::Csv(b',') => "CSV".to_owned(),
            Form::Csv(b'\t') => "CSV with tabs between cells".to_owned(),
            Form::Csv(delimiter) => {
                format!("CSV with {:?} between cells", char::from(delimiter))
            }
            Form::NdJson => "NDJSON".to_owned(),
            Form::Parquet => "Parquet".to_owned(),
            Form::Arrow => "Arrow".to_owned(),
        };
        match self.encoding {
            None => form,
            Some(Encoding::Gzip) => format!("{form}, gzip"),
            Some(Encoding::Zstd) => format!("{form}, zstd"),
        }
    }

    /// What is known of its columns: of the whole file, or of the beginning of standard input.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn sample(&self) -> Result<Sample, Failure> {
        match &self.input {
            Input::File(path) if self.form == Form::Parquet && self.encoding.is_none() => {
                read_parquet(File::open(path).map_err(|error| Failure::file(path, &error))?)
            }
            Input::Stdin(_, false) if self.form == Form::Arrow => Err(Failure::Usage(
                "name a file, which can be read a second time".to_owned(),
            )),
            Input::File(_) => {
                let again = self.file();
                let text = again.as_ref().map(Again::text).transpose()?;
                let text = text.unwrap_or_else(|| Box::new(io::empty()));
                read_sample(self.form, text, true)
            }
            Input::Stdin(head, is_all) => {
                let text = decode(self.encoding, Cursor::new(head.clone()))
                    .map_err(|error| Failure::Failed(format!("standard input: {error}")))?;
                if *is_all {
                    read_sample(self.form, Box::new(BufReader::new(text)), true)
                } else {
                    let text = Lenient(text);
                    read_sample(self.form, Box::new(BufReader::new(text)), false)
                }
            }
        }
    }

    /// The file, to be read again; nothing for standard input.
    pub(crate) fn file(&self) -> Option<Again> {
        match &self.input {
            Input::File(path) => Some(Again {
                path: path.clone(),
                form: self.form,
                encoding: self.encoding,
            }),
            Input::Stdin(..) => None,
        }
    }

    /// The bytes to send.
    pub(crate) fn into_raw(self) -> Raw {
        match self.input {
            Input::File(path) => Raw::File(path),
            Input::Stdin(head, is_all) => Raw::Stdin(head, is_all),
        }
    }
}

impl Again {
    /// Its text from the beginning.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn text(&self) -> Result<Box<dyn BufRead>, Failure> {
        let failed = |error: io::Error| Failure::file(&self.path, &error);
        let file = File::open(&self.path).map_err(failed)?;
        let text = decode(self.encoding, file).map_err(failed)?;
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, text)))
    }
}

fn read_sample(form: Form, text: Box<dyn BufRead>, complete: bool) -> Result<Sample, Failure> {
    match form {
        Form::Csv(delimiter) => read_csv(text, delimiter, complete),
        Form::NdJson => read_ndjson(text, complete),
        Form::Arrow => read_arrow(text),
        Form::Parquet => Err(Failure::Usage(
            "name a Parquet file itself: its description is at its end".to_owned(),
        )),
    }
}

fn decode(encoding: Option<Encoding>, bytes: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    Ok(match encoding {
        None => Box::new(bytes),
        Some(Encoding::Gzip) => Box::new(MultiGzDecoder::new(bytes)),
        Some(Encoding::Zstd) => Box::new(ZstdDecoder::new(bytes)?),
    })
}

/// Ends where it fails: compressed bytes that are cut do not decode to their end.
struct Lenient<R>(R);

impl<R: Read> Read for Lenient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.0.read(buffer).unwrap_or(0))
    }
}

/// The compression, by the first bytes.
fn encoding_of(head: &[u8]) -> Option<Encoding> {
    match head {
        [0x1F, 0x8B, ..] => Some(Encoding::Gzip),
        [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Encoding::Zstd),
        _ => None,
    }
}

/// The form, by the name's ending or else the first characters.
fn form_of(path: &Path, head: &[u8]) -> Result<Form, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let name = [".gz", ".zst", ".zstd"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(&name);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let first = text.trim_ascii_start().first();
    match ending {
        "csv" => Ok(Form::Csv(delimiter_of(text))),
        "tsv" | "tab" => Ok(Form::Csv(b'\t')),
        "ndjson" | "jsonl" => Ok(Form::NdJson),
        "parquet" => Ok(Form::Parquet),
        "arrow" | "arrows" | "feather" => Ok(Form::Arrow),
        "avro" | "orc" | "xlsx" => Err(format!(
            "{ending} is not read: write the rows as Parquet, Arrow, CSV or NDJSON"
        )),
        _ if first == Some(&b'[') => Err(
            "this is a JSON array: write NDJSON, an object a line (jq -c '.[]' does)".to_owned(),
        ),
        _ if first == Some(&b'{') => Ok(Form::NdJson),
        _ if text.starts_with(b"PAR1") => Ok(Form::Parquet),
        _ if text.starts_with(b"ARROW1") || text.starts_with(&[0xFF; 4]) => Ok(Form::Arrow),
        _ => Ok(Form::Csv(delimiter_of(text))),
    }
}

/// What parts the names of the header: the most frequent candidate outside of quotes, or else a
/// comma.
fn delimiter_of(text: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut is_quoted = false;
    for byte in text {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if !is_quoted => break,
            _ if is_quoted => {}
            _ => {
                let found = counts.iter_mut().find(|(candidate, _)| candidate == byte);
                if let Some((_, count)) = found {
                    *count += 1;
                }
            }
        }
    }
    // The last of equals would win, and a comma is to.
    counts
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map_or(b',', |(delimiter, _)| delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_by_ending_or_content() {
        for (name, head, form) in [
            ("a.csv", "x,y\n", Form::Csv(b',')),
            ("a.CSV.gz", "x;y,z;w\n1,2,3,4\n", Form::Csv(b';')),
            ("a.csv", "\"x;y\",z\n", Form::Csv(b',')),
            ("a.csv", "x\n;;;\n", Form::Csv(b',')),
            ("a.tsv", "x,y\n", Form::Csv(b'\t')),
            ("a.ndjson.zst", "", Form::NdJson),
            ("a.jsonl", "{", Form::NdJson),
            ("-", "  {\"a\":1}\n", Form::NdJson),
            ("-", "a|b\n", Form::Csv(b'|')),
            ("a.json", "\u{feff}{", Form::NdJson),
            ("a", "", Form::Csv(b',')),
            ("a.parquet", "", Form::Parquet),
            ("a", "PAR1", Form::Parquet),
            ("a.arrow.zst", "", Form::Arrow),
            ("-", "ARROW1", Form::Arrow),
        ] {
            assert_eq!(
                form_of(Path::new(name), head.as_bytes()),
                Ok(form),
                "{name}"
            );
        }
        for (name, head) in [("a.orc", ""), ("a.json", " [{}]"), ("a.xlsx", "PK")] {
            assert!(form_of(Path::new(name), head.as_bytes()).is_err(), "{name}");
        }
    }

    #[test]
    fn compressed_files_are_read() {
        let text = "id,x\n1,2\n2,3\n";
        let dir = tempfile::tempdir().unwrap();
        let gzip = {
            use std::io::Write;
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
        for (name, bytes, encoding) in [
            ("a.csv", text.as_bytes(), None),
            ("a.csv.gz", &gzip, Some(Encoding::Gzip)),
            ("b.zst", &zstd, Some(Encoding::Zstd)),
            ("c.csv", &gzip, Some(Encoding::Gzip)),
        ] {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let source = Source::open(&path).unwrap();
            assert_eq!((source.form, source.encoding), (Form::Csv(b','), encoding));
            assert_eq!(source.sample().unwrap().rows, 2, "{name}");
        }
        assert!(Source::open(&dir.path().join("none")).is_err());
    }
}
