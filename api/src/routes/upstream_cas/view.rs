//! An upstream CA as it goes out: one file with its certificates.

use portolan_domain::{
    ids::CaFilename,
    trust::{Anchor, AnchorSource, TrustAnchors},
};
use portolan_storage::ConsumerSnapshot;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::{Caller, forbidden},
    problem::Problem,
    state::AppState,
    view::Timestamp,
};

/// `{filename}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct CaPath {
    /// The CA's file name.
    #[param(value_type = String, min_length = 1, max_length = 255, pattern = r"^[^./\\\x00-\x1f\x7f-\x9f][^/\\\x00-\x1f\x7f-\x9f]*$")]
    pub filename: CaFilename,
}

/// An upstream CA.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamCa {
    /// Its file name, which is its name everywhere.
    pub filename: String,
    /// `DIRECTORY`, or `DATABASE` where it was added over REST.
    pub source: &'static str,
    /// Its certificates, PEM.
    pub pem: String,
    /// Whether it verifies only archives with `scheme.json`.
    pub require_scheme: bool,
    /// The owners whose manifests it verifies; null for all.
    pub owners: Option<Vec<String>>,
    /// Its certificates, one by one.
    pub certificates: Vec<CaDetails>,
    /// The upstream consumers whose manifests it verified.
    pub upstream_consumers: Vec<VerifiedConsumer>,
}

/// One certificate of an upstream CA.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaDetails {
    /// Its subject.
    pub subject: String,
    /// SHA-256 of the certificate, in hexadecimal.
    pub sha256: String,
    /// SHA-256 of its public key, in hexadecimal: a renewed certificate has the same.
    pub spki_sha256: String,
    /// Its first valid instant.
    pub not_before: Timestamp,
    /// Its last valid instant.
    pub not_after: Timestamp,
}

/// A consumer whose manifest was verified.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedConsumer {
    /// The owner's key.
    pub owner_key: String,
    /// The consumer's uuid.
    pub uuid: String,
    /// The consumer's name.
    pub name: Option<String>,
}

impl From<(String, ConsumerSnapshot)> for VerifiedConsumer {
    fn from((owner_key, consumer): (String, ConsumerSnapshot)) -> Self {
        Self {
            owner_key,
            uuid: consumer.uuid,
            name: consumer.name,
        }
    }
}

impl CaDetails {
    fn of(anchor: &Anchor) -> Self {
        let certificate = &anchor.certificate;
        Self {
            subject: certificate.subject(),
            sha256: certificate.sha256().to_string(),
            spki_sha256: certificate.spki_sha256().to_string(),
            not_before: Timestamp(certificate.not_before()),
            not_after: Timestamp(certificate.not_after()),
        }
    }
}

impl UpstreamCa {
    /// The CA of this name, if there is one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn find(
        state: &AppState,
        anchors: &TrustAnchors,
        filename: &CaFilename,
    ) -> Result<Option<Self>, Problem> {
        let of_file: Vec<&Anchor> = anchors.iter().filter(|a| a.filename == *filename).collect();
        // A file and a stored CA of one name can only come from a file that was put there later:
        // the directory counts.
        let Some(first) = of_file.first() else {
            return Ok(None);
        };
        let of_file: Vec<_> = of_file
            .iter()
            .filter(|a| a.source == first.source)
            .collect();
        let keys: Vec<_> = of_file
            .iter()
            .map(|a| a.certificate.spki_sha256())
            .collect();
        let consumers = state.store.consumers_verified_by(&keys).await?;
        let owners = first.settings.owners.as_ref();
        Ok(Some(Self {
            filename: filename.to_string(),
            source: match first.source {
                AnchorSource::Directory => "DIRECTORY",
                AnchorSource::Database => "DATABASE",
            },
            pem: of_file
                .iter()
                .filter_map(|a| a.certificate.to_pem().ok())
                .collect(),
            require_scheme: first.settings.require_scheme,
            owners: owners.map(|owners| owners.iter().map(ToString::to_string).collect()),
            certificates: of_file.iter().map(|anchor| CaDetails::of(anchor)).collect(),
            upstream_consumers: consumers.into_iter().map(VerifiedConsumer::from).collect(),
        }))
    }
}

impl UpstreamCa {
    /// Leaves out what is other tenants': a bound caller must not learn who they are.
    ///
    /// # Errors
    /// 403 where the CA verifies for other owners alone.
    pub fn for_caller(mut self, caller: &Caller) -> Result<Self, Problem> {
        if let Some(own) = caller.only_owners() {
            let is_own = |key: &String| own.iter().any(|owner| owner.as_str() == key);
            self.upstream_consumers
                .retain(|consumer| is_own(&consumer.owner_key));
            self.owners = self.owners.map(|mut owners| {
                owners.retain(is_own);
                owners
            });
            if self.owners.as_ref().is_some_and(Vec::is_empty) {
                return Err(forbidden("This CA verifies for other owners alone."));
            }
        }
        Ok(self)
    }
}

/// What a name without a CA answers.
pub fn unknown(filename: &CaFilename) -> Problem {
    let detail = format!("There is no upstream CA {filename}.");
    let status = axum::http::StatusCode::NOT_FOUND;
    Problem::new(
        status,
        "ca-not-found",
        "There is no such upstream CA",
        detail,
    )
}
