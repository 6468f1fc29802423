//! Sends requests, repeats them where that is safe, and reads answers.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tagdb_wire::{Problem, headers, media};

use crate::client::Client;
use crate::error::{Error, Result};

/// Times that a request is sent at most.
const ATTEMPTS_MAX: u32 = 4;
/// The pause before the first repetition; it doubles with each.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes of an answer that is read whole: the server's own bound on one JSON document is lower.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Whether a request may be sent again when nobody knows what became of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// A read, or a write that names itself by a key.
    Safe,
    /// What a lost answer said would be lost with it.
    Never,
}

/// How long a request may take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// So long, with all repetitions, up to the end of the answer.
    Within(Duration),
    /// As long as it moves.
    Endless,
}

impl Client {
    /// A request to a path such as `/v1/sql`, without a body.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.at_least {
            Some(token) => request.header(headers::AT_LEAST, &**token),
            None => request,
        }
    }

    /// A request with a JSON body.
    ///
    /// # Errors
    /// The body cannot be written as JSON.
    pub(crate) fn request_json<T: Serialize + ?Sized>(
        &self,
        method: Method,
        path: &str,
        body: &T,
    ) -> Result<RequestBuilder> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Error::Request(format!("the body is no JSON: {error}")))?;
        Ok(self
            .request(method, path)
            .header("content-type", media::JSON)
            .body(body))
    }

    /// Sends a request and reads the JSON that it is answered with.
    pub(crate) async fn fetch<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let answer = self
            .fetch_bytes(request, Repeat::Safe, self.request_time())
            .await?;
        serde_json::from_slice(&answer).map_err(|error| Error::Answer(error.to_string()))
    }

    /// Sends a request and reads the body that it is answered with.
    pub(crate) async fn fetch_bytes(
        &self,
        request: RequestBuilder,
        repeat: Repeat,
        time: Duration,
    ) -> Result<Bytes> {
        let response = self.send(request, repeat, Patience::Within(time)).await?;
        read_body(response, ANSWER_BYTES_MAX).await
    }

    /// Sends a request until there is an answer that settles it.
    ///
    /// # Errors
    /// What the server refused it with, or why there is no answer.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        repeat: Repeat,
        patience: Patience,
    ) -> Result<Response> {
        let start = Instant::now();
        // What takes as long as it moves is repeated only for so long.
        let time = match patience {
            Patience::Within(time) => time,
            Patience::Endless => self.request_time(),
        };
        let mut request = Some(request);
        let mut attempt = 1;
        loop {
            let is_last = attempt >= ATTEMPTS_MAX || repeat == Repeat::Never;
            let copy = if is_last {
                None
            } else {
                request.as_ref().and_then(RequestBuilder::try_clone)
            };
            let Some(mut sent) = copy.or_else(|| request.take()) else {
                return Err(Error::Request("the body was sent already".to_owned()));
            };
            if let Patience::Within(time) = patience {
                sent = sent.timeout(time.saturating_sub(start.elapsed()));
            }
            let (error, pause) = match sent.send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let retry_after = retry_after(&response);
                    (read_problem(response).await, retry_after)
                }
                Err(error) => {
                    let error = self.transport_error(&error, time);
                    let is_lost = matches!(error, Error::Unreachable { .. } | Error::Broken { .. });
                    let pause = is_lost.then(|| PAUSE * 2_u32.saturating_pow(attempt - 1));
                    (error, pause)
                }
            };
            // Repeating cannot mend what only a restart of the server mends.
            let pause = pause.filter(|_| error.code() != Some("read_only"));
            let remaining = time.saturating_sub(start.elapsed());
            match pause {
                Some(pause) if request.is_some() && pause < remaining => {
                    tokio::time::sleep(pause).await;
                    attempt += 1;
                }
                _ => return Err(error),
            }
        }
    }

    fn transport_error(&self, error: &reqwest::Error, time: Duration) -> Error {
        let (url, reason) = (self.url.to_string(), Error::cause(error));
        if error.is_builder() {
            Error::Request(reason)
        } else if error.is_connect() {
            Error::Unreachable { url, reason }
        } else if error.is_timeout() {
            Error::Timeout {
                seconds: time.as_secs_f64(),
            }
        } else {
            Error::Broken { url, reason }
        }
    }
}

/// Reads a body of at most so many bytes.
pub(crate) async fn read_body(mut response: Response, bytes_max: usize) -> Result<Bytes> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| cut(&error))? {
        if body.len() + piece.len() > bytes_max {
            return Err(Error::Answer(format!("it has more than {bytes_max} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.into())
}

/// An answer that broke off.
pub(crate) fn cut(error: &reqwest::Error) -> Error {
    Error::Interrupted(Error::cause(error))
}

/// The pause that an answer asks for, if it says that the request may succeed later.
fn retry_after(response: &Response) -> Option<Duration> {
    let may_succeed = matches!(
        response.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let seconds = response.headers().get("retry-after")?.to_str().ok()?;
    let seconds = seconds.trim().parse::<u32>().ok()?;
    may_succeed.then(|| Duration::from_secs(seconds.into()).max(PAUSE))
}

async fn read_problem(response: Response) -> Error {
    let status = response.status();
    match read_body(response, ANSWER_BYTES_MAX).await {
        Ok(body) => match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) if !problem.code.is_empty() => Error::Problem(Box::new(problem)),
            _ => Error::Answer(format!("status {status} without a problem")),
        },
        Err(error) => error,
    }
}

/// A key that names one write: 128 random bits.
///
/// # Errors
/// The operating system has no randomness to give.
pub(crate) fn idempotency_key() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Request(format!("there is no randomness: {error}")))?;
    let mut text = String::with_capacity(32);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// A value as one segment of a path.
///
/// # Errors
/// Paths cannot hold it: it is empty, or a segment that means a folder.
pub(crate) fn segment(text: &str) -> Result<String> {
    if matches!(text, "" | "." | "..") {
        return Err(Error::Request(format!(
            "{text:?} cannot stand in an address; use SQL or a look-up"
        )));
    }
    Ok(encode(text))
}

/// Percent-encodes all but the characters that mean nothing anywhere in an address.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
