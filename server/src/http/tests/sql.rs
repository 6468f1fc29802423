use serde_json::json;

use super::Server;

async fn filled() -> Server {
    let server = Server::new();
    let rows = concat!(
        r#"{"user_id":"u1","gender":"female","vip":true,"age":33,"points":9007199254740993,"#,
        r#""spend":"12.50","score":0.1,"born":"2000-02-29","seen":"2026-11-20T07:16:00Z","#,
        r#""interests":["tea","nike"],"visits":{"nike":3},"bio":"a,b\n\"c\""}"#,
        "\n",
        r#"{"user_id":"u2","gender":"","age":-7,"spend":"-0.01","score":-1e300}"#,
        "\n",
        r#"{"user_id":"u3"}"#,
        "\n",
    );
    server.ndjson("/v1/tables/users/rows", rows).await.ok();
    server
}

#[tokio::test]
async fn a_result_has_columns_rows_and_stats() {
    let server = filled().await;
    let sql = "SELECT user_id, age, points, spend, score, born, seen, interests, visits, vip \
               FROM users WHERE user_id = 'u1'";
    let answered = server.sql(sql).await;
    let token = answered.header("tagdb-token").unwrap().to_owned();
    assert!(answered.text().contains("9007199254740993"));
    let body = answered.ok();
    let kinds: Vec<_> = body["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "KEYWORD",
            "SMALLINT",
            "BIGINT",
            "DECIMAL(12,2)",
            "DOUBLE",
            "DATE",
            "TIMESTAMP",
            "KEYWORD[]",
            "MAP(KEYWORD, INT)",
            "BOOLEAN",
        ]
    );
    assert_eq!(
        body["rows"],
        json!([[
            "u1", 33, 9_007_199_254_740_993_i64, "12.50", 0.1, "2000-02-29",
            "2026-11-20T07:16:00Z", ["nike", "tea"], {"nike": 3}, true,
        ]])
    );
    assert_eq!(
        (&body["rows_affected"], &body["next"]),
        (&json!(0), &json!(null))
    );
    assert_eq!(body["stats"]["token"], token);
    assert!(body["stats"]["elapsed_us"].is_u64());
    assert_eq!(body.get("durable"), None);
}

#[tokio::test]
async fn a_statement_may_come_in_three_ways() {
    let server = filled().await;
    let sql = "SELECT count(*) AS n FROM users";
    let expected = json!([[3]]);
    assert_eq!(server.rows(sql).await, expected);
    let text = [("content-type", "text/plain; charset=utf-8")];
    let body = server.call("POST", "/v1/sql", &text, sql).await.ok();
    assert_eq!(body["rows"], expected);
    let path = format!("/v1/sql?sql={}&timeout_ms=5000", sql.replace(' ', "+"));
    assert_eq!(server.get(&path).await.ok()["rows"], expected);
    let path = "/v1/sql?sql=DELETE+FROM+users+WHERE+TRUE";
    server.get(path).await.problem(405, "method_not_allowed");
    server.get("/v1/sql").await.problem(400, "bad_parameter");
    assert_eq!(server.count().await, 3);
}

#[tokio::test]
async fn parameters_are_of_json_types() {
    let server = filled().await;
    for (predicate, params) in [
        ("age = $1", json!([33])),
        ("points = $1", json!([9_007_199_254_740_993_i64])),
        ("vip = $1", json!([true])),
        ("spend = $1", json!(["12.50"])),
        ("spend = ?", json!([12.50])),
        ("born = $1", json!(["2000-02-29"])),
        ("gender = ANY($1)", json!([["female", "x"]])),
        ("has_any(interests, $1)", json!([["nike"]])),
        ("visits[$1] = $2", json!(["nike", 3])),
    ] {
        let sql = format!("SELECT user_id FROM users WHERE {predicate}");
        let body = json!({"sql": sql, "params": params});
        let rows = server.post("/v1/sql", body).await.ok();
        assert_eq!(rows["rows"], json!([["u1"]]), "{predicate}");
    }
    let body = json!({
        "sql": "INSERT INTO users (user_id, interests, visits, age) VALUES ($1, $2, $3, $4)",
        "params": ["u9", ["a"], {"k": 4}, null],
    });
    assert_eq!(server.post("/v1/sql", body).await.ok()["rows_affected"], 1);
    let row = server.get("/v1/tables/users/rows/u9").await.ok();
    assert_eq!(
        row,
        json!({"user_id": "u9", "interests": ["a"], "visits": {"k": 4}})
    );
    let body = json!({"sql": "SELECT count(*) FROM users WHERE age = $1", "params": []});
    assert_eq!(server.post("/v1/sql", body).await.status, 400);
    let body = json!({"sql": "SHOW TABLES; SHOW TABLES", "params": [1]});
    server
        .post("/v1/sql", body)
        .await
        .problem(400, "bad_parameter");
}

#[tokio::test]
async fn errors_say_where() {
    let server = filled().await;
    let problem = server
        .sql("SELECT user_id\nFROM users WHERE gendr = 'x'")
        .await;
    let problem = problem.problem(400, "unknown_tag");
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&json!(2), &json!(18))
    );
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("did you mean \"gender\"?")
    );
    for (sql, code) in [
        ("SELEC 1", "syntax_error"),
        ("SELECT user_id FROM nothing", "unknown_table"),
        ("SELECT nothing(age) FROM users", "unknown_function"),
        ("SELECT age, count(*) FROM users", "not_grouped"),
        ("SELECT user_id FROM users WHERE vip = 1", "type_mismatch"),
        (
            "INSERT INTO users (user_id, age) VALUES ('u', 40000)",
            "overflow",
        ),
        ("INSERT INTO users (user_id) VALUES (NULL)", "bad_key"),
        (
            "SELECT a.user_id FROM users a JOIN users b ON TRUE",
            "unsupported",
        ),
    ] {
        server.sql(sql).await.problem(400, code);
    }
    let sql = "CREATE TABLE users (user_id KEYWORD PRIMARY KEY)";
    server.sql(sql).await.problem(409, "already_exists");
    let list = vec!["1"; 200_000].join(",");
    let body = format!("SELECT count(*) FROM users WHERE age IN ({list})");
    let problem = server.sql(&body).await.problem(400, "limit_exceeded");
    assert!(problem["limit"].is_string() && problem["maximum"].is_u64());
}

#[tokio::test]
async fn several_statements_are_answered_one_by_one() {
    let server = filled().await;
    let sql = "INSERT INTO users (user_id) VALUES ('u4'); SELECT count(*) FROM users";
    let body = server.sql(sql).await.ok();
    let results = body["results"].as_array().unwrap();
    assert_eq!(results[0]["rows_affected"], 1);
    assert_eq!(results[0]["durable"], true);
    assert_eq!(results[1]["rows"], json!([[4]]));
    let sql = "SELECT count(*) FROM users; SELECT x FROM users; DELETE FROM users WHERE TRUE";
    let problem = server.sql(sql).await.problem(400, "unknown_tag");
    assert_eq!(problem["statement"], 2);
    assert_eq!(problem["completed"][0]["rows"], json!([[4]]));
    assert_eq!(server.count().await, 4);
    let csv = [("content-type", "text/plain"), ("accept", "text/csv")];
    let answered = server
        .call("POST", "/v1/sql", &csv, "SHOW TABLES; SHOW TABLES")
        .await;
    answered.problem(400, "bad_parameter");
}

#[tokio::test]
async fn formats_are_negotiated() {
    let server = filled().await;
    let sql = "SELECT user_id, age, interests, gender FROM users ORDER BY user_id";
    let text = |accept: &'static str| [("content-type", "text/plain"), ("accept", accept)];
    let csv = server.call("POST", "/v1/sql", &text("text/csv"), sql).await;
    assert!(csv.header("content-type").unwrap().starts_with("text/csv"));
    assert_eq!(
        csv.text(),
        "user_id,age,interests,gender\nu1,33,\"[\"\"nike\"\",\"\"tea\"\"]\",female\n\
         u2,-7,[],\"\"\nu3,,[],\n"
    );
    assert!(csv.header("tagdb-token").is_some() && !csv.cut);
    let ndjson = server
        .call("POST", "/v1/sql?format=ndjson", &text("text/csv"), sql)
        .await;
    assert_eq!(ndjson.header("content-type"), Some("application/x-ndjson"));
    let first = ndjson.text().lines().next().unwrap();
    let expected = r#"{"user_id":"u1","age":33,"interests":["nike","tea"],"gender":"female"}"#;
    assert_eq!(first, expected);
    let answered = server
        .call("POST", "/v1/sql", &text("text/html"), sql)
        .await;
    answered.problem(406, "not_acceptable");
    let semicolons = server
        .call("POST", "/v1/sql?delimiter=;", &text("text/csv"), sql)
        .await;
    assert!(semicolons.text().starts_with("user_id;age;"));
    let twice = "SELECT age, age FROM users";
    let answered = server
        .call("POST", "/v1/sql", &text("text/csv"), twice)
        .await;
    answered.problem(400, "duplicate_column");
    assert_eq!(server.sql(twice).await.status, 200);
    let write = "UPDATE users SET vip = TRUE WHERE TRUE";
    let answered = server
        .call("POST", "/v1/sql", &text("text/csv"), write)
        .await;
    assert_eq!(answered.text(), "rows_affected\n3\n");
    let answered = server
        .call("POST", "/v1/sql", &text("application/x-ndjson"), write)
        .await;
    assert_eq!(answered.text(), "{\"rows_affected\":3}\n");
}

#[tokio::test]
async fn bigints_may_be_strings() {
    let server = filled().await;
    let sql = "SELECT points, age FROM users WHERE user_id = 'u1'";
    let body = json!({"sql": sql, "bigint": "string"});
    let rows = server.post("/v1/sql", body).await.ok();
    assert_eq!(rows["rows"], json!([["9007199254740993", 33]]));
}

#[tokio::test]
async fn a_large_result_is_refused_as_one_document_and_streamed_otherwise() {
    let server = Server::with(&[("result_rows_max", "1000")]);
    let rows: String = (0..5_000)
        .map(|row| format!("{{\"user_id\":\"u{row}\",\"age\":{}}}\n", row % 100))
        .collect();
    server.ndjson("/v1/tables/users/rows", &rows).await.ok();
    let sql = "SELECT user_id, age FROM users";
    let problem = server.sql(sql).await.problem(413, "result_too_large");
    assert_eq!(
        (&problem["limit"], &problem["maximum"]),
        (&json!("result_rows"), &json!(1000))
    );
    let headers = [
        ("content-type", "text/plain"),
        ("accept", "application/x-ndjson"),
    ];
    let streamed = server.call("POST", "/v1/sql", &headers, sql).await;
    assert_eq!(streamed.text().lines().count(), 5_000);
    assert!(!streamed.cut);
}

#[tokio::test]
async fn a_write_tells_what_it_did() {
    let server = filled().await;
    let body = json!({"sql": "UPDATE users SET age = 1 WHERE TRUE", "durability": "async"});
    let body = server.post("/v1/sql", body).await.ok();
    assert_eq!(
        (&body["rows_affected"], &body["durable"]),
        (&json!(3), &json!(false))
    );
    let sql = "UPDATE users SET points = coalesce(points, 0) + 1 WHERE user_id = 'u3'";
    let key = [("idempotency-key", "k1")];
    let body = json!({"sql": sql});
    let first = server.json("POST", "/v1/sql", &key, body.clone()).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    let second = server.json("POST", "/v1/sql", &key, body).await;
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(second.json()["rows_affected"], 1);
    assert_eq!(second.header("tagdb-token"), first.header("tagdb-token"));
    let rows = server
        .rows("SELECT points FROM users WHERE user_id = 'u3'")
        .await;
    assert_eq!(rows, json!([[1]]));
    let body = json!({"sql": "DELETE FROM users WHERE TRUE"});
    let other = server.json("POST", "/v1/sql", &key, body).await;
    other.problem(409, "idempotency_key_reused");
}

#[tokio::test]
async fn each_of_several_statements_is_repeated_for_itself() {
    let server = filled().await;
    let step = "UPDATE users SET points = coalesce(points, 0) + 1 WHERE user_id = 'u3'";
    let body = json!({"sql": format!("{step}; {step}; {step}")});
    let key = [("idempotency-key", "k1")];
    for _ in 0..2 {
        server
            .json("POST", "/v1/sql", &key, body.clone())
            .await
            .ok();
    }
    let rows = server
        .rows("SELECT points FROM users WHERE user_id = 'u3'")
        .await;
    assert_eq!(rows, json!([[3]]));
}

#[tokio::test]
async fn a_statement_runs_out_of_time() {
    let server = Server::new();
    let rows: String = (0..40_000)
        .map(|row| format!("{{\"user_id\":\"u{row}\"}}\n"))
        .collect();
    server.ndjson("/v1/tables/users/rows", &rows).await.ok();
    let terms: Vec<_> = (0..2_000)
        .map(|n| format!("length(user_id) * {n} = 7"))
        .collect();
    let sql = format!("SELECT count(*) FROM users WHERE {}", terms.join(" OR "));
    let body = json!({"sql": sql, "timeout_ms": 1});
    server.post("/v1/sql", body).await.problem(408, "timeout");
}

/// What is exported and imported again is the same, in every format, value by value.
#[tokio::test]
async fn export_then_import_is_the_identity() {
    let server = filled().await;
    let extremes = concat!(
        r#"{"user_id":"","gender":"\"quoted\"","age":32767,"points":-9223372036854775808,"#,
        r#""spend":"9999999999.99","score":5e-324,"born":"0001-01-01","#,
        r#""seen":"9999-12-31T23:59:59.999999Z","interests":["","a,b","c\nd","é"],"#,
        r#""visits":{"":-2147483648,"k\"":0},"bio":""}"#,
        "\n",
        r#"{"user_id":"a,b\r\n\"c\"","gender":",","vip":false,"score":1.7976931348623157e308,"#,
        r#""seen":"0001-01-01T00:00:00Z","bio":"[]"}"#,
        "\n",
        r#"{"user_id":" spaced ","gender":"null","bio":"\ud83d\ude00\u0001"}"#,
        "\n",
    );
    server.ndjson("/v1/tables/users/rows", extremes).await.ok();
    let random = random_rows(0x5EED_0004, 300);
    server.ndjson("/v1/tables/users/rows", &random).await.ok();
    let all = "SELECT * FROM users ORDER BY user_id";
    let original = server.rows(all).await;
    assert_eq!(original.as_array().unwrap().len(), 306);
    for (accept, extra) in [
        ("text/csv", ""),
        ("text/csv", "?delimiter=%09"),
        ("application/x-ndjson", ""),
    ] {
        let headers = [("content-type", "text/plain"), ("accept", accept)];
        let path = format!("/v1/sql{extra}");
        let exported = server
            .call("POST", &path, &headers, "SELECT * FROM users")
            .await;
        server.sql("TRUNCATE TABLE users").await.ok();
        assert_eq!(server.count().await, 0);
        let path = format!("/v1/tables/users/rows{extra}");
        let headers = [("content-type", accept)];
        let done = server
            .call("POST", &path, &headers, exported.body)
            .await
            .ok();
        assert_eq!(done["created"], 306);
        assert_eq!(server.rows(all).await, original, "{accept}");
    }
}

/// Rows with values of every type, strings of the worst characters, and about a third NULL.
fn random_rows(seed: u64, count: usize) -> String {
    let mut state = seed;
    let mut next = move |bound: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % bound
    };
    let mut lines = String::new();
    for row in 0..count {
        let alphabet = [
            "a",
            "\"",
            ",",
            "\n",
            "\r",
            ";",
            "\t",
            " ",
            "é",
            "\u{1F600}",
            "\\",
            "\0",
        ];
        let mut word = || -> String { (0..next(4)).map(|_| alphabet[next(12) as usize]).collect() };
        let (gender, bio, first, second) = (word(), word(), word(), word());
        let signed = next(1 << 31) as i64 - (1 << 30);
        let mut members = json!({
            "gender": gender, "bio": bio, "vip": next(2) == 0, "age": signed % 32_768,
            "points": signed.wrapping_mul(8_589_934_591), "spend": format!("{signed}.{:02}", next(100)),
            "score": signed as f64 / 7.0, "born": format!("{:04}-{:02}-{:02}", 1 + next(9999), 1 + next(12), 1 + next(28)),
            "seen": format!("20{:02}-01-01T00:00:{:02}.{:06}Z", next(100), next(60), next(1_000_000)),
            "interests": [first, second], "visits": {bio.clone(): signed % 1_000, gender.clone(): 0},
        });
        let members = members.as_object_mut().unwrap();
        members.retain(|_, _| next(3) > 0);
        members.insert("user_id".to_owned(), json!(format!("{row}{gender}")));
        lines.push_str(&serde_json::to_string(&members).unwrap());
        lines.push('\n');
    }
    lines
}

/// A row that cannot be computed, far behind the first piece, cuts the stream.
#[tokio::test]
async fn a_stream_that_fails_is_cut_and_says_so_where_it_can() {
    let server = Server::with(&[("result_rows_max", "1000000")]);
    let mut rows = String::from("user_id,points\n");
    for row in 0..140_000 {
        rows.push_str(&format!("u{row},{}\n", u8::from(row == 139_999)));
    }
    server.csv("/v1/tables/users/rows", &rows).await.ok();
    let sql = "SELECT user_id, points + 9223372036854775807 AS sum FROM users";
    server.sql(sql).await.problem(400, "overflow");
    let headers = [
        ("content-type", "text/plain"),
        ("accept", "application/x-ndjson"),
        ("x-request-id", "stream-1"),
    ];
    let ndjson = server.call("POST", "/v1/sql", &headers, sql).await;
    assert_eq!(ndjson.status, 200);
    assert!(ndjson.cut);
    let last: serde_json::Value = ndjson.text().lines().last().unwrap().parse().unwrap();
    assert_eq!(last["$error"]["code"], "overflow");
    assert_eq!(last["$error"]["request_id"], "stream-1");
    let headers = [("content-type", "text/plain"), ("accept", "text/csv")];
    let csv = server.call("POST", "/v1/sql", &headers, sql).await;
    assert!(
        csv.cut
            && csv
                .text()
                .starts_with("user_id,sum\nu0,9223372036854775807\n")
    );
}

#[tokio::test]
async fn what_is_asked_to_read_does_not_write() {
    let server = filled().await;
    let delete = "DELETE FROM users WHERE TRUE";
    for sql in [delete.to_owned(), format!("SHOW TABLES; {delete}")] {
        let body = json!({"sql": sql, "read_only": true});
        let answered = server.post("/v1/sql", body).await;
        answered.problem(400, "bad_parameter");
    }
    let path = "/v1/sql?sql=DELETE+FROM+users+WHERE+TRUE";
    let answered = server.get(path).await;
    assert_eq!(answered.header("allow"), Some("POST"));
    answered.problem(405, "method_not_allowed");
    let body = json!({"sql": "SELECT count(*) FROM users", "read_only": true});
    let answered = server.post("/v1/sql", body).await.ok();
    assert_eq!(answered["rows"], json!([[3]]));
}

#[tokio::test]
async fn bodies_are_objects() {
    let server = filled().await;
    for (path, body) in [
        ("/v1/sql", json!(["SELECT count(*) FROM users"])),
        ("/v1/tables/users/lookup", json!([["u1"]])),
        ("/v1/tables/users/portrait", json!([null])),
    ] {
        server.post(path, body).await.problem(400, "bad_parameter");
    }
}
