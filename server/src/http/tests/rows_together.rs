//! Rows that are asked for at the same time, one by one.

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::{Value as Json, json};

use super::{Answered, Server};

/// Asked for one after the other, and all of them before any is looked up.
async fn answers(server: &Server, paths: &[String]) -> [Vec<(u16, Json)>; 2] {
    let told = |answered: Answered| {
        let mut body = answered.json();
        if let Some(problem) = body.as_object_mut() {
            problem.remove("request_id");
        }
        (answered.status.as_u16(), body)
    };
    let mut alone = Vec::new();
    for path in paths {
        alone.push(told(server.get(path).await));
    }
    let together = join_all(paths.iter().map(|path| server.get(path))).await;
    [alone, together.into_iter().map(told).collect()]
}

#[tokio::test]
async fn each_is_answered_as_if_it_were_alone() {
    let server = Server::new();
    let lines = |key: &dyn Fn(i64) -> Json| -> String {
        let line = |n| json!({"user_id": key(n), "age": n % 90, "gender": "f", "bio": "x"});
        (0..200).map(|n| format!("{}\n", line(n))).collect()
    };
    let users = lines(&|n| json!(format!("u{n}")));
    server.ndjson("/v1/tables/users/rows", &users).await.ok();
    let devices = lines(&|n| json!(n));
    server
        .ndjson("/v1/tables/devices/rows", &devices)
        .await
        .ok();
    // More than one group, some without a row; then tables and tags in turns, and faults between.
    let users = (0..150).map(|n| format!("/v1/tables/users/rows/u{}", n * 2));
    let devices = (0..40).map(|n| match n % 8 {
        3 => "/v1/tables/devices/rows/none".to_owned(),
        5 => format!("/v1/tables/devices/rows/{n}?tags=age,bio"),
        6 => "/v1/tables/devices/rows/1?tags=nothing".to_owned(),
        7 => "/v1/tables/devices/rows/1?columns=age".to_owned(),
        _ => format!("/v1/tables/devices/rows/{}", n * 10),
    });
    let mixed = (0..30).map(|n| match n % 3 {
        0 => format!("/v1/tables/users/rows/u{n}"),
        1 => format!("/v1/tables/devices/rows/{n}"),
        _ => "/v1/tables/nobody/rows/u1".to_owned(),
    });
    for paths in [
        users.collect(),
        devices.collect(),
        mixed.collect::<Vec<_>>(),
    ] {
        let [alone, together] = answers(&server, &paths).await;
        for ((path, alone), together) in paths.iter().zip(alone).zip(together) {
            assert_eq!(alone, together, "{path}");
        }
    }
}

#[tokio::test]
async fn who_has_gone_keeps_nobody_waiting() {
    let server = Server::new();
    let row = json!({"user_id": "u1", "age": 1});
    server
        .ndjson("/v1/tables/users/rows", &format!("{row}\n"))
        .await
        .ok();
    let path = "/v1/tables/users/rows/u1";
    let mut gone = Box::pin(server.get(path));
    assert!((&mut gone).now_or_never().is_none());
    let mut waiting = Box::pin(server.get(path));
    assert!((&mut waiting).now_or_never().is_none());
    drop(gone);
    assert_eq!(waiting.await.ok(), row);
    assert_eq!(server.get(path).await.ok(), row);
}
