//! Bulk writes.

use std::fmt::Write as _;

use reqwest::{Body, Method};
use serde::Serialize;
use tagdb_wire::{BulkMode, BulkResponse, OnError, headers, media};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::send::{Patience, Repeat, encode, idempotency_key, read_body, segment};

/// Bytes of the answer to a bulk write, which names a hundred rows at most in full.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// How the body of a bulk write is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

/// A bulk write that is being put together; made by [`Client::bulk`].
#[derive(Debug)]
#[must_use = "nothing is sent until it has a body"]
pub struct Bulk<'a> {
    client: &'a Client,
    table: String,
    query: String,
    encoding: Option<Encoding>,
    key: Option<String>,
}

impl Client {
    /// Writes many rows of a table in one atomic request.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::wire::BulkMode;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let bulk = client.bulk("users", BulkMode::Upsert);
    /// let answer = bulk.csv("user_id,gender\nu1,female\nu2,male\n").await?;
    /// assert_eq!(answer.rows, 2);
    /// # Ok(()) });
    /// ```
    pub fn bulk(&self, table: &str, mode: BulkMode) -> Bulk<'_> {
        Bulk {
            client: self,
            table: table.to_owned(),
            query: format!("?mode={}", mode.name()),
            encoding: None,
            key: None,
        }
    }
}

impl Bulk<'_> {
    /// The tags that [`BulkMode::ReplaceTags`] replaces.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::wire::BulkMode;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let bulk = client.bulk("users", BulkMode::ReplaceTags).tags(&["segment"]);
    /// assert_eq!(bulk.csv("user_id,segment\nu1,a\nu2,b\n").await?.rows, 2);
    /// # Ok(()) });
    /// ```
    pub fn tags(mut self, tags: &[&str]) -> Self {
        let _ = write!(self.query, "&tags={}", encode(&tags.join(",")));
        self
    }

    /// What a bad row does: nothing is written, or it is passed over and told.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::wire::{BulkMode, OnError};
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let bulk = client.bulk("users", BulkMode::Upsert).on_error(OnError::Skip);
    /// assert_eq!(bulk.csv("user_id,gender\nu1,female\nu2,male\n").await?.rejected, 0);
    /// # Ok(()) });
    /// ```
    pub fn on_error(mut self, on_error: OnError) -> Self {
        if on_error == OnError::Skip {
            self.query.push_str("&on_error=skip");
        }
        self
    }

    /// What stands between the cells of CSV, if it is not a comma.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::wire::BulkMode;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let bulk = client.bulk("users", BulkMode::Upsert).delimiter(';');
    /// assert_eq!(bulk.csv("user_id;gender\nu1;female\nu2;male\n").await?.rows, 2);
    /// # Ok(()) });
    /// ```
    pub fn delimiter(mut self, delimiter: char) -> Self {
        let _ = write!(self.query, "&delimiter={}", encode(&delimiter.to_string()));
        self
    }

    /// The body is compressed.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::{Encoding, wire::BulkMode};
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let file = b"...".to_vec(); // users.csv.zst
    /// let bulk = client.bulk("users", BulkMode::Upsert).encoding(Encoding::Zstd);
    /// assert_eq!(bulk.csv(file).await?.rows, 2);
    /// # Ok(()) });
    /// ```
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = Some(encoding);
        self
    }

    /// Names the write by a key of your own (1 to 128 printable ASCII characters), so that it
    /// happens once even if your program is restarted between sending it and sending it again.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::wire::BulkMode;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let bulk = client.bulk("users", BulkMode::Upsert).idempotency_key("load-2026-11-20");
    /// assert_eq!(bulk.csv("user_id,gender\nu1,female\nu2,male\n").await?.rows, 2);
    /// # Ok(()) });
    /// ```
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Sends CSV, whose header names the columns: text, bytes, or a stream of bytes
    /// ([`Body::wrap_stream`]). Only text and bytes can be sent again if the connection breaks.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::{Body, wire::BulkMode};
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let pieces = ["user_id,gender\n", "u1,female\nu2,male\n"].map(Ok::<_, std::io::Error>);
    /// let body = Body::wrap_stream(futures_util::stream::iter(pieces));
    /// assert_eq!(client.bulk("users", BulkMode::Upsert).csv(body).await?.rows, 2);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached; nothing was written then.
    pub async fn csv(self, body: impl Into<Body>) -> Result<BulkResponse> {
        self.send(media::CSV, body.into()).await
    }

    /// Sends NDJSON, an object a line: text, bytes, or a stream of bytes
    /// ([`Body::wrap_stream`]). Only text and bytes can be sent again if the connection breaks.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::wire::BulkMode;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let rows = "{\"user_id\":\"u1\",\"age\":33}\n{\"user_id\":\"u2\",\"age\":null}\n";
    /// assert_eq!(client.bulk("users", BulkMode::Upsert).ndjson(rows).await?.created, 1);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached; nothing was written then.
    pub async fn ndjson(self, body: impl Into<Body>) -> Result<BulkResponse> {
        self.send(media::NDJSON, body.into()).await
    }

    /// Sends a Parquet file, whose columns have the tags' names: bytes, or a stream of bytes
    /// ([`Body::wrap_stream`]). Only bytes can be sent again if the connection breaks.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::wire::BulkMode;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let file = b"PAR1...".to_vec(); // users.parquet
    /// assert_eq!(client.bulk("users", BulkMode::Upsert).parquet(file).await?.rows, 2);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached; nothing was written then.
    pub async fn parquet(self, body: impl Into<Body>) -> Result<BulkResponse> {
        self.send(media::PARQUET, body.into()).await
    }

    /// Sends an Arrow stream or file, whose columns have the tags' names: bytes, or a stream of
    /// bytes ([`Body::wrap_stream`]). Only bytes can be sent again if the connection breaks.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::wire::BulkMode;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let file = b"ARROW1...".to_vec(); // users.arrow
    /// assert_eq!(client.bulk("users", BulkMode::Upsert).arrow(file).await?.rows, 2);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached; nothing was written then.
    pub async fn arrow(self, body: impl Into<Body>) -> Result<BulkResponse> {
        self.send(media::ARROW, body.into()).await
    }

    /// Sends rows of your own type, as NDJSON.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::wire::BulkMode;
    ///
    /// #[derive(serde::Serialize)]
    /// struct User {
    ///     user_id: &'static str,
    ///     interests: Vec<&'static str>,
    /// }
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let users = ["u1", "u2"].map(|user_id| User { user_id, interests: vec!["tea"] });
    /// assert_eq!(client.bulk("users", BulkMode::Upsert).rows(&users).await?.rows, 2);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// A row is no JSON object; or the server refused it or cannot be reached. Nothing was written
    /// then.
    pub async fn rows<T: Serialize>(
        self,
        rows: impl IntoIterator<Item = T>,
    ) -> Result<BulkResponse> {
        let mut body = Vec::new();
        for row in rows {
            serde_json::to_writer(&mut body, &row)
                .map_err(|error| Error::Request(format!("a row is no JSON: {error}")))?;
            body.push(b'\n');
        }
        self.send(media::NDJSON, body.into()).await
    }

    async fn send(self, media_type: &str, body: Body) -> Result<BulkResponse> {
        let key = self.key.map_or_else(idempotency_key, Ok)?;
        let path = format!("/v1/tables/{}/rows{}", segment(&self.table)?, self.query);
        let mut request = self
            .client
            .request(Method::POST, &path)
            .header("content-type", media_type)
            .header(headers::IDEMPOTENCY_KEY, key);
        if let Some(encoding) = self.encoding {
            request = request.header(
                "content-encoding",
                match encoding {
                    Encoding::Gzip => "gzip",
                    Encoding::Zstd => "zstd",
                },
            );
        }
        let response = self
            .client
            .send(request.body(body), Repeat::Safe, Patience::Endless)
            .await?;
        let answer = read_body(response, ANSWER_BYTES_MAX).await?;
        serde_json::from_slice(&answer).map_err(|error| Error::Answer(error.to_string()))
    }
}
