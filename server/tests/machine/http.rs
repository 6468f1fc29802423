//! One connection that is kept alive, and nothing that tries again by itself: a request was
//! answered, or nobody knows.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value as Json;

/// A server that is silent for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self {
            method: "GET",
            target: target.into(),
            content_type: "text/plain",
            body: String::new(),
        }
    }

    pub(crate) fn post(
        target: impl Into<String>,
        content_type: &'static str,
        body: impl Into<String>,
    ) -> Self {
        Self {
            method: "POST",
            target: target.into(),
            content_type,
            body: body.into(),
        }
    }

    pub(crate) fn sql(text: impl Into<String>) -> Self {
        Self::post("/v1/sql", "text/plain", text)
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The stable code of a problem.
    pub(crate) fn code(&self) -> String {
        let problem: Json = serde_json::from_str(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or("").to_owned()
    }
}

/// A connection to the server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let stream = BufReader::new(stream);
        Ok(Self { stream })
    }

    /// Sends a request and waits for its answer. An error says that nobody knows what became of
    /// it; that nothing comes at all is no such case, for a server may not hang.
    pub(crate) fn send(&mut self, request: &Request) -> io::Result<Answer> {
        let answer = self.exchange(request);
        if let Err(error) = &answer {
            assert!(
                !matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ),
                "no answer within {PATIENCE:?}: {request:?}"
            );
        }
        answer
    }

    fn exchange(&mut self, request: &Request) -> io::Result<Answer> {
        let Request {
            method,
            target,
            content_type,
            body,
        } = request;
        let text = format!(
            "{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(text.as_bytes())?;
        let head = self.line()?;
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let mut length = 0;
        let mut is_chunked = false;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            is_chunked |= line.starts_with("transfer-encoding:");
        }
        let body = match is_chunked {
            true => self.chunks()?,
            false => self.bytes(length)?,
        };
        let body = String::from_utf8(body).unwrap();
        Ok(Answer { status, body })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line()?, 16).unwrap();
            whole.extend(self.bytes(length)?);
            self.line()?;
            if length == 0 {
                return Ok(whole);
            }
        }
    }
}
