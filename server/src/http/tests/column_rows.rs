//! What becomes of the rows of files of columns: modes, bad rows, segments.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{Int16Array, Int32Array, ListArray, RecordBatch, StringArray, UInt64Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use serde_json::json;

use super::Server;
use super::columns::{ARROW, PARQUET, ROWS, arrow, batch, coded, pairs, parquet, send, set};

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
