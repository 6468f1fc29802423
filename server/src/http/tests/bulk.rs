use std::io::Write;

use serde_json::{Value as Json, json};

use super::Server;

const ROWS: &str = "/v1/tables/users/rows";

async fn row(server: &Server, key: &str) -> Json {
    let answered = server.get(&format!("{ROWS}/{key}")).await;
    if answered.status == 404 {
        return Json::Null;
    }
    answered.ok()
}

#[tokio::test]
async fn modes_mean_what_they_say() {
    let server = Server::new();
    let send =
        async |mode: &str, lines: &str| server.ndjson(&format!("{ROWS}?mode={mode}"), lines).await;
    let first = "{\"user_id\":\"u1\",\"age\":1,\"gender\":\"f\"}\n{\"user_id\":\"u2\",\"age\":2}\n";
    let done = send("insert", first).await.ok();
    assert_eq!(
        (
            &done["rows"],
            &done["created"],
            &done["duplicates"],
            &done["rejected"]
        ),
        (&json!(2), &json!(2), &json!(0), &json!(0))
    );
    send("insert", "{\"user_id\":\"u3\"}\n{\"user_id\":\"u1\"}\n")
        .await
        .problem(409, "key_exists");
    assert_eq!(row(&server, "u3").await, Json::Null);
    let done = send(
        "upsert",
        "{\"user_id\":\"u1\",\"age\":null,\"vip\":true}\n{\"user_id\":\"u3\"}",
    )
    .await
    .ok();
    assert_eq!(done["created"], 1);
    assert_eq!(
        row(&server, "u1").await,
        json!({"user_id": "u1", "gender": "f", "vip": true})
    );
    assert_eq!(row(&server, "u3").await, json!({"user_id": "u3"}));
    send("replace", "{\"user_id\":\"u1\",\"age\":5}\n")
        .await
        .ok();
    assert_eq!(row(&server, "u1").await, json!({"user_id": "u1", "age": 5}));
    let done = send(
        "delete",
        "{\"user_id\":\"u2\"}\n{\"user_id\":\"unknown\"}\n",
    )
    .await
    .ok();
    assert_eq!(done["rows"], 2);
    assert_eq!(row(&server, "u2").await, Json::Null);
}

#[tokio::test]
async fn tags_are_replaced_as_a_whole() {
    let server = Server::new();
    let rows = "{\"user_id\":\"u1\",\"age\":1,\"vip\":true}\n{\"user_id\":\"u2\",\"age\":2,\"vip\":true}\n\
                {\"user_id\":\"u3\",\"age\":3}\n";
    server.ndjson(ROWS, rows).await.ok();
    let path = format!("{ROWS}?mode=replace_tags&tags=age,gender");
    let rows = "{\"user_id\":\"u1\",\"gender\":\"f\"}\n{\"user_id\":\"u4\",\"age\":4}\n";
    let done = server.ndjson(&path, rows).await.ok();
    assert_eq!((&done["rows"], &done["created"]), (&json!(2), &json!(1)));
    assert_eq!(
        row(&server, "u1").await,
        json!({"user_id": "u1", "gender": "f", "vip": true})
    );
    assert_eq!(
        row(&server, "u2").await,
        json!({"user_id": "u2", "vip": true})
    );
    assert_eq!(row(&server, "u3").await, json!({"user_id": "u3"}));
    assert_eq!(row(&server, "u4").await, json!({"user_id": "u4", "age": 4}));
    server.ndjson(&path, "").await.ok();
    assert_eq!(row(&server, "u4").await, json!({"user_id": "u4"}));
    let path = format!("{ROWS}?mode=replace_tags&tags=nothing");
    server.ndjson(&path, "").await.problem(400, "unknown_tag");
}

#[tokio::test]
async fn of_a_key_that_occurs_twice_the_later_row_wins() {
    let server = Server::new();
    let rows = "{\"user_id\":\"u1\",\"age\":1,\"vip\":true}\n{\"user_id\":\"u2\"}\n\
                {\"user_id\":\"u1\",\"age\":2}\n{\"user_id\":\"u1\",\"gender\":\"f\"}\n";
    let done = server.ndjson(ROWS, rows).await.ok();
    assert_eq!(
        (&done["rows"], &done["created"], &done["duplicates"]),
        (&json!(4), &json!(2), &json!(2))
    );
    assert_eq!(
        row(&server, "u1").await,
        json!({"user_id": "u1", "gender": "f", "vip": true, "age": 2})
    );
}

#[tokio::test]
async fn a_bad_row_fails_the_whole_unless_it_is_to_be_skipped() {
    let server = Server::new();
    let rows = "user_id,age,gender\nu1,1,f\nu2,x,m\nu3,3\n,4,f\nu5,5,f\n";
    let problem = server.csv(ROWS, rows).await.problem(422, "bad_rows");
    assert_eq!(problem["rejected"], 3);
    let first = json!({
        "row": 2, "column": "age", "code": "type_mismatch",
        "detail": problem["errors"][0]["detail"],
    });
    assert_eq!(problem["errors"][0], first);
    assert!(problem["detail"].as_str().unwrap().contains("row 2"));
    assert_eq!(row(&server, "u1").await, Json::Null);
    let path = format!("{ROWS}?on_error=skip");
    let done = server.csv(&path, rows).await.ok();
    assert_eq!(
        (
            &done["rows"],
            &done["created"],
            &done["rejected"],
            &done["rejected_rows"]
        ),
        (&json!(5), &json!(2), &json!(3), &json!([2, 3, 4]))
    );
    assert_eq!(done["errors"].as_array().unwrap().len(), 3);
    assert_eq!(row(&server, "u5").await["age"], 5);
}

#[tokio::test]
async fn only_the_first_hundred_bad_rows_are_told_in_full() {
    let server = Server::new();
    let rows = "{\"user_id\":1}\n".repeat(250);
    let problem = server.ndjson(ROWS, &rows).await.problem(422, "bad_rows");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 100);
    let path = format!("{ROWS}?on_error=skip");
    let done = server.ndjson(&path, &rows).await.ok();
    assert_eq!(
        (&done["rejected"], &done["rows"]),
        (&json!(250), &json!(250))
    );
    assert_eq!(done["errors"].as_array().unwrap().len(), 100);
    assert_eq!(done["rejected_rows"].as_array().unwrap().len(), 250);
}

#[tokio::test]
async fn csv_has_its_ways() {
    let server = Server::new();
    let text = "\u{FEFF}age;user_id;gender\n1;u1;\"\"\n;u2;x\n";
    server.csv(&format!("{ROWS}?delimiter=;"), text).await.ok();
    assert_eq!(
        row(&server, "u1").await,
        json!({"user_id": "u1", "gender": "", "age": 1})
    );
    let text = "user_id,age,gender\nu1,,m\n";
    server.csv(&format!("{ROWS}?empty=keep"), text).await.ok();
    assert_eq!(
        row(&server, "u1").await,
        json!({"user_id": "u1", "gender": "m", "age": 1})
    );
    server.csv(ROWS, text).await.ok();
    assert_eq!(
        row(&server, "u1").await,
        json!({"user_id": "u1", "gender": "m"})
    );
    for (text, code) in [
        ("", "syntax_error"),
        ("age\n1\n", "bad_key"),
        ("user_id,gendr\n", "unknown_tag"),
        ("user_id,age,age\n", "duplicate_column"),
    ] {
        server.csv(ROWS, text).await.problem(400, code);
    }
    assert_eq!(server.csv(ROWS, "user_id\n").await.ok()["rows"], 0);
}

#[tokio::test]
async fn compressed_bodies_are_read() {
    let server = Server::new();
    let text = b"user_id,age\nu1,1\nu2,2\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(&text[..], 3).unwrap();
    for (encoding, bytes) in [("gzip", gzip), ("zstd", zstd)] {
        let headers = [("content-type", "text/csv"), ("content-encoding", encoding)];
        let done = server
            .call("POST", ROWS, &headers, bytes.clone())
            .await
            .ok();
        assert_eq!(done["rows"], 2);
        let damaged = bytes[..bytes.len() - 4].to_vec();
        let answered = server.call("POST", ROWS, &headers, damaged).await;
        answered.problem(400, "bad_parameter");
    }
}

#[tokio::test]
async fn rows_are_bounded() {
    let server = Server::with(&[("row_bytes_max", "1KiB")]);
    let long = "x".repeat(2000);
    let line = format!("{{\"user_id\":\"u1\",\"bio\":\"{long}\"}}\n");
    server
        .ndjson(ROWS, &line)
        .await
        .problem(413, "body_too_large");
    let text = format!("user_id,bio\nu1,\"{long}\"\n");
    server.csv(ROWS, &text).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn an_upload_is_repeated_by_its_key() {
    let server = Server::new();
    let headers = [("content-type", "text/csv"), ("idempotency-key", "load-1")];
    let path = format!("{ROWS}?on_error=skip");
    let text = "user_id,age\nu1,1\nu2,x\nu1,2\n";
    let first = server.call("POST", &path, &headers, text).await;
    server.csv(ROWS, "user_id,age\nu1,7\n").await.ok();
    let second = server.call("POST", &path, &headers, text).await;
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.ok(), second.ok());
    assert_eq!(row(&server, "u1").await["age"], 7);
    let other = server
        .call("POST", &path, &headers, "user_id,age\nu1,1\n")
        .await;
    other.problem(409, "idempotency_key_reused");
    let other = server
        .call("POST", ROWS, &headers, "user_id,age\nu1,1\n")
        .await;
    other.problem(409, "idempotency_key_reused");
}

#[tokio::test]
async fn many_rows_are_loaded_as_segments() {
    let server = Server::new();
    let mut text = String::from("user_id,age,gender,interests\n");
    for row in 0..150_000 {
        let (age, gender) = (row % 90, ["f", "m", "x"][row % 3]);
        text.push_str(&format!(
            "u{row},{age},{gender},\"[\"\"i{}\"\"]\"\n",
            row % 7
        ));
    }
    let headers = [("content-type", "text/csv"), ("idempotency-key", "big")];
    let done = server.call("POST", ROWS, &headers, text.clone()).await;
    assert_eq!(done.header("idempotency-replayed"), None);
    let done = done.ok();
    assert_eq!(
        (&done["rows"], &done["created"]),
        (&json!(150_000), &json!(150_000))
    );
    assert_eq!(
        row(&server, "u149999").await,
        json!({"user_id": "u149999", "age": 59, "gender": "x", "interests": ["i3"]})
    );
    let again = server.call("POST", ROWS, &headers, text.clone()).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.ok(), done);
    let insert = server.csv(&format!("{ROWS}?mode=insert"), &text).await;
    insert.problem(409, "key_exists");
    text.push_str("u150000,x,f,\n");
    server.csv(ROWS, &text).await.problem(422, "bad_rows");
    assert_eq!(row(&server, "u150000").await, Json::Null);
    let delete: String = (0..60_000).map(|row| format!("u{row}\n")).collect();
    let path = format!("{ROWS}?mode=delete");
    server.csv(&path, &format!("user_id\n{delete}")).await.ok();
    let table = server.get("/v1/tables/users").await.ok();
    assert_eq!(table["subjects"], 90_000);
}

#[tokio::test]
async fn uploads_go_to_tables_that_exist() {
    let server = Server::new();
    let answered = server.csv("/v1/tables/none/rows", "user_id\nu1\n").await;
    answered.problem(404, "not_found");
}
