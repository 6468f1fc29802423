//! The users of Parquet files, with strings for what are names there, and mostly with string keys.
//!
//! The files hold integers. One thread reads and decodes them and makes the strings; the other has the
//! batches.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt16Type, UInt32Type};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tagdb_storage::batch::{Dictionary, Keys};
use tagdb_storage::column_batch::{ColumnBatch, DenseColumn, DenseValues};
use tagdb_storage::ids::TagId;
use tagdb_storage::schema::KeyType;

use crate::subjects::Result;

/// A batch, or why there is none.
type Read = std::result::Result<ColumnBatch, String>;

/// Users of a batch.
const BATCH_ROWS: usize = 65_536;
/// Decoded batches that wait.
const WAITING_MAX: usize = 4;

/// The names of the tags that have strings, which are followed by a number.
const NAMED: [(&str, &str); 4] = [
    ("gender", "gender-"),
    ("city", "city-"),
    ("interests", "interest-"),
    ("device", "device-"),
];

/// The columns of the files, in the order of the table's tags.
const COLUMNS: [&str; 9] = [
    "gender",
    "age",
    "city",
    "vip_level",
    "interests",
    "last_login_days",
    "spend_30d",
    "is_active",
    "device",
];

/// Calls `push` with the first `users` users of a folder's files, batch by batch, with keys of that
/// type.
///
/// # Errors
/// The files are missing, cannot be read or have fewer users; or `push` fails.
pub fn read(
    folder: &Path,
    users: usize,
    key: KeyType,
    mut push: impl FnMut(&ColumnBatch) -> Result<()>,
) -> Result<()> {
    let files = files(folder)?;
    let mut left = users;
    thread::scope(|scope| {
        let (to, batches): (_, Receiver<Read>) = sync_channel(WAITING_MAX);
        scope.spawn(move || send(&files, users, key, &to));
        while left > 0 {
            let batch = batches.recv().map_err(|_| "there are fewer users")??;
            left -= batch.keys.len();
            push(&batch)?;
        }
        Ok(())
    })
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "parquet") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Hands over the first `left` users, or the error that ends them.
fn send(files: &[PathBuf], mut left: usize, key: KeyType, to: &SyncSender<Read>) {
    let mut each = || -> Result<()> {
        for path in files {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
            for batch in reader.with_batch_size(BATCH_ROWS).build()? {
                let batch = batch?;
                let batch = batch.slice(0, batch.num_rows().min(left));
                left -= batch.num_rows();
                // Whoever has stopped listening needs no more.
                if batch.num_rows() == 0 || to.send(Ok(converted(&batch, key)?)).is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    };
    if let Err(error) = each() {
        let _ = to.send(Err(error.to_string()));
    }
}

/// A batch as the engine takes it.
fn converted(batch: &RecordBatch, key: KeyType) -> Result<ColumnBatch> {
    let column = |name: &str| batch.column_by_name(name).ok_or("a column is missing");
    let ids = column("user_id")?.as_primitive::<UInt32Type>().values();
    let mut columns = Vec::with_capacity(COLUMNS.len());
    for (tag, name) in (1..).map(TagId).zip(COLUMNS) {
        let prefix = NAMED.iter().find(|(named, _)| *named == name);
        let mut names = Names::new(prefix.map(|(_, prefix)| *prefix));
        let array = column(name)?;
        let values = if let Some(lists) = array.as_list_opt::<i32>() {
            let offsets = lists.value_offsets();
            let (first, end) = (offsets[0], offsets[offsets.len() - 1]);
            let members = lists.values().slice(first as usize, (end - first) as usize);
            let ends = offsets[1..].iter().map(|end| (end - first) as u32);
            DenseValues::Sets {
                ends: ends.collect(),
                members: numbers(&members, |number| names.place(number)),
            }
        } else {
            DenseValues::Numbers {
                values: numbers(array, |number| names.place(number).into()),
                nulls: Vec::new(),
            }
        };
        columns.push(DenseColumn {
            tag,
            dictionary: names.strings,
            values,
        });
    }
    Ok(ColumnBatch {
        keys: keys_of(ids, key)?,
        columns,
    })
}

fn keys_of(ids: &[u32], key: KeyType) -> Result<Keys> {
    if key == KeyType::BigInt {
        return Ok(Keys::Ints(ids.iter().map(|id| i64::from(*id)).collect()));
    }
    let (mut bytes, mut ends) = (String::new(), Vec::with_capacity(ids.len()));
    let mut digits = itoa::Buffer::new();
    for id in ids {
        bytes.push('u');
        bytes.push_str(digits.format(*id));
        ends.push(u32::try_from(bytes.len())?);
    }
    Ok(Keys::Texts { bytes, ends })
}

fn numbers<T>(array: &dyn Array, mut each: impl FnMut(u32) -> T) -> Vec<T> {
    if let Some(array) = array.as_primitive_opt::<UInt8Type>() {
        array.values().iter().map(|n| each((*n).into())).collect()
    } else if let Some(array) = array.as_primitive_opt::<UInt16Type>() {
        array.values().iter().map(|n| each((*n).into())).collect()
    } else {
        let array = array.as_primitive::<UInt32Type>();
        array.values().iter().map(|n| each(*n)).collect()
    }
}

/// The strings of small numbers; without a prefix the numbers themselves.
struct Names {
    prefix: Option<&'static str>,
    strings: Dictionary,
    places: Vec<Option<u32>>,
}

impl Names {
    fn new(prefix: Option<&'static str>) -> Self {
        Self {
            prefix,
            strings: Dictionary::default(),
            places: Vec::new(),
        }
    }

    fn place(&mut self, number: u32) -> u32 {
        let Some(prefix) = self.prefix else {
            return number;
        };
        match self.places.get(number as usize) {
            Some(Some(place)) => *place,
            _ => self.add(prefix, number),
        }
    }

    #[cold]
    fn add(&mut self, prefix: &str, number: u32) -> u32 {
        let index = number as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, None);
        }
        let place = self.strings.place(&format!("{prefix}{number}"));
        self.places[index] = Some(place);
        place
    }
}
