use serde_json::json;

use super::Server;

const U1: &str = "/v1/tables/users/rows/u1";

#[tokio::test]
async fn a_row_is_written_read_and_deleted() {
    let server = Server::new();
    server.get(U1).await.problem(404, "not_found");
    let body = json!({
        "gender": "female", "vip": true, "age": 33, "points": 9_007_199_254_740_993_i64,
        "spend": "12.50", "score": 0.1, "born": "2000-02-29", "seen": "2026-11-20T07:16:00.5Z",
        "interests": ["tea", "nike"], "visits": {"nike": 3}, "bio": "a\nb\u{1F600}",
    });
    let written = server.json("PATCH", U1, &[], body.clone()).await;
    assert_eq!(
        written.header("tagdb-token"),
        written.json()["token"].as_str()
    );
    let written = written.ok();
    assert_eq!(
        (
            &written["created"],
            &written["rows_affected"],
            &written["durable"]
        ),
        (&json!(1), &json!(1), &json!(true))
    );
    let read = server.get(U1).await;
    assert!(read.text().contains("9007199254740993"));
    let mut expected = body;
    expected["user_id"] = json!("u1");
    expected["interests"] = json!(["nike", "tea"]);
    let read = read.ok();
    assert_eq!(read, expected);
    let again = server.json("PATCH", U1, &[], read.clone()).await.ok();
    assert_eq!(again["created"], 0);
    assert_eq!(server.get(U1).await.ok(), read);
    let deleted = server.call("DELETE", U1, &[], "").await.ok();
    assert_eq!(deleted["rows_affected"], 1);
    let deleted = server.call("DELETE", U1, &[], "").await.ok();
    assert_eq!(deleted["rows_affected"], 0);
    server.get(U1).await.problem(404, "not_found");
}

#[tokio::test]
async fn tags_may_be_chosen() {
    let server = Server::new();
    server
        .json("PATCH", U1, &[], json!({"age": 1, "gender": null}))
        .await
        .ok();
    assert_eq!(
        server.get(U1).await.ok(),
        json!({"user_id": "u1", "age": 1})
    );
    let some = server
        .get(&format!("{U1}?tags=interests,gender,visits,age"))
        .await;
    assert_eq!(
        some.text(),
        r#"{"user_id":"u1","interests":[],"gender":null,"visits":{},"age":1}"#
    );
    server
        .get(&format!("{U1}?tags=gendr"))
        .await
        .problem(400, "unknown_tag");
    server
        .get(&format!("{U1}?tags="))
        .await
        .problem(400, "bad_parameter");
    server
        .get("/v1/tables/none/rows/u1")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn members_are_added_and_removed() {
    let server = Server::new();
    let patch = async |body| {
        server.json("PATCH", U1, &[], body).await.ok();
        server
            .get(&format!("{U1}?tags=interests,visits"))
            .await
            .ok()
    };
    let row = patch(json!({"interests": ["a", "b"], "visits": {"a": 1, "b": 2}})).await;
    assert_eq!(row["interests"], json!(["a", "b"]));
    let row = patch(json!({"interests-": ["a", "x"], "interests+": ["c"]})).await;
    assert_eq!(row["interests"], json!(["b", "c"]));
    let row = patch(json!({"visits+": {"a": null, "c": 3}, "visits-": ["b"]})).await;
    assert_eq!(row["visits"], json!({"c": 3}));
    let row = patch(json!({"interests": null, "visits": {}})).await;
    assert_eq!(
        (&row["interests"], &row["visits"]),
        (&json!([]), &json!({}))
    );
}

#[tokio::test]
async fn bad_patches_are_named() {
    let server = Server::new();
    for (body, status, code) in [
        (json!({"gendr": "x"}), 400, "unknown_tag"),
        (json!({"age": "x"}), 400, "type_mismatch"),
        (json!({"age": 40000}), 400, "overflow"),
        (json!({"gender": "x".repeat(1025)}), 400, "limit_exceeded"),
        (json!({"user_id": "u2"}), 400, "bad_key"),
        (json!([]), 400, "bad_parameter"),
        (json!({"age+": 1}), 400, "unknown_tag"),
        (
            json!({"interests": ["a"], "interests+": ["b"]}),
            400,
            "duplicate_column",
        ),
    ] {
        server
            .json("PATCH", U1, &[], body)
            .await
            .problem(status, code);
    }
    let long = format!("/v1/tables/users/rows/{}", "k".repeat(513));
    server
        .json("PATCH", &long, &[], json!({}))
        .await
        .problem(400, "bad_key");
    let not_a_number = "/v1/tables/devices/rows/1x";
    server.get(not_a_number).await.problem(400, "bad_key");
    server.get(U1).await.problem(404, "not_found");
}

#[tokio::test]
async fn any_text_may_be_a_key() {
    let server = Server::new();
    for (segment, key) in [
        ("a%2Fb", "a/b"),
        ("", ""),
        ("%C3%A9%20%25", "é %"),
        ("%00", "\0"),
        ("a+b", "a+b"),
        ("..", ".."),
    ] {
        let path = format!("/v1/tables/users/rows/{segment}");
        server
            .json("PATCH", &path, &[], json!({"age": 1}))
            .await
            .ok();
        assert_eq!(server.get(&path).await.ok()["user_id"], key);
        server.call("DELETE", &path, &[], "").await.ok();
    }
    let path = "/v1/tables/devices/rows/-9223372036854775808";
    server
        .json("PATCH", path, &[], json!({"age": 1}))
        .await
        .ok();
    assert!(
        server
            .get(path)
            .await
            .text()
            .starts_with("{\"user_id\":-9223372036854775808,")
    );
}

#[tokio::test]
async fn lookups_answer_in_the_order_asked() {
    let server = Server::new();
    for (key, age) in [("u1", 1), ("u2", 2)] {
        let path = format!("/v1/tables/users/rows/{key}");
        server
            .json("PATCH", &path, &[], json!({"age": age}))
            .await
            .ok();
    }
    let path = "/v1/tables/users/lookup";
    let found = server
        .post(path, json!({"keys": ["u2", "x", "u1", "u2"]}))
        .await
        .ok();
    assert_eq!(
        found,
        json!({"rows": [
            {"user_id": "u2", "age": 2}, null, {"user_id": "u1", "age": 1},
            {"user_id": "u2", "age": 2},
        ]})
    );
    let found = server
        .post(path, json!({"keys": ["u1"], "tags": ["vip", "age"]}))
        .await;
    assert_eq!(
        found.text(),
        r#"{"rows":[{"user_id":"u1","vip":null,"age":1}]}"#
    );
    assert_eq!(
        server.post(path, json!({"keys": []})).await.ok(),
        json!({"rows": []})
    );
    for (body, code) in [
        (json!({"keys": [1]}), "bad_key"),
        (json!({"keys": [null]}), "bad_key"),
        (json!({"keys": ["a"], "tags": ["nothing"]}), "unknown_tag"),
        (
            json!({"keys": ["a"], "tags": ["age", "age"]}),
            "duplicate_column",
        ),
        (json!({"keys": vec!["a"; 10_001]}), "limit_exceeded"),
        (json!({"key": []}), "bad_parameter"),
    ] {
        server.post(path, body).await.problem(400, code);
    }
    let devices = "/v1/tables/devices/lookup";
    let found = server.post(devices, json!({"keys": [1, "2"]})).await.ok();
    assert_eq!(found, json!({"rows": [null, null]}));
    server
        .post(devices, json!({"keys": [1.5]}))
        .await
        .problem(400, "bad_key");
}

#[tokio::test]
async fn a_large_lookup_is_refused() {
    let server = Server::with(&[("result_bytes_max", "1KiB")]);
    let body = json!({"bio": "x".repeat(600)});
    server.json("PATCH", U1, &[], body).await.ok();
    let body = json!({"keys": ["u1", "u1"]});
    let problem = server.post("/v1/tables/users/lookup", body).await;
    assert_eq!(problem.problem(413, "result_too_large")["maximum"], 1024);
}

#[tokio::test]
async fn a_write_is_repeated_by_its_key() {
    let server = Server::new();
    let key = [("idempotency-key", "k1")];
    let body = json!({"visits+": {"nike": 1}});
    let first = server.json("PATCH", U1, &key, body.clone()).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    server
        .json("PATCH", U1, &[], json!({"visits+": {"nike": 2}}))
        .await
        .ok();
    let second = server.json("PATCH", U1, &key, body).await;
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.json(), second.json());
    assert_eq!(server.get(U1).await.ok()["visits"], json!({"nike": 2}));
    let other = server.json("PATCH", U1, &key, json!({"age": 1})).await;
    other.problem(409, "idempotency_key_reused");
    let state = server.get("/v1/writes/k1").await.ok();
    assert_eq!(
        state,
        json!({"state": "committed", "token": first.json()["token"]})
    );
    server.get("/v1/writes/k2").await.problem(404, "not_found");
    let bad = [("idempotency-key", "")];
    server
        .json("PATCH", U1, &bad, json!({}))
        .await
        .problem(400, "bad_parameter");
}

#[tokio::test]
async fn tokens_name_states() {
    let server = Server::with(&[("statement_timeout", "50ms")]);
    let written = server.json("PATCH", U1, &[], json!({"age": 1})).await.ok();
    let token = written["token"].as_str().unwrap();
    let at_least = [("tagdb-at-least", token)];
    let read = server.call("GET", U1, &at_least, "").await;
    assert_eq!(read.header("tagdb-token"), Some(token));
    let (state, lsn) = token.rsplit_once('.').unwrap();
    let next = format!("{state}.{}", lsn.parse::<u64>().unwrap() + 1);
    let ahead = [("tagdb-at-least", &*next)];
    let answered = server.call("GET", U1, &ahead, "").await;
    // Nobody was given this one.
    answered.problem(409, "write_lost");
    let headers = [("content-type", "text/plain"), ("tagdb-at-least", &*next)];
    let answered = server
        .call("POST", "/v1/sql", &headers, "SHOW TABLES")
        .await;
    answered.problem(409, "write_lost");
    for bad in ["", "x", "0.1", "1.2.3.4", "-1.0.1"] {
        let answered = server.call("GET", U1, &[("tagdb-at-least", bad)], "").await;
        answered.problem(400, "bad_parameter");
    }
    let lost = [("tagdb-at-least", "0.999.1")];
    server
        .call("GET", U1, &lost, "")
        .await
        .problem(409, "write_lost");
}

#[tokio::test]
async fn an_asynchronous_write_says_so() {
    let server = Server::new();
    let path = format!("{U1}?durability=async");
    let written = server
        .json("PATCH", &path, &[], json!({"age": 1}))
        .await
        .ok();
    assert_eq!(written["durable"], false);
    assert_eq!(server.get(U1).await.ok()["age"], 1);
}
