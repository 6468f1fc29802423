//! Statements.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use tagdb_wire::{Durability, SqlRequest, SqlResponse, SqlResults, headers, media};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::send::{Patience, Repeat, idempotency_key};
use crate::stream::{ByteStream, RowStream};

/// A statement that is being put together; made by [`Client::sql`].
#[derive(Debug)]
#[must_use = "nothing is sent until it is run"]
pub struct Sql<'a> {
    pub(crate) client: &'a Client,
    pub(crate) request: SqlRequest,
    key: Option<String>,
    error: Option<Error>,
}

impl Client {
    /// A statement, with `$1`, `$2`, ... or `?` where parameters go.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let answer = client.sql("SELECT count(*) AS n FROM users").run().await?;
    /// assert_eq!(answer.columns[0].name, "n");
    /// assert_eq!(answer.rows[0][0], 12);
    /// # Ok(()) });
    /// ```
    pub fn sql(&self, text: impl Into<String>) -> Sql<'_> {
        Sql {
            client: self,
            request: SqlRequest::new(text),
            key: None,
            error: None,
        }
    }
}

impl Sql<'_> {
    /// The value of the next parameter: null, a boolean, a number, a string, a list (a set, or
    /// the list of `= ANY($1)`) or a map.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let answer = client
    ///     .sql("INSERT INTO users (user_id, interests) VALUES ($1, $2)")
    ///     .param("u1")
    ///     .param(["nike", "tea"])
    ///     .run()
    ///     .await?;
    /// assert_eq!(answer.rows_affected, 1);
    /// # Ok(()) });
    /// ```
    pub fn param(mut self, value: impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => self.request.params.push(value),
            Err(error) => {
                let number = self.request.params.len() + 1;
                let text = format!("parameter {number} cannot be sent: {error}");
                self.error.get_or_insert(Error::Request(text));
            }
        }
        self
    }

    /// The time that the statement may take on the server; its answer is waited for a little longer.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use std::time::Duration;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let sql = client.sql("SELECT count(*) AS n FROM users");
    /// assert_eq!(sql.timeout(Duration::from_secs(1)).run().await?.rows.len(), 1);
    /// # Ok(()) });
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request.timeout_ms = Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Has the server refuse it unless it is a read.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let sql = client.sql("SELECT count(*) AS n FROM users");
    /// assert_eq!(sql.read_only().run().await?.rows.len(), 1);
    /// # Ok(()) });
    /// ```
    pub fn read_only(mut self) -> Self {
        self.request.read_only = true;
        self
    }

    /// The IANA time zone of `date_trunc` and `current_date`; UTC if none is given.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let sql = client.sql("SELECT count(*) AS n FROM users WHERE signup = current_date");
    /// assert_eq!(sql.time_zone("Europe/Berlin").run().await?.rows.len(), 1);
    /// # Ok(()) });
    /// ```
    pub fn time_zone(mut self, zone: &str) -> Self {
        self.request.time_zone = Some(zone.to_owned());
        self
    }

    /// Answers a write once it is visible; a crash may lose it.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let sql = client.sql("UPDATE users SET vip_level = 1 WHERE age > 90");
    /// assert_eq!(sql.without_waiting_for_disk().run().await?.rows_affected, 1);
    /// # Ok(()) });
    /// ```
    pub fn without_waiting_for_disk(mut self) -> Self {
        self.request.durability = Some(Durability::Async);
        self
    }

    /// Names the write by a key of your own (1 to 128 printable ASCII characters), so that it
    /// happens once even if your program is restarted between sending it and sending it again.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let sql = client.sql("UPDATE users SET visits = visits + 1 WHERE user_id = 'u1'");
    /// assert_eq!(sql.idempotency_key("order-4711").run().await?.rows_affected, 1);
    /// # Ok(()) });
    /// ```
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Runs one statement and reads its whole result, untyped.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let answer = client.sql("SELECT count(*) AS n FROM users").run().await?;
    /// assert_eq!(answer.columns[0].kind, "BIGINT");
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached, or the text holds several statements.
    pub async fn run(self) -> Result<SqlResponse> {
        let mut answers = self.run_all().await?;
        match (answers.pop(), answers.is_empty()) {
            (Some(answer), true) => Ok(answer),
            _ => Err(Error::Answer(
                "the text held several statements; use run_all".to_owned(),
            )),
        }
    }

    /// Runs one or several statements and reads their whole results, untyped. If one fails, those
    /// before it have happened; the problem holds their results.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let answers = client.sql("SHOW TABLES; SHOW TABLES").run_all().await?;
    /// assert_eq!(answers.len(), 2);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn run_all(self) -> Result<Vec<SqlResponse>> {
        #[derive(Deserialize)]
        struct Shape {
            results: Option<IgnoredAny>,
        }
        let client = self.client;
        let allowed = self.request.timeout_ms.map(Duration::from_millis);
        let time = client.statement_time(allowed);
        let body = client
            .fetch_bytes(self.request(media::JSON)?, Repeat::Safe, time)
            .await?;
        let unreadable = |error: serde_json::Error| Error::Answer(error.to_string());
        let shape: Shape = serde_json::from_slice(&body).map_err(unreadable)?;
        if shape.results.is_some() {
            let answer: SqlResults = serde_json::from_slice(&body).map_err(unreadable)?;
            Ok(answer.results)
        } else {
            Ok(vec![serde_json::from_slice(&body).map_err(unreadable)?])
        }
    }

    /// Runs one statement and reads its rows, by the names of their columns.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// #[derive(serde::Deserialize)]
    /// struct Count {
    ///     n: u64,
    /// }
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let counts: Vec<Count> = client.sql("SELECT count(*) AS n FROM users").rows().await?;
    /// assert_eq!(counts[0].n, 12);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached, or a row is not a `T`.
    pub async fn rows<T: DeserializeOwned>(self) -> Result<Vec<T>> {
        let answer = self.run().await?;
        let mut rows = Vec::with_capacity(answer.rows.len());
        for (index, values) in answer.rows.into_iter().enumerate() {
            let names = answer.columns.iter().map(|column| column.name.as_str());
            let row = T::deserialize(MapDeserializer::new(names.zip(values)));
            rows.push(row.map_err(|error: serde_json::Error| {
                Error::Answer(format!("row {}: {error}", index + 1))
            })?);
        }
        Ok(rows)
    }

    /// Runs one query and reads its rows one by one, however many there are.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// #[derive(serde::Deserialize)]
    /// struct User {
    ///     user_id: String,
    /// }
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let mut users = client.sql("SELECT user_id FROM users").stream::<User>().await?;
    /// let mut ids = Vec::new();
    /// while let Some(user) = users.next().await? {
    ///     ids.push(user.user_id);
    /// }
    /// assert_eq!(ids, ["u1", "u2"]);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn stream<T: DeserializeOwned>(self) -> Result<RowStream<T>> {
        let response = self.open(media::NDJSON).await?;
        Ok(RowStream::new(response))
    }

    /// Runs one query and reads its result as the bytes of a media type, such as `text/csv`.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let mut csv = client.sql("SELECT user_id FROM users").bytes("text/csv").await?;
    /// let mut text = Vec::new();
    /// while let Some(piece) = csv.next().await? {
    ///     text.extend_from_slice(&piece);
    /// }
    /// assert_eq!(text, b"user_id\nu1\nu2\n");
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn bytes(self, media_type: &str) -> Result<ByteStream> {
        let response = self.open(media_type).await?;
        Ok(ByteStream::new(response))
    }

    async fn open(self, accept: &str) -> Result<reqwest::Response> {
        let client = self.client;
        let request = self.request(accept)?;
        client.send(request, Repeat::Safe, Patience::Endless).await
    }

    fn request(self, accept: &str) -> Result<RequestBuilder> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let key = self.key.map_or_else(idempotency_key, Ok)?;
        let request = self
            .client
            .request_json(Method::POST, "/v1/sql", &self.request)?;
        Ok(request
            .header("accept", accept)
            .header(headers::IDEMPOTENCY_KEY, key))
    }
}
