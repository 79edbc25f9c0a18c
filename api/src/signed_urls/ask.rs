//! Signs many paths, or a prefix, of one CDN.

use portolan_domain::{
    ids::{CdnLabel, OwnerKey},
    signed_url::{
        ContentPath, InvalidProfile, PathPrefix, SigningAllow, SigningError, Terms, UrlSigner,
    },
};
use portolan_storage::{StorageError, Store};
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use crate::view::Timestamp;

/// Paths of one request at most: each may cost an RSA signature.
pub const MOST_PATHS: usize = 1000;

/// What is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// These files, each by itself.
    Paths(Vec<ContentPath>),
    /// Everything below a prefix.
    Prefix(PathPrefix),
}

/// A wish for signed URLs.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The CDN.
    pub cdn: CdnLabel,
    /// What is to be signed.
    pub what: What,
    /// For how long, from where, for whom.
    pub terms: Terms,
}

/// Signed URLs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignedUrls)]
pub struct Signed {
    /// The URLs, in the order of the paths.
    pub urls: Vec<SignedUrl>,
    /// Cookies that do the same below a prefix, where the CDN takes some (`cloudfront`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub cookies: Vec<SigningCookie>,
    /// When they end.
    pub expires: Timestamp,
}

/// A signed URL.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedUrl {
    /// The path, or the prefix, that it is for.
    pub path: String,
    /// The URL.
    pub url: String,
}

/// A cookie for a CDN's host.
#[derive(Debug, Serialize, ToSchema)]
pub struct SigningCookie {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// Why nothing was signed.
#[derive(Debug, Error)]
pub enum SignError {
    /// The CDN has no signing profile.
    #[error("the CDN {0} has no signing profile")]
    WithoutProfile(CdnLabel),
    /// The CDN's profile does not let the caller's owners have this.
    #[error("{0} may not be signed for the owners of this credential")]
    NotAllowed(String),
    /// The kind of CDN cannot say this.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// What is stored cannot be used.
    #[error("the stored signing profile cannot be used")]
    Profile(#[from] InvalidProfile),
    /// The database failed, or there is no such CDN.
    #[error(transparent)]
    Store(#[from] StorageError),
}

/// Signs, for a caller that is bound to these owners, or for one that is not.
///
/// # Errors
/// [`SignError`]; nothing is signed then.
pub async fn sign(
    store: &Store,
    ask: Ask,
    owners: Option<&[OwnerKey]>,
) -> Result<Signed, SignError> {
    let cdn = store.cdn(&ask.cdn).await?;
    let stored = store.cdn_signer(&cdn).await?;
    let stored = stored.ok_or(SignError::WithoutProfile(ask.cdn))?;
    if let Some(owners) = owners {
        check_allowed(&ask.what, owners, &stored.allow)?;
    }
    let signer = UrlSigner::new(&cdn.url, &stored.profile)?;
    let work = move || carry_out(&signer, &ask.what, &ask.terms);
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|_| StorageError::Interrupted)??)
}

/// Refuses everything where one of the paths is not allowed.
fn check_allowed(
    what: &What,
    owners: &[OwnerKey],
    allow: &[SigningAllow],
) -> Result<(), SignError> {
    let own = || allow.iter().filter(|allow| owners.contains(&allow.owner));
    let refused = match what {
        What::Prefix(asked) => {
            let allowed = own().any(|allow| allow.prefix.covers_prefix(asked));
            (!allowed).then(|| asked.to_string())
        }
        What::Paths(paths) => {
            let refused = |path: &&ContentPath| !own().any(|allow| allow.prefix.covers(path));
            paths.iter().find(refused).map(ToString::to_string)
        }
    };
    refused.map_or(Ok(()), |path| Err(SignError::NotAllowed(path)))
}

fn carry_out(signer: &UrlSigner, what: &What, terms: &Terms) -> Result<Signed, SigningError> {
    let mut done = Signed {
        urls: Vec::new(),
        cookies: Vec::new(),
        expires: Timestamp(terms.expires()),
    };
    match what {
        What::Paths(paths) => {
            for path in paths {
                done.urls.push(SignedUrl {
                    path: path.to_string(),
                    url: signer.sign(path, terms)?,
                });
            }
        }
        What::Prefix(prefix) => {
            let below = signer.sign_prefix(prefix, terms)?;
            done.urls.push(SignedUrl {
                path: prefix.to_string(),
                url: below.url,
            });
            let cookies = below.cookies.into_iter();
            let cookies = cookies.map(|c| SigningCookie {
                name: c.name,
                value: c.value,
            });
            done.cookies = cookies.collect();
        }
    }
    Ok(done)
}
