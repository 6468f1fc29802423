use tagdb_query::{DataType, Value};
use tagdb_wire::{BigIntForm, SqlResponse, Stats};

use super::*;

fn columns() -> impl Iterator<Item = (&'static str, DataType)> {
    [("key", DataType::Keyword), ("n \"x\"", DataType::BigInt)].into_iter()
}

fn rows() -> Vec<Vec<Value>> {
    vec![
        vec![Value::Text("a".into()), Value::Int(1)],
        vec![Value::Text("".into()), Value::Null],
    ]
}

#[test]
fn a_document_is_what_the_contract_says() {
    let mut json = Json::new(columns(), BigIntForm::Number, (10, 1000));
    for row in rows() {
        json.row(&row).unwrap();
    }
    let stats = Stats {
        elapsed_us: 5,
        token: "t".to_owned(),
    };
    let text = json.finish(3, Some(false), None, &stats);
    assert_eq!(
        text,
        r#"{"columns":[{"name":"key","type":"KEYWORD"},{"name":"n \"x\"","type":"BIGINT"}],"#
            .to_owned()
            + r#""rows":[["a",1],["",null]],"rows_affected":3,"next":null,"durable":false,"#
            + r#""stats":{"elapsed_us":5,"token":"t"}}"#
    );
    let read: SqlResponse = serde_json::from_str(&text).unwrap();
    assert_eq!((read.rows.len(), read.rows_affected), (2, 3));
    assert_eq!(read.stats, stats);
}

#[test]
fn a_document_has_limits() {
    let row = vec![Value::Text("x".repeat(50).into()), Value::Null];
    let mut json = Json::new(columns(), BigIntForm::Number, (2, 1000));
    json.row(&row).unwrap();
    json.row(&row).unwrap();
    assert_eq!(json.row(&row).unwrap_err().code(), "result_too_large");
    let mut json = Json::new(columns(), BigIntForm::Number, (100, 200));
    json.row(&row).unwrap();
    let error = json.row(&row).unwrap_err();
    assert_eq!(error.problem("r").limit.as_deref(), Some("result_bytes"));
}

#[test]
fn a_line_is_a_flat_object() {
    let ndjson = NdJson::new(columns(), BigIntForm::String);
    let mut out = String::new();
    for row in rows() {
        ndjson.row(&row, &mut out);
    }
    assert_eq!(
        out,
        "{\"key\":\"a\",\"n \\\"x\\\"\":\"1\"}\n{\"key\":\"\",\"n \\\"x\\\"\":null}\n"
    );
}

#[test]
fn cells_are_quoted_where_they_must_be() {
    let csv = Csv::new(b';');
    let mut out = String::new();
    csv.header(["a", "b;c"].into_iter(), &mut out);
    for row in [
        vec![Value::Null, Value::Text("".into())],
        vec![Value::Text("x\"y".into()), Value::Text("1,2\r".into())],
        vec![Value::set(vec!["t".into()]), Value::Double(1.5)],
    ] {
        csv.row(&row, &mut out);
    }
    assert_eq!(
        out,
        "a;\"b;c\"\n;\"\"\n\"x\"\"y\";\"1,2\r\"\n\"[\"\"t\"\"]\";1.5\n"
    );
}
