//! Writes that are sent again under their name, whatever has happened between.

use serde_json::{Value as Json, json};

use super::{Answered, Server};

const U1: &str = "/v1/tables/users/rows/u1";
const ROWS: &str = "/v1/tables/users/rows";

async fn with_key(server: &Server, method: &str, path: &str, key: &str, body: &Json) -> Answered {
    let headers = [("idempotency-key", key)];
    server.json(method, path, &headers, body.clone()).await
}

#[track_caller]
fn same(first: Answered, again: Answered) {
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.ok(), again.ok());
}

#[tokio::test]
async fn a_key_names_the_first_statement_that_writes() {
    let server = Server::new();
    let insert = "INSERT INTO users (user_id, age) VALUES ('u1', 1)";
    let update = "UPDATE users SET age = age + 1 WHERE user_id = 'u1'";
    let sql = format!("SELECT count(*) FROM users; {insert}; SHOW TABLES; {update}");
    let body = json!({"sql": sql});
    for _ in 0..2 {
        with_key(&server, "POST", "/v1/sql", "k1", &body).await.ok();
    }
    assert_eq!(server.rows("SELECT age FROM users").await, json!([[2]]));
    server.get("/v1/writes/k1").await.ok();
    let other = with_key(&server, "POST", "/v1/sql", "k1", &json!({"sql": update})).await;
    other.problem(409, "idempotency_key_reused");
}

#[tokio::test]
async fn the_query_is_part_of_a_request_in_plain_text() {
    let server = Server::new();
    let headers = [("content-type", "text/plain"), ("idempotency-key", "k1")];
    let sql = "INSERT INTO users (user_id, born) VALUES ('u1', current_date)";
    let path = "/v1/sql?time_zone=Asia/Tokyo";
    for _ in 0..2 {
        server.call("POST", path, &headers, sql).await.ok();
    }
    let other = server.call("POST", "/v1/sql", &headers, sql).await;
    other.problem(409, "idempotency_key_reused");
}

#[tokio::test]
async fn a_row_is_repeated_though_its_tag_is_gone() {
    let server = Server::new();
    let body = json!({"age": 7});
    let first = with_key(&server, "PATCH", U1, "k1", &body).await;
    server.sql("ALTER TABLE users DROP COLUMN age").await.ok();
    same(first, with_key(&server, "PATCH", U1, "k1", &body).await);
    let first = with_key(&server, "DELETE", U1, "k2", &Json::Null).await;
    server.sql("DROP TABLE users").await.ok();
    same(
        first,
        with_key(&server, "DELETE", U1, "k2", &Json::Null).await,
    );
    let other = with_key(&server, "PATCH", U1, "k1", &json!({"age": 8})).await;
    other.problem(409, "idempotency_key_reused");
    let new = with_key(&server, "PATCH", U1, "k3", &body).await;
    new.problem(404, "not_found");
}

#[tokio::test]
async fn an_upload_is_repeated_though_its_table_is_gone() {
    let server = Server::new();
    let headers = [("content-type", "text/csv"), ("idempotency-key", "k1")];
    let path = format!("{ROWS}?on_error=skip");
    let text = "user_id,age\nu1,1\nu2,x\n";
    let first = server.call("POST", &path, &headers, text).await;
    server.sql("DROP TABLE users").await.ok();
    let again = server.call("POST", &path, &headers, text).await;
    assert_eq!(again.json()["rejected_rows"], json!([2]));
    same(first, again);
    let other = server.call("POST", &path, &headers, "user_id,age\n").await;
    other.problem(409, "idempotency_key_reused");
    server.csv(ROWS, text).await.problem(404, "not_found");
}

#[tokio::test]
async fn of_many_bad_rows_a_repeat_tells_as_many_as_are_kept() {
    let server = Server::new();
    let headers = [("content-type", "text/csv"), ("idempotency-key", "k1")];
    let path = format!("{ROWS}?on_error=skip");
    let bad = (0..40_000).map(|row| format!("u{row},x\n"));
    let text = format!("user_id,age\n{}", bad.collect::<String>());
    let first = server
        .call("POST", &path, &headers, text.clone())
        .await
        .ok();
    let again = server.call("POST", &path, &headers, text).await.ok();
    assert_eq!(first["rejected_rows"].as_array().unwrap().len(), 40_000);
    assert_eq!(
        (&first["rejected"], &first["errors"]),
        (&again["rejected"], &again["errors"])
    );
    let kept = again["rejected_rows"].as_array().unwrap();
    assert!((1..40_000).contains(&kept.len()), "{}", kept.len());
    assert_eq!(
        kept[..],
        first["rejected_rows"].as_array().unwrap()[..kept.len()]
    );
}
