use std::collections::HashSet;

use serde_json::json;

use super::*;

#[test]
fn codes_are_unique_and_have_titles_and_sentences() {
    let mut seen = HashSet::new();
    for entry in codes::ALL {
        assert!(seen.insert(entry.code), "{} occurs twice", entry.code);
        assert_ne!(codes::title(entry.status), "Error", "{}", entry.code);
        assert!(entry.meaning.ends_with('.'), "{}", entry.code);
        assert!(
            entry
                .code
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '_'),
            "{}",
            entry.code
        );
        assert_eq!(codes::find(entry.code), Some(entry));
    }
    assert_eq!(codes::find("no_such_code"), None);
}

#[test]
fn codes_are_sorted_by_status() {
    assert!(codes::ALL.is_sorted_by_key(|entry| entry.status));
}

#[test]
fn requests_refuse_unknown_fields() {
    assert!(serde_json::from_value::<SqlRequest>(json!({"sql": "x", "limit": 3})).is_err());
    assert!(serde_json::from_value::<LookupRequest>(json!({"keys": [], "tag": []})).is_err());
    assert!(serde_json::from_value::<FlushRequest>(json!({"tables": "x"})).is_err());
}

#[test]
fn answers_ignore_unknown_fields() {
    let answer: SqlResponse = serde_json::from_value(json!({
        "columns": [{"name": "n", "type": "BIGINT"}], "rows": [[12]], "news": true,
    }))
    .unwrap();
    assert_eq!(answer.rows, vec![vec![json!(12)]]);
    assert_eq!(answer.next, None);
}

#[test]
fn numbers_keep_all_their_digits() {
    let text = r#"{"sql":"x","params":[9223372036854775807,0.10]}"#;
    let request: SqlRequest = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&request).unwrap(), text);
}

#[test]
fn a_flush_is_waited_for_unless_said_otherwise() {
    let request: FlushRequest = serde_json::from_str("{}").unwrap();
    assert_eq!(request, FlushRequest::default());
    assert!(request.wait);
}

#[test]
fn a_problem_leaves_out_what_does_not_apply() {
    let problem = Problem {
        kind: "/errors/not_found".to_owned(),
        title: "Not Found".to_owned(),
        status: 404,
        code: "not_found".to_owned(),
        detail: "no such row".to_owned(),
        request_id: "r1".to_owned(),
        ..Problem::default()
    };
    let value = serde_json::to_value(&problem).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 6);
    assert_eq!(serde_json::from_value::<Problem>(value).unwrap(), problem);
}
