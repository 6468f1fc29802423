//! The client and how it is made.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};

/// The time that a request may take, if nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The same of a statement: what servers allow it, if nothing else is said to them.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// The time that a statement's answer may take to come, beyond its time on the server.
const STATEMENT_SLACK: Duration = Duration::from_secs(5);
/// The time that making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection on which nothing comes is asked after so long whether the other end is there: bulk
/// writes and streams wait for as long as it is.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// Times that it is asked before the connection counts as broken.
const KEEPALIVE_RETRIES: u32 = 4;

/// A client of one server. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) url: Arc<str>,
    /// If one was said.
    timeout: Option<Duration>,
    pub(crate) at_least: Option<Arc<str>>,
}

/// Makes a [`Client`].
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    url: String,
    timeout: Option<Duration>,
    at_least: Option<Arc<str>>,
}

impl Client {
    /// A client with the usual settings of the server at `url`, such as `http://127.0.0.1:7480`.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// assert_eq!(client.status().await?.state, "ready");
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The address is not one.
    pub fn new(url: &str) -> Result<Self> {
        Self::builder(url).build()
    }

    /// A client with settings of your own.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use std::time::Duration;
    ///
    /// let client = tagdb_client::Client::builder(&url)
    ///     .timeout(Duration::from_secs(2))
    ///     .build()?;
    /// assert_eq!(client.status().await?.subjects, 12);
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder {
            url: url.to_owned(),
            timeout: None,
            at_least: None,
        }
    }

    /// A copy of this client whose reads see at least the state of a token: what the write that
    /// answered the token wrote, wherever it was sent.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use serde_json::json;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let written = client.patch("users", "u1", &json!({"vip_level": 3})).await?;
    /// let later = client.at_least(&written.token);
    /// assert_eq!(later.status().await?.state, "ready");
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn at_least(&self, token: &str) -> Self {
        Self {
            at_least: Some(token.into()),
            ..self.clone()
        }
    }

    /// The time that a request may take.
    pub(crate) fn request_time(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// The time that a statement may take that is allowed so much of it on the server.
    pub(crate) fn statement_time(&self, allowed: Option<Duration>) -> Duration {
        match (allowed, self.timeout) {
            (None, Some(timeout)) => timeout,
            (allowed, _) => {
                let allowed = allowed.unwrap_or(STATEMENT_TIMEOUT);
                allowed.saturating_add(STATEMENT_SLACK)
            }
        }
    }

    /// The server's address, without a slash at the end.
    ///
    /// ```
    /// let client = tagdb_client::Client::new("http://127.0.0.1:7480/")?;
    /// assert_eq!(client.url(), "http://127.0.0.1:7480");
    /// # Ok::<(), tagdb_client::Error>(())
    /// ```
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl ClientBuilder {
    /// The time that a request may take with all its repetitions, 30 seconds if nothing else is
    /// said, and 65 for a statement, which servers stop after 60. A statement with a time of its
    /// own ([`crate::Sql::timeout`]) is waited for as long as that. Bulk writes and streamed answers
    /// take as long as they move.
    ///
    /// ```
    /// let builder = tagdb_client::Client::builder("http://127.0.0.1:7480");
    /// let client = builder.timeout(std::time::Duration::from_millis(500)).build()?;
    /// # Ok::<(), tagdb_client::Error>(())
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Reads see at least the state of this token.
    ///
    /// ```
    /// let builder = tagdb_client::Client::builder("http://127.0.0.1:7480");
    /// let client = builder.at_least("00000000000000a1").build()?;
    /// # Ok::<(), tagdb_client::Error>(())
    /// ```
    #[must_use]
    pub fn at_least(mut self, token: &str) -> Self {
        self.at_least = Some(token.into());
        self
    }

    /// The client.
    ///
    /// ```
    /// let error = tagdb_client::Client::builder("localhost 80").build().unwrap_err();
    /// assert!(error.to_string().contains("localhost 80"));
    /// ```
    ///
    /// # Errors
    /// The address is not one, or not of `http`.
    pub fn build(self) -> Result<Client> {
        let url = reqwest::Url::parse(&self.url)
            .map_err(|error| Error::Request(format!("{:?} is no address: {error}", self.url)))?;
        if url.scheme() != "http" || url.query().is_some() || url.fragment().is_some() {
            let text = format!("{:?} is no address of the form http://HOST:PORT", self.url);
            return Err(Error::Request(text));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout.unwrap_or(TIMEOUT)))
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(KEEPALIVE)
            .tcp_keepalive_retries(KEEPALIVE_RETRIES)
            .no_proxy()
            .build()
            .map_err(|error| Error::Request(Error::cause(&error)))?;
        Ok(Client {
            http,
            url: url.as_str().trim_end_matches('/').into(),
            timeout: self.timeout,
            at_least: self.at_least,
        })
    }
}
