//! What becomes of requests when the disk fails under them.

use serde_json::json;
use tagdb_storage::vfs::Fault;

use super::Server;

const U1: &str = "/v1/tables/users/rows/u1";
const U2: &str = "/v1/tables/users/rows/u2";

#[tokio::test]
async fn after_a_failed_sync_writes_are_refused_and_reads_go_on() {
    let server = Server::new();
    server.json("PATCH", U1, &[], json!({"age": 1})).await.ok();
    server
        .vfs
        .fail_at(server.vfs.operations(), Fault::Io, false);
    let unknown = server.json("PATCH", U2, &[], json!({"age": 2})).await;
    unknown.problem(500, "write_unknown");
    let refused = server.json("PATCH", U2, &[], json!({"age": 2})).await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    refused.problem(503, "read_only");
    let refused = server
        .ndjson("/v1/tables/users/rows", "{\"user_id\":\"u3\"}\n")
        .await;
    refused.problem(503, "read_only");
    assert_eq!(server.get(U1).await.ok()["age"], 1);
    server.get(U2).await.problem(404, "not_found");
    // The state that nobody will see is waited for, for as long as the statement may take.
    let read = server.get(U1).await;
    let (state, lsn) = read
        .header("tagdb-token")
        .unwrap()
        .rsplit_once('.')
        .unwrap();
    let next = format!("{state}.{}", lsn.parse::<u64>().unwrap() + 1);
    let headers = [("tagdb-at-least", &*next), ("content-type", "text/plain")];
    let path = "/v1/sql?timeout_ms=20";
    let ahead = server.call("POST", path, &headers, "SHOW TABLES").await;
    assert_eq!(ahead.header("retry-after"), Some("1"));
    ahead.problem(503, "not_caught_up");
    assert_eq!(server.get("/v1/status").await.ok()["state"], "read_only");
    assert!(
        server
            .get("/metrics")
            .await
            .text()
            .contains("tagdb_read_only 1\n")
    );
}

#[tokio::test]
async fn a_full_disk_refuses_the_write_and_no_more() {
    let server = Server::new();
    server.json("PATCH", U1, &[], json!({"age": 1})).await.ok();
    server.vfs.set_capacity(Some(0));
    // Text that does not compress, so that the log's files fill up.
    let mut state = 0x5EED_0003_u64;
    let letter = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
    };
    let bio: String = std::iter::repeat_with(letter).take(500_000).collect();
    let mut refused = None;
    for _ in 0..10 {
        let answered = server.json("PATCH", U2, &[], json!({"bio": bio})).await;
        if answered.status != 200 {
            refused = Some(answered);
            break;
        }
    }
    let problem = refused
        .expect("the log is never full")
        .problem(507, "disk_full");
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    assert_eq!(server.get(U1).await.ok()["age"], 1);
    server.vfs.set_capacity(None);
    server.json("PATCH", U1, &[], json!({"age": 2})).await.ok();
    assert_eq!(server.get(U1).await.ok()["age"], 2);
}

#[tokio::test]
async fn a_disk_that_cannot_be_read_is_not_described_to_clients() {
    let server = Server::new();
    let rows: String = (0..60_000)
        .map(|row| format!("{{\"user_id\":\"u{row}\",\"age\":{}}}\n", row % 90))
        .collect();
    server.ndjson("/v1/tables/users/rows", &rows).await.ok();
    server.vfs.fail_at(server.vfs.operations(), Fault::Io, true);
    let sql = "SELECT sum(age) FROM users WHERE age > 3";
    let problem = server.sql(sql).await.problem(500, "io");
    assert!(
        !problem["detail"].as_str().unwrap().contains("data/"),
        "{problem}"
    );
    server.vfs.clear_faults();
    server.sql(sql).await.ok();
}

#[tokio::test]
async fn a_vocabulary_has_an_end() {
    let server = Server::new();
    let rows: String = (0..1_001)
        .map(|row| format!("{{\"user_id\":\"u\",\"gender\":\"g{row}\"}}\n"))
        .collect();
    let refused = server.ndjson("/v1/tables/users/rows", &rows).await;
    refused.problem(400, "vocabulary_full");
    server
        .get("/v1/tables/users/rows/u")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn a_tag_that_is_being_replaced_takes_no_other_writes() {
    let server = Server::new();
    let engine = server.database.engine();
    let schema = engine.snapshot().catalog().table("users").unwrap().clone();
    let load = engine
        .tag_loader(schema.id, &[schema.tag("age").unwrap().id])
        .unwrap();
    let refused = server.json("PATCH", U1, &[], json!({"age": 1})).await;
    refused.problem(409, "tag_being_replaced");
    server
        .json("PATCH", U1, &[], json!({"gender": "f"}))
        .await
        .ok();
    let again = "/v1/tables/users/rows?mode=replace_tags&tags=age";
    server
        .ndjson(again, "")
        .await
        .problem(409, "tag_being_replaced");
    drop(load);
    server.json("PATCH", U1, &[], json!({"age": 1})).await.ok();
}
