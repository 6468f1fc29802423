//! Questions about audiences.

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tagdb_wire::{
    ExplainCountRequest, ExplainCountResponse, MatchRequest, MatchResponse, MembershipRequest,
    MembershipResponse, OverlapRequest, OverlapResponse, PortraitRequest, PortraitResponse,
    SignificantRequest, SignificantResponse,
};

use crate::client::Client;
use crate::error::Result;
use crate::send::segment;

impl Client {
    /// What an audience is like, tag by tag, against everybody or another audience.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::wire::PortraitRequest;
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let asked = PortraitRequest {
    ///     condition: "age >= $1".to_owned(),
    ///     params: vec![18.into()],
    ///     ..PortraitRequest::default()
    /// };
    /// let portrait = client.portrait("users", &asked).await?;
    /// assert_eq!(portrait.tags[0].tag, "city");
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn portrait(&self, table: &str, asked: &PortraitRequest) -> Result<PortraitResponse> {
        self.ask(table, "portrait", asked).await
    }

    /// Over all tags, the values that set an audience apart.
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn significant(
        &self,
        table: &str,
        asked: &SignificantRequest,
    ) -> Result<SignificantResponse> {
        self.ask(table, "significant", asked).await
    }

    /// How 2 to 64 audiences overlap.
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn overlap(&self, table: &str, asked: &OverlapRequest) -> Result<OverlapResponse> {
        self.ask(table, "overlap", asked).await
    }

    /// Many subjects against many conditions.
    ///
    /// ```
    /// # tagdb_client::canned::example(|url| async move {
    /// use tagdb_client::wire::{MatchRequest, Named};
    ///
    /// let client = tagdb_client::Client::new(&url)?;
    /// let asked = MatchRequest {
    ///     keys: vec!["u1".into(), "u99".into()],
    ///     conditions: Named::from_iter([("adult", "age >= 18")]),
    ///     ..MatchRequest::default()
    /// };
    /// let answer = client.matches("users", &asked).await?;
    /// assert_eq!(answer.results[0].as_ref().unwrap()["adult"], true);
    /// assert_eq!(answer.results[1], None);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn matches(&self, table: &str, asked: &MatchRequest) -> Result<MatchResponse> {
        self.ask(table, "match", asked).await
    }

    /// Why a subject is in an audience, or is not.
    ///
    /// # Errors
    /// The server refused it or cannot be reached; `not_found` if there is no such subject.
    pub async fn membership(
        &self,
        table: &str,
        asked: &MembershipRequest,
    ) -> Result<MembershipResponse> {
        self.ask(table, "membership", asked).await
    }

    /// For how many subjects each part of a condition is true.
    ///
    /// # Errors
    /// The server refused it or cannot be reached.
    pub async fn explain_count(
        &self,
        table: &str,
        asked: &ExplainCountRequest,
    ) -> Result<ExplainCountResponse> {
        self.ask(table, "explain-count", asked).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        table: &str,
        call: &str,
        asked: &impl Serialize,
    ) -> Result<T> {
        let path = format!("/v1/tables/{}/{call}", segment(table)?);
        self.fetch(self.request_json(Method::POST, &path, asked)?)
            .await
    }
}
