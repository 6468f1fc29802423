mod damage;

use std::collections::BTreeMap;
use std::io::BufReader;
use std::sync::Arc;

use tagdb_storage::batch::{Cell, KeyRef, RowBatch};
use tagdb_storage::ids::{TableId, TagId};
use tagdb_storage::schema::{KeyType, NumberType, TableSchema, Tag, TagType};
use tagdb_wire::BulkMode;

use super::batch::BatchBuilder;
use super::rows::{CsvForm, CsvRows, EmptyCell, NdJsonRows, Rows, Step};
use super::target::Target;

fn schema(key_type: KeyType) -> Arc<TableSchema> {
    let kinds = [
        ("gender", TagType::Keyword),
        ("vip", TagType::Boolean),
        ("age", TagType::Number(NumberType::SmallInt)),
        (
            "spend",
            TagType::Number(NumberType::Decimal {
                precision: 12,
                scale: 2,
            }),
        ),
        ("born", TagType::Number(NumberType::Date)),
        ("seen", TagType::Number(NumberType::Timestamp)),
        ("score", TagType::Number(NumberType::Double)),
        ("interests", TagType::KeywordSet),
        ("visits", TagType::Map(NumberType::Int)),
        ("bio", TagType::LongText),
    ];
    let tags = (1..)
        .zip(kinds)
        .map(|(id, (name, kind))| Tag {
            id: TagId(id),
            name: name.into(),
            kind,
            comment: "".into(),
        })
        .collect();
    Arc::new(TableSchema {
        id: TableId(1),
        name: "users".into(),
        key_name: "user_id".into(),
        key_type,
        key_comment: "".into(),
        partitions: 1,
        tags,
    })
}

fn target(mode: BulkMode, tags: Option<&[&str]>) -> Arc<Target> {
    let tags: Option<Vec<String>> =
        tags.map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect());
    Arc::new(Target::new(schema(KeyType::Keyword), mode, tags.as_deref()).unwrap())
}

/// Rows as text: the key, then each tag that is named with its cell.
fn shown(batch: &RowBatch, target: &Target) -> Vec<String> {
    let mut rows: Vec<BTreeMap<String, String>> = vec![BTreeMap::new(); batch.keys.len()];
    for column in &batch.columns {
        let tag = target.schema.tag_by_id(column.tag).unwrap();
        let strings = column.dictionary.strings();
        let text = |place: &u32| strings[*place as usize].to_string();
        for (row, cell) in &column.cells {
            let cell = match cell {
                Cell::Clear => "-".to_owned(),
                Cell::Value(v) if tag.kind == TagType::Keyword => text(&u32::try_from(*v).unwrap()),
                Cell::Value(v) => v.to_string(),
                Cell::Text(text) => format!("{text:?}"),
                Cell::Set(members) => format!("{:?}", sorted(members.iter().map(text))),
                Cell::Map(entries) => {
                    format!("{:?}", sorted(entries.iter().map(|(k, v)| (text(k), *v))))
                }
                Cell::EditSet { drop, put } => format!(
                    "-{:?}+{:?}",
                    sorted(drop.iter().map(text)),
                    sorted(put.iter().map(text))
                ),
                Cell::EditMap { drop, put } => format!(
                    "-{:?}+{:?}",
                    sorted(drop.iter().map(text)),
                    sorted(put.iter().map(|(k, v)| (text(k), *v)))
                ),
            };
            rows[*row as usize].insert(tag.name.to_string(), cell);
        }
    }
    rows.into_iter()
        .enumerate()
        .map(|(row, cells)| {
            let key = match batch.keys.get(row) {
                KeyRef::Int(key) => key.to_string(),
                KeyRef::Text(key) => key.to_owned(),
            };
            let cells: Vec<_> = cells.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("{key}: {}", cells.join(" "))
        })
        .collect()
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}

type Source<'a> = BufReader<&'a [u8]>;

fn csv(text: &str, empty: EmptyCell, target: &Arc<Target>) -> Rows<Source<'static>> {
    let source = BufReader::with_capacity(7, &*text.as_bytes().to_vec().leak());
    let form = CsvForm {
        delimiter: b',',
        empty,
    };
    Rows::Csv(CsvRows::new(source, form, 1 << 20, Arc::clone(target)).unwrap())
}

fn ndjson(text: &str, target: &Arc<Target>) -> Rows<Source<'static>> {
    let source = BufReader::with_capacity(7, &*text.as_bytes().to_vec().leak());
    Rows::NdJson(NdJsonRows::new(source, 2 << 20, Arc::clone(target)))
}

/// The rows kept, and `row/column/code` of those that are bad.
fn read(mut rows: Rows<Source<'static>>, target: &Arc<Target>) -> (RowBatch, Vec<String>) {
    let mut batch = BatchBuilder::new(Arc::clone(target));
    let mut faults = Vec::new();
    for row in 1.. {
        match rows.step(&mut batch).unwrap() {
            Step::End => break,
            Step::Row => {}
            Step::Bad(fault) => {
                let column = fault.column.unwrap_or_default();
                faults.push(format!("{row}/{column}/{}", fault.code));
            }
        }
    }
    (batch.take(), faults)
}

#[test]
fn both_formats_say_the_same() {
    let target = target(BulkMode::Upsert, None);
    let csv = csv(
        "user_id,gender,vip,age,spend,born,seen,score,interests,visits,bio\n\
         u1,female,true,33,12.5,2000-01-02,2026-11-20T07:16:00+01:00,1e3,\
         \"[\"\"tea\"\",\"\"nike\"\",\"\"tea\"\"]\",\"{\"\"nike\"\":3}\",\"a\nb\"\n\
         u2,,,,,,,,,,\n\
         u3,\"\",F,-5,0.005,0001-01-01,1970-01-01,-0.0,[],{},\"\"\n",
        EmptyCell::Null,
        &target,
    );
    let ndjson = ndjson(
        concat!(
            r#"{"user_id":"u1","gender":"female","vip":true,"age":33,"spend":"12.5","#,
            r#""born":"2000-01-02","seen":"2026-11-20T07:16:00+01:00","score":1e3,"#,
            r#""interests":["tea","nike","tea"],"visits":{"nike":3},"bio":"a\nb"}"#,
            "\n\n",
            r#"{"gender":null,"vip":null,"age":null,"spend":null,"born":null,"seen":null,"#,
            r#""score":null,"interests":null,"visits":null,"bio":null,"user_id":"u2"}"#,
            "\r\n",
            r#"{"user_id":"u3","gender":"","vip":false,"age":-5,"spend":0.005,"#,
            r#""born":"0001-01-01","seen":"1970-01-01","score":-0.0,"#,
            r#""interests":[],"visits":{},"bio":""}"#
        ),
        &target,
    );
    let (from_csv, faults) = read(csv, &target);
    assert_eq!(faults, Vec::<String>::new());
    let (from_ndjson, faults) = read(ndjson, &target);
    assert_eq!(faults, Vec::<String>::new());
    let rows = shown(&from_csv, &target);
    assert_eq!(rows, shown(&from_ndjson, &target));
    assert_eq!(
        rows[0],
        "u1: age=33 bio=\"a\\nb\" born=10958 gender=female interests=[\"nike\", \"tea\"] \
         score=4652007308841189376 seen=1795155360000000 spend=1250 vip=1 visits=[(\"nike\", 3)]"
    );
    assert!(rows[1].ends_with("visits=-") && rows[1].matches("=-").count() == 10);
    assert!(
        rows[2].contains("gender= ") && rows[2].contains("spend=1 "),
        "{}",
        rows[2]
    );
    assert!(
        rows[2].contains("interests=- ") && rows[2].contains("bio=\"\""),
        "{}",
        rows[2]
    );
}

#[test]
fn empty_cells_may_keep_what_is_there() {
    let target = target(BulkMode::Upsert, None);
    let rows = csv(
        "gender,user_id,age\n,u1,\n\"\",u2,7\n",
        EmptyCell::Keep,
        &target,
    );
    let (batch, _) = read(rows, &target);
    assert_eq!(shown(&batch, &target), ["u1: ", "u2: age=7 gender="]);
}

#[test]
fn edits_are_joined_drops_first() {
    let target = target(BulkMode::Upsert, None);
    let rows = ndjson(
        concat!(
            r#"{"user_id":"u1","interests+":["nike"],"interests-":["tea","x"]}"#,
            "\n",
            r#"{"user_id":"u2","visits-":["a"],"visits+":{"nike":3,"tea":null}}"#,
            "\n",
            r#"{"user_id":"u3","interests+":["a"],"interests+":["b"]}"#,
            "\n",
            r#"{"user_id":"u4","interests":["a"],"interests+":["b"]}"#,
            "\n",
            r#"{"user_id":"u5","interests+":null}"#,
            "\n",
            r#"{"user_id":"u6","age+":1}"#,
            "\n",
        ),
        &target,
    );
    let (batch, faults) = read(rows, &target);
    assert_eq!(
        shown(&batch, &target),
        [
            "u1: interests=-[\"tea\", \"x\"]+[\"nike\"]",
            "u2: visits=-[\"a\", \"tea\"]+[(\"nike\", 3)]",
        ]
    );
    assert_eq!(
        faults,
        [
            "3/interests/duplicate_column",
            "4/interests/duplicate_column",
            "5/interests+/type_mismatch",
            "6/age+/unknown_tag",
        ]
    );
}

#[test]
fn bad_json_rows_are_named() {
    let target = target(BulkMode::Upsert, None);
    let cases = [
        (r#"{"gender":"x"}"#, "user_id/bad_key"),
        (r#"{"user_id":null}"#, "user_id/bad_key"),
        (r#"{"user_id":7}"#, "user_id/bad_key"),
        (
            r#"{"user_id":"a","user_id":"b"}"#,
            "user_id/duplicate_column",
        ),
        (r#"{"user_id":"a","age":1,"age":1}"#, "age/duplicate_column"),
        (r#"{"user_id":"a","gendr":"x"}"#, "gendr/unknown_tag"),
        (r#"{"user_id":"a","gender":1}"#, "gender/type_mismatch"),
        (r#"{"user_id":"a","vip":"true"}"#, "vip/type_mismatch"),
        (r#"{"user_id":"a","vip":1}"#, "vip/type_mismatch"),
        (r#"{"user_id":"a","age":1.5}"#, "age/type_mismatch"),
        (r#"{"user_id":"a","age":32768}"#, "age/overflow"),
        (r#"{"user_id":"a","age":[1]}"#, "age/type_mismatch"),
        (r#"{"user_id":"a","age":true}"#, "age/type_mismatch"),
        (r#"{"user_id":"a","spend":10000000000}"#, "spend/overflow"),
        (r#"{"user_id":"a","score":1e999}"#, "score/overflow"),
        (r#"{"user_id":"a","born":20000101}"#, "born/type_mismatch"),
        (
            r#"{"user_id":"a","born":"2001-02-29"}"#,
            "born/type_mismatch",
        ),
        (
            r#"{"user_id":"a","interests":"tea"}"#,
            "interests/type_mismatch",
        ),
        (
            r#"{"user_id":"a","interests":[1]}"#,
            "interests/type_mismatch",
        ),
        (
            r#"{"user_id":"a","interests":[null]}"#,
            "interests/type_mismatch",
        ),
        (
            r#"{"user_id":"a","visits":{"a":null}}"#,
            "visits/type_mismatch",
        ),
        (
            r#"{"user_id":"a","visits":{"a":"x"}}"#,
            "visits/type_mismatch",
        ),
        (r#"{"user_id":"a","visits":["a"]}"#, "visits/type_mismatch"),
        (r#"{"user_id":"a""#, "/syntax_error"),
        (r#"["a"]"#, "/syntax_error"),
        ("{} {}", "/syntax_error"),
        ("\u{0}", "/syntax_error"),
    ];
    let text: Vec<_> = cases.iter().map(|(text, _)| *text).collect();
    let (batch, faults) = read(ndjson(&text.join("\n"), &target), &target);
    assert_eq!(batch.keys.len(), 0);
    let expected: Vec<_> = (1..)
        .zip(cases)
        .map(|(row, (_, fault))| format!("{row}/{fault}"))
        .collect();
    assert_eq!(faults, expected);
}

#[test]
fn bad_csv_rows_are_named() {
    let target = target(BulkMode::Upsert, None);
    let rows = csv(
        "user_id,age,vip,interests\n\
         a,1\n\
         ,1,t,\n\
         \"\",1,t,\n\
         b,x,t,\n\
         c,\"\",t,\n\
         d,1,yes,\n\
         e,1,t,tea\n\
         f,1,t,{}\n\
         g,1,t,\"\"\n\
         h,1,t,[]\n",
        EmptyCell::Null,
        &target,
    );
    let (batch, faults) = read(rows, &target);
    assert_eq!(
        faults,
        [
            "1//syntax_error",
            "2/user_id/bad_key",
            "4/age/type_mismatch",
            "5/age/type_mismatch",
            "6/vip/type_mismatch",
            "7/interests/type_mismatch",
            "8/interests/type_mismatch",
            "9/interests/type_mismatch",
        ]
    );
    assert_eq!(batch.keys.len(), 2);
}

#[test]
fn headers_are_checked() {
    let target = target(BulkMode::Upsert, None);
    for (header, code) in [
        ("", "syntax_error"),
        ("age\n", "bad_key"),
        ("user_id,gendr\n", "unknown_tag"),
        ("user_id,age,age\n", "duplicate_column"),
        ("user_id,interests+\n", "unsupported"),
        ("user_id,\n", "unknown_tag"),
        ("user_id,\"age\"x\n", "syntax_error"),
    ] {
        let form = CsvForm {
            delimiter: b',',
            empty: EmptyCell::Null,
        };
        let rows = CsvRows::new(header.as_bytes(), form, 1000, Arc::clone(&target));
        assert_eq!(rows.unwrap_err().code(), code, "{header:?}");
    }
}

#[test]
fn strings_of_bad_rows_stay_out() {
    let target = target(BulkMode::Upsert, None);
    let rows = ndjson(
        concat!(
            r#"{"user_id":"a","gender":"bad","interests":["bad","worse"],"age":"x"}"#,
            "\n",
            r#"{"user_id":"b","gender":"good","interests":["fine"],"visits":{"x":1}}"#,
        ),
        &target,
    );
    let (batch, faults) = read(rows, &target);
    assert_eq!(faults.len(), 1);
    for column in &batch.columns {
        assert!(column.dictionary.strings().len() <= 1, "{column:?}");
    }
    assert_eq!(
        shown(&batch, &target),
        ["b: gender=good interests=[\"fine\"] visits=[(\"x\", 1)]"]
    );
}

#[test]
fn modes_take_their_own_columns() {
    let replace = target(BulkMode::ReplaceTags, Some(&["interests"]));
    let text = "{\"user_id\":\"a\",\"interests\":[\"x\"]}\n{\"user_id\":\"a\",\"age\":1}\n\
                {\"user_id\":\"a\",\"interests+\":[\"x\"]}\n";
    let (batch, faults) = read(ndjson(text, &replace), &replace);
    assert_eq!(batch.keys.len(), 1);
    assert_eq!(faults, ["2/age/bad_parameter", "3/interests+/unknown_tag"]);
    let delete = target(BulkMode::Delete, None);
    let text = "{\"user_id\":\"a\"}\n{\"user_id\":\"b\",\"age\":1}\n";
    let (batch, faults) = read(ndjson(text, &delete), &delete);
    assert_eq!((batch.keys.len(), batch.columns.len()), (1, 0));
    assert_eq!(faults, ["2/age/bad_parameter"]);
    for (mode, tags, code) in [
        (BulkMode::ReplaceTags, None, "bad_parameter"),
        (BulkMode::Upsert, Some("age"), "bad_parameter"),
        (BulkMode::ReplaceTags, Some("x"), "unknown_tag"),
    ] {
        let tags = tags.map(|tag| vec![tag.to_owned()]);
        let error = Target::new(schema(KeyType::Keyword), mode, tags.as_deref()).unwrap_err();
        assert_eq!(error.code(), code);
    }
}

#[test]
fn integer_keys_come_as_numbers_or_text() {
    let target = Target::new(schema(KeyType::BigInt), BulkMode::Upsert, None).unwrap();
    let target = Arc::new(target);
    let text = "{\"user_id\":-9223372036854775808}\n{\"user_id\":\"42\"}\n{\"user_id\":1.0}\n\
                {\"user_id\":9223372036854775808}\n{\"user_id\":\"x\"}\n";
    let (batch, faults) = read(ndjson(text, &target), &target);
    assert_eq!(shown(&batch, &target), ["-9223372036854775808: ", "42: "]);
    assert_eq!(
        faults,
        [
            "3/user_id/bad_key",
            "4/user_id/bad_key",
            "5/user_id/bad_key"
        ]
    );
}

#[test]
fn long_values_are_refused() {
    let target = target(BulkMode::Upsert, None);
    let (key, word, long) = ("k".repeat(513), "w".repeat(1025), "t".repeat((1 << 20) + 1));
    let text = format!(
        "{{\"user_id\":\"{key}\"}}\n{{\"user_id\":\"a\",\"gender\":\"{word}\"}}\n\
         {{\"user_id\":\"a\",\"interests\":[\"{word}\"]}}\n"
    );
    let (_, faults) = read(ndjson(&text, &target), &target);
    assert_eq!(
        faults,
        [
            "1/user_id/bad_key",
            "2/gender/limit_exceeded",
            "3/interests/limit_exceeded"
        ]
    );
    let (_, faults) = read(
        ndjson(
            &format!("{{\"user_id\":\"a\",\"bio\":\"{long}\"}}"),
            &target,
        ),
        &target,
    );
    assert_eq!(faults, ["1/bio/limit_exceeded"]);
}

#[test]
fn a_line_without_end_is_bounded() {
    let target = target(BulkMode::Upsert, None);
    let text = "x".repeat(10_000);
    let source = BufReader::with_capacity(64, text.as_bytes());
    let mut rows = Rows::NdJson(NdJsonRows::new(source, 1000, Arc::clone(&target)));
    let mut batch = BatchBuilder::new(target);
    assert!(rows.step(&mut batch).is_err());
}
