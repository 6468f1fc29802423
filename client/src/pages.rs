//! Results that are read page by page.

use reqwest::Method;
use tagdb_wire::{SqlRequest, SqlResponse, media};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::send::Repeat;
use crate::sql::Sql;

/// The pages of a result, all of the state that the first one was asked at; made by [`Sql::pages`].
#[derive(Debug)]
pub struct Pages<'a> {
    client: &'a Client,
    next: Next<'a>,
}

#[derive(Debug)]
enum Next<'a> {
    First(Option<Box<Sql<'a>>>),
    Cursor(String),
    /// There is none.
    End,
}

impl<'a> Sql<'a> {
    /// Runs one query and reads its result in pages of so many rows. Each page is a request, so
    /// that there may be minutes between two of them; the server lets go of a result that nobody
    /// asks for (after 10 minutes, unless it is set up otherwise).
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let mut pages = client.sql("SELECT user_id FROM users ORDER BY age").pages(2);
    /// let mut ids = Vec::new();
    /// while let Some(page) = pages.next().await? {
    ///     ids.extend(page.rows.into_iter().flatten());
    /// }
    /// assert_eq!(ids, ["u1", "u2", "u3"]);
    /// # Ok(()) });
    /// ```
    pub fn pages(mut self, page_size: u64) -> Pages<'a> {
        self.request.page_size = Some(page_size);
        Pages {
            client: self.client,
            next: Next::First(Some(Box::new(self))),
        }
    }
}

impl Pages<'_> {
    /// The next page; none after the last. After an error a later page may be asked for again; the
    /// first one may not.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let mut pages = client.sql("SELECT user_id FROM users ORDER BY age").pages(2);
    /// assert_eq!(pages.next().await?.unwrap().rows.len(), 2);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached; `cursor_expired` if the last page was asked for
    /// too long ago.
    pub async fn next(&mut self) -> Result<Option<SqlResponse>> {
        let page = match &mut self.next {
            Next::End => return Ok(None),
            Next::First(first) => match first.take() {
                Some(first) => first.run().await?,
                None => {
                    let text = "the first page failed; run the statement again";
                    return Err(Error::Request(text.to_owned()));
                }
            },
            Next::Cursor(cursor) => {
                let request = SqlRequest {
                    cursor: Some(cursor.clone()),
                    ..SqlRequest::default()
                };
                let request = self
                    .client
                    .request_json(Method::POST, "/v1/sql", &request)?;
                let request = request.header("accept", media::JSON);
                let time = self.client.statement_time(None);
                let body = self.client.fetch_bytes(request, Repeat::Safe, time).await?;
                serde_json::from_slice(&body).map_err(|error| Error::Answer(error.to_string()))?
            }
        };
        self.next = page.next.clone().map_or(Next::End, Next::Cursor);
        Ok(Some(page))
    }
}
