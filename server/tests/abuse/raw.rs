//! Requests as bytes, and their answers.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a request must be answered with.
#[derive(Clone, Debug)]
pub(crate) enum Expect {
    /// This status, and the code of its problem.
    Code(u16, &'static str),
    /// The problem of a limit of this name.
    Limit(&'static str),
    /// This status; what is refused before it is a request has no problem.
    Status(u16),
    /// No answer at all.
    Closed,
    /// Refused with this status, or closed: both are right.
    Refused(u16),
    /// Refused as the client's fault, or answered all the same.
    Survived,
}

/// One hostile request.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expect: Expect,
    /// Whether the client says that it will send no more.
    pub(crate) half_close: bool,
}

/// What came back: 0 as the status of no answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        let (_, body) = self.text.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }
}

impl Case {
    /// Bytes as they are.
    pub(crate) fn raw(name: impl Into<String>, bytes: impl Into<Vec<u8>>, expect: Expect) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
            expect,
            half_close: false,
        }
    }

    /// A well-formed request with whatever body.
    pub(crate) fn request(
        name: impl Into<String>,
        (method, target): (&str, &str),
        content_type: &str,
        body: impl AsRef<[u8]>,
        expect: Expect,
    ) -> Self {
        let body = body.as_ref();
        let mut bytes = format!(
            "{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        Self::raw(name, bytes, expect)
    }

    /// A request without a body.
    pub(crate) fn get(name: impl Into<String>, target: &str, expect: Expect) -> Self {
        let bytes =
            format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        Self::raw(name, bytes, expect)
    }

    /// Why the answer is not the one expected.
    pub(crate) fn wrong(&self, answer: &Answer) -> Option<String> {
        let has = |field: &str, value: &str| {
            let written = format!("\"{field}\":\"{value}\"");
            answer.text.contains(&written)
        };
        let fits = match &self.expect {
            Expect::Code(status, code) => answer.status == *status && has("code", code),
            Expect::Limit(limit) => (400..500).contains(&answer.status) && has("limit", limit),
            Expect::Status(status) => answer.status == *status,
            Expect::Closed => answer.status == 0,
            Expect::Refused(status) => answer.status == *status || answer.status == 0,
            Expect::Survived => [200, 400, 413, 422].contains(&answer.status),
        };
        let shown: String = answer.text.chars().take(400).collect();
        (!fits).then(|| {
            format!(
                "{}: {:?} expected, {} answered: {shown}",
                self.name, self.expect, answer.status
            )
        })
    }
}

/// Sends a request on a connection of its own and reads to the end of what comes.
pub(crate) fn exchange(address: SocketAddr, case: &Case) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    // Whoever refuses early need not read to the end.
    let _ = stream.write_all(&case.bytes);
    if case.half_close {
        let _ = stream.shutdown(Shutdown::Write);
    }
    read_answer(&mut stream, &case.name)
}

/// Reads until the server closes the connection.
pub(crate) fn read_answer(stream: &mut TcpStream, name: &str) -> Answer {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 << 10];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("{name}: the connection is neither answered nor closed");
            }
            // A reset after the answer is an end too.
            Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| text.strip_prefix("HTTP/1.0 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0);
    Answer { status, text }
}
