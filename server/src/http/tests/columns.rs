//! Uploads of Parquet files and Arrow streams, in the many forms that writers give them.

use std::sync::Arc;

use arrow_array::builder::{
    Int32Builder, ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use serde_json::{Value as Json, json};

use super::{Answered, Server};

pub(super) const ROWS: &str = "/v1/tables/users/rows";
pub(super) const ARROW: &str = "application/vnd.apache.arrow.stream";
pub(super) const PARQUET: &str = "application/vnd.apache.parquet";

pub(super) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(schema), arrays).unwrap()
}

pub(super) fn arrow(batches: &[RecordBatch]) -> Vec<u8> {
    arrow_with(batches, IpcWriteOptions::default())
}

fn arrow_with(batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
    let schema = batches[0].schema();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn parquet_with(batches: &[RecordBatch], properties: WriterProperties) -> Vec<u8> {
    let schema = batches[0].schema();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

pub(super) fn parquet(batches: &[RecordBatch]) -> Vec<u8> {
    parquet_with(batches, WriterProperties::default())
}

pub(super) async fn send(server: &Server, query: &str, media: &str, body: Vec<u8>) -> Answered {
    let headers = [("content-type", media)];
    server
        .call("POST", &format!("{ROWS}{query}"), &headers, body)
        .await
}

/// Everything in the table, as text that compares.
async fn all(server: &Server) -> Json {
    server.rows("SELECT * FROM users ORDER BY user_id").await
}

pub(super) fn set(rows: &[Option<&[&str]>]) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for row in rows {
        match row {
            None => builder.append_null(),
            Some(members) => {
                members
                    .iter()
                    .for_each(|member| builder.values().append_value(member));
                builder.append(true);
            }
        }
    }
    Arc::new(builder.finish())
}

pub(super) fn map(rows: &[Option<&[(&str, i32)]>]) -> ArrayRef {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in rows {
        for (key, value) in row.unwrap_or_default() {
            builder.keys().append_value(key);
            builder.values().append_value(*value);
        }
        builder.append(row.is_some()).unwrap();
    }
    Arc::new(builder.finish())
}

fn everything() -> RecordBatch {
    let decimals = Decimal128Array::from(vec![Some(-1250), None, Some(999_999_999_999)]);
    let seen = vec![
        Some(-62_135_596_800_000_000),
        None,
        Some(253_402_300_799_999_999),
    ];
    batch(vec![
        ("user_id", Arc::new(StringArray::from(vec!["u1", "u2", ""]))),
        (
            "gender",
            Arc::new(StringArray::from(vec![Some("f"), None, Some("")])),
        ),
        (
            "vip",
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ),
        (
            "age",
            Arc::new(Int16Array::from(vec![Some(i16::MIN), None, Some(i16::MAX)])),
        ),
        (
            "points",
            Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)])),
        ),
        (
            "spend",
            Arc::new(decimals.with_precision_and_scale(12, 2).unwrap()),
        ),
        (
            "score",
            Arc::new(Float64Array::from(vec![Some(-0.5), None, Some(f64::MAX)])),
        ),
        (
            "born",
            Arc::new(Date32Array::from(vec![
                Some(-719_162),
                None,
                Some(2_932_896),
            ])),
        ),
        (
            "seen",
            Arc::new(TimestampMicrosecondArray::from(seen).with_timezone("UTC")),
        ),
        (
            "interests",
            set(&[Some(&["tea", "nike", "tea"]), None, Some(&[])]),
        ),
        (
            "visits",
            map(&[Some(&[("b", 1), ("a", -2)]), None, Some(&[])]),
        ),
        (
            "bio",
            Arc::new(StringArray::from(vec![
                Some("long \u{1F600}"),
                None,
                Some(""),
            ])),
        ),
    ])
}

fn everything_read() -> Json {
    json!([
        ["", "", false, 32767, i64::MAX, "9999999999.99", f64::MAX, "9999-12-31",
         "9999-12-31T23:59:59.999999Z", [], {}, ""],
        ["u1", "f", true, -32768, i64::MIN, "-12.50", -0.5, "0001-01-01",
         "0001-01-01T00:00:00Z", ["nike", "tea"], {"a": -2, "b": 1}, "long \u{1F600}"],
        ["u2", null, null, null, null, null, null, null, null, [], {}, null],
    ])
}

#[tokio::test]
async fn every_type_comes_in_by_both_forms() {
    for (media, body) in [
        (ARROW, arrow(&[everything()])),
        (PARQUET, parquet(&[everything()])),
    ] {
        let server = Server::new();
        let done = send(&server, "", media, body.clone()).await.ok();
        assert_eq!(
            (&done["rows"], &done["created"]),
            (&json!(3), &json!(3)),
            "{media}"
        );
        assert_eq!(all(&server).await, everything_read(), "{media}");
        // A second time it clears and sets the same.
        send(&server, "?mode=replace", media, body).await.ok();
        assert_eq!(all(&server).await, everything_read(), "{media}");
    }
}

#[tokio::test]
async fn files_are_written_in_many_ways() {
    let one = everything();
    let slices = [one.slice(0, 1), one.slice(1, 2)];
    let base = || WriterProperties::builder();
    let zstd = Compression::ZSTD(Default::default());
    let gzip = Compression::GZIP(Default::default());
    let properties = [
        base()
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .build(),
        base().set_dictionary_enabled(false).build(),
        base()
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::PLAIN)
            .build(),
        base().set_compression(Compression::SNAPPY).build(),
        base()
            .set_compression(zstd)
            .set_statistics_enabled(EnabledStatistics::None)
            .build(),
        base()
            .set_compression(gzip)
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .build(),
        base()
            .set_compression(Compression::LZ4_RAW)
            .set_max_row_group_row_count(Some(1))
            .build(),
        base()
            .set_data_page_row_count_limit(1)
            .set_write_batch_size(1)
            .build(),
        base()
            .set_dictionary_page_size_limit(1)
            .set_write_batch_size(1)
            .build(),
    ];
    for (number, properties) in properties.into_iter().enumerate() {
        let server = Server::new();
        let body = parquet_with(&slices, properties);
        send(&server, "", PARQUET, body).await.ok();
        assert_eq!(all(&server).await, everything_read(), "properties {number}");
    }
    let compressed = |kind| {
        IpcWriteOptions::default()
            .try_with_compression(Some(kind))
            .unwrap()
    };
    let mut file = FileWriter::try_new(Vec::new(), &one.schema()).unwrap();
    file.write(&one).unwrap();
    file.finish().unwrap();
    for (number, body) in [
        arrow(&slices),
        arrow_with(&slices, compressed(arrow_ipc::CompressionType::ZSTD)),
        arrow_with(&slices, compressed(arrow_ipc::CompressionType::LZ4_FRAME)),
        file.into_inner().unwrap(),
    ]
    .into_iter()
    .enumerate()
    {
        let server = Server::new();
        send(&server, "", ARROW, body).await.ok();
        assert_eq!(all(&server).await, everything_read(), "stream {number}");
    }
}

/// A batch of one tag, with keys from `u0` on.
pub(super) fn tag(name: &str, array: ArrayRef) -> RecordBatch {
    let keys = (0..array.len()).map(|row| Some(format!("u{row}")));
    let keys: StringArray = keys.collect();
    batch(vec![("user_id", Arc::new(keys)), (name, array)])
}

pub(super) fn coded<T: arrow_array::types::ArrowDictionaryKeyType>(
    texts: &[Option<&str>],
) -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<T>::new();
    texts.iter().for_each(|text| builder.append_option(*text));
    Arc::new(builder.finish())
}

/// Lists of pairs, which are maps too.
pub(super) fn pairs(keys: Vec<Option<&str>>, values: Vec<Option<i32>>, ends: &[i32]) -> ArrayRef {
    let fields = vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("v", DataType::Int32, true),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(keys)),
        Arc::new(Int32Array::from(values)),
    ];
    let pairs = StructArray::new(fields.into(), columns, None);
    let field = Arc::new(Field::new("item", pairs.data_type().clone(), true));
    let offsets = OffsetBuffer::new(ends.to_vec().into());
    Arc::new(ListArray::new(field, offsets, Arc::new(pairs), None))
}

#[tokio::test]
async fn columns_of_other_types_are_refused_before_any_row() {
    let text = || -> ArrayRef { Arc::new(StringArray::from(vec!["1"])) };
    let cases: [(&str, ArrayRef, &[&str]); 8] = [
        ("age", text(), &["\"age\"", "Utf8", "SMALLINT"]),
        (
            "vip",
            Arc::new(Int8Array::from(vec![1])),
            &["\"vip\"", "Int8", "BOOLEAN"],
        ),
        (
            "gender",
            Arc::new(Int8Array::from(vec![1])),
            &["\"gender\"", "KEYWORD"],
        ),
        (
            "spend",
            Arc::new(Float64Array::from(vec![1.5])),
            &["Float64", "DECIMAL(12,2)"],
        ),
        (
            "born",
            Arc::new(Int32Array::from(vec![1])),
            &["Int32", "DATE"],
        ),
        (
            "seen",
            Arc::new(Date32Array::from(vec![1])),
            &["Date32", "TIMESTAMP"],
        ),
        ("interests", text(), &["Utf8", "KEYWORD[]", "list"]),
        (
            "visits",
            set(&[Some(&["a"])]),
            &["\"visits\"", "MAP(KEYWORD, INT)"],
        ),
    ];
    for (name, array, words) in cases {
        for (media, write) in [
            (ARROW, arrow as fn(&[RecordBatch]) -> Vec<u8>),
            (PARQUET, parquet),
        ] {
            let server = Server::new();
            let body = write(&[tag(name, Arc::clone(&array))]);
            let problem = send(&server, "", media, body)
                .await
                .problem(400, "type_mismatch");
            let detail = problem["detail"].as_str().unwrap();
            // Parquet knows no Int8, and gives Date32 its own name.
            let found = |word: &&str| detail.contains(word) || (media == PARQUET && word.len() < 7);
            assert!(words.iter().all(found), "{detail}");
        }
    }
}

#[tokio::test]
async fn columns_have_to_be_those_of_the_table() {
    let text = || -> ArrayRef { Arc::new(StringArray::from(vec!["1"])) };
    let server = Server::new();
    for (columns, code) in [
        (vec![("nobody", text())], "unknown_tag"),
        (
            vec![("age", Arc::new(Int16Array::from(vec![1])) as ArrayRef)],
            "bad_key",
        ),
        (
            vec![("user_id", text()), ("bio", text()), ("bio", text())],
            "duplicate_column",
        ),
        (
            vec![("user_id", text()), ("interests+", set(&[Some(&[])]))],
            "unsupported",
        ),
        (
            vec![("user_id", Arc::new(Int16Array::from(vec![1])) as ArrayRef)],
            "type_mismatch",
        ),
    ] {
        let body = arrow(&[batch(columns)]);
        send(&server, "", ARROW, body).await.problem(400, code);
    }
    assert_eq!(server.count().await, 0);
}
