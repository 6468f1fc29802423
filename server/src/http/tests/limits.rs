//! Limits that are settings, and what keeps one request from being the end of all.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use futures_util::FutureExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tagdb_storage::vfs::Fault;

use super::Server;
use crate::engine_handle::Lane;
use crate::http::{ApiResult, App, AppState, middleware};

/// Statements that go beyond a setting by a little, and the limit that their problem names.
const BEYOND: [(&str, &str, &str, &str); 9] = [
    ("statement_bytes_max", "1KiB", "bytes", "statement_bytes"),
    ("tokens_max", "100", "flat", "tokens"),
    ("nesting_depth_max", "8", "deep", "nesting_depth"),
    ("expression_height_max", "8", "high", "expression_height"),
    ("tree_nodes_max", "100", "wide", "tree_nodes"),
    ("list_elements_max", "10", "list", "list_elements"),
    ("insert_rows_max", "3", "rows", "insert_rows"),
    ("groups_max", "3", "groups", "groups"),
    (
        "statement_memory_max",
        "1MiB",
        "memory",
        "statement_memory_bytes",
    ),
];

fn statement(kind: &str) -> String {
    let count = |condition: &str| format!("SELECT count(*) FROM users WHERE {condition}");
    match kind {
        "bytes" => count(&format!("gender = '{}'", "x".repeat(1_000))),
        "flat" => count(&["vip"; 60].join(" OR ")),
        "deep" => count(&format!("{}vip{}", "(".repeat(9), ")".repeat(9))),
        "high" => count(&format!("{} = 1", ["age"; 12].join(" + "))),
        "wide" => count(&["age = 1"; 120].join(" OR ")),
        "list" => count(&format!("age IN ({})", ["1"; 11].join(","))),
        "rows" => "INSERT INTO users (user_id) VALUES ('a'), ('b'), ('c'), ('d')".to_owned(),
        "groups" => "SELECT age, count(*) FROM users GROUP BY age".to_owned(),
        _ => "SELECT user_id, age FROM users ORDER BY age, user_id".to_owned(),
    }
}

async fn filled(settings: &[(&str, &str)]) -> Server {
    let server = Server::with(settings);
    // Few at a time, for uploads are requests too.
    for first in (0..20_000).step_by(1_000) {
        let rows: String = (first..first + 1_000)
            .map(|row| format!("{{\"user_id\":\"u{row}\",\"age\":{}}}\n", row % 90))
            .collect();
        server.ndjson("/v1/tables/users/rows", &rows).await.ok();
    }
    server
}

#[tokio::test]
async fn limits_of_statements_are_settings() {
    let server = filled(&[]).await;
    for (setting, value, kind, limit) in BEYOND {
        let sql = statement(kind);
        server.sql(&sql).await.ok();
        let narrow = filled(&[(setting, value)]).await;
        let problem = narrow.sql(&sql).await.problem(400, "limit_exceeded");
        assert_eq!(problem["limit"], limit, "{setting}");
        let (value, maximum) = (&problem["value"], &problem["maximum"]);
        assert!(value.as_u64() > maximum.as_u64(), "{problem}");
    }
}

#[tokio::test]
async fn keys_of_a_call_are_limited() {
    let server = Server::with(&[("keys_max", "2")]);
    let keys = json!(["a", "b", "c"]);
    let lookup = json!({"keys": keys});
    let matching = json!({"keys": keys, "where": {"v": "vip"}});
    for (call, body) in [("lookup", lookup), ("match", matching)] {
        let path = format!("/v1/tables/users/{call}");
        let problem = server.post(&path, body).await;
        let problem = problem.problem(400, "limit_exceeded");
        assert_eq!(
            (&problem["limit"], &problem["maximum"]),
            (&"keys".into(), &2.into())
        );
    }
}

#[tokio::test]
async fn all_requests_together_are_limited() {
    let server = filled(&[("requests_memory_max", "2MiB")]).await;
    let overloaded = |answered: super::Answered| {
        assert_eq!(answered.header("retry-after"), Some("1"));
        let problem = answered.problem(503, "overloaded");
        assert_eq!(problem["limit"], "requests_memory_bytes");
    };
    // By its body, by what it sorts, by its answer.
    let long = format!("SELECT 1 /*{}*/", "x".repeat(100_000));
    overloaded(server.sql(&long).await);
    overloaded(
        server
            .sql("SELECT user_id, age FROM users ORDER BY age")
            .await,
    );
    let wide = ["user_id"; 50].join(",");
    overloaded(
        server
            .sql(&format!("SELECT {wide} FROM users LIMIT 19999"))
            .await,
    );
    assert_eq!(server.database.memory().used(), 0);
    server.sql("SELECT count(*) FROM users").await.ok();
}

#[tokio::test]
async fn many_large_rows_are_not_looked_up_at_once() {
    let server = Server::with(&[("result_bytes_max", "4MiB")]);
    let bio = "x".repeat(1 << 20);
    let row = "/v1/tables/users/rows/large";
    server
        .json("PATCH", row, &[], json!({"bio": bio}))
        .await
        .ok();
    let keys = vec!["large"; 10_000];
    let problem = server
        .post("/v1/tables/users/lookup", json!({"keys": keys}))
        .await;
    let problem = problem.problem(413, "result_too_large");
    assert_eq!(problem["limit"], "result_bytes");
    let keys = vec!["large"; 3];
    let found = server
        .post("/v1/tables/users/lookup", json!({"keys": keys}))
        .await;
    assert_eq!(found.ok()["rows"][2]["bio"], bio);
    let found = server
        .post("/v1/tables/users/lookup", json!({"keys": []}))
        .await;
    assert_eq!(found.ok()["rows"], json!([]));
}

#[tokio::test]
async fn it_is_not_ready_once_writes_are_refused() {
    let server = Server::new();
    server.get("/readyz").await.ok();
    let row = "/v1/tables/users/rows/u1";
    server.json("PATCH", row, &[], json!({"age": 1})).await.ok();
    let next = server.vfs.operations();
    server.vfs.fail_at(next, Fault::Io, false);
    let unknown = server.json("PATCH", row, &[], json!({"age": 2})).await;
    unknown.problem(500, "write_unknown");
    let refused = server.get("/readyz").await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    refused.problem(503, "read_only");
    server.get("/healthz").await.ok();
}

#[tokio::test]
async fn figures_are_told_when_no_turn_is_left() {
    let mut config = crate::config::Config::default();
    for (key, value) in [("statements_max", "1"), ("queue_max", "1")] {
        config.set(key, value).unwrap();
    }
    let database = Server::new().database;
    let state = AppState::new(config, database);
    let app = App::new(state.clone());
    let ask = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        app.answer(request).await.unwrap().status()
    };
    let turn = state.handle.turn(Lane::Statement).await.unwrap();
    assert_eq!(ask("/readyz").await, 200);
    let mut waiting = Box::pin(state.handle.turn(Lane::Statement));
    assert!((&mut waiting).now_or_never().is_none());
    for (path, status) in [
        ("/metrics", 200),
        ("/v1/status", 200),
        ("/healthz", 200),
        ("/readyz", 503),
    ] {
        assert_eq!(ask(path).await, status, "{path}");
    }
    drop((turn, waiting));
    assert_eq!(ask("/readyz").await, 200);
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_500_and_the_server_lives() {
    let state = AppState::new(crate::config::Config::default(), Server::new().database);
    let inside = state.clone();
    let blocking = async move || -> ApiResult<&'static str> {
        let panics = |_: &tagdb_query::Database| -> ApiResult<&'static str> { panic!("secret 2") };
        inside.handle.run(Lane::Statement, panics).await
    };
    let router: Router = Router::new()
        .route(
            "/panics",
            get(async || -> &'static str { panic!("secret 1") }),
        )
        .route("/blocking", get(blocking))
        .route("/answers", get(async || "yes"))
        .layer(axum::middleware::from_fn_with_state(
            state.clone(),
            middleware::frame,
        ));
    let service = TowerToHyperService::new(router);
    for path in ["/panics", "/blocking"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = service.call(request).await.unwrap();
        assert_eq!(response.status(), 500, "{path}");
        let body = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            body.contains("\"code\":\"internal\"") && !body.contains("secret"),
            "{body}"
        );
    }
    assert_eq!(state.metrics.statements_running(), 0);
    let request = Request::get("/answers").body(Body::empty()).unwrap();
    assert_eq!(service.call(request).await.unwrap().status(), 200);
}
