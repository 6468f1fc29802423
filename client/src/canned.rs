//! A responder with answers made beforehand, for the examples and tests of this crate. It is no
//! server: it knows a few requests by a word in them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Decoded, if it came in chunks.
    pub body: Vec<u8>,
}

impl Request {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(candidate, _)| candidate == name);
        found.map(|(_, value)| value.as_str())
    }

    fn has(&self, word: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(word)
    }
}

/// What a request is answered with.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Bytes of the answer after which the connection is cut.
    pub cut_after: Option<usize>,
}

impl Answer {
    /// An answer without further headers.
    #[must_use]
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            cut_after: None,
        }
    }

    /// The answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The answer, cut after some bytes.
    #[must_use]
    pub fn cut(mut self, bytes: usize) -> Self {
        self.cut_after = Some(bytes);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} Canned\r\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = self.body.len();
        text.push_str(&format!(
            "content-length: {length}\r\nconnection: close\r\n\r\n"
        ));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(self.body.as_bytes());
        bytes.truncate(self.cut_after.unwrap_or(bytes.len()));
        bytes
    }
}

/// Answers requests one after the other, for as long as the process lives. Gives the address, and
/// the requests as they come.
///
/// # Errors
/// No socket can be opened.
pub fn respond(
    answer: impl Fn(&Request) -> Answer + Send + 'static,
) -> io::Result<(String, mpsc::Receiver<Request>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            // A client that goes away in the middle is part of some tests.
            if let Ok(request) = read_request(&stream) {
                // Whoever has the answer may ask at once for what was requested.
                let bytes = answer(&request).bytes();
                let _ = sender.send(request);
                let _ = stream.write_all(&bytes);
            }
        }
    });
    Ok((url, receiver))
}

fn read_request(stream: &TcpStream) -> io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let mut request = Request {
        method: words.next().unwrap_or_default().to_owned(),
        path: words.next().unwrap_or_default().to_owned(),
        ..Request::default()
    };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let header = (name.to_ascii_lowercase(), value.trim().to_owned());
        request.headers.push(header);
    }
    if request.header("transfer-encoding") == Some("chunked") {
        loop {
            let size = read_chunk(&mut reader, &mut request.body)?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = request.header("content-length") {
        let length = length.parse().map_err(io::Error::other)?;
        reader.take(length).read_to_end(&mut request.body)?;
    }
    Ok(request)
}

fn read_chunk(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<u64> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
    reader.take(size).read_to_end(body)?;
    line.clear();
    reader.read_line(&mut line)?;
    Ok(size)
}

/// Runs an example against a responder that knows its requests.
#[expect(
    clippy::expect_used,
    reason = "an example that fails must fail its test"
)]
pub fn example<F>(body: impl FnOnce(String) -> F)
where
    F: Future<Output = crate::Result<()>>,
{
    let (url, _requests) = respond(example_answer).expect("a socket");
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(body(url))
        .expect("an example that works");
}

fn example_answer(request: &Request) -> Answer {
    let (path, _query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let body = match (request.method.as_str(), path) {
        ("POST", "/v1/sql") => return example_sql(request),
        ("GET", "/v1/status") => r#"{"state":"ready","subjects":12}"#,
        ("GET", "/v1/tables") => r#"{"tables":[{"name":"users"}]}"#,
        ("GET", "/v1/tables/users") => {
            r#"{"name":"users","tags":[{"name":"gender","type":"KEYWORD"}]}"#
        }
        ("GET", "/v1/tables/users/rows/u1") => r#"{"user_id":"u1","gender":"female","age":33}"#,
        ("PATCH" | "DELETE", "/v1/tables/users/rows/u1") => {
            r#"{"rows_affected":1,"durable":true,"token":"a1"}"#
        }
        ("POST", "/v1/tables/users/lookup") => r#"{"rows":[{"user_id":"u1"},null]}"#,
        ("POST", "/v1/tables/users/portrait") => {
            r#"{"audience":9,"base":12,"test":"hypergeometric","tags":[{"tag":"city"}]}"#
        }
        ("POST", "/v1/tables/users/match") => r#"{"results":[{"adult":true},null]}"#,
        ("POST", "/v1/tables/users/rows") => r#"{"rows":2,"created":1,"durable":true}"#,
        ("POST", "/v1/admin/flush" | "/v1/admin/compact") => r#"{"state":"done"}"#,
        ("POST", "/v1/admin/snapshots") => r#"{"name":"monday","lsn":7}"#,
        ("GET", "/v1/admin/snapshots") => r#"{"snapshots":[{"name":"monday","lsn":7}]}"#,
        ("DELETE", "/v1/admin/snapshots/monday") => "",
        ("GET", "/v1/writes/order-4711") => r#"{"state":"committed","token":"a1"}"#,
        _ => {
            return problem(
                404,
                r#""code":"not_found","detail":"there is no such thing""#,
            );
        }
    };
    Answer::new(200, body)
}

fn example_sql(request: &Request) -> Answer {
    let body = if request.has("gendr") {
        let members =
            r#""code":"unknown_tag","detail":"unknown tag \"gendr\"","line":1,"column":8"#;
        return problem(400, members);
    } else if request.header("accept") == Some("application/x-ndjson") {
        "{\"user_id\":\"u1\"}\n{\"user_id\":\"u2\"}\n"
    } else if request.header("accept") == Some("text/csv") {
        "user_id\nu1\nu2\n"
    } else if request.has("page_size") {
        r#"{"columns":[{"name":"user_id","type":"KEYWORD"}],"rows":[["u1"],["u2"]],"next":"p2"}"#
    } else if request.has(r#""cursor":"p2""#) {
        r#"{"columns":[{"name":"user_id","type":"KEYWORD"}],"rows":[["u3"]],"next":null}"#
    } else if request.has("SHOW TABLES; SHOW") {
        r#"{"results":[{"rows":[["users"]]},{"rows":[["users"]]}]}"#
    } else if request.has("GROUP BY city") {
        r#"{"columns":[{"name":"city","type":"KEYWORD"},{"name":"n","type":"BIGINT"}],
            "rows":[["berlin",12],[null,3]]}"#
    } else if request.has("INSERT") || request.has("UPDATE") {
        r#"{"rows_affected":1,"durable":true,"stats":{"token":"a1"}}"#
    } else {
        r#"{"columns":[{"name":"n","type":"BIGINT"}],"rows":[[12]],"next":null}"#
    };
    Answer::new(200, body)
}

/// A problem of the given status and further members.
#[must_use]
pub fn problem(status: u16, members: &str) -> Answer {
    Answer::new(status, format!("{{\"status\":{status},{members}}}"))
        .header("content-type", "application/problem+json")
}
