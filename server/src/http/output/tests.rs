use tagdb_query::{ColumnRows, ColumnValues, DataType, Known, Value};
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

/// Rows as columns of values.
fn columns_of(rows: &[Vec<Value>]) -> ColumnRows {
    let column = |index: usize| rows.iter().map(|row| row[index].clone()).collect();
    ColumnRows {
        len: rows.len(),
        columns: (0..2)
            .map(|index| ColumnValues::Values(column(index)))
            .collect(),
    }
}

/// The same rows as [`rows`], as a scan makes them.
fn scanned_rows() -> ColumnRows {
    ColumnRows {
        len: 2,
        columns: vec![
            ColumnValues::Texts {
                bytes: "a".to_owned(),
                ends: vec![1, 1],
                known: Known::All,
            },
            ColumnValues::Numbers {
                values: vec![1, 0],
                known: Known::Some(vec![1]),
            },
        ],
    }
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
    for rows in [columns_of(&rows()), scanned_rows()] {
        let mut out = String::new();
        ndjson.rows(&rows, &mut out);
        assert_eq!(
            out,
            "{\"key\":\"a\",\"n \\\"x\\\"\":\"1\"}\n{\"key\":\"\",\"n \\\"x\\\"\":null}\n"
        );
    }
}

#[test]
fn cells_are_quoted_where_they_must_be() {
    let csv = Csv::new(b';');
    let mut out = Vec::new();
    csv.header(["a", "b;c"].into_iter(), &mut out);
    let rows = vec![
        vec![Value::Null, Value::Text("".into())],
        vec![Value::Text("x\"y".into()), Value::Text("1,2\r".into())],
        vec![Value::set(vec!["t".into()]), Value::Double(1.5)],
    ];
    let kinds = [DataType::Keyword, DataType::Keyword];
    csv.rows(&columns_of(&rows), &kinds, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "a;\"b;c\"\n;\"\"\n\"x\"\"y\";\"1,2\r\"\n\"[\"\"t\"\"]\";1.5\n"
    );
}

#[test]
fn columns_are_written_as_values_are() {
    let texts = |bytes: &str, ends: &[u32], known| ColumnValues::Texts {
        bytes: bytes.to_owned(),
        ends: ends.to_owned(),
        known,
    };
    let numbers = |values: &[i64], known| ColumnValues::Numbers {
        values: values.to_owned(),
        known,
    };
    let kinds = [
        DataType::BigInt,
        DataType::Keyword,
        DataType::Date,
        DataType::Boolean,
    ];
    for text in [
        "plain",
        "quo\"te",
        "com,ma",
        "line\n",
        "back\\slash",
        "\u{1}\u{7f}é",
    ] {
        let end = u32::try_from(text.len()).unwrap();
        let by_column = ColumnRows {
            len: 3,
            columns: vec![
                numbers(&[i64::MIN, 0, i64::MAX], Known::Some(vec![0b101])),
                texts(text, &[end, end, end], Known::Some(vec![0b011])),
                numbers(&[0, 0, 20_777], Known::Some(vec![0b100])),
                numbers(&[1, 0, 0], Known::All),
            ],
        };
        let by_value = ColumnRows {
            len: 3,
            columns: (by_column.columns.iter().zip(kinds))
                .map(|(column, kind)| {
                    ColumnValues::Values((0..3).map(|row| column.value(row, kind)).collect())
                })
                .collect(),
        };
        let written = |rows: &ColumnRows| {
            let names = ["a", "b", "c", "d"].into_iter().zip(kinds);
            let (mut csv, mut ndjson) = (Vec::new(), String::new());
            Csv::new(b',').rows(rows, &kinds, &mut csv);
            NdJson::new(names, BigIntForm::String).rows(rows, &mut ndjson);
            (String::from_utf8(csv).unwrap(), ndjson)
        };
        assert_eq!(written(&by_column), written(&by_value), "{text:?}");
    }
}

#[test]
fn a_column_of_strings_is_written_as_lines() {
    let texts = |texts: &[&str], known| {
        let mut bytes = String::new();
        let ends = texts.iter().map(|text| {
            bytes.push_str(text);
            bytes.len() as u32
        });
        let ends = ends.collect();
        ColumnRows {
            len: texts.len(),
            columns: vec![ColumnValues::Texts { bytes, ends, known }],
        }
    };
    let written = |rows: &ColumnRows| {
        let mut out = b"k\n".to_vec();
        Csv::new(b',').rows(rows, &[DataType::Keyword], &mut out);
        String::from_utf8(out).unwrap()
    };
    let all = |own: &[&str]| written(&texts(own, Known::All));
    assert_eq!(all(&["u1", "u22", "é"]), "k\nu1\nu22\né\n");
    assert_eq!(all(&["", "u"]), "k\n\"\"\nu\n");
    assert_eq!(all(&["u", "", "v"]), "k\nu\n\"\"\nv\n");
    assert_eq!(all(&["u", "a,b"]), "k\nu\n\"a,b\"\n");
    let known = Known::Some(vec![0b101]);
    assert_eq!(written(&texts(&["u", "", "v"], known)), "k\nu\n\nv\n");
}

/// A small generator whose numbers can be had again.
fn random(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    *state >> 11
}

#[test]
fn bitmaps_are_what_the_library_reads() {
    let mut state = 0x5EED;
    for case in 0..60_u64 {
        let (count, bits) = (random(&mut state) % 20_000, 1 + random(&mut state) % 50);
        let numbers: Vec<i64> = (0..count)
            .map(|_| i64::try_from(random(&mut state) % (1 << bits)).unwrap())
            .collect();
        let rows = |numbers: &[i64]| ColumnRows {
            len: numbers.len(),
            columns: vec![ColumnValues::Numbers {
                values: numbers.to_owned(),
                known: Known::All,
            }],
        };
        let mut wide = Roaring::new(true, 1 << 30);
        let mut narrow = Roaring::new(false, 1 << 30);
        for part in numbers.chunks(4_096) {
            wide.rows(&rows(part)).unwrap();
            let fits = part.iter().all(|number| u32::try_from(*number).is_ok());
            assert_eq!(narrow.rows(&rows(part)).is_ok(), fits, "case {case}");
            if !fits {
                narrow = Roaring::new(false, 1 << 30);
            }
        }
        let read = ::roaring::RoaringTreemap::deserialize_from(&*wide.finish()).unwrap();
        let expected: ::roaring::RoaringTreemap = numbers
            .iter()
            .map(|number| number.cast_unsigned())
            .collect();
        assert_eq!(read, expected, "case {case}");
        if bits <= 32 {
            let read = ::roaring::RoaringBitmap::deserialize_from(&*narrow.finish()).unwrap();
            assert!(
                read.iter().map(u64::from).eq(expected.iter()),
                "case {case}"
            );
        }
    }
}

#[test]
fn bitmaps_refuse_what_they_cannot_hold() {
    let rows = |value| ColumnRows {
        len: 1,
        columns: vec![ColumnValues::Values(vec![value])],
    };
    for (value, wide, code) in [
        (Value::Int(-1), true, "overflow"),
        (Value::Int(1 << 32), false, "overflow"),
        (Value::Null, true, "bad_key"),
    ] {
        let error = Roaring::new(wide, 1_000).rows(&rows(value)).unwrap_err();
        assert_eq!(error.code(), code);
    }
    let mut small = Roaring::new(true, 20);
    small.rows(&rows(Value::Int(1))).unwrap();
    let error = small.rows(&rows(Value::Int(2))).unwrap_err();
    assert_eq!(error.code(), "limit_exceeded");
}
