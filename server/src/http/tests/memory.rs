//! The memory of uploads, which is part of what all requests share.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;

use super::{Answered, Server};

const ROWS: &str = "/v1/tables/users/rows";
const TEXT: usize = 1_000;

/// Lines with a long text each.
fn lines(rows: usize) -> String {
    let text = "x".repeat(TEXT);
    let mut lines = String::new();
    for row in 0..rows {
        writeln!(lines, "{{\"user_id\":\"u{row}\",\"bio\":\"{text}\"}}").unwrap();
    }
    lines
}

/// The same as columns.
fn batch(rows: usize) -> RecordBatch {
    let text = "x".repeat(TEXT);
    let keys: StringArray = (0..rows).map(|row| Some(format!("u{row}"))).collect();
    let texts: StringArray = (0..rows).map(|_| Some(&text)).collect();
    let columns: [(&str, ArrayRef); 2] = [("user_id", Arc::new(keys)), ("bio", Arc::new(texts))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn arrow(rows: usize) -> Vec<u8> {
    let batch = batch(rows);
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn parquet(rows: usize) -> Vec<u8> {
    let batch = batch(rows);
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

async fn send(server: &Server, media: &str, body: Vec<u8>) -> Answered {
    server
        .call("POST", ROWS, &[("content-type", media)], body)
        .await
}

#[tokio::test]
async fn uploads_take_their_memory_from_what_all_share() {
    const NDJSON: &str = "application/x-ndjson";
    const ARROW: &str = "application/vnd.apache.arrow.stream";
    const PARQUET: &str = "application/vnd.apache.parquet";
    let server = Server::with(&[("requests_memory_max", "8MiB")]);
    // More text than there is memory, in pieces that each have room in a batch.
    for (media, body) in [
        (NDJSON, lines(20_000).into_bytes()),
        (ARROW, arrow(20_000)),
        (PARQUET, parquet(20_000)),
    ] {
        let refused = send(&server, media, body).await;
        assert_eq!(refused.header("retry-after"), Some("1"), "{media}");
        let problem = refused.problem(503, "overloaded");
        assert_eq!(problem["limit"], "requests_memory_bytes", "{media}");
        assert_eq!(server.count().await, 0, "{media}");
        assert_eq!(server.database.memory().used(), 0, "{media}");
    }
    for (media, body) in [
        (NDJSON, lines(500).into_bytes()),
        (ARROW, arrow(500)),
        (PARQUET, parquet(500)),
    ] {
        send(&server, media, body).await.ok();
        assert_eq!(server.count().await, 500, "{media}");
        assert_eq!(server.database.memory().used(), 0, "{media}");
    }
    let keys: String = (0..200_000)
        .map(|row| format!("{{\"user_id\":\"u{row}\"}}\n"))
        .collect();
    let delete = format!("{ROWS}?mode=delete");
    server
        .ndjson(&delete, &keys)
        .await
        .problem(503, "overloaded");
    assert_eq!(server.count().await, 500);
}
