//! Answers that are read as they come.

use std::marker::PhantomData;

use bytes::{Buf, Bytes, BytesMut};
use reqwest::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tagdb_wire::Problem;

use crate::error::{Error, Result};
use crate::send::cut;

/// Bytes of one row: a row's texts and sets have limits of their own, far below.
const ROW_BYTES_MAX: usize = 256 << 20;

/// An answer's bytes as they come.
#[derive(Debug)]
pub struct ByteStream {
    response: Response,
}

impl ByteStream {
    pub(crate) fn new(response: Response) -> Self {
        Self { response }
    }

    /// The next piece; none at the answer's proper end.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let mut csv = client.sql("SELECT user_id FROM users").bytes("text/csv").await?;
    /// assert!(csv.next().await?.is_some());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The answer broke off: what came before is not the whole result.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        self.response.chunk().await.map_err(|error| cut(&error))
    }
}

/// Rows as they come.
#[derive(Debug)]
pub struct RowStream<T> {
    response: Response,
    buffer: BytesMut,
    /// Bytes of `buffer` that are known to hold no end of a line.
    searched: usize,
    ended: bool,
    row: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> RowStream<T> {
    pub(crate) fn new(response: Response) -> Self {
        Self {
            response,
            buffer: BytesMut::new(),
            searched: 0,
            ended: false,
            row: PhantomData,
        }
    }

    /// The next row; none at the result's proper end.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use serde_json::Value;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let mut rows = client.sql("SELECT user_id FROM users").stream::<Value>().await?;
    /// assert_eq!(rows.next().await?.unwrap()["user_id"], "u1");
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The result broke off (the rows before are not all of it), or a row is not a `T`.
    pub async fn next(&mut self) -> Result<Option<T>> {
        loop {
            let Some(line) = self.next_line().await? else {
                return Ok(None);
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            if line.starts_with(br#"{"$error":"#) {
                return Err(stream_error(&line));
            }
            let row = serde_json::from_slice(&line);
            return row
                .map(Some)
                .map_err(|error| Error::Answer(error.to_string()));
        }
    }

    async fn next_line(&mut self) -> Result<Option<BytesMut>> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(place) = unsearched.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + place);
                self.buffer.advance(1);
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.ended {
                self.searched = 0;
                let line = self.buffer.split();
                return Ok((!line.is_empty()).then_some(line));
            }
            if self.buffer.len() > ROW_BYTES_MAX {
                return Err(Error::Answer(format!(
                    "a row has more than {ROW_BYTES_MAX} bytes"
                )));
            }
            match self.response.chunk().await.map_err(|error| cut(&error))? {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                None => self.ended = true,
            }
        }
    }
}

/// What a result's last line says that could not be finished.
fn stream_error(line: &[u8]) -> Error {
    #[derive(Deserialize)]
    struct Last {
        #[serde(rename = "$error")]
        problem: Problem,
    }
    match serde_json::from_slice::<Last>(line) {
        Ok(last) => Error::Problem(Box::new(last.problem)),
        Err(error) => Error::Answer(error.to_string()),
    }
}
