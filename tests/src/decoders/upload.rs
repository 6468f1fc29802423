//! Uploads: rows as CSV and JSON, columns as Arrow and Parquet.

#![expect(clippy::expect_used, reason = "a target fails by panics")]

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int32Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterVersion};
use tagdb::http::ApiError;
use tagdb::ingest::rows::{CsvForm, EmptyCell};
use tagdb::ingest::target::Target;
use tagdb::ingest::upload::{Form, Upload, run};
use tagdb_wire::{BulkMode, OnError};

use super::database::{DISK, open};

/// Bytes of one row.
const ROW_BYTES_MAX: usize = 4_000;

/// What the first byte of an upload says of it.
fn upload(flags: u8, form: Form, input: &[u8]) -> bool {
    let disk = DISK.fork();
    let Ok(database) = open(&disk) else {
        return false;
    };
    let mode = match flags & 7 {
        0 => BulkMode::Insert,
        1 => BulkMode::Replace,
        2 => BulkMode::ReplaceTags,
        3 => BulkMode::Delete,
        _ => BulkMode::Upsert,
    };
    let tags = ["w".to_owned(), "s".to_owned()];
    let tags = (mode == BulkMode::ReplaceTags).then_some(&tags[..]);
    let table = if flags & 8 == 0 { "t" } else { "u" };
    let state = database.engine().snapshot();
    let Some(schema) = state.catalog().table(table).cloned() else {
        return false;
    };
    let upload = Upload {
        target: Target::new(schema, mode, tags).map(Arc::new),
        form,
        on_error: match flags & 16 {
            0 => OnError::Skip,
            _ => OnError::default(),
        },
        row_bytes_max: ROW_BYTES_MAX,
        durable: true,
        idempotency_key: (flags & 32 != 0).then(|| "name".to_owned()),
        salt: String::new(),
        cancel: Arc::default(),
    };
    let done = run(&database, &upload, input);
    match &done {
        Ok(done) => {
            let response = &done.response;
            assert!(response.created + response.rejected <= response.rows);
        }
        Err(error) => honest(error),
    }
    if flags & 32 != 0 {
        // A repeat is answered, whatever became of the first.
        if let Err(error) = run(&database, &upload, input) {
            honest(&error);
        }
    }
    drop(database);
    let opened = open(&disk);
    assert!(opened.is_ok(), "it does not open again: {opened:?}");
    done.is_ok_and(|done| done.response.rows > 0 && done.response.rejected == 0)
}

fn honest(error: &ApiError) {
    assert!(error.status().as_u16() < 500, "{error:?}");
}

/// Rows: two bytes of flags, then text.
pub(super) fn rows(input: &[u8]) -> bool {
    let Some((&[flags, form], text)) = input.split_first_chunk() else {
        return false;
    };
    let csv = CsvForm {
        delimiter: [b',', b';', b'\t', b'|'][usize::from(form >> 1) % 4],
        empty: match form & 8 {
            0 => EmptyCell::Null,
            _ => EmptyCell::Keep,
        },
    };
    let form = match form & 1 {
        0 => Form::NdJson,
        _ => Form::Csv(csv),
    };
    upload(flags, form, text)
}

pub(super) fn rows_seeds() -> Vec<Vec<u8>> {
    let json = concat!(
        r#"{"k":"a","w":"x","b":true,"n":1,"d":"1.25","f":0.5,"a":"2026-01-01","#,
        r#""z":"2026-01-01T10:00:00Z","s":["p","q"],"m":{"p":1},"l":"text"}"#,
        "\n",
        r#"{"k":"\u00e9","w":null,"n":-2e2,"d":3.5,"s+":["r"],"s-":["p"],"m+":{"q":null}}"#,
        "\n\n",
        r#"{"k":"c"}"#
    );
    let csv = "k,w,b,n,d,f,a,z,s,m,l\n\
        a,x,true,1,1.25,0.5,2026-01-01,2026-01-01 10:00:00,\"[\"\"p\"\"]\",\"{\"\"p\"\":1}\",text\n\
        b,,,,,,,,,,\"two\nlines, \"\"quoted\"\"\"\r\n";
    let ints = "{\"i\":5,\"w\":\"x\",\"n\":9000000000,\"s\":[]}\n{\"i\":\"6\"}\n";
    let with = |flags: [u8; 2], text: &str| [&flags, text.as_bytes()].concat();
    vec![
        with([4, 0], json),
        with([4 | 16, 1], csv),
        with([4 | 8, 0], ints),
        with([3, 0], "{\"k\":\"a\"}\n{\"k\":\"gone\"}\n"),
        with([1 | 32, 1 | 2 | 8], "k;n;s\na;1;\nb;;[]\n"),
        with([2, 0], "{\"k\":\"a\",\"w\":\"y\",\"s\":[\"q\"]}\n"),
    ]
}

/// An Arrow stream after a byte of flags.
pub(super) fn arrow(input: &[u8]) -> bool {
    let parts = input.split_first();
    parts.is_some_and(|(flags, stream)| upload(*flags, Form::Arrow, stream))
}

/// A Parquet file after a byte of flags.
pub(super) fn parquet(input: &[u8]) -> bool {
    let parts = input.split_first();
    parts.is_some_and(|(flags, file)| upload(*flags, Form::Parquet, file))
}

/// Rows of all types.
fn batch() -> RecordBatch {
    let mut sets = ListBuilder::new(StringBuilder::new());
    sets.append_value([Some("p"), Some("q")]);
    sets.append_value([None::<&str>; 0]);
    sets.append_null();
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for entries in [&[("p", 1), ("q", -5)][..], &[], &[("r", 70_000)]] {
        for (key, value) in entries {
            maps.keys().append_value(key);
            maps.values().append_value(*value);
        }
        maps.append(true).expect("as many keys as values");
    }
    let words: DictionaryArray<arrow_array::types::Int32Type> =
        vec![Some("x"), None, Some("x")].into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("k", Arc::new(StringArray::from(vec!["a", "b", "new"]))),
        ("w", Arc::new(words)),
        (
            "b",
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ),
        (
            "n",
            Arc::new(Int32Array::from(vec![Some(1), Some(-9), None])),
        ),
        ("f", Arc::new(Float64Array::from(vec![0.5, -1e300, 0.0]))),
        ("a", Arc::new(Date32Array::from(vec![0, 20_000, -5]))),
        (
            "z",
            Arc::new(TimestampMicrosecondArray::from(vec![0, 1, -1])),
        ),
        ("s", Arc::new(sets.finish())),
        ("m", Arc::new(maps.finish())),
        (
            "l",
            Arc::new(StringArray::from(vec!["text, text, text", "", "l"])),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, one)| (name, one, name != "k")),
    )
    .expect("columns of one length")
}

pub(super) fn arrow_seeds() -> Vec<Vec<u8>> {
    let batch = batch();
    let options = |kind| {
        let options = IpcWriteOptions::default();
        options.try_with_compression(kind).expect("it is built in")
    };
    let stream = |batch: &RecordBatch, kind| {
        let mut bytes = vec![4];
        let writer = StreamWriter::try_new_with_options(&mut bytes, &batch.schema(), options(kind));
        let written = writer.and_then(|mut writer| {
            writer.write(batch)?;
            writer.finish()
        });
        written.expect("it is written");
        bytes
    };
    let few = batch.project(&[0, 1, 3, 7]).expect("they are there");
    vec![
        stream(&batch, None),
        stream(&few, None),
        stream(&few, Some(arrow_ipc::CompressionType::ZSTD)),
        stream(&few, Some(arrow_ipc::CompressionType::LZ4_FRAME)),
    ]
}

pub(super) fn parquet_seeds() -> Vec<Vec<u8>> {
    let batch = batch();
    let few = batch.project(&[0, 1, 3, 7]).expect("they are there");
    let base = WriterProperties::builder;
    let file = |batch: &RecordBatch, properties: WriterProperties| {
        let mut bytes = vec![4];
        let writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties));
        let written = writer.and_then(|mut writer| {
            writer.write(batch)?;
            writer.close()
        });
        written.expect("it is written");
        bytes
    };
    let second = WriterVersion::PARQUET_2_0;
    vec![
        file(&batch, base().build()),
        file(&few, base().set_writer_version(second).build()),
        file(&few, base().set_dictionary_enabled(false).build()),
        file(&few, base().set_compression(Compression::SNAPPY).build()),
        file(
            &few,
            base()
                .set_compression(Compression::ZSTD(Default::default()))
                .build(),
        ),
    ]
}
