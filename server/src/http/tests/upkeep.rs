use serde_json::json;

use super::Server;

#[tokio::test]
async fn flushes_and_compactions_are_waited_for_or_not() {
    let server = Server::new();
    server
        .ndjson("/v1/tables/users/rows", "{\"user_id\":\"u1\",\"age\":1}\n")
        .await
        .ok();
    for kind in ["flush", "compact"] {
        let path = format!("/v1/admin/{kind}");
        for body in [json!({}), json!({"table": "users"}), json!({"wait": true})] {
            let done = server.post(&path, body).await.ok();
            assert_eq!(
                (&done["state"], &done["kind"]),
                (&json!("done"), &json!(kind))
            );
        }
        let done = server.call("POST", &path, &[], "").await.ok();
        assert_eq!(done["state"], "done");
        let begun = server.post(&path, json!({"wait": false})).await;
        assert_eq!(begun.status, 202);
        let job = format!("/v1/jobs/{}", begun.json()["id"].as_str().unwrap());
        while server.get(&job).await.ok()["state"] == "running" {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.get(&job).await.ok()["state"], "done");
        let body = json!({"table": "nothing"});
        server.post(&path, body).await.problem(404, "not_found");
        let body = json!({"tables": "users"});
        server.post(&path, body).await.problem(400, "bad_parameter");
    }
}

#[tokio::test]
async fn snapshots_are_taken_listed_and_dropped() {
    let server = Server::new();
    let path = "/v1/admin/snapshots";
    let none = server.get(path).await.ok();
    assert_eq!(none, json!({"snapshots": []}));
    let taken = server.post(path, json!({"name": "daily-1"})).await;
    assert_eq!(taken.status, 201);
    assert_eq!(taken.json()["name"], "daily-1");
    let body = json!({"name": "daily-1"});
    server.post(path, body).await.problem(409, "already_exists");
    let list = server.get(path).await.ok();
    assert_eq!(list["snapshots"][0], taken.json());
    for name in ["", "..", "A", "a/b", "x y", &"a".repeat(65)] {
        let body = json!({"name": name});
        server.post(path, body).await.problem(400, "bad_parameter");
    }
    let one = format!("{path}/daily-1");
    let dropped = server.call("DELETE", &one, &[], "").await;
    assert_eq!((dropped.status.as_u16(), dropped.text()), (204, ""));
    let again = server.call("DELETE", &one, &[], "").await;
    again.problem(404, "not_found");
}

#[tokio::test]
async fn the_state_is_told() {
    let server = Server::new();
    let rows = "{\"user_id\":\"u1\"}\n{\"user_id\":\"u2\"}\n";
    let written = server.ndjson("/v1/tables/users/rows", rows).await.ok();
    let status = server.get("/v1/status").await.ok();
    assert_eq!(status["state"], "ready");
    assert_eq!(
        (&status["tables"], &status["subjects"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(status["token"], written["token"]);
    assert_eq!(status["lsn"], status["durable_lsn"]);
    server.get("/healthz").await.ok();
    server.get("/readyz").await.ok();
    let metrics = server.get("/metrics").await;
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let text = metrics.text();
    assert!(text.contains("tagdb_rows_written_total 2\n"), "{text}");
    assert!(
        text.contains(&format!("tagdb_lsn {}\n", status["lsn"])),
        "{text}"
    );
    assert!(text.contains("route=\"/v1/tables/{table}/rows\""), "{text}");
}

#[tokio::test]
async fn tables_are_described() {
    let server = Server::new();
    let rows = "{\"user_id\":\"u1\",\"gender\":\"f\",\"age\":1,\"interests\":[\"a\",\"b\"]}\n\
                {\"user_id\":\"u2\",\"gender\":\"m\",\"interests\":[\"a\"],\"visits\":{}}\n\
                {\"user_id\":\"u3\",\"gender\":null,\"bio\":\"text\"}\n";
    server.ndjson("/v1/tables/users/rows", rows).await.ok();
    let list = server.get("/v1/tables").await.ok();
    let names: Vec<_> = list["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["name"])
        .collect();
    assert_eq!(names, ["devices", "users"]);
    assert_eq!(list["tables"][1]["subjects"], 3);
    assert_eq!(
        list["tables"][0]["key"],
        json!({"name": "user_id", "type": "BIGINT"})
    );
    let table = server.get("/v1/tables/users").await.ok();
    let tag = |name: &str| {
        let tags = table["tags"].as_array().unwrap();
        tags.iter().find(|tag| tag["name"] == name).unwrap().clone()
    };
    assert_eq!(tag("gender")["known"], 2);
    assert_eq!(tag("age")["known"], 1);
    assert_eq!(tag("interests")["known"], 2);
    assert_eq!(tag("visits")["known"], 0);
    assert_eq!(tag("bio")["known"], 1);
    assert_eq!(tag("visits")["type"], "MAP(KEYWORD, INT)");
    let described = server.rows("DESCRIBE users").await;
    let described = described.as_array().unwrap().iter().skip(1);
    for (row, tag) in described.zip(table["tags"].as_array().unwrap()) {
        let fields = ["name", "type", "comment", "known", "distinct", "bytes"];
        assert_eq!(*row, json!(fields.map(|field| &tag[field])));
    }
    assert_eq!(table["tags"].as_array().unwrap().len(), 11);
    server
        .get("/v1/tables/nothing")
        .await
        .problem(404, "not_found");
}
