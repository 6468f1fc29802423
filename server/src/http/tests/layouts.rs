//! The layouts in which files bring values of one and the same type.

use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type, Int64Type, UInt16Type};
use arrow_array::{
    Array, ArrayRef, Date32Array, Date64Array, Decimal128Array, DictionaryArray, Float32Array,
    Int8Array, Int32Array, Int64Array, LargeListArray, LargeStringArray, ListArray, NullArray,
    RecordBatch, StringArray, StringViewArray, StructArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array,
    UInt64Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field};
use serde_json::{Value as Json, json};

use super::Server;
use super::columns::{ARROW, PARQUET, arrow, coded, pairs, parquet, send, set, tag};

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

/// Few bytes may say that a row has millions of members, or hide them under a NULL.
#[tokio::test]
async fn lists_are_measured_before_their_values_are_read() {
    let long = 70_000;
    let keys = |count: usize| (0..count).map(|key| format!("k{key}"));
    let names: Vec<String> = keys(long)
        .chain(keys(long))
        .chain(keys(3))
        .chain(keys(2))
        .collect();
    let names: Vec<_> = names.iter().map(|name| Some(name.as_str())).collect();
    // Every value is beyond an INT but those of the last row.
    let mut values = vec![i64::MAX; 2 * long + 5];
    values[2 * long + 3..].fill(7);
    let values = Arc::new(Int64Array::from(values)) as ArrayRef;
    let ends = [long, 2 * long, 2 * long + 3, 2 * long + 5];
    let offsets = [0]
        .into_iter()
        .chain(ends.map(|end| i32::try_from(end).unwrap()));
    let offsets = OffsetBuffer::new(offsets.collect::<Vec<_>>().into());
    let fields = vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("v", DataType::Int64, true),
    ];
    let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(names)), values];
    let pairs = StructArray::new(fields.into(), columns, None);
    let field = Arc::new(Field::new("item", pairs.data_type().clone(), true));
    let is_there = NullBuffer::from(vec![true, false, true, true]);
    let maps = ListArray::new(field, offsets, Arc::new(pairs), Some(is_there));
    let server = Server::new();
    let body = arrow(&[tag("visits", Arc::new(maps))]);
    let answered = send(&server, "?on_error=skip", ARROW, body).await.ok();
    let errors = answered["errors"].as_array().unwrap();
    let told = errors
        .iter()
        .map(|error| (error["row"].as_u64(), error["code"].as_str()));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (Some(1), Some("limit_exceeded")),
            (Some(3), Some("overflow"))
        ]
    );
    let rows = server
        .rows("SELECT user_id, visits FROM users ORDER BY user_id")
        .await;
    assert_eq!(rows, json!([["u1", {}], ["u3", {"k0": 7, "k1": 7}]]));
}
