//! Uploads of Parquet files and Arrow streams, in the many forms that writers give them.

use std::sync::Arc;

use arrow_array::builder::{
    Int32Builder, ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder,
};
use arrow_array::types::{Int8Type, Int32Type, Int64Type, UInt16Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeListArray,
    LargeStringArray, ListArray, NullArray, RecordBatch, StringArray, StringViewArray, StructArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt8Array, UInt64Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use serde_json::{Value as Json, json};

use super::{Answered, Server};

const ROWS: &str = "/v1/tables/users/rows";
const ARROW: &str = "application/vnd.apache.arrow.stream";
const PARQUET: &str = "application/vnd.apache.parquet";

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
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

fn parquet(batches: &[RecordBatch]) -> Vec<u8> {
    parquet_with(batches, WriterProperties::default())
}

async fn send(server: &Server, query: &str, media: &str, body: Vec<u8>) -> Answered {
    let headers = [("content-type", media)];
    server
        .call("POST", &format!("{ROWS}{query}"), &headers, body)
        .await
}

/// Everything in the table, as text that compares.
async fn all(server: &Server) -> Json {
    server.rows("SELECT * FROM users ORDER BY user_id").await
}

fn set(rows: &[Option<&[&str]>]) -> ArrayRef {
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

fn map(rows: &[Option<&[(&str, i32)]>]) -> ArrayRef {
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
fn tag(name: &str, array: ArrayRef) -> RecordBatch {
    let keys = (0..array.len()).map(|row| Some(format!("u{row}")));
    let keys: StringArray = keys.collect();
    batch(vec![("user_id", Arc::new(keys)), (name, array)])
}

fn coded<T: arrow_array::types::ArrowDictionaryKeyType>(texts: &[Option<&str>]) -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<T>::new();
    texts.iter().for_each(|text| builder.append_option(*text));
    Arc::new(builder.finish())
}

/// What the tag's values are after an upload by either form.
async fn read_tag(name: &str, array: ArrayRef) -> Json {
    let mut read = Vec::new();
    for (media, write) in [
        (ARROW, arrow as fn(&[RecordBatch]) -> Vec<u8>),
        (PARQUET, parquet),
    ] {
        let server = Server::new();
        let rows = tag(name, Arc::clone(&array));
        // A slice of a larger batch begins in the middle of its buffers.
        let body = write(&[rows.slice(0, 1), rows.slice(1, rows.num_rows() - 1)]);
        send(&server, "", media, body).await.ok();
        let sql = format!("SELECT {name} FROM users ORDER BY user_id");
        read.push(server.rows(&sql).await);
    }
    assert_eq!(read[0], read[1], "{name}: {:?}", array.data_type());
    read.remove(0)
}

#[tokio::test]
async fn strings_come_in_all_layouts() {
    let texts = [
        Some("a"),
        None,
        Some(""),
        Some("a"),
        Some("longer than twelve bytes"),
    ];
    let expected = json!([["a"], [null], [""], ["a"], ["longer than twelve bytes"]]);
    let layouts: [ArrayRef; 6] = [
        Arc::new(StringArray::from(texts.to_vec())),
        Arc::new(LargeStringArray::from(texts.to_vec())),
        Arc::new(StringViewArray::from(texts.to_vec())),
        coded::<Int8Type>(&texts),
        coded::<UInt16Type>(&texts),
        coded::<Int64Type>(&texts),
    ];
    for array in layouts {
        assert_eq!(read_tag("gender", Arc::clone(&array)).await, expected);
        assert_eq!(read_tag("bio", array).await, expected);
    }
    // A dictionary may itself hold NULL, and strings that nobody has.
    let values = StringArray::from(vec![Some("unused"), None, Some("b")]);
    let keys = Int32Array::from(vec![Some(2), Some(1), None]);
    let array = Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(values)));
    let read = read_tag("gender", array).await;
    assert_eq!(read, json!([["b"], [null], [null]]));
    let read = read_tag("gender", Arc::new(NullArray::new(2))).await;
    assert_eq!(read, json!([[null], [null]]));
}

#[tokio::test]
async fn numbers_come_in_all_widths() {
    let small = json!([[1], [null], [100]]);
    let widths: [ArrayRef; 5] = [
        Arc::new(Int8Array::from(vec![Some(1), None, Some(100)])),
        Arc::new(UInt8Array::from(vec![Some(1), None, Some(100)])),
        Arc::new(Int32Array::from(vec![Some(1), None, Some(100)])),
        Arc::new(Int64Array::from(vec![Some(1), None, Some(100)])),
        Arc::new(UInt64Array::from(vec![Some(1), None, Some(100)])),
    ];
    for array in widths {
        assert_eq!(read_tag("age", Arc::clone(&array)).await, small);
        assert_eq!(read_tag("points", Arc::clone(&array)).await, small);
        let decimals = json!([["1.00"], [null], ["100.00"]]);
        assert_eq!(read_tag("spend", Arc::clone(&array)).await, decimals);
        assert_eq!(
            read_tag("score", array).await,
            json!([[1.0], [null], [100.0]])
        );
    }
    // Other scales, rounded half away from zero as in text.
    let array = Decimal128Array::from(vec![Some(-12_345), None, Some(12_344)]);
    let array = array.with_precision_and_scale(20, 3).unwrap();
    let read = read_tag("spend", Arc::new(array)).await;
    assert_eq!(read, json!([["-12.35"], [null], ["12.34"]]));
    let read = read_tag("score", Arc::new(Float32Array::from(vec![1.5, -0.0]))).await;
    assert_eq!(read, json!([[1.5], [0.0]]));
}

#[tokio::test]
async fn times_come_in_all_units() {
    let day = json!([["2026-11-20"], [null]]);
    let read = read_tag(
        "born",
        Arc::new(Date32Array::from(vec![Some(20_777), None])),
    )
    .await;
    assert_eq!(read, day);
    let milliseconds = vec![Some(20_777 * 86_400_000), None];
    let array = tag("born", Arc::new(Date64Array::from(milliseconds)));
    let server = Server::new();
    send(&server, "", ARROW, arrow(&[array])).await.ok();
    assert_eq!(
        server.rows("SELECT born FROM users ORDER BY user_id").await,
        day
    );
    let units: [ArrayRef; 5] = [
        Arc::new(TimestampSecondArray::from(vec![Some(-1), None])),
        Arc::new(TimestampMillisecondArray::from(vec![Some(-1_000), None])),
        Arc::new(TimestampMicrosecondArray::from(vec![
            Some(-1_000_000),
            None,
        ])),
        Arc::new(TimestampNanosecondArray::from(vec![
            Some(-999_999_999),
            None,
        ])),
        Arc::new(
            TimestampNanosecondArray::from(vec![Some(-1_000_000_000), None])
                .with_timezone("+05:30"),
        ),
    ];
    for array in units {
        let read = read_tag("seen", Arc::clone(&array)).await;
        assert_eq!(
            read,
            json!([["1969-12-31T23:59:59Z"], [null]]),
            "{:?}",
            array.data_type()
        );
    }
}

/// Lists of pairs, which are maps too.
fn pairs(keys: Vec<Option<&str>>, values: Vec<Option<i32>>, ends: &[i32]) -> ArrayRef {
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
async fn sets_and_maps_come_in_all_layouts() {
    let expected = json!([[["a", "b"]], [[]], [["b"]]]);
    let array = set(&[Some(&["b", "a", "b"]), None, Some(&["b"])]);
    assert_eq!(read_tag("interests", array).await, expected);
    let values: ArrayRef = coded::<Int8Type>(&[Some("b"), Some("a"), Some("b"), Some("b")]);
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    let offsets = OffsetBuffer::new(vec![0_i64, 3, 3, 4].into());
    let array = LargeListArray::new(field, offsets, values, None);
    assert_eq!(read_tag("interests", Arc::new(array)).await, expected);
    let array = pairs(
        vec![Some("x"), Some("y"), Some("x")],
        vec![Some(1), Some(2), Some(3)],
        &[0, 3, 3],
    );
    let read = read_tag("visits", array).await;
    assert_eq!(read, json!([[{"x": 3, "y": 2}], [{}]]));
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

fn with_bad_rows() -> RecordBatch {
    let long = "x".repeat(1_025);
    let keys = vec![
        Some("u1"),
        None,
        Some("u3"),
        Some("u4"),
        Some("u5"),
        Some("u6"),
        Some("u7"),
    ];
    let ages = vec![1, 2, 40_000, 4, 5, 6, 7];
    let genders = vec![None, None, None, Some(&*long), None, None, Some("f")];
    let values = StringArray::from(vec![Some("a"), None]);
    let offsets = OffsetBuffer::new(vec![0, 1, 1, 1, 1, 2, 2, 2].into());
    let field = Arc::new(Field::new("item", DataType::Utf8, true));
    batch(vec![
        ("user_id", Arc::new(StringArray::from(keys))),
        ("age", Arc::new(Int32Array::from(ages))),
        ("gender", Arc::new(StringArray::from(genders))),
        (
            "interests",
            Arc::new(ListArray::new(field, offsets, Arc::new(values), None)),
        ),
        (
            "visits",
            pairs(vec![Some("k")], vec![None], &[0, 0, 0, 0, 0, 0, 1, 1]),
        ),
    ])
}

#[tokio::test]
async fn bad_values_are_named_by_row_and_column() {
    for (media, body) in [
        (
            ARROW,
            arrow(&[with_bad_rows().slice(0, 2), with_bad_rows().slice(2, 5)]),
        ),
        (PARQUET, parquet(&[with_bad_rows()])),
    ] {
        let server = Server::new();
        let problem = send(&server, "", media, body.clone())
            .await
            .problem(422, "bad_rows");
        assert_eq!(problem["rejected"], 5, "{problem}");
        assert_eq!(server.count().await, 0);
        let done = send(&server, "?on_error=skip", media, body).await.ok();
        assert_eq!(
            (&done["rows"], &done["created"], &done["rejected"]),
            (&json!(7), &json!(2), &json!(5))
        );
        assert_eq!(done["rejected_rows"], json!([2, 3, 4, 5, 6]));
        let told: Vec<_> = done["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| {
                (
                    e["row"].as_u64().unwrap(),
                    e["column"].as_str().unwrap(),
                    e["code"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (2, "user_id", "bad_key"),
                (3, "age", "overflow"),
                (4, "gender", "limit_exceeded"),
                (5, "interests", "type_mismatch"),
                (6, "visits", "type_mismatch"),
            ]
        );
        let left = server
            .rows("SELECT user_id, age, gender, interests FROM users ORDER BY user_id")
            .await;
        assert_eq!(left, json!([["u1", 1, null, ["a"]], ["u7", 7, "f", []]]));
    }
}

#[tokio::test]
async fn all_modes_take_columns() {
    let server = Server::new();
    let rows = |keys: &[&str], ages: &[i16]| {
        batch(vec![
            ("user_id", Arc::new(StringArray::from(keys.to_vec()))),
            ("age", Arc::new(Int16Array::from(ages.to_vec()))),
        ])
    };
    let send = async |query: &str, rows: RecordBatch| {
        send(&server, query, PARQUET, parquet(&[rows])).await
    };
    send("?mode=insert", rows(&["u1", "u2"], &[1, 2]))
        .await
        .ok();
    send("?mode=insert", rows(&["u2"], &[1]))
        .await
        .problem(409, "key_exists");
    server
        .ndjson(ROWS, "{\"user_id\": \"u1\", \"vip\": true}")
        .await
        .ok();
    let done = send("?mode=upsert", rows(&["u1", "u3", "u1"], &[10, 3, 11]))
        .await
        .ok();
    assert_eq!(
        (&done["created"], &done["duplicates"]),
        (&json!(1), &json!(1))
    );
    let two = async || {
        server
            .rows("SELECT user_id, age, vip FROM users ORDER BY user_id")
            .await
    };
    assert_eq!(
        two().await,
        json!([["u1", 11, true], ["u2", 2, null], ["u3", 3, null]])
    );
    send("?mode=replace_tags&tags=age", rows(&["u3", "u4"], &[33, 4]))
        .await
        .ok();
    assert_eq!(
        two().await,
        json!([
            ["u1", null, true],
            ["u2", null, null],
            ["u3", 33, null],
            ["u4", 4, null]
        ])
    );
    send("?mode=replace", rows(&["u1"], &[1])).await.ok();
    let keys = batch(vec![(
        "user_id",
        Arc::new(StringArray::from(vec!["u3", "u4", "nobody"])),
    )]);
    assert_eq!(send("?mode=delete", keys).await.ok()["rows"], 3);
    assert_eq!(two().await, json!([["u1", 1, null], ["u2", null, null]]));
}

#[tokio::test]
async fn keys_may_be_integers_of_any_width() {
    let server = Server::new();
    let path = "/v1/tables/devices/rows";
    let keys = UInt64Array::from(vec![1, u64::MAX, 7]);
    let body = parquet(&[batch(vec![("user_id", Arc::new(keys))])]);
    let headers = [("content-type", PARQUET)];
    let problem = server
        .call("POST", path, &headers, body.clone())
        .await
        .problem(422, "bad_rows");
    assert_eq!(problem["errors"][0]["row"], 2);
    let path = format!("{path}?on_error=skip");
    server.call("POST", &path, &headers, body).await.ok();
    let keys = server
        .rows("SELECT user_id FROM devices ORDER BY user_id")
        .await;
    assert_eq!(keys, json!([[1], [7]]));
}

#[tokio::test]
async fn many_rows_become_segments() {
    // More than a chunk, in batches that fit no border, with strings that begin anew in each.
    let server = Server::new();
    let rows = |first: usize, count: usize| {
        let keys = (first..first + count).map(|row| Some(format!("u{row:06}")));
        let genders: Vec<_> = (first..first + count)
            .map(|row| format!("g{}", row % 7))
            .collect();
        let genders: Vec<_> = genders.iter().map(|text| Some(&**text)).collect();
        let ages = (first..first + count).map(|row| (row % 5 > 0).then_some((row % 90) as i16));
        let sets: Vec<Vec<&str>> = (first..first + count)
            .map(|row| ["tea", "nike", "zara"][..row % 4].to_vec())
            .collect();
        let sets: Vec<_> = sets.iter().map(|members| Some(&**members)).collect();
        batch(vec![
            ("user_id", Arc::new(keys.collect::<StringArray>())),
            ("gender", coded::<Int32Type>(&genders)),
            ("age", Arc::new(ages.collect::<Int16Array>())),
            ("interests", set(&sets)),
        ])
    };
    let batches: Vec<_> = (0..10)
        .map(|number| rows(number * 10_007, 10_007))
        .collect();
    let done = send(&server, "", ARROW, arrow(&batches)).await.ok();
    assert_eq!(
        (&done["rows"], &done["created"]),
        (&json!(100_070), &json!(100_070))
    );
    let check = async |server: &Server| {
        let rows = server
            .rows("SELECT gender, count(*), sum(age), count(age) FROM users GROUP BY gender ORDER BY gender")
            .await;
        for (number, row) in (0..7_usize).zip(rows.as_array().unwrap()) {
            let of = || (0..100_070_usize).filter(|row| row % 7 == number);
            let ages = || of().filter(|row| row % 5 > 0);
            let sum: usize = ages().map(|row| row % 90).sum();
            let expected = json!([format!("g{number}"), of().count(), sum, ages().count()]);
            assert_eq!(*row, expected);
        }
        let both = "SELECT count(*) FROM users WHERE has(interests, 'nike') AND NOT has(interests, 'zara')";
        let expected = (0..100_070).filter(|row| row % 4 == 2).count();
        assert_eq!(server.rows(both).await[0][0], expected);
    };
    check(&server).await;
    // All of them once more, over what is there.
    let body = parquet(&batches);
    let done = send(&server, "?mode=replace", PARQUET, body.clone())
        .await
        .ok();
    assert_eq!(done["created"], 0);
    check(&server).await;
    let other = Server::new();
    send(&other, "", PARQUET, body).await.ok();
    check(&other).await;
}
