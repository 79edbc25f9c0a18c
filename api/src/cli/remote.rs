//! A client of a running service, for commands that take `--server`.

use std::path::Path;

use futures_util::TryStreamExt;
use indicatif::ProgressBar;
use portolan_domain::ids::RepoName;
use reqwest::{Client, RequestBuilder, Response, header};
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use super::error::CliError;

/// A service, and the key to use there.
pub struct Remote {
    client: Client,
    server: String,
    key: String,
}

impl Remote {
    /// The service at this URL.
    pub fn new(server: &str, key: &str) -> Self {
        Self {
            client: Client::new(),
            server: server.trim_end_matches('/').to_owned(),
            key: key.trim().to_owned(),
        }
    }

    /// Uploads a manifest; the bar shows the bytes that are on their way.
    pub async fn import(
        &self,
        file: &Path,
        owner: &str,
        query: &[(&str, String)],
        bar: &ProgressBar,
    ) -> Result<Value, CliError> {
        let unreadable = |error| CliError::new(format!("{}: {error}", file.display()));
        let opened = tokio::fs::File::open(file).await.map_err(unreadable)?;
        let length = opened.metadata().await.map_err(unreadable)?.len();
        bar.set_length(length);
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("manifest.zip");
        let name: String = name
            .chars()
            .filter(|c| c.is_ascii_graphic() && *c != '"')
            .collect();
        let shown = bar.clone();
        let sent = ReaderStream::new(opened).inspect_ok(move |chunk| shown.inc(chunk.len() as u64));
        let body = reqwest::Body::wrap_stream(sent);
        let request = self
            .client
            .post(format!("{}/owners/{owner}/imports", self.server))
            .query(query)
            .header(header::CONTENT_TYPE, "application/zip")
            .header(header::CONTENT_LENGTH, length)
            .header(
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"{name}\""),
            )
            .body(body);
        self.send(request).await
    }

    /// Creates an owner.
    pub async fn create_owner(&self, key: &str, name: &str) -> Result<Value, CliError> {
        let request = self.client.post(format!("{}/owners", self.server));
        self.send(request.json(&json!({ "key": key, "displayName": name })))
            .await
    }

    /// Trusts a CA.
    pub async fn create_upstream_ca(&self, filename: &str, pem: &str) -> Result<Value, CliError> {
        let request = self.client.post(format!("{}/upstream_cas", self.server));
        self.send(request.json(&json!({ "filename": filename, "pem": pem })))
            .await
    }

    /// Asks `cdn_info`.
    pub async fn cdn_info(&self, entitlement: &str) -> Result<Value, CliError> {
        let url = format!("{}/entitlements/{entitlement}/cdn_info", self.server);
        self.send(self.client.get(url)).await
    }

    /// Whether the service knows this repository, and tells this key of it.
    pub async fn knows_repo(&self, name: &RepoName) -> Result<bool, CliError> {
        let url = format!("{}/repos/{name}", self.server);
        let answer = self.answer(self.client.get(url)).await?;
        // To a key that is bound to owners, what there is not looks like another owner's.
        if matches!(answer.status().as_u16(), 403 | 404) {
            return Ok(false);
        }
        read(answer).await.map(|_| true)
    }

    /// Makes a repository known.
    pub async fn put_repo(&self, name: &RepoName, body: &Value) -> Result<Value, CliError> {
        let url = format!("{}/repos/{name}", self.server);
        self.send(self.client.put(url).json(body)).await
    }

    /// Brings a repository's commits to what these lines say.
    pub async fn sync_commits(&self, name: &RepoName, lines: Vec<u8>) -> Result<Value, CliError> {
        let url = format!("{}/repos/{name}/commits?replace=true", self.server);
        let request = self.client.put(url).body(lines);
        self.send(request.header(header::CONTENT_TYPE, "application/x-ndjson"))
            .await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, CliError> {
        read(self.answer(request).await?).await
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, CliError> {
        let answer = request.bearer_auth(&self.key).send().await;
        answer.map_err(|error| {
            let mut innermost: &dyn std::error::Error = &error;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            let reason = innermost.to_string();
            CliError::new(format!("{} does not answer: {reason}", self.server))
        })
    }
}

async fn read(answer: Response) -> Result<Value, CliError> {
    let status = answer.status();
    let body: Value = answer.json().await.map_err(|_| {
        CliError::new(format!(
            "the server answered {status} without JSON: is it Portolan?"
        ))
    })?;
    if status.is_success() {
        Ok(body)
    } else {
        Err(CliError::from_body(body))
    }
}
