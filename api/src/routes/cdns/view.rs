//! A CDN as it goes out.

use portolan_domain::ids::CdnLabel;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::signing::Signing;
use crate::view::{
    Timestamp,
    candlepin::{self, Candlepin},
};

/// `{label}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct CdnPath {
    /// The CDN's label, percent-encoded.
    #[param(value_type = String, min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    pub label: CdnLabel,
}

/// A CDN of the operator.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cdn {
    /// Its number.
    pub id: String,
    /// Its label, by which manifests and owners name it.
    pub label: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Its base URL, as it was given.
    pub url: String,
    /// Its own certificates, PEM: what to trust there, whoever signed the manifest.
    pub certificate: Option<String>,
    /// How its URLs are signed, without the key; null where they are not.
    pub signing: Option<Signing>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it was changed last.
    pub updated: Option<Timestamp>,
}

impl Candlepin for Cdn {
    type Shape = candlepin::Cdn;

    fn candlepin(self) -> candlepin::Cdn {
        candlepin::Cdn::from(candlepin::CdnFacts {
            id: self.id,
            label: self.label,
            name: self.name,
            url: self.url,
            certificate: self.certificate,
            created: self.created.map(|at| at.0),
            updated: self.updated.map(|at| at.0),
        })
    }
}

impl From<portolan_storage::Cdn> for Cdn {
    fn from(cdn: portolan_storage::Cdn) -> Self {
        Self {
            id: cdn.id.to_string(),
            label: cdn.label.to_string(),
            name: cdn.name,
            url: cdn.url,
            certificate: cdn.certificate,
            signing: cdn.signing.map(Signing::from),
            created: cdn.created_at.map(Timestamp),
            updated: cdn.updated_at.map(Timestamp),
        }
    }
}
