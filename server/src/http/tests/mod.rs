//! The contract, against the real router and an engine in memory.

mod analysis;
mod bulk;
mod column_rows;
mod columns;
mod damaged;
mod edges;
mod faults;
mod formats;
mod layouts;
mod limits;
mod lookups;
mod memory;
mod openapi;
mod pages;
mod repeats;
mod rows;
mod rows_together;
mod sockets;
mod sql;
mod upkeep;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value as Json;
use tagdb_query::Database;
use tagdb_storage::batch::WriteSet;
use tagdb_storage::catalog::{NewTag, SchemaChange};
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::{Engine, Settings, WriteOptions};
use tagdb_storage::schema::{KeyType, NumberType, TagType};
use tagdb_storage::vfs::MemoryVfs;
use tagdb_storage::vocabulary::VocabularyLimits;

use super::{App, AppState};
use crate::config::Config;

/// A server without a socket.
struct Server {
    app: App,
    database: Arc<Database>,
    vfs: Arc<MemoryVfs>,
}

/// What it answered.
#[derive(Debug)]
struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Whether the body ended without its proper end.
    cut: bool,
}

impl Answered {
    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    fn json(&self) -> Json {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The answer to a request that must succeed.
    #[track_caller]
    fn ok(self) -> Json {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self.json()
    }

    /// The problem of a request that must fail so.
    #[track_caller]
    fn problem(self, status: u16, code: &str) -> Json {
        let body = self.json();
        assert_eq!(
            (self.status.as_u16(), &body["code"]),
            (status, &code.into()),
            "{body}"
        );
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(body["type"], format!("/errors/{code}"));
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"], self.header("x-request-id").unwrap());
        body
    }
}

impl Server {
    fn new() -> Self {
        Self::with(&[])
    }

    /// A server with some settings of its own, and a table `users`.
    fn with(settings: &[(&str, &str)]) -> Self {
        let mut config = Config::default();
        for (key, value) in settings {
            config.set(key, value).unwrap();
        }
        let engine_settings = Settings {
            cache_bytes: 16 << 20,
            log_file_bytes: 1 << 20,
            background: false,
            vocabulary: VocabularyLimits {
                entries_max: 1_000,
                bytes_max: 1 << 20,
            },
            ..Settings::default()
        };
        let vfs = Arc::new(MemoryVfs::new(1));
        let clock = Clock::manual(1_795_158_960_000_000);
        let engine = Engine::open(vfs.clone(), engine_settings, clock).unwrap();
        create_users(&engine, "users", KeyType::Keyword);
        create_users(&engine, "devices", KeyType::BigInt);
        let database = Arc::new(Database::new(engine, config.limits.clone()));
        let app = App::new(AppState::new(config, Arc::clone(&database)));
        Self { app, database, vfs }
    }

    async fn send(&self, request: Request<Body>) -> Answered {
        let response = self.app.answer(request).await.unwrap();
        let (parts, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        let mut cut = false;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => bytes.extend(frame.into_data().unwrap()),
                Err(_) => cut = true,
            }
        }
        Answered {
            status: parts.status,
            headers: parts.headers,
            body: bytes,
            cut,
        }
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answered {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Answered {
        self.call("GET", path, &[], "").await
    }

    async fn post(&self, path: &str, body: Json) -> Answered {
        self.json("POST", path, &[], body).await
    }

    async fn json(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Json,
    ) -> Answered {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.call(method, path, &all, body.to_string()).await
    }

    async fn ndjson(&self, path: &str, lines: &str) -> Answered {
        let headers = [("content-type", "application/x-ndjson")];
        self.call("POST", path, &headers, lines.to_owned()).await
    }

    async fn csv(&self, path: &str, text: &str) -> Answered {
        let headers = [("content-type", "text/csv")];
        self.call("POST", path, &headers, text.to_owned()).await
    }

    async fn sql(&self, sql: &str) -> Answered {
        self.post("/v1/sql", serde_json::json!({"sql": sql})).await
    }

    /// The rows of a query.
    async fn rows(&self, sql: &str) -> Json {
        let answered = self.sql(sql).await;
        assert_eq!(
            answered.status,
            StatusCode::OK,
            "{sql}: {}",
            answered.text()
        );
        answered.json()["rows"].clone()
    }

    async fn count(&self) -> Json {
        self.rows("SELECT count(*) FROM users").await[0][0].clone()
    }
}

fn create_users(engine: &Engine, name: &str, key_type: KeyType) {
    let kinds = [
        ("gender", TagType::Keyword),
        ("vip", TagType::Boolean),
        ("age", TagType::Number(NumberType::SmallInt)),
        ("points", TagType::Number(NumberType::BigInt)),
        (
            "spend",
            TagType::Number(NumberType::Decimal {
                precision: 12,
                scale: 2,
            }),
        ),
        ("score", TagType::Number(NumberType::Double)),
        ("born", TagType::Number(NumberType::Date)),
        ("seen", TagType::Number(NumberType::Timestamp)),
        ("interests", TagType::KeywordSet),
        ("visits", TagType::Map(NumberType::Int)),
        ("bio", TagType::LongText),
    ];
    let tags = kinds.map(|(name, kind)| NewTag {
        name: name.to_owned(),
        kind,
        comment: String::new(),
    });
    let schema = SchemaChange::CreateTable {
        name: name.to_owned(),
        key_name: "user_id".to_owned(),
        key_type,
        key_comment: String::new(),
        partitions: 1,
        tags: tags.into(),
    };
    let write = WriteSet {
        schema: Some(schema),
        ..WriteSet::default()
    };
    engine
        .write::<tagdb_storage::Error>(&WriteOptions::default(), |_| Ok(write))
        .unwrap();
}
