//! Subjects by key.

use std::fmt::Display;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tagdb_wire::{WriteAnswer, headers};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::send::{encode, idempotency_key, segment};

impl Client {
    /// One subject and some of its tags, or all that are known if `tags` is empty; none if there
    /// is no such subject.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use serde_json::Value;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let user: Value = client.row("users", "u1", &["gender", "age"]).await?.unwrap();
    /// assert_eq!(user["gender"], "female");
    /// let nobody: Option<Value> = client.row("users", "u99", &[]).await?;
    /// assert!(nobody.is_none());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached, or the row is not a `T`.
    pub async fn row<T: DeserializeOwned>(
        &self,
        table: &str,
        key: impl Display,
        tags: &[&str],
    ) -> Result<Option<T>> {
        let mut path = row_path(table, &key)?;
        if !tags.is_empty() {
            path.push_str("?tags=");
            path.push_str(&encode(&tags.join(",")));
        }
        match self.fetch(self.request(Method::GET, &path)).await {
            Ok(row) => Ok(Some(row)),
            Err(error) if error.code() == Some("not_found") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes tags of one subject, which is created if need be: an object of tags, where null
    /// clears, `"x+"` adds members or keys and `"x-"` removes them.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use serde_json::json;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let tags = json!({"gender": "female", "interests+": ["tea"]});
    /// let written = client.patch("users", "u1", &tags).await?;
    /// assert!(written.durable);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn patch<T: Serialize + ?Sized>(
        &self,
        table: &str,
        key: impl Display,
        tags: &T,
    ) -> Result<WriteAnswer> {
        let request = self.request_json(Method::PATCH, &row_path(table, &key)?, tags)?;
        self.fetch(request.header(headers::IDEMPOTENCY_KEY, idempotency_key()?))
            .await
    }

    /// Removes one subject with all its tags.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// assert_eq!(client.delete("users", "u1").await?.rows_affected, 1);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn delete(&self, table: &str, key: impl Display) -> Result<WriteAnswer> {
        let request = self.request(Method::DELETE, &row_path(table, &key)?);
        self.fetch(request.header(headers::IDEMPOTENCY_KEY, idempotency_key()?))
            .await
    }

    /// Up to 10,000 subjects in the order asked, and some of their tags, or all that are known if
    /// `tags` is empty; none for keys that do not exist.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use serde_json::Value;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let users: Vec<Option<Value>> = client.lookup("users", &["u1", "u99"], &[]).await?;
    /// assert_eq!(users[0].as_ref().unwrap()["user_id"], "u1");
    /// assert!(users[1].is_none());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached, or a row is not a `T`.
    pub async fn lookup<T: DeserializeOwned>(
        &self,
        table: &str,
        keys: &[impl Serialize],
        tags: &[&str],
    ) -> Result<Vec<Option<T>>> {
        #[derive(serde::Deserialize)]
        #[serde(bound(deserialize = "T: DeserializeOwned"))]
        struct Answer<T> {
            rows: Vec<Option<T>>,
        }
        let mut body = json!({});
        let keys = serde_json::to_value(keys)
            .map_err(|error| Error::Request(format!("the keys cannot be sent: {error}")))?;
        if let Value::Object(fields) = &mut body {
            fields.insert("keys".to_owned(), keys);
            if !tags.is_empty() {
                fields.insert("tags".to_owned(), json!(tags));
            }
        }
        let path = format!("/v1/tables/{}/lookup", segment(table)?);
        let request = self.request_json(Method::POST, &path, &body)?;
        let answer: Answer<T> = self.fetch(request).await?;
        Ok(answer.rows)
    }
}

fn row_path(table: &str, key: &impl Display) -> Result<String> {
    let key = segment(&key.to_string())?;
    Ok(format!("/v1/tables/{}/rows/{key}", segment(table)?))
}
