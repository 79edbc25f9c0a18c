//! How a CDN's URLs are signed, as it comes in and as it goes out. The key only comes in.

use portolan_domain::signed_url::{
    PathPrefix, SigningAllow, SigningHash, SigningKind, SigningSecret,
};
use portolan_storage::{CdnSigning, SigningChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{extract::parse_path, problem::Problem};

/// Entries of `allow` at most.
const MOST_ALLOWED: usize = 1000;

/// How URLs of a CDN are to be signed. A key and `allow` that are left out stay as they are, the key
/// only where the kind stays.
#[derive(Debug, Deserialize, ToSchema)]
// A misspelt allow would leave the old one in place without a word.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSigning {
    /// The kind of the CDN's signatures.
    #[schema(value_type = String, example = "akamai")]
    kind: SigningKind,
    /// What the CDN calls the key; `cloudfront` needs it.
    #[serde(default)]
    #[schema(max_length = 128, pattern = "^[A-Za-z0-9._-]+$")]
    key_id: Option<String>,
    /// The key: of `akamai` in hexadecimal, of `fastly` in base64, of others a text. `true`, as `GET`
    /// shows it, keeps the one that is there.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    secret: Option<GivenSecret>,
    /// The private key of `cloudfront`, PEM; another name for `secret`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    private_key: Option<SigningSecret>,
    /// The digest, where the kind leaves the choice: `sha1` or `sha256`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "sha256")]
    hash: Option<SigningHash>,
    /// What may be signed for which owners.
    #[serde(default)]
    allow: Option<Vec<Allow>>,
}

/// A key, or the word that there is one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum GivenSecret {
    Text(SigningSecret),
    There(bool),
}

/// What may be signed for an owner: its issuers sign below the prefix, and its `cdn_info?path=` has URLs
/// there.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// The owner's key.
    owner: String,
    /// A folder below the CDN's URL. Segments match as a whole.
    prefix: String,
}

/// How a CDN's URLs are signed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Signing {
    /// The kind of the CDN's signatures.
    pub kind: &'static str,
    /// What the CDN calls the key.
    pub key_id: Option<String>,
    /// That there is a key. It is never shown.
    pub secret: bool,
    /// The digest; null for the kind's default.
    pub hash: Option<&'static str>,
    /// What may be signed for which owners.
    pub allow: Vec<Allow>,
}

impl NewSigning {
    /// The change, checked as far as it can be without the key that is there.
    ///
    /// # Errors
    /// 400.
    pub fn parse(self) -> Result<SigningChange, Problem> {
        let secret = match (self.secret, self.private_key) {
            (None | Some(GivenSecret::There(true)), key) => key,
            (Some(GivenSecret::Text(secret)), None) => Some(secret),
            _ => {
                let detail = "signing: give secret or privateKey, one of the two, as a text.";
                return Err(Problem::bad_request(detail));
            }
        };
        Ok(SigningChange {
            kind: self.kind,
            key_id: self.key_id,
            hash: self.hash,
            secret,
            allow: self.allow.map(parse_allow).transpose()?,
        })
    }
}

fn parse_allow(allow: Vec<Allow>) -> Result<Vec<SigningAllow>, Problem> {
    if allow.len() > MOST_ALLOWED {
        let detail = format!("signing.allow may have at most {MOST_ALLOWED} entries.");
        return Err(Problem::bad_request(detail));
    }
    let parse = |(n, allow): (usize, Allow)| {
        let owner = allow.owner.parse().map_err(|why| {
            Problem::bad_request(format!("The field signing.allow[{n}].owner: {why}."))
        });
        let what = format!("signing.allow[{n}].prefix");
        let prefix = parse_path::<PathPrefix>(&what, &allow.prefix)?;
        Ok(SigningAllow {
            owner: owner?,
            prefix,
        })
    };
    allow.into_iter().enumerate().map(parse).collect()
}

impl From<CdnSigning> for Signing {
    fn from(signing: CdnSigning) -> Self {
        let allow = signing.allow.into_iter().map(|allow| Allow {
            owner: allow.owner.to_string(),
            prefix: allow.prefix.to_string(),
        });
        Self {
            kind: signing.kind.as_str(),
            key_id: signing.key_id,
            secret: true,
            hash: signing.hash.map(SigningHash::as_str),
            allow: allow.collect(),
        }
    }
}
