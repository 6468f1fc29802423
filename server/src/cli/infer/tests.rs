use super::*;
use crate::cli::failure::Failure;

fn plan_csv(text: &str) -> Plan {
    let sample = read_csv(text.as_bytes(), b',', true).unwrap();
    Plan::new("t", &sample, None, &[]).unwrap()
}

/// The inferred type of a column `x` with these cells, beside a key.
fn csv_type(cells: &[&str]) -> String {
    let mut text = String::from("id,x\n");
    for (row, cell) in cells.iter().enumerate() {
        if cell.is_empty() {
            text.push_str(&format!("k{row},\n"));
        } else {
            let quoted = cell.replace('"', "\"\"");
            text.push_str(&format!("k{row},\"{quoted}\"\n"));
        }
    }
    type_of_x(&plan_csv(&text))
}

fn json_type(values: &[&str]) -> Result<String, Failure> {
    let mut text = String::new();
    for (row, value) in values.iter().enumerate() {
        text.push_str(&format!("{{\"id\":\"k{row}\",\"x\":{value}}}\n"));
    }
    let sample = read_ndjson(text.as_bytes(), true)?;
    Plan::new("t", &sample, Some("id"), &[]).map(|plan| type_of_x(&plan))
}

fn type_of_x(plan: &Plan) -> String {
    let line = plan
        .create_table
        .lines()
        .find(|line| line.trim_start().starts_with("x "))
        .unwrap();
    let kind = line.trim_start().strip_prefix("x ").unwrap();
    let kind = kind.split("  ").next().unwrap().trim();
    kind.trim_end_matches(',').to_owned()
}

#[test]
fn cells_of_csv_get_the_narrowest_type_with_room() {
    for (cells, expected) in [
        (&["1", "-5", "16383"][..], "SMALLINT"),
        (&["16384"], "INT"),
        (&["-1073741823"], "INT"),
        (&["1073741824"], "BIGINT"),
        (&["9223372036854775807"], "BIGINT"),
        (&["9223372036854775808"], "KEYWORD"),
        (&["0", "1"], "SMALLINT"),
        (&["007", "12"], "KEYWORD"),
        (&["+4930123", "12"], "KEYWORD"),
        (&["1.5", "22"], "DECIMAL(7,2)"),
        (&["1.123456", "-22222.1"], "DECIMAL(14,6)"),
        (&["0.1234567"], "DOUBLE"),
        (&["1e5", "3"], "DOUBLE"),
        (&["1e999"], "KEYWORD"),
        (&["1234567890123456.123"], "DOUBLE"),
        (&["1.", "2"], "KEYWORD"),
        (&["NaN", "2.5"], "KEYWORD"),
        (&["true", "false", "T", "f"], "BOOLEAN"),
        (&["yes", "no"], "KEYWORD"),
        (&["2024-02-29", "1970-01-01"], "DATE"),
        (&["2023-02-29"], "KEYWORD"),
        (&["20240229"], "INT"),
        (
            &[
                "2024-02-29",
                "2024-02-29T10:00:00Z",
                "2024-01-01 10:00:00.5",
            ],
            "TIMESTAMP",
        ),
        (&["2024-02-29T10:00:00+02:00"], "TIMESTAMP"),
        (&["2024-02-29T25:00:00Z"], "KEYWORD"),
        (&["[\"a\",\"b\"]", "[]"], "KEYWORD[]"),
        (&["[1,2]"], "KEYWORD"),
        (&["{\"a\":3}", "{}"], "MAP(KEYWORD, INT)"),
        (&["{\"a\":3.25}"], "MAP(KEYWORD, DECIMAL(6,2))"),
        (&["{\"a\":\"2024-02-29\"}"], "MAP(KEYWORD, DATE)"),
        (&["{\"a\":\"b\"}"], "KEYWORD"),
        (&["[\"a\"]", "x"], "KEYWORD"),
        (&["", ""], "KEYWORD"),
        (&["", "4", ""], "SMALLINT"),
    ] {
        assert_eq!(csv_type(cells), expected, "{cells:?}");
    }
}

#[test]
fn values_of_ndjson_keep_the_type_they_are_written_in() {
    for (values, expected) in [
        (&["1", "null", "-5"][..], "SMALLINT"),
        (&["\"1\"", "\"2\""], "KEYWORD"),
        (&["true", "false"], "BOOLEAN"),
        (&["\"true\""], "KEYWORD"),
        (&["1.25", "3"], "DECIMAL(6,2)"),
        (&["1e18"], "DOUBLE"),
        (&["\"12.50\"", "\"-3.00\""], "DECIMAL(7,2)"),
        (&["\"1.9\"", "\"1.10\""], "KEYWORD"),
        (&["\"1.5\"", "\"x\""], "KEYWORD"),
        (&["{\"a\": \"1.50\"}"], "MAP(KEYWORD, DECIMAL(6,2))"),
        (&["\"2024-02-29\""], "DATE"),
        (&["[\"a\"]", "[]"], "KEYWORD[]"),
        (&["{\"a\": 1, \"b\": null}"], "MAP(KEYWORD, INT)"),
        (&["\"[]\""], "KEYWORD"),
    ] {
        assert_eq!(json_type(values).unwrap(), expected, "{values:?}");
    }
}

#[test]
fn values_that_no_type_holds_are_refused_by_column() {
    for values in [
        &["[1]"][..],
        &["{\"a\":\"b\"}"],
        &["1", "\"a\""],
        &["18446744073709551616"],
        &["9223372036854775808"],
        &["123456789012345678901"],
        &["true", "1"],
        &["[\"a\"]", "{\"a\":1}"],
        &["[[\"a\"]]"],
    ] {
        let failure = json_type(values).unwrap_err().to_string();
        assert!(failure.contains("column \"x\""), "{values:?}: {failure}");
    }
}

#[test]
fn edits_of_members_belong_to_their_column() {
    let text = "{\"id\":1,\"x+\":[\"a\"]}\n{\"id\":2,\"x-\":[\"a\"],\"x\":[]}\n";
    let sample = read_ndjson(text.as_bytes(), true).unwrap();
    let plan = Plan::new("t", &sample, None, &[]).unwrap();
    assert_eq!(type_of_x(&plan), "KEYWORD[]");
}

#[test]
fn long_text_and_endless_vocabularies_are_long_text() {
    assert_eq!(csv_type(&[&"a".repeat(1024)]), "KEYWORD");
    assert_eq!(csv_type(&[&"a".repeat(1025)]), "LONGTEXT");
    let many = |rows: usize, complete| {
        let mut text = String::from("id,x\n");
        for row in 0..rows {
            text.push_str(&format!("{row},mail{row}@example.org\n"));
        }
        let sample = read_csv(text.as_bytes(), b',', complete).unwrap();
        type_of_x(&Plan::new("t", &sample, None, &[]).unwrap())
    };
    assert_eq!(many(20_000, true), "KEYWORD");
    assert_eq!(many(20_000, false), "LONGTEXT");
    assert_eq!(many(500_001, true), "LONGTEXT");
}

#[test]
fn the_key_is_the_first_column_never_empty_or_repeated() {
    for (text, key) in [
        ("a,b\n1,x\n2,x\n", "a BIGINT PRIMARY KEY"),
        ("a,b\n1,x\n1,y\n", "b KEYWORD PRIMARY KEY"),
        ("a,b\n,x\n1,y\n", "b KEYWORD PRIMARY KEY"),
        ("a,b\n1.5,x\n2.5,y\n", "b KEYWORD PRIMARY KEY"),
        (
            "a,b\n2024-01-01,007\n2024-01-02,8\n",
            "b KEYWORD PRIMARY KEY",
        ),
    ] {
        let plan = plan_csv(text);
        assert!(plan.create_table.contains(key), "{}", plan.create_table);
    }
}

#[test]
fn a_file_without_a_key_says_so() {
    let sample = read_csv("a,b\n1,x\n1,x\n".as_bytes(), b',', true).unwrap();
    let failure = Plan::new("t", &sample, None, &[]).unwrap_err().to_string();
    assert!(failure.contains("--key"), "{failure}");
    let plan = Plan::new("t", &sample, Some("b"), &[]).unwrap();
    assert!(plan.create_table.contains("b KEYWORD PRIMARY KEY"));
    let failure = Plan::new("t", &sample, Some("c"), &[]).unwrap_err();
    assert!(failure.to_string().contains("\"c\""));
}

#[test]
fn types_given_by_the_user_win() {
    let sample = read_csv("id,zip\n1,10115\n2,20095\n".as_bytes(), b',', true).unwrap();
    let types = [
        ("zip".to_owned(), "KEYWORD".to_owned()),
        ("id".to_owned(), "KEYWORD".to_owned()),
    ];
    let plan = Plan::new("Order", &sample, None, &types).unwrap();
    assert_eq!(
        plan.create_table,
        "CREATE TABLE \"Order\" (\n  id KEYWORD PRIMARY KEY,\n  zip KEYWORD              -- as told\n);"
    );
}

#[test]
fn an_empty_cell_in_quotes_is_text() {
    let plan = plan_csv("id,x\n1,5\n2,\"\"\n");
    assert_eq!(type_of_x(&plan), "KEYWORD");
}

#[test]
fn rows_that_cannot_be_read_are_left_to_the_server() {
    let sample = read_csv(&b"id,x\n1,2\n\"2\"x,3\n\xFF,4\n5,6"[..], b',', true).unwrap();
    assert_eq!(sample.rows, 4);
    let plan = Plan::new("t", &sample, Some("id"), &[]).unwrap();
    assert_eq!(type_of_x(&plan), "SMALLINT");
}

#[test]
fn a_cut_sample_leaves_its_last_row_out() {
    let sample = read_csv("id,x\n1,2\n2,tru".as_bytes(), b',', false).unwrap();
    assert_eq!(sample.rows, 1);
    let sample = read_ndjson("{\"id\":1}\n{\"id".as_bytes(), false).unwrap();
    assert_eq!(sample.rows, 1);
}

#[test]
fn bad_files_are_named() {
    for text in ["id,\n1,2\n", "id,id\n1,2\n"] {
        assert!(read_csv(text.as_bytes(), b',', true).is_err(), "{text}");
    }
    assert!(read_csv(&b"id\xFF\n1\n"[..], b',', true).is_err());
    assert!(read_csv(&b""[..], b',', true).is_err());
    for text in ["[1]\n", "{\"a\":1\n", "1\n"] {
        let failure = read_ndjson(text.as_bytes(), true).unwrap_err();
        assert!(failure.to_string().starts_with("line 1"), "{failure}");
    }
}

#[test]
fn names_are_quoted_only_when_they_must_be() {
    for (name, expected) in [
        ("a_1", "a_1"),
        ("key", "key"),
        ("ilike", "\"ilike\""),
        ("Age", "\"Age\""),
        ("1a", "\"1a\""),
        ("a b", "\"a b\""),
        ("a\"b", "\"a\"\"b\""),
        ("", "\"\""),
    ] {
        assert_eq!(quote_name(name), expected);
    }
}

#[test]
fn a_sign_is_part_of_the_name_of_what_has_no_members() {
    let text = "{\"id\":1,\"c++\":5,\"a-\":\"x\",\"s+\":[\"m\"]}\n";
    let sample = read_ndjson(text.as_bytes(), true).unwrap();
    let plan = Plan::new("t", &sample, Some("id"), &[]).unwrap();
    for column in ["\"c++\" SMALLINT", "\"a-\" KEYWORD", "s KEYWORD[]"] {
        assert!(plan.create_table.contains(column), "{}", plan.create_table);
    }
}

#[test]
fn what_tells_no_types_is_told_so() {
    let sample = read_csv(&b"id,x\n"[..], b',', true).unwrap();
    let failure = Plan::new("t", &sample, None, &[]).unwrap_err();
    assert!(failure.to_string().contains("no row"), "{failure}");
    let failure = read_csv(&b"id,x\n1,\"2\n3,4\n"[..], b',', true).unwrap_err();
    assert!(failure.to_string().starts_with("row 1: "), "{failure}");
}

#[test]
fn names_are_quoted_where_sql_needs_it() {
    use tagdb_query::{Answer, Context, Database, Limits, RESERVED};
    use tagdb_storage::engine::{Engine, Settings};

    let vfs = std::sync::Arc::new(tagdb_storage::vfs::MemoryVfs::new(1));
    let clock = tagdb_storage::clock::Clock::manual(0);
    let engine = Engine::open(vfs, Settings::default(), clock).unwrap();
    let database = Database::new(engine, Limits::default());
    let run = |sql: &str| {
        for statement in database.parse(sql).unwrap() {
            let answer = database.run(&statement, &Context::default());
            let answer = answer.unwrap_or_else(|error| panic!("{sql}: {error}"));
            if let Answer::Rows(mut rows) = answer {
                assert_eq!(rows.columns()[0].name, sql.split('"').nth(1).unwrap_or("?"));
                while rows.next().unwrap().is_some() {}
            }
        }
    };
    let others = [
        "array",
        "bigint",
        "comment",
        "current_date",
        "date",
        "extract",
        "interval",
        "key",
        "map",
        "position",
        "set",
        "substring",
        "timestamp",
        "trim",
        "unnest",
        "values",
    ];
    for word in RESERVED.iter().chain(&others) {
        let name = quote_name(word);
        run(&format!(
            "CREATE TABLE t_{word} (id BIGINT PRIMARY KEY, {name} SMALLINT)"
        ));
        run(&format!(
            "SELECT {name} AS \"{word}\" FROM t_{word} WHERE {name} = 1"
        ));
    }
}
