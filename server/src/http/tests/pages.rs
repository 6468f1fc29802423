use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::Server;

/// Rows of `users` and of `devices`.
const ROWS: usize = 300;

async fn filled(settings: &[(&str, &str)]) -> Server {
    let server = Server::with(settings);
    let mut users = String::new();
    let mut devices = String::new();
    for row in 0..ROWS {
        let age = if row % 7 == 0 {
            json!(null)
        } else {
            json!(row % 50)
        };
        let gender = ["f", "m", "x"][row % 3];
        let user = json!({"user_id": format!("u{row}"), "age": age, "gender": gender,
                          "interests": [format!("i{}", row % 11)], "points": row});
        users += &format!("{user}\n");
        devices += &format!("{}\n", json!({"user_id": row, "gender": gender}));
    }
    server.ndjson("/v1/tables/users/rows", &users).await.ok();
    server
        .ndjson("/v1/tables/devices/rows", &devices)
        .await
        .ok();
    server
}

impl Server {
    async fn first_page(&self, sql: &str, page_size: usize) -> Json {
        let body = json!({"sql": sql, "page_size": page_size});
        self.post("/v1/sql", body).await.ok()
    }

    async fn page(&self, cursor: &Json) -> Json {
        self.post("/v1/sql", json!({"cursor": cursor})).await.ok()
    }

    /// Changes what pages must not see.
    async fn disturb(&self, round: usize) {
        let changes = [
            format!("UPDATE users SET age = {} WHERE points % 3 = 1", round % 90),
            format!("DELETE FROM users WHERE points = {}", round * 5 % ROWS),
            format!("INSERT INTO users (user_id, age) VALUES ('new{round}', 3)"),
            "UPDATE users SET gender = NULL, interests = ['z'] WHERE age = 3".to_owned(),
            format!("DELETE FROM devices WHERE user_id > {}", ROWS - round),
        ];
        self.sql(&changes[round % changes.len()]).await.ok();
        if round.is_multiple_of(3) {
            self.database.engine().flush().unwrap();
        }
        if round.is_multiple_of(7) {
            self.database.engine().compact(None).unwrap();
        }
    }
}

#[tokio::test]
async fn pages_joined_are_the_whole_while_writes_go_on() {
    for (sql, page_size) in [
        ("SELECT user_id, age FROM users", 7),
        (
            "SELECT user_id, interests FROM users WHERE age > 3 LIMIT 90 OFFSET 13",
            20,
        ),
        (
            "SELECT user_id FROM users ORDER BY age DESC NULLS LAST, user_id",
            33,
        ),
        (
            "SELECT user_id, age FROM users ORDER BY age LIMIT 101 OFFSET 5",
            10,
        ),
        ("SELECT age, count(*) FROM users GROUP BY age", 9),
        ("SELECT DISTINCT age, gender FROM users", 8),
        (
            "SELECT user_id FROM users WHERE points IN (SELECT user_id FROM devices)",
            41,
        ),
        (
            "SELECT user_id FROM users WHERE age < 9 UNION SELECT user_id FROM users WHERE gender = 'f'",
            13,
        ),
        (
            "SELECT user_id FROM users WHERE age < 9 UNION ALL SELECT user_id FROM users",
            50,
        ),
        ("SELECT * FROM users WHERE now() > DATE '2020-01-01'", 299),
        ("SELECT user_id FROM users", 300),
        ("SELECT user_id FROM users", 301),
        ("SELECT count(*) FROM users", 1),
        ("SHOW TABLES", 1),
        ("SELECT user_id FROM users WHERE FALSE", 5),
    ] {
        let server = filled(&[]).await;
        let whole = server.sql(sql).await.ok();
        let mut pages = vec![server.first_page(sql, page_size).await];
        let mut asked = vec![json!(null)];
        while let Some(cursor) = pages.last().unwrap()["next"].as_str() {
            let cursor = json!(cursor);
            server.disturb(pages.len()).await;
            asked.push(cursor.clone());
            pages.push(server.page(&cursor).await);
        }
        let rows = whole["rows"].as_array().unwrap();
        assert_eq!(pages.len(), rows.len().div_ceil(page_size).max(1), "{sql}");
        let mut joined = Vec::new();
        for page in &pages {
            assert_eq!(page["columns"], whole["columns"]);
            assert_eq!(page["stats"]["token"], whole["stats"]["token"]);
            joined.extend(page["rows"].as_array().unwrap().clone());
        }
        assert_eq!(&joined, rows, "{sql}");
        // Any page can be asked for again, in any order.
        for place in (1..pages.len()).rev() {
            let again = server.page(&asked[place]).await;
            assert_eq!(again["rows"], pages[place]["rows"], "{sql}, page {place}");
            assert_eq!(again["next"], pages[place]["next"]);
        }
    }
}

#[tokio::test]
async fn pages_are_made_anew_when_memory_is_short() {
    // Not one result fits between two pages.
    let server = filled(&[("cursor_memory_max", "1MiB")]).await;
    let sql = "SELECT user_id FROM users ORDER BY points";
    let mut last: Vec<Json> = Vec::new();
    for _ in 0..8 {
        last.push(server.first_page(sql, 100).await);
    }
    for _ in 0..2 {
        for page in &mut last {
            *page = server.page(&page["next"]).await;
        }
    }
    for page in last {
        assert_eq!(page["rows"][0], json!(["u200"]));
        assert_eq!(page["next"], json!(null));
    }
    // The statement itself is kept.
    let list: Vec<String> = (0..40_000).map(|number| number.to_string()).collect();
    let sql = format!(
        "SELECT user_id FROM users WHERE points IN ({})",
        list.join(",")
    );
    let body = json!({"sql": sql, "page_size": 1});
    let problem = server
        .post("/v1/sql", body)
        .await
        .problem(503, "overloaded");
    assert_eq!(problem["limit"], "cursor_memory");
}

#[tokio::test]
async fn a_cursor_that_nobody_uses_lets_go_of_its_state() {
    let server = filled(&[]).await;
    let pinned = Arc::downgrade(&server.database.engine().snapshot());
    let page = server.first_page("SELECT user_id FROM users", 10).await;
    server.sql("DELETE FROM users WHERE age = 3").await.ok();
    assert!(pinned.upgrade().is_some());
    let next = server.page(&page["next"]).await;
    assert_eq!(next["rows"][0], json!(["u10"]));
    let metrics = server.get("/metrics").await;
    assert!(metrics.text().contains("tagdb_cursors 1"));

    let server = filled(&[("cursor_timeout", "1ms")]).await;
    let pinned = Arc::downgrade(&server.database.engine().snapshot());
    let page = server.first_page("SELECT user_id FROM users", 10).await;
    server.sql("DELETE FROM users WHERE age = 3").await.ok();
    // Without a request.
    while pinned.upgrade().is_some() {
        tokio::task::yield_now().await;
    }
    let cursor = json!({"cursor": page["next"]});
    let answered = server.post("/v1/sql", cursor).await;
    answered.problem(410, "cursor_expired");
    let metrics = server.get("/metrics").await;
    assert!(metrics.text().contains("tagdb_cursors 0"));
}

#[tokio::test]
async fn open_cursors_are_bounded() {
    let server = filled(&[("cursors_max", "2")]).await;
    let sql = "SELECT user_id FROM users";
    let first = server.first_page(sql, 200).await;
    let second = server.first_page(sql, 200).await;
    let body = json!({"sql": sql, "page_size": 200});
    let answered = server.post("/v1/sql", body.clone()).await;
    assert_eq!(answered.header("retry-after"), Some("1"));
    let problem = answered.problem(503, "overloaded");
    assert_eq!(
        (&problem["limit"], &problem["value"], &problem["maximum"]),
        (&json!("cursors"), &json!(3), &json!(2))
    );
    // Results of one page take no place, and one that is read to its end gives up its own.
    assert_eq!(server.first_page(sql, 300).await["next"], json!(null));
    assert_eq!(server.page(&first["next"]).await["next"], json!(null));
    assert_eq!(server.page(&first["next"]).await["next"], json!(null));
    server.post("/v1/sql", body.clone()).await.ok();
    let gone = server
        .post("/v1/sql", json!({"cursor": first["next"]}))
        .await;
    gone.problem(410, "cursor_expired");
    assert_eq!(server.page(&second["next"]).await["next"], json!(null));
}

#[tokio::test]
async fn what_cannot_be_paged_is_refused() {
    let server = filled(&[]).await;
    let page = server.first_page("SELECT user_id FROM users", 10).await;
    let next = page["next"].as_str().unwrap().to_owned();
    let (id, _) = next.split_once('.').unwrap();
    for token in [
        "".to_owned(),
        "x".to_owned(),
        id.to_owned(),
        format!("{id}."),
        format!("{id}.0"),
        format!("{id}.-1"),
        format!("{id}.+1"),
        format!("{id}.1.1"),
        format!("{id}.99999999999999999999999"),
        format!("{}.1", &id[1..]),
        format!("+{}.1", &id[1..]),
        format!("é{}.1", &id[2..]),
    ] {
        let answered = server.post("/v1/sql", json!({"cursor": token})).await;
        answered.problem(400, "bad_parameter");
    }
    let unknown = json!({"cursor": format!("{}.1", "0".repeat(32))});
    server
        .post("/v1/sql", unknown)
        .await
        .problem(410, "cursor_expired");
    for body in [
        json!({"cursor": next, "sql": "SHOW TABLES"}),
        json!({"cursor": next, "params": [1]}),
        json!({"cursor": next, "page_size": 10}),
        json!({"cursor": next, "time_zone": "UTC"}),
        json!({"cursor": next, "bigint": "string"}),
        json!({"cursor": next, "timeout_ms": 0}),
        json!({"sql": "SHOW TABLES", "page_size": 100_001}),
        json!({"sql": "SHOW TABLES; SHOW TABLES", "page_size": 10}),
        json!({"page_size": 10}),
    ] {
        let answered = server.post("/v1/sql", body).await;
        answered.problem(400, "bad_parameter");
    }
    let body = json!({"sql": "SHOW TABLES", "page_size": 10});
    let answered = server.post("/v1/sql?format=csv", body).await;
    answered.problem(400, "bad_parameter");
    // The cursor is as it was; it may be asked for with a time, and by GET.
    let body = json!({"cursor": next, "timeout_ms": 1000});
    let again = server.post("/v1/sql", body).await.ok();
    let by_get = server.get(&format!("/v1/sql?cursor={next}")).await.ok();
    assert_eq!(again["rows"], by_get["rows"]);
    // A write has no pages, but may be sent by those who always page.
    let body = json!({"sql": "DELETE FROM users WHERE age = 1", "page_size": 1});
    let written = server.post("/v1/sql", body).await.ok();
    assert_eq!(
        (&written["next"], &written["durable"]),
        (&json!(null), &json!(true))
    );
    // Errors of a statement are its own.
    let body = json!({"sql": "SELECT nothing FROM users", "page_size": 1});
    server
        .post("/v1/sql", body)
        .await
        .problem(400, "unknown_tag");
}

#[tokio::test]
async fn parameters_time_and_forms_are_those_of_the_first_page() {
    let server = filled(&[]).await;
    let body = json!({"sql": "SELECT points FROM users WHERE points >= $1 ORDER BY points",
                      "params": [295], "page_size": 2, "bigint": "string"});
    let first = server.post("/v1/sql", body).await.ok();
    assert_eq!(first["rows"], json!([["295"], ["296"]]));
    let second = server.page(&first["next"]).await;
    assert_eq!(second["rows"], json!([["297"], ["298"]]));
    let third = server.page(&second["next"]).await;
    assert_eq!(third["rows"], json!([["299"]]));
    assert_eq!(server.page(&first["next"]).await["rows"], second["rows"]);
}
