//! Questions about audiences.

use serde_json::{Value as Json, json};

use super::Server;

/// Eight users; `vip` is known of half of them.
async fn users() -> Server {
    let server = Server::new();
    let lines = [
        json!({"user_id": "u1", "gender": "f", "vip": true, "age": 20, "interests": ["tea", "go"]}),
        json!({"user_id": "u2", "gender": "f", "vip": true, "age": 30, "interests": ["tea"]}),
        json!({"user_id": "u3", "gender": "f", "vip": false, "age": 40, "visits": {"nike": 2}}),
        json!({"user_id": "u4", "gender": "m", "vip": false, "age": 50, "visits": {"nike": 5, "zara": 1}}),
        json!({"user_id": "u5", "gender": "m", "age": 60, "spend": "10.50", "seen": "2026-01-01T00:00:00Z"}),
        json!({"user_id": "u6", "gender": "m", "score": 0.5, "born": "2000-02-29"}),
        json!({"user_id": "u7"}),
        json!({"user_id": "u8", "bio": "long"}),
    ];
    let lines: Vec<String> = lines.iter().map(Json::to_string).collect();
    server
        .ndjson("/v1/tables/users/rows", &lines.join("\n"))
        .await
        .ok();
    server
}

#[tokio::test]
async fn a_portrait_says_what_is_special() {
    let server = users().await;
    let asked = json!({"where": "vip", "tags": ["gender", "age", "interests", "visits"], "top": 1,
        "buckets": {"age": [25, 45]}});
    let answered = server.post("/v1/tables/users/portrait", asked).await;
    assert!(answered.header("tagdb-token").is_some());
    let found = answered.ok();
    assert_eq!(
        (&found["audience"], &found["base"], &found["test"]),
        (&json!(2), &json!(8), &json!("hypergeometric"))
    );
    let gender = &found["tags"][0];
    assert_eq!(gender["known"], 2);
    assert_eq!(
        (&gender["coverage"], &gender["base_coverage"]),
        (&json!(1.0), &json!(0.75))
    );
    assert_eq!(gender["multi"], false);
    let female = &gender["values"][0];
    assert_eq!(
        (
            &female["value"],
            &female["count"],
            &female["base_count"],
            &female["tgi"]
        ),
        (&json!("f"), &json!(2), &json!(3), &json!(200.0))
    );
    assert_eq!(gender["more"], 0);
    let age = &found["tags"][1];
    let bounds: Vec<_> = age["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| (&b["from"], &b["to"], &b["count"]))
        .collect();
    let (null, low, high) = (json!(null), json!(25), json!(45));
    let (one, none) = (json!(1), json!(0));
    assert_eq!(
        bounds,
        [
            (&null, &low, &one),
            (&low, &high, &one),
            (&high, &null, &none)
        ]
    );
    assert_eq!(
        age["summary"],
        json!({"min": 20, "max": 30, "mean": 25.0, "median": 25.0})
    );
    assert!(age.get("values").is_none());
    let interests = &found["tags"][2];
    assert_eq!(
        (&interests["multi"], &interests["more"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(interests["values"][0]["value"], "tea");
    let visits = &found["tags"][3];
    assert_eq!(
        (&visits["known"], &visits["base_known"]),
        (&json!(0), &json!(2))
    );
    assert_eq!(visits["values"], json!([]));
}

#[tokio::test]
async fn a_portrait_is_of_all_tags_against_anybody() {
    let server = users().await;
    let asked = json!({"where": "gender = $1", "against": "gender = $2", "params": ["f", "m"]});
    let found = server.post("/v1/tables/users/portrait", asked).await.ok();
    assert_eq!(found["test"], "two_proportion");
    assert_eq!(found["base"], 3);
    let tags: Vec<_> = found["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["tag"].as_str().unwrap())
        .collect();
    assert_eq!(
        tags,
        [
            "gender",
            "vip",
            "age",
            "points",
            "spend",
            "score",
            "born",
            "seen",
            "interests",
            "visits"
        ]
    );
    let of = |name: &str| {
        found["tags"]
            .as_array()
            .unwrap()
            .iter()
            .find(|tag| tag["tag"] == name)
            .unwrap()
    };
    assert_eq!(of("gender")["values"][0]["tgi"], Json::Null);
    assert_eq!(of("points").get("summary"), None);
    assert_eq!(of("spend")["buckets"].as_array().unwrap().len(), 1);
    let empty = json!({"where": "FALSE"});
    let found = server.post("/v1/tables/users/portrait", empty).await.ok();
    assert_eq!(found["audience"], 0);
    assert_eq!(found["tags"][0]["coverage"], Json::Null);
}

#[tokio::test]
async fn significant_values_are_ranked() {
    let server = users().await;
    let asked = json!({"where": "vip", "min_support": 1, "tags": ["gender", "interests", "age"],
        "buckets": {"age": [25, 45]}});
    let found = server
        .post("/v1/tables/users/significant", asked)
        .await
        .ok();
    let values = found["values"].as_array().unwrap();
    let tags: Vec<_> = values
        .iter()
        .map(|value| value["tag"].as_str().unwrap())
        .collect();
    assert_eq!(tags, ["gender", "age", "age"]);
    assert_eq!(
        (&values[1]["to"], values[1].get("from")),
        (&json!(25), None)
    );
    assert_eq!(values[0]["value"], "f");
    assert_eq!(values[0]["jlh"], 1.0);
    let none = json!({"where": "vip", "top": 2});
    let found = server.post("/v1/tables/users/significant", none).await.ok();
    assert_eq!(found["values"], json!([]), "nothing has a support of 3");
}

#[tokio::test]
async fn audiences_overlap() {
    let server = users().await;
    let asked = json!({"audiences": {"f": "gender = 'f'", "vip": "vip", "old": "age >= $1"},
        "params": {"old": [40]}});
    let found = server.post("/v1/tables/users/overlap", asked).await.ok();
    assert_eq!(
        (&found["subjects"], &found["union"]),
        (&json!(8), &json!(5))
    );
    assert_eq!(found["audiences"][2], json!({"name": "old", "size": 3}));
    assert_eq!(
        found["pairs"][0],
        json!({"a": "f", "b": "vip", "both": 2, "jaccard": 2.0 / 3.0, "share_of_a": 2.0 / 3.0,
            "share_of_b": 1.0})
    );
    assert_eq!(
        found["cells"],
        json!([{"audiences": ["f", "vip"], "count": 2}, {"audiences": ["old"], "count": 2},
            {"audiences": ["f", "old"], "count": 1}])
    );
}

#[tokio::test]
async fn subjects_are_matched() {
    let server = users().await;
    let asked = json!({"keys": ["u5", "nobody", "u1"], "where": {"vip": "vip", "young": "age < $1"},
        "params": [40]});
    let found = server.post("/v1/tables/users/match", asked).await.ok();
    assert_eq!(
        found,
        json!({"results": [{"vip": null, "young": false}, null, {"vip": true, "young": true}]})
    );
    let none = json!({"keys": [], "where": {}});
    let found = server.post("/v1/tables/users/match", none).await.ok();
    assert_eq!(found, json!({"results": []}));
}

#[tokio::test]
async fn a_tree_says_why() {
    let server = users().await;
    let asked = json!({"key": "u3",
        "where": "(vip OR visits['nike'] >= $1) AND NOT has(interests, 'tea') AND age BETWEEN 1 AND 30",
        "params": [2]});
    let found = server.post("/v1/tables/users/membership", asked).await.ok();
    assert_eq!(found["member"], false);
    assert_eq!(found["tree"]["operator"], "and");
    let parts = &found["tree"]["children"];
    assert_eq!(
        parts[0],
        json!({"text": "vip OR visits['nike'] >= $1", "operator": "or", "value": true, "children": [
            {"text": "vip", "operator": "test", "value": false, "seen": [{"name": "vip", "value": false}]},
            {"text": "visits['nike'] >= $1", "operator": "test", "value": true,
             "seen": [{"name": "visits['nike']", "value": 2}]}]})
    );
    assert_eq!(parts[1]["operator"], "not");
    assert_eq!(
        parts[1]["children"][0]["seen"],
        json!([{"name": "interests", "value": []}])
    );
    assert_eq!(
        parts[2],
        json!({"text": "age BETWEEN 1 AND 30", "operator": "test", "value": false,
            "seen": [{"name": "age", "value": 40}]})
    );
    let nobody = json!({"key": "u9", "where": "vip"});
    let answered = server.post("/v1/tables/users/membership", nobody).await;
    answered.problem(404, "not_found");
}

#[tokio::test]
async fn every_part_is_counted() {
    let server = users().await;
    let asked = json!({"where": "gender = 'f' AND (vip IS NOT TRUE OR age < 25)"});
    let found = server
        .post("/v1/tables/users/explain-count", asked)
        .await
        .ok();
    assert_eq!(found["subjects"], 8);
    let tree = &found["tree"];
    assert_eq!(
        (&tree["true"], &tree["false"], &tree["unknown"]),
        (&json!(2), &json!(4), &json!(2))
    );
    assert_eq!(
        tree["children"][0],
        json!({"text": "gender = 'f'", "operator": "test", "true": 3, "false": 3, "unknown": 2, "after": 3})
    );
    assert_eq!(tree["children"][1]["text"], "vip IS NOT TRUE OR age < 25");
    assert_eq!(tree["children"][1]["after"], 2);
    assert_eq!(tree["children"][1]["children"][1]["after"], 7);
}

/// Calls, bodies, codes, and the conditions that are named.
const WRONG: &[(&str, &str, &str, Option<&str>)] = &[
    (
        "portrait",
        r#"{"where": "gendr = 'f'"}"#,
        "unknown_tag",
        Some("where"),
    ),
    (
        "portrait",
        r#"{"where": "vip", "against": "vip AND"}"#,
        "syntax_error",
        Some("against"),
    ),
    (
        "portrait",
        r#"{"where": "vip", "tags": ["nothing"]}"#,
        "unknown_tag",
        None,
    ),
    (
        "portrait",
        r#"{"where": "vip", "tags": ["bio"]}"#,
        "type_mismatch",
        None,
    ),
    (
        "portrait",
        r#"{"where": "vip", "tags": ["age", "age"]}"#,
        "bad_parameter",
        None,
    ),
    (
        "portrait",
        r#"{"where": "vip", "top": 0}"#,
        "bad_parameter",
        None,
    ),
    (
        "portrait",
        r#"{"where": "vip", "top": 10001}"#,
        "limit_exceeded",
        None,
    ),
    (
        "portrait",
        r#"{"where": "vip", "params": [1]}"#,
        "bad_parameter",
        None,
    ),
    (
        "portrait",
        r#"{"where": "vip", "buckets": {"gender": [1]}}"#,
        "type_mismatch",
        None,
    ),
    (
        "portrait",
        r#"{"where": "vip", "buckets": {"age": [2, 1]}}"#,
        "bad_parameter",
        None,
    ),
    (
        "portrait",
        r#"{"where": "vip", "buckets": {"age": 2}}"#,
        "bad_parameter",
        None,
    ),
    (
        "portrait",
        r#"{"where": "vip", "buckets": {"age": ["old"]}}"#,
        "type_mismatch",
        None,
    ),
    (
        "portrait",
        r#"{"where": "vip", "tags": ["vip"], "buckets": {"age": [1]}}"#,
        "bad_parameter",
        None,
    ),
    (
        "portrait",
        r#"{"where": "vip", "more": 1}"#,
        "bad_parameter",
        None,
    ),
    (
        "portrait",
        r#"{"where": "vip", "timeout_ms": 0}"#,
        "bad_parameter",
        None,
    ),
    ("portrait", "{}", "bad_parameter", None),
    (
        "significant",
        r#"{"where": "age + 1"}"#,
        "type_mismatch",
        Some("where"),
    ),
    (
        "overlap",
        r#"{"audiences": {"a": "vip"}}"#,
        "bad_parameter",
        None,
    ),
    (
        "overlap",
        r#"{"audiences": {"a": "vip", "a": "vip"}}"#,
        "bad_parameter",
        None,
    ),
    (
        "overlap",
        r#"{"audiences": {"a": "vip", "b": "age = 'x'"}}"#,
        "type_mismatch",
        Some("b"),
    ),
    (
        "overlap",
        r#"{"audiences": {"a": "vip", "b": "vip"}, "params": {"a": 1}}"#,
        "bad_parameter",
        None,
    ),
    ("match", r#"{"keys": [1], "where": {}}"#, "bad_key", None),
    (
        "match",
        r#"{"keys": ["u1"], "where": {"a": "age = $1"}}"#,
        "bad_parameter",
        Some("a"),
    ),
    (
        "membership",
        r#"{"key": "u1", "where": "count(*) > 1"}"#,
        "unsupported",
        Some("where"),
    ),
    (
        "membership",
        r#"{"key": null, "where": "vip"}"#,
        "bad_key",
        None,
    ),
    (
        "explain-count",
        r#"{"where": "vip vip"}"#,
        "syntax_error",
        Some("where"),
    ),
];

#[tokio::test]
async fn what_is_wrong_is_told() {
    let server = users().await;
    let headers = [("content-type", "application/json")];
    for (call, asked, code, condition) in WRONG {
        let path = format!("/v1/tables/users/{call}");
        let body = server.call("POST", &path, &headers, *asked).await.json();
        assert_eq!(body["code"], *code, "{call} {asked}: {body}");
        assert_eq!(
            body["condition"].as_str(),
            *condition,
            "{call} {asked}: {body}"
        );
        let is_placed = body["line"].is_u64() && body["column"].is_u64();
        assert_eq!(is_placed, condition.is_some(), "{call} {asked}: {body}");
    }
    for call in ["portrait", "significant", "explain-count"] {
        let path = format!("/v1/tables/nothing/{call}");
        let answered = server.post(&path, json!({"where": "TRUE"})).await;
        answered.problem(404, "not_found");
    }
}

#[tokio::test]
async fn lists_are_bounded() {
    let server = users().await;
    let many: serde_json::Map<String, Json> =
        (0..65).map(|n| (format!("a{n}"), json!("vip"))).collect();
    for (call, asked, limit) in [
        ("overlap", json!({"audiences": many}), "audiences"),
        (
            "overlap",
            json!({"audiences": {"a": "vip", "x".repeat(129): "vip"}}),
            "name_bytes",
        ),
        (
            "match",
            json!({"keys": vec!["u"; 10_001], "where": {}}),
            "keys",
        ),
        (
            "match",
            json!({"keys": ["u1"], "where": many}),
            "conditions",
        ),
    ] {
        let path = format!("/v1/tables/users/{call}");
        let body = server
            .post(&path, asked)
            .await
            .problem(400, "limit_exceeded");
        assert_eq!(body["limit"], limit);
    }
}

#[tokio::test]
async fn answers_are_bounded() {
    let server = Server::with(&[("result_bytes_max", "1KiB")]);
    server
        .ndjson(
            "/v1/tables/users/rows",
            r#"{"user_id": "u1", "gender": "f"}"#,
        )
        .await
        .ok();
    let keys = vec!["u1"; 500];
    let asked = json!({"keys": keys, "where": {"a": "vip"}});
    let answered = server.post("/v1/tables/users/match", asked).await;
    answered.problem(413, "result_too_large");
}
