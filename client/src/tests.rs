use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tagdb_wire::BulkMode;

use crate::canned::{Answer, Request, problem, respond};
use crate::{Client, Error};

const COUNT: &str = r#"{"columns":[{"name":"n","type":"BIGINT"}],"rows":[[12]]}"#;

/// Answers the first request with one answer and the others with another.
fn first_then(first: Answer, then: Answer) -> impl Fn(&Request) -> Answer + Send + 'static {
    let count = AtomicU32::new(0);
    move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => first.clone(),
        _ => then.clone(),
    }
}

fn client(url: &str) -> Client {
    Client::builder(url)
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_write_that_breaks_is_repeated_with_the_same_key() {
    let cut = Answer::new(200, COUNT).cut(10);
    let (url, requests) = respond(first_then(cut, Answer::new(200, COUNT))).unwrap();
    client(&url).sql("INSERT ...").run().await.unwrap();
    let keys: Vec<String> = requests
        .try_iter()
        .map(|request| request.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[0].len(), 32);
    assert!(keys[0].bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[tokio::test]
async fn two_writes_have_two_keys() {
    let (url, requests) = respond(|_| Answer::new(200, "{}")).unwrap();
    let client = client(&url);
    client.patch("t", "k", &json!({"a": 1})).await.unwrap();
    client.patch("t", "k", &json!({"a": 1})).await.unwrap();
    client.delete("t", "k").await.unwrap();
    client
        .bulk("t", BulkMode::Insert)
        .csv("k\n1\n")
        .await
        .unwrap();
    let mut keys: Vec<String> = requests
        .iter()
        .take(4)
        .map(|request| request.header("idempotency-key").unwrap().to_owned())
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 4);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_only_if_it_says_when() {
    let busy = problem(503, r#""code":"overloaded","detail":"busy""#);
    let patient = busy.clone().header("retry-after", "0");
    let (url, requests) = respond(first_then(patient, Answer::new(200, COUNT))).unwrap();
    client(&url).sql("SELECT 1").run().await.unwrap();
    assert_eq!(requests.try_iter().count(), 2);

    let (url, requests) = respond(first_then(busy, Answer::new(200, COUNT))).unwrap();
    let error = client(&url).sql("SELECT 1").run().await.unwrap_err();
    assert_eq!(error.code(), Some("overloaded"));
    assert_eq!(requests.iter().take(1).count(), 1);
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn a_wait_beyond_the_timeout_is_not_begun() {
    let busy = problem(429, r#""code":"rate_limited","detail":"slow down""#);
    let busy = busy.header("retry-after", "3600");
    let (url, _requests) = respond(move |_| busy.clone()).unwrap();
    let error = client(&url).status().await.unwrap_err();
    assert_eq!(error.code(), Some("rate_limited"));
}

#[tokio::test]
async fn refusals_and_read_only_servers_are_not_asked_again() {
    for (status, code) in [(400, "syntax_error"), (503, "read_only"), (500, "internal")] {
        let members = format!(r#""code":"{code}","detail":"no""#);
        let refusal = problem(status, &members).header("retry-after", "0");
        let (url, requests) = respond(move |_| refusal.clone()).unwrap();
        let error = client(&url).sql("x").run().await.unwrap_err();
        assert_eq!(error.code(), Some(code));
        assert_eq!(error.problem().unwrap().status, status);
        assert_eq!(requests.iter().take(1).count(), 1);
        assert!(requests.try_recv().is_err());
    }
}

#[tokio::test]
async fn streamed_bodies_and_snapshots_are_sent_once() {
    let (url, requests) = respond(|_| Answer::new(200, "").cut(3)).unwrap();
    let client = client(&url);
    let pieces = ["k\n", "1\n"].map(Ok::<_, std::io::Error>);
    let body = crate::Body::wrap_stream(futures_util::stream::iter(pieces));
    let error = client.bulk("t", BulkMode::Upsert).csv(body).await;
    assert!(matches!(error, Err(Error::Broken { .. })), "{error:?}");
    let error = client.create_snapshot("s").await;
    assert!(matches!(error, Err(Error::Broken { .. })), "{error:?}");
    let bodies: Vec<Vec<u8>> = requests
        .iter()
        .take(2)
        .map(|request| request.body)
        .collect();
    assert_eq!(bodies, [&b"k\n1\n"[..], br#"{"name":"s"}"#]);
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    // Nothing serves the port of tcpmux.
    let url = "http://127.0.0.1:1";
    let error = client(url).status().await.unwrap_err();
    let Error::Unreachable { url: told, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(told, url);
}

#[tokio::test]
async fn no_answer_is_a_timeout() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::builder(&url)
        .timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    let error = client.status().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_stream_that_is_cut_is_not_a_result() {
    let rows = "{\"a\":1}\n{\"a\":2}\n";
    let length = Answer::new(200, rows).header("x", "y");
    let (url, _requests) = respond(move |_| {
        // Five bytes short of the whole answer.
        let head = "HTTP/1.1 200 Canned\r\nx: y\r\ncontent-length: 16\r\nconnection: close\r\n\r\n";
        length.clone().cut(head.len() + 11)
    })
    .unwrap();
    let mut stream = client(&url).sql("q").stream::<Value>().await.unwrap();
    assert_eq!(stream.next().await.unwrap(), Some(json!({"a": 1})));
    let error = stream.next().await.unwrap_err();
    assert!(matches!(error, Error::Interrupted(_)), "{error:?}");
}

#[tokio::test]
async fn a_stream_that_fails_tells_the_problem() {
    let body = "{\"a\":1}\n{\"$error\":{\"code\":\"timeout\",\"detail\":\"too slow\"}}\n";
    let (url, _requests) = respond(move |_| Answer::new(200, body)).unwrap();
    let mut stream = client(&url).sql("q").stream::<Value>().await.unwrap();
    assert_eq!(stream.next().await.unwrap(), Some(json!({"a": 1})));
    assert_eq!(stream.next().await.unwrap_err().code(), Some("timeout"));
}

#[tokio::test]
async fn rows_of_any_length_and_ending_are_read() {
    for (body, rows) in [
        ("", 0),
        ("\n", 0),
        ("{}", 1),
        ("{}\n", 1),
        ("{}\r\n{}\n\n{}", 3),
    ] {
        let (url, _requests) = respond(move |_| Answer::new(200, body)).unwrap();
        let mut stream = client(&url).sql("q").stream::<Value>().await.unwrap();
        let mut count = 0;
        while stream.next().await.unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, rows, "{body:?}");
    }
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(300_000)).repeat(7);
    let (url, _requests) = respond(move |_| Answer::new(200, long.clone())).unwrap();
    let mut stream = client(&url).sql("q").stream::<Value>().await.unwrap();
    for _ in 0..7 {
        let row = stream.next().await.unwrap().unwrap();
        assert_eq!(row["a"].as_str().unwrap().len(), 300_000);
    }
    assert!(stream.next().await.unwrap().is_none());
}

#[tokio::test]
async fn rows_that_do_not_fit_their_type_are_named() {
    #[derive(Debug, serde::Deserialize)]
    struct Row {
        #[serde(rename = "n")]
        _n: bool,
    }
    let (url, _requests) = respond(|_| Answer::new(200, COUNT)).unwrap();
    let error = client(&url).sql("q").rows::<Row>().await.unwrap_err();
    assert!(error.to_string().contains("row 1"), "{error}");
}

#[tokio::test]
async fn integers_keep_all_their_digits() {
    let body = r#"{"columns":[{"name":"n","type":"BIGINT"}],"rows":[[9223372036854775807]]}"#;
    #[derive(serde::Deserialize)]
    struct Row {
        n: i64,
    }
    let (url, requests) = respond(move |_| Answer::new(200, body)).unwrap();
    let sql = client(&url);
    let rows: Vec<Row> = sql.sql("q").param(i64::MIN).rows().await.unwrap();
    assert_eq!(rows[0].n, i64::MAX);
    let sent = String::from_utf8(requests.recv().unwrap().body).unwrap();
    assert!(sent.contains("[-9223372036854775808]"), "{sent}");
}

#[tokio::test]
async fn keys_are_encoded_as_one_segment() {
    let (url, requests) = respond(|_| Answer::new(200, "{}")).unwrap();
    let client = client(&url);
    let _: Option<Value> = client.row("t", "a/b c?d#é%", &["x", "y z"]).await.unwrap();
    assert_eq!(
        requests.recv().unwrap().path,
        "/v1/tables/t/rows/a%2Fb%20c%3Fd%23%C3%A9%25?tags=x%2Cy%20z"
    );
    let _: Option<Value> = client.row("t", -5, &[]).await.unwrap();
    assert_eq!(requests.recv().unwrap().path, "/v1/tables/t/rows/-5");
    for key in ["", ".", ".."] {
        let error = client.delete("t", key).await.unwrap_err();
        assert!(matches!(error, Error::Request(_)), "{error:?}");
    }
}

#[tokio::test]
async fn reads_carry_the_token() {
    let (url, requests) = respond(|_| Answer::new(200, "{}")).unwrap();
    client(&url).at_least("abc").status().await.unwrap();
    let request = requests.recv().unwrap();
    assert_eq!(request.header("tagdb-at-least"), Some("abc"));
}

#[tokio::test]
async fn answers_that_are_no_answers_are_told_apart() {
    for (status, body) in [(200, "<html>"), (502, "<html>"), (404, "{}")] {
        let (url, _requests) = respond(move |_| Answer::new(status, body)).unwrap();
        let error = client(&url).status().await.unwrap_err();
        assert!(matches!(error, Error::Answer(_)), "{error:?}");
    }
    let (url, _requests) = respond(|_| Answer::new(200, r#"{"results":[{},{}]}"#)).unwrap();
    assert!(client(&url).sql("a; b").run().await.is_err());
    assert_eq!(client(&url).sql("a; b").run_all().await.unwrap().len(), 2);
}

#[test]
fn addresses_that_cannot_be_are_refused() {
    for url in [
        "",
        "localhost",
        "ftp://a",
        "https://a",
        "http://a?b",
        "http://",
    ] {
        assert!(Client::new(url).is_err(), "{url}");
    }
    assert_eq!(Client::new("http://a/x/").unwrap().url(), "http://a/x");
}

#[tokio::test]
async fn a_page_can_be_asked_for_again_after_an_error() {
    let page = r#"{"columns":[],"rows":[[1]],"next":"c.1"}"#;
    let last = r#"{"columns":[],"rows":[[2]],"next":null}"#;
    let failed = problem(410, r#""code":"cursor_expired","detail":"too late""#);
    let count = AtomicU32::new(0);
    let answer = move |_: &Request| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::new(200, page),
        1 => failed.clone(),
        _ => Answer::new(200, last),
    };
    let (url, requests) = respond(answer).unwrap();
    let client = client(&url);
    let mut pages = client.sql("SELECT ...").param(7).pages(1);
    assert_eq!(pages.next().await.unwrap().unwrap().rows, [[json!(1)]]);
    let error = pages.next().await.unwrap_err();
    assert_eq!(error.code(), Some("cursor_expired"));
    assert_eq!(pages.next().await.unwrap().unwrap().rows, [[json!(2)]]);
    assert!(pages.next().await.unwrap().is_none());
    let bodies: Vec<Value> = requests
        .try_iter()
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect();
    let first = json!({"sql": "SELECT ...", "params": [7], "page_size": 1});
    let cursor = json!({"cursor": "c.1"});
    assert_eq!(bodies, [first, cursor.clone(), cursor]);
}

#[test]
fn a_statement_is_waited_for_as_long_as_the_server_works() {
    let usual = Client::new("http://127.0.0.1:1").unwrap();
    let told = client("http://127.0.0.1:1");
    let seconds = Duration::from_secs;
    assert_eq!(usual.request_time(), seconds(30));
    assert_eq!(usual.statement_time(None), seconds(65));
    assert_eq!(usual.statement_time(Some(seconds(600))), seconds(605));
    assert_eq!(told.statement_time(None), seconds(20));
    assert_eq!(told.statement_time(Some(seconds(600))), seconds(605));
}
