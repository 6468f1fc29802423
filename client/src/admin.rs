//! Tables, upkeep and state.

use reqwest::Method;
use tagdb_wire::{
    FlushRequest, JobInfo, SnapshotInfo, SnapshotList, SnapshotRequest, Status, TableInfo,
    TableList, TableSummary, WriteState,
};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::send::{Patience, Repeat, read_body, segment};

/// Bytes of the answer to a flush or compaction.
const JOB_BYTES_MAX: usize = 1 << 20;

impl Client {
    /// All tables, by name.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// assert_eq!(client.tables().await?[0].name, "users");
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn tables(&self) -> Result<Vec<TableSummary>> {
        let request = self.request(Method::GET, "/v1/tables");
        let list: TableList = self.fetch(request).await?;
        Ok(list.tables)
    }

    /// One table with its tags, counts and sizes.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// let users = client.table("users").await?;
    /// assert_eq!(users.tags[0].kind, "KEYWORD");
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// There is no such table; or the server refused it or cannot be reached.
    pub async fn table(&self, name: &str) -> Result<TableInfo> {
        let path = format!("/v1/tables/{}", segment(name)?);
        self.fetch(self.request(Method::GET, &path)).await
    }

    /// Writes what is in memory to segments, of one table or of all, and waits for it.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// client.flush(Some("users")).await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached, or the flush failed.
    pub async fn flush(&self, table: Option<&str>) -> Result<JobInfo> {
        self.job("/v1/admin/flush", table).await
    }

    /// Merges segments, of one table or of all, and waits for it.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// client.compact(None).await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached, or the compaction failed.
    pub async fn compact(&self, table: Option<&str>) -> Result<JobInfo> {
        self.job("/v1/admin/compact", table).await
    }

    async fn job(&self, path: &str, table: Option<&str>) -> Result<JobInfo> {
        let body = FlushRequest {
            table: table.map(ToOwned::to_owned),
            wait: true,
        };
        let request = self.request_json(Method::POST, path, &body)?;
        // Large tables take longer than the client's timeout for single requests.
        let response = self.send(request, Repeat::Safe, Patience::Endless).await?;
        let answer = read_body(response, JOB_BYTES_MAX).await?;
        let job: JobInfo =
            serde_json::from_slice(&answer).map_err(|error| Error::Answer(error.to_string()))?;
        match job.problem {
            Some(problem) => Err(Error::Problem(Box::new(problem))),
            None => Ok(job),
        }
    }

    /// Takes a snapshot: a copy of the database's state that later writes do not change. Names
    /// are of the form `[a-z0-9][a-z0-9_-]{0,63}`.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// assert_eq!(client.create_snapshot("monday").await?.name, "monday");
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// There is one of that name; or the server refused it or cannot be reached.
    pub async fn create_snapshot(&self, name: &str) -> Result<SnapshotInfo> {
        let body = SnapshotRequest {
            name: name.to_owned(),
        };
        let request = self.request_json(Method::POST, "/v1/admin/snapshots", &body)?;
        let answer = self
            .fetch_bytes(request, Repeat::Never, self.request_time())
            .await?;
        serde_json::from_slice(&answer).map_err(|error| Error::Answer(error.to_string()))
    }

    /// All snapshots, by name.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// assert_eq!(client.snapshots().await?[0].name, "monday");
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn snapshots(&self) -> Result<Vec<SnapshotInfo>> {
        let request = self.request(Method::GET, "/v1/admin/snapshots");
        let list: SnapshotList = self.fetch(request).await?;
        Ok(list.snapshots)
    }

    /// Drops a snapshot.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// client.delete_snapshot("monday").await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// There is none of that name; or the server refused it or cannot be reached.
    pub async fn delete_snapshot(&self, name: &str) -> Result<()> {
        let path = format!("/v1/admin/snapshots/{}", segment(name)?);
        let request = self.request(Method::DELETE, &path);
        self.fetch_bytes(request, Repeat::Never, self.request_time())
            .await?;
        Ok(())
    }

    /// The server's state.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// assert_eq!(client.status().await?.state, "ready");
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn status(&self) -> Result<Status> {
        self.fetch(self.request(Method::GET, "/v1/status")).await
    }

    /// What became of the write of an idempotency key; none if it was not committed, or too long
    /// ago.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// let client = tagdb_client::Client::new(&url)?;
    /// assert_eq!(client.write_state("order-4711").await?.unwrap().state, "committed");
    /// assert!(client.write_state("order-4712").await?.is_none());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn write_state(&self, key: &str) -> Result<Option<WriteState>> {
        let path = format!("/v1/writes/{}", segment(key)?);
        match self.fetch(self.request(Method::GET, &path)).await {
            Ok(state) => Ok(Some(state)),
            Err(error) if error.code() == Some("not_found") => Ok(None),
            Err(error) => Err(error),
        }
    }
}
