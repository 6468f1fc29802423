//! Answers as Arrow and as bitmaps.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{DataType, TimeUnit};
use serde_json::json;

use super::Server;

const ARROW: &str = "application/vnd.apache.arrow.stream";

fn read(bytes: &[u8]) -> Vec<RecordBatch> {
    let reader = StreamReader::try_new(bytes, None).unwrap();
    reader.map(|batch| batch.unwrap()).collect()
}

/// A small generator whose numbers can be had again.
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    (*state >> 33) % below
}

/// Rows of all types, with NULLs and extremes among them.
fn random_rows(seed: u64, count: u64) -> String {
    let mut state = seed;
    let mut lines = String::new();
    for row in 0..count {
        let mut pick = |choices: &[&str]| {
            let choice = random(&mut state, choices.len() as u64 + 1) as usize;
            choices
                .get(choice)
                .map_or("null".to_owned(), |choice| (*choice).to_owned())
        };
        let tags = [
            (
                "gender",
                pick(&["\"f\"", "\"m\"", "\"\"", "\"\\u00e9 ,\\\"\""]),
            ),
            ("vip", pick(&["true", "false"])),
            ("age", pick(&["-32768", "32767", "0"])),
            (
                "points",
                pick(&["-9223372036854775808", "9223372036854775807", "17"]),
            ),
            (
                "spend",
                pick(&["\"-12.50\"", "\"9999999999.99\"", "\"-0.01\"", "\"0\""]),
            ),
            ("score", pick(&["-1e300", "0.1", "5e-324"])),
            (
                "born",
                pick(&["\"0001-01-01\"", "\"9999-12-31\"", "\"1969-12-31\""]),
            ),
            (
                "seen",
                pick(&[
                    "\"0001-01-01T00:00:00Z\"",
                    "\"9999-12-31T23:59:59.999999Z\"",
                    "\"1969-12-31T23:59:59.999999Z\"",
                ]),
            ),
            (
                "interests",
                pick(&["[]", "[\"tea\"]", "[\"zara\", \"nike\", \"\"]"]),
            ),
            (
                "visits",
                pick(&["{}", "{\"b\": -1, \"a\": 2}", "{\"\": 0}"]),
            ),
            ("bio", pick(&["\"\"", "\"a longer text with \\n lines\""])),
        ];
        lines.push_str(&format!("{{\"user_id\":\"u{row}\""));
        for (name, value) in tags {
            lines.push_str(&format!(",\"{name}\":{value}"));
        }
        lines.push_str("}\n");
    }
    lines
}

#[tokio::test]
async fn an_export_imported_again_is_the_same() {
    for seed in 0..6 {
        println!("seed {seed}");
        let server = Server::new();
        let lines = random_rows(seed, if seed == 5 { 60_000 } else { 300 });
        server.ndjson("/v1/tables/users/rows", &lines).await.ok();
        let everything = "/v1/sql?sql=SELECT%20*%20FROM%20users&format=";
        let csv = server.get(&format!("{everything}csv")).await;
        let arrow = server.get(&format!("{everything}arrow")).await;
        assert_eq!(arrow.header("content-type"), Some(ARROW));
        assert!(!arrow.cut);
        let other = Server::new();
        let headers = [("content-type", ARROW)];
        let path = "/v1/tables/users/rows";
        other
            .call("POST", path, &headers, arrow.body.clone())
            .await
            .ok();
        let again = other.get(&format!("{everything}csv")).await;
        assert_eq!(again.text(), csv.text());
        let again = other.get(&format!("{everything}arrow")).await;
        assert_eq!(read(&again.body), read(&arrow.body));
        // The order of rows, computed columns and limits make other ways through the engine.
        let sql = "SELECT%20user_id,%20age%20%2B%201%20AS%20next,%20spend%20*%202%20AS%20twice,%20visits%5B'a'%5D%20AS%20a,\
                   %20upper(gender)%20AS%20g%20FROM%20users%20ORDER%20BY%20user_id%20LIMIT%2050";
        let csv = server.get(&format!("/v1/sql?sql={sql}&format=csv")).await;
        let arrow = server.get(&format!("/v1/sql?sql={sql}&format=arrow")).await;
        if csv.status == 200 {
            let rows: usize = read(&arrow.body).iter().map(RecordBatch::num_rows).sum();
            assert_eq!(rows, csv.text().lines().count() - 1);
        } else {
            panic!("{}", csv.text());
        }
    }
}

#[tokio::test]
async fn columns_have_types_by_the_contract() {
    let server = Server::new();
    let arrow = server
        .get("/v1/sql?sql=SELECT%20*%20FROM%20users&format=arrow")
        .await;
    let schema = StreamReader::try_new(&*arrow.body, None).unwrap().schema();
    let kinds: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| field.data_type())
        .collect();
    assert_eq!(
        kinds[..8],
        [
            &DataType::Utf8,
            &DataType::Utf8,
            &DataType::Boolean,
            &DataType::Int16,
            &DataType::Int64,
            &DataType::Decimal128(12, 2),
            &DataType::Float64,
            &DataType::Date32,
        ]
    );
    assert_eq!(
        *kinds[8],
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    );
    assert!(matches!(kinds[9], DataType::List(member) if *member.data_type() == DataType::Utf8));
    assert!(matches!(kinds[10], DataType::Map(..)));
    // No rows are a stream too, with its end.
    assert!(read(&arrow.body).is_empty());
    assert!(arrow.body.ends_with(&[0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]));
    // Groups and computed values.
    server
        .sql("INSERT INTO users (user_id, age) VALUES ('a', 1), ('b', 2)")
        .await
        .ok();
    let sql =
        "SELECT%20count(*)%20AS%20n,%20avg(age)%20AS%20mean,%20max(age)%20AS%20most%20FROM%20users";
    let arrow = server.get(&format!("/v1/sql?sql={sql}&format=arrow")).await;
    let batch = &read(&arrow.body)[0];
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(0), 2);
    assert_eq!(batch.column(2).as_primitive::<Int16Type>().value(0), 2);
    // A write answers with its count.
    let headers = [("accept", ARROW), ("content-type", "text/plain")];
    let sql = "UPDATE users SET age = 3 WHERE TRUE";
    let answered = server.call("POST", "/v1/sql", &headers, sql).await;
    let batch = &read(&answered.body)[0];
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(0), 2);
}

#[tokio::test]
async fn integer_keys_are_exported_as_bitmaps() {
    let server = Server::new();
    let keys = [0, 5, 65_536, u64::from(u32::MAX)];
    let rows: Vec<_> = keys
        .iter()
        .map(|key| format!("{{\"user_id\": {key}}}\n"))
        .collect();
    server
        .ndjson("/v1/tables/devices/rows", &rows.concat())
        .await
        .ok();
    let path = "/v1/sql?sql=SELECT%20user_id%20FROM%20devices&format=";
    let narrow = server.get(&format!("{path}roaring")).await;
    assert_eq!(
        narrow.header("content-type"),
        Some("application/vnd.roaring")
    );
    let read = roaring::RoaringBitmap::deserialize_from(&*narrow.body).unwrap();
    assert!(read.iter().map(u64::from).eq(keys));
    let wide = server.get(&format!("{path}roaring64")).await;
    let read = roaring::RoaringTreemap::deserialize_from(&*wide.body).unwrap();
    assert!(read.iter().eq(keys));
    let large = "{\"user_id\": 4294967296}\n";
    server.ndjson("/v1/tables/devices/rows", large).await.ok();
    let problem = server
        .get(&format!("{path}roaring"))
        .await
        .problem(400, "overflow");
    assert!(problem["detail"].as_str().unwrap().contains("4294967296"));
    let wide = server.get(&format!("{path}roaring64")).await;
    assert_eq!(
        roaring::RoaringTreemap::deserialize_from(&*wide.body)
            .unwrap()
            .len(),
        5
    );
    server
        .ndjson("/v1/tables/devices/rows", "{\"user_id\": -7}\n")
        .await
        .ok();
    let problem = server
        .get(&format!("{path}roaring64"))
        .await
        .problem(400, "overflow");
    assert!(problem["detail"].as_str().unwrap().contains("-7"));
    for sql in [
        "SELECT user_id FROM users",
        "SELECT user_id, age FROM devices",
        "SELECT age FROM devices",
        "DELETE FROM devices WHERE TRUE",
    ] {
        let headers = [
            ("accept", "application/vnd.roaring"),
            ("content-type", "text/plain"),
        ];
        let answered = server.call("POST", "/v1/sql", &headers, sql).await;
        answered.problem(400, "unsupported");
    }
    assert_eq!(
        server.rows("SELECT count(*) FROM devices").await,
        json!([[6]])
    );
}

#[tokio::test]
async fn an_arrow_stream_that_fails_has_no_end() {
    let server = Server::new();
    let lines: String = (0..20_000)
        .map(|row| {
            format!(
                "{{\"user_id\": \"u{row:05}\", \"points\": {}}}\n",
                i64::from(row == 19_999)
            )
        })
        .collect();
    server.ndjson("/v1/tables/users/rows", &lines).await.ok();
    let sql = "SELECT user_id, 9223372036854775807 + points AS n FROM users";
    let headers = [("accept", ARROW), ("content-type", "text/plain")];
    let answered = server.call("POST", "/v1/sql", &headers, sql).await;
    assert!(answered.cut);
    assert!(
        !answered
            .body
            .ends_with(&[0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])
    );
    // What is left of it is not taken for the whole.
    let headers = [("content-type", ARROW)];
    let path = "/v1/tables/users/rows";
    let answered = server.call("POST", path, &headers, answered.body).await;
    assert_eq!(answered.status, 400, "{}", answered.text());
}

#[tokio::test]
async fn look_ups_answer_arrow_when_asked() {
    let server = Server::new();
    server
        .ndjson("/v1/tables/users/rows", &random_rows(7, 200))
        .await
        .ok();
    let keys: Vec<String> = (0..250).rev().map(|key| format!("u{key}")).collect();
    let headers = [("accept", ARROW)];
    let path = "/v1/tables/users/lookup";
    let body =
        json!({"keys": keys, "tags": ["age", "gender", "interests", "visits", "bio", "vip"]});
    let plain = server.json("POST", path, &[], body.clone()).await.ok();
    let arrow = server.json("POST", path, &headers, body).await;
    assert_eq!(arrow.header("content-type"), Some(ARROW));
    assert!(arrow.header("tagdb-token").is_some());
    let batch = &read(&arrow.body)[0];
    let names: Vec<_> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(
        names,
        [
            "user_id",
            "$found",
            "age",
            "gender",
            "interests",
            "visits",
            "bio",
            "vip"
        ]
    );
    for (row, expected) in plain["rows"].as_array().unwrap().iter().enumerate() {
        assert_eq!(batch.column(0).as_string::<i32>().value(row), keys[row]);
        assert_eq!(batch.column(1).as_boolean().value(row), !expected.is_null());
        let age = batch.column(2).as_primitive::<Int16Type>();
        let age = (!age.is_null(row)).then(|| age.value(row));
        assert_eq!(age.map_or(json!(null), |age| json!(age)), expected["age"]);
        let gender = batch.column(3).as_string::<i32>();
        let gender = (!gender.is_null(row)).then(|| gender.value(row));
        assert_eq!(
            gender.map_or(json!(null), |text| json!(text)),
            expected["gender"]
        );
        let set = batch.column(4).as_list::<i32>();
        let members = (!set.is_null(row)).then(|| {
            let members = set.value(row);
            members
                .as_string::<i32>()
                .iter()
                .map(|member| json!(member))
                .collect::<Vec<_>>()
        });
        assert_eq!(
            members.map_or(json!(null), |members| json!(members)),
            expected["interests"]
        );
    }
}

#[tokio::test]
async fn look_ups_as_arrow_take_all_keys_and_tags() {
    let server = Server::new();
    let headers = [("accept", ARROW)];
    let body = json!({"keys": [1, 2]});
    let path = "/v1/tables/devices/lookup";
    server
        .ndjson("/v1/tables/devices/rows", "{\"user_id\": 2, \"age\": 9}\n")
        .await
        .ok();
    let arrow = server.json("POST", path, &headers, body).await;
    let batch = &read(&arrow.body)[0];
    assert_eq!(batch.num_columns(), 13);
    assert_eq!(
        batch.column(0).as_primitive::<Int64Type>().values()[..],
        [1, 2]
    );
    let body = json!({"keys": [1], "tags": ["nobody"]});
    server
        .json("POST", path, &headers, body)
        .await
        .problem(400, "unknown_tag");
}
