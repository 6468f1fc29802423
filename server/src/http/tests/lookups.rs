//! Look-ups: one row around the router, many rows in one answer, and what they have in common.

use serde_json::{Value as Json, json};

use super::{Answered, Server};

const LOOKUP: &str = "/v1/tables/users/lookup";
/// A row of every type, some of them with characters that JSON escapes.
const FULL: &str = r#"{"user_id":"u1","gender":"f\"\\","vip":true,"age":-3,"points":-9007199254740993,"spend":"-0.05","score":1e300,"born":"0001-01-01","seen":"2026-11-20T07:16:00.5Z","interests":["a,b","te\"a"],"visits":{"n\\ike":3,"\u0001":-1},"bio":"a\n\u001f\t"}"#;

async fn filled() -> Server {
    let server = Server::new();
    server
        .ndjson(
            "/v1/tables/users/rows",
            &format!("{FULL}\n{{\"user_id\":\"u2\",\"age\":7}}\n{{\"user_id\":\"\u{e9} /%\"}}\n"),
        )
        .await
        .ok();
    let devices = "{\"user_id\":9007199254740993,\"age\":1}\n{\"user_id\":-9223372036854775808}\n";
    server.ndjson("/v1/tables/devices/rows", devices).await.ok();
    server
}

/// Without the length of the body, which the connection adds where it is not told.
fn headers_of(answered: &Answered) -> Vec<(String, String)> {
    let pair = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let mut pairs: Vec<_> = answered.headers.iter().map(pair).collect();
    pairs.retain(|(name, _)| name != "content-length");
    pairs.sort();
    pairs
}

/// A request that names a state goes through the router, the same without it does not.
#[tokio::test]
async fn around_the_router_answers_are_the_same() {
    let server = filled().await;
    let token = server.get("/v1/status").await.json()["token"].clone();
    let token = token.as_str().unwrap();
    let id = ("x-request-id", "the-same");
    let requests: [(&str, &[(&str, &str)]); 15] = [
        ("users/rows/u1", &[]),
        ("users/rows/u2", &[("host", "127.0.0.1:7480")]),
        ("users/rows/nobody", &[]),
        ("users/rows/u1?tags=vip,interests,visits,born", &[]),
        ("users/rows/u1?tags=", &[]),
        ("users/rows/u1?tags=nothing", &[]),
        ("users/rows/u1?tag=vip", &[]),
        ("users/rows/u1?tags=%zz", &[]),
        ("none/rows/u1", &[]),
        ("devices/rows/9007199254740993", &[]),
        ("devices/rows/-9223372036854775808", &[]),
        ("devices/rows/9223372036854775808", &[]),
        ("devices/rows/u1", &[]),
        ("users/rows/u1", &[("origin", "http://evil.example")]),
        ("users/rows/u1", &[("host", "evil.example")]),
    ];
    for (path, headers) in requests {
        let path = format!("/v1/tables/{path}");
        let mut headers = headers.to_vec();
        headers.push(id);
        let around = server.call("GET", &path, &headers, "").await;
        headers.push(("tagdb-at-least", token));
        let routed = server.call("GET", &path, &headers, "").await;
        assert_eq!(around.status, routed.status, "{path}");
        assert_eq!(around.text(), routed.text(), "{path}");
        assert_eq!(headers_of(&around), headers_of(&routed), "{path}");
        assert_eq!(around.header("x-request-id"), Some("the-same"));
        assert_eq!(around.header("x-content-type-options"), Some("nosniff"));
    }
    let metrics = server.get("/metrics").await;
    for (status, count) in [(200, 10), (400, 12), (403, 4), (404, 4)] {
        let line = format!(
            "tagdb_http_requests_total{{route=\"/v1/tables/{{table}}/rows/{{key}}\",\
             method=\"GET\",status=\"{status}\"}} {count}\n"
        );
        assert!(metrics.text().contains(&line), "{line}{}", metrics.text());
    }
}

#[tokio::test]
async fn rows_of_every_type_are_written_as_they_were_sent() {
    let server = filled().await;
    let row = server.get("/v1/tables/users/rows/u1").await;
    let expected: Json = serde_json::from_str(FULL).unwrap();
    assert_eq!(row.json(), expected);
    assert!(row.text().contains("\"points\":-9007199254740993,"));
    let odd = server.get("/v1/tables/users/rows/%C3%A9%20%2F%25").await;
    assert_eq!(odd.text(), "{\"user_id\":\"\u{e9} /%\"}");
    let all = "gender,vip,age,points,spend,score,born,seen,interests,visits,bio";
    let path = format!("/v1/tables/users/rows/u2?tags={all}");
    let empty = server.get(&path).await;
    assert_eq!(
        empty.text(),
        "{\"user_id\":\"u2\",\"gender\":null,\"vip\":null,\"age\":7,\"points\":null,\"spend\":null,\
         \"score\":null,\"born\":null,\"seen\":null,\"interests\":[],\"visits\":{},\"bio\":null}"
    );
}

#[tokio::test]
async fn names_are_escaped() {
    let server = Server::new();
    let create = "CREATE TABLE odd (\"k\"\"\\\" KEYWORD PRIMARY KEY, \"t\\\u{e9}\"\"\" INT)";
    server.sql(create).await.ok();
    let row = json!({"k\"\\": "a", "t\\\u{e9}\"": 5});
    server
        .ndjson("/v1/tables/odd/rows", &row.to_string())
        .await
        .ok();
    assert_eq!(server.get("/v1/tables/odd/rows/a").await.ok(), row);
    let many = server.post("/v1/tables/odd/lookup", json!({"keys": ["a"]}));
    assert_eq!(many.await.ok()["rows"], json!([row]));
}

/// Batches that are answered at once and others, beside what single look-ups answer.
#[tokio::test]
async fn batches_are_their_rows() {
    let server = filled().await;
    let u1 = server.get("/v1/tables/users/rows/u1").await.json();
    let u2 = server.get("/v1/tables/users/rows/u2").await.json();
    let odd = json!({"user_id": "\u{e9} /%"});
    let keys = [
        "\"u1\"",
        "\"no\"",
        "\"\\u00752\"",
        "\"\u{e9} \\/%\"",
        "\"\"",
    ];
    let rows = [&u1, &Json::Null, &u2, &odd, &Json::Null];
    for len in [0, 1, 5, 255, 256, 257, 1_000] {
        let asked: Vec<_> = keys.iter().copied().cycle().take(len).collect();
        let body = format!("{{\"keys\": [ {} ]}}", asked.join(" ,"));
        let headers = [("content-type", "application/json")];
        let found = server.call("POST", LOOKUP, &headers, body).await.ok();
        let found = found["rows"].as_array().unwrap().clone();
        assert_eq!(found.len(), len);
        for (found, expected) in found.iter().zip(rows.iter().cycle()) {
            assert_eq!(found, *expected);
        }
    }
    let body = "{\"keys\":[9007199254740993,\"-9223372036854775808\",9007199254740992]}";
    let headers = [("content-type", "application/json")];
    let path = "/v1/tables/devices/lookup";
    let found = server.call("POST", path, &headers, body).await;
    assert_eq!(
        found.text(),
        "{\"rows\":[{\"user_id\":9007199254740993,\"age\":1},{\"user_id\":-9223372036854775808},null]}"
    );
}

#[tokio::test]
async fn what_is_no_batch_is_refused() {
    let server = filled().await;
    let long = format!("{{\"keys\":[\"{}\"]}}", "x".repeat(5_000));
    for (body, code) in [
        ("{\"keys\":[\"u1\"", "bad_parameter"),
        ("{\"keys\":[\"u1\"]} x", "bad_parameter"),
        ("{\"keys\":[\"u\n1\"]}", "bad_parameter"),
        ("{\"keys\":[\"\\ud800\"]}", "bad_parameter"),
        ("{\"keys\":\"u1\"}", "bad_parameter"),
        ("{\"tags\":[]}", "bad_parameter"),
        ("{\"keys\":[],\"keys\":[]}", "bad_parameter"),
        ("[]", "bad_parameter"),
        ("", "bad_parameter"),
        ("{\"keys\":[{}]}", "bad_key"),
        ("{\"keys\":[true]}", "bad_key"),
        ("{\"keys\":[[\"u1\"]]}", "bad_key"),
        (&long, "bad_key"),
    ] {
        let headers = [("content-type", "application/json")];
        let refused = server.call("POST", LOOKUP, &headers, body.to_owned()).await;
        refused.problem(400, code);
    }
    let headers = [("content-type", "application/json")];
    let refused = server.call("POST", LOOKUP, &headers, &b"{\"keys\":[\"\xFF\"]}"[..]);
    refused.await.problem(400, "bad_parameter");
    let plain = server.call("POST", LOOKUP, &[("content-type", "text/plain")], "{}");
    plain.await.problem(415, "unsupported_media_type");
}

/// In the middle of an answer, whichever way it is made.
#[tokio::test]
async fn answers_that_grow_too_large_are_refused() {
    let server = Server::with(&[("result_bytes_max", "16KiB")]);
    let row = json!({"user_id": "u1", "bio": "x".repeat(500)});
    server
        .ndjson("/v1/tables/users/rows", &row.to_string())
        .await
        .ok();
    for (count, fits) in [(30, true), (40, false), (200, false), (5_000, false)] {
        for accept in ["application/json", "application/vnd.apache.arrow.stream"] {
            let body = json!({"keys": vec!["u1"; count], "tags": ["bio"]});
            let answered = server
                .json("POST", LOOKUP, &[("accept", accept)], body)
                .await;
            if fits {
                assert_eq!(answered.status, 200, "{count} {accept}");
                continue;
            }
            answered.problem(413, "result_too_large");
        }
    }
}
