use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::Server;

#[tokio::test]
async fn unknown_paths_and_parameters_are_refused() {
    let server = Server::new();
    for path in [
        "/",
        "/v1",
        "/v2/sql",
        "/v1/tables/users/nothing",
        "/v1/jobs/7",
    ] {
        server.get(path).await.problem(404, "not_found");
    }
    for path in [
        "/v1/tables?x=1",
        "/v1/tables/users?tags=a",
        "/v1/tables/users/rows/u1?tag=age",
        "/v1/status?x",
        "/healthz?x",
        "/metrics?x",
        "/openapi.json?x",
        "/errors/internal?x",
        "/v1/jobs/1?x",
        "/v1/writes/k?x",
        "/v1/admin/snapshots?x",
        "/v1/sql?sql=SHOW%20TABLES&x=1",
        "/v1/sql?sql=%zz",
    ] {
        server.get(path).await.problem(400, "bad_parameter");
    }
    for (path, media) in [
        ("/v1/tables/users/rows?mode=put", "text/csv"),
        ("/v1/tables/users/rows?mod=upsert", "text/csv"),
        ("/v1/tables/users/rows?delimiter=ab", "text/csv"),
        ("/v1/tables/users/rows?delimiter=%22", "text/csv"),
        ("/v1/tables/users/rows?empty=keep", "application/x-ndjson"),
        ("/v1/tables/users/rows?on_error=ignore", "text/csv"),
        ("/v1/tables/users/rows?durability=never", "text/csv"),
        ("/v1/tables/users/rows?mode=replace_tags", "text/csv"),
        ("/v1/tables/users/rows?tags=age", "text/csv"),
    ] {
        let headers = [("content-type", media)];
        let answered = server.call("POST", path, &headers, "user_id\n").await;
        answered.problem(400, "bad_parameter");
    }
}

#[tokio::test]
async fn later_features_are_refused_by_name() {
    let server = Server::new();
    server
        .get("/v1/sql?sql=SHOW%20TABLES&format=parquet")
        .await
        .problem(400, "unsupported");
}

#[tokio::test]
async fn bodies_must_say_what_they_are() {
    let server = Server::new();
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (method, path) in [
        ("POST", "/v1/sql"),
        ("POST", "/v1/tables/users/rows"),
        ("POST", "/v1/tables/users/lookup"),
        ("PATCH", "/v1/tables/users/rows/u1"),
        ("POST", "/v1/admin/snapshots"),
        ("POST", "/v1/admin/flush"),
    ] {
        let answered = server.call(method, path, &[form], "{}").await;
        answered.problem(415, "unsupported_media_type");
        let answered = server.call(method, path, &[], "{}").await;
        answered.problem(415, "unsupported_media_type");
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", "br"),
        ];
        let answered = server.call(method, path, &headers, "{}").await;
        answered.problem(415, "unsupported_media_type");
    }
    let latin = [("content-type", "text/plain; charset=iso-8859-1")];
    let answered = server.call("POST", "/v1/sql", &latin, "SHOW TABLES").await;
    answered.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn damaged_bodies_are_the_clients_fault() {
    let server = Server::new();
    let json = [("content-type", "application/json")];
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"{\"sql\":1}",
        b"{\"sql\":\"SHOW TABLES\",\"limit\":1}",
        b"{\"sql\":\"SHOW TABLES\",\"timeout_ms\":-1}",
        b"{\"sql\":\"SHOW TABLES\",\"timeout_ms\":0}",
        b"{\"sql\":\"SHOW TABLES\",\"timeout_ms\":99999999999}",
        b"{\"sql\":\"SHOW TABLES\",\"time_zone\":\"Mars/Olympus\"}",
        b"{\"sql\":\"SHOW TABLES\",\"bigint\":\"hex\"}",
        b"{\"sql\":\"SHOW TABLES\",\"durability\":\"maybe\"}",
        b"{\"sql\":\"SHOW TABLES\",\"page_size\":0}",
        b"{\"sql\":\"SHOW TABLES\"} x",
        b"{\"sql\":\"\xFF\"}",
        b"{}",
    ] {
        let answered = server.call("POST", "/v1/sql", &json, body).await;
        answered.problem(400, "bad_parameter");
    }
    let deep = format!("{{\"sql\":\"x\",\"params\":{}", "[".repeat(100_000));
    let answered = server.call("POST", "/v1/sql", &json, deep).await;
    answered.problem(400, "bad_parameter");
    let text = [("content-type", "text/plain")];
    let answered = server
        .call("POST", "/v1/sql", &text, &b"SHOW \xFF"[..])
        .await;
    answered.problem(400, "bad_parameter");
    let path = "/v1/tables/users/rows/%FF";
    server.get(path).await.problem(400, "bad_parameter");
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let server = Server::with(&[("body_bytes_max", "10KiB"), ("bulk_bytes_max", "10KiB")]);
    let body = json!({"sql": " ".repeat(11_000)});
    server
        .post("/v1/sql", body)
        .await
        .problem(413, "body_too_large");
    let line = format!("{{\"user_id\":\"u\",\"bio\":\"{}\"}}\n", "x".repeat(11_000));
    let path = "/v1/tables/users/rows";
    server
        .ndjson(path, &line)
        .await
        .problem(413, "body_too_large");
    let bomb = zstd::encode_all(&*vec![b' '; 10 << 20], 1).unwrap();
    for path in ["/v1/sql", "/v1/tables/users/rows"] {
        let media = if path == "/v1/sql" {
            "text/plain"
        } else {
            "text/csv"
        };
        let headers = [("content-type", media), ("content-encoding", "zstd")];
        let answered = server.call("POST", path, &headers, bomb.clone()).await;
        answered.problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_short_writes_nothing() {
    let server = Server::new();
    let pieces: [Result<&str, std::io::Error>; 2] = [
        Ok("{\"user_id\":\"u1\"}\n{\"user_id\":\"u2\"}\n"),
        Err(std::io::Error::other("gone")),
    ];
    let request = Request::post("/v1/tables/users/rows")
        .header("content-type", "application/x-ndjson")
        .body(Body::from_stream(futures_util::stream::iter(pieces)))
        .unwrap();
    server.send(request).await.problem(400, "bad_parameter");
    let table = server.get("/v1/tables/users").await.ok();
    assert_eq!(table["subjects"], 0);
}

#[tokio::test]
async fn a_body_that_stands_still_times_out() {
    let server = Server::with(&[("body_timeout", "100ms")]);
    for (path, media) in [
        ("/v1/sql", "text/plain"),
        ("/v1/tables/users/rows", "text/csv"),
    ] {
        let request = Request::post(path)
            .header("content-type", media)
            .body(Body::from_stream(futures_util::stream::pending::<
                Result<&str, std::io::Error>,
            >()))
            .unwrap();
        server.send(request).await.problem(408, "timeout");
    }
}

#[tokio::test]
async fn request_ids_are_answered() {
    let server = Server::new();
    let answered = server
        .call("GET", "/nothing", &[("x-request-id", "my-id")], "")
        .await;
    assert_eq!(answered.problem(404, "not_found")["request_id"], "my-id");
    let (a, b) = (server.get("/healthz").await, server.get("/healthz").await);
    assert_ne!(a.header("x-request-id"), b.header("x-request-id"));
}

#[tokio::test]
async fn web_pages_of_other_sites_are_refused() {
    let server = Server::new();
    let evil = [
        ("origin", "http://evil.example"),
        ("host", "127.0.0.1:7480"),
    ];
    let answered = server.call("GET", "/v1/tables", &evil, "").await;
    answered.problem(403, "forbidden");
    let rebound = [("host", "evil.example:7480")];
    let answered = server.call("GET", "/v1/tables", &rebound, "").await;
    answered.problem(403, "forbidden");
    for host in [
        "127.0.0.1:7480",
        "localhost:7480",
        "[::1]:7480",
        "db.localhost",
    ] {
        server
            .call("GET", "/v1/tables", &[("host", host)], "")
            .await
            .ok();
    }
    let behind_proxy = Server::with(&[("insecure", "true")]);
    let answered = behind_proxy.call("GET", "/v1/tables", &rebound, "").await;
    answered.ok();
}
