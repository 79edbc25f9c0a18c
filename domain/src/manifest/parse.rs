//! Reads a verified archive: the small files at once, entitlements and kept files one at a time.

use std::{
    collections::HashSet,
    fmt,
    io::{Read, Seek},
    ops::ControlFlow,
};

use serde::de::DeserializeOwned;
use thiserror::Error;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{
    certificates::CertificateJson,
    entitlement::{Entitlement, EntitlementJson},
    header::{CdnJson, ConsumerJson, ManifestHeader, MetaJson, identity},
    json,
    role::Role,
};
use crate::{
    archive::{Budget, OpenError, ZipEntries},
    cdn_url::HttpCdn,
    digest::Sha256Digest,
    expiry::foundation_warnings,
    import::Warning,
    limits::Limits,
    trust::{Verification, VerifiedArchive},
};

/// What is wrong with the content of a verified archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentError {
    /// The entry, where one is to blame.
    pub entry: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            Some(entry) => write!(f, "{entry}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl std::error::Error for ContentError {}

/// Why a verified archive could not be parsed.
#[derive(Debug, Error)]
pub enum ParseError {
    /// Its content is not a manifest's.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// It could not be read, or broke a limit.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// One thing that streams out of a manifest.
#[derive(Debug)]
pub enum Item {
    /// An entitlement and what to warn of.
    Entitlement(Box<Entitlement>, Vec<Warning>),
    /// A file kept as it came, for a later export: products, consumer types, distributor versions.
    Kept {
        /// Its path below `export/`.
        path: String,
        /// Its content.
        bytes: Vec<u8>,
    },
}

/// A parsed manifest: its header is read, its items wait in the archive.
pub struct Manifest<F> {
    /// What it says of itself.
    pub header: ManifestHeader,
    verification: Verification,
    export: ZipEntries<F>,
    budget: Budget,
    limits: Limits,
}

impl<F> Manifest<F> {
    /// Who verified it.
    #[must_use]
    pub fn verification(&self) -> &Verification {
        &self.verification
    }

    /// What the import is to say of the identity, and of the CA that verified it, at this instant.
    #[must_use]
    pub fn warnings(&self, at: OffsetDateTime) -> Vec<Warning> {
        foundation_warnings(&self.header.consumer, &self.verification, at)
    }
}

/// What the first pass collects.
#[derive(Default)]
struct Headers {
    meta: Option<super::header::Meta>,
    consumer: Option<super::header::UpstreamConsumer>,
    identity: Option<super::IssuedCertificate>,
    cdns: Vec<super::ManifestCdn>,
    has_consumer_types: bool,
    has_products: bool,
    has_entitlements: bool,
}

impl Headers {
    fn take(&mut self, role: Role, bytes: &[u8], http: HttpCdn) -> Result<(), String> {
        match role {
            Role::Meta => self.meta = Some(read::<MetaJson>(bytes)?.check(http)?),
            Role::Consumer => self.consumer = Some(read::<ConsumerJson>(bytes)?.check()?),
            Role::Identity => {
                let found = identity(read::<CertificateJson>(bytes)?)?;
                self.identity = self.identity.take().or(found);
            }
            Role::Cdn => self.cdns.extend(read::<CdnJson>(bytes)?.check(http)?),
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<ManifestHeader, ContentError> {
        let missing = |entry: &str| ContentError {
            entry: Some(entry.to_owned()),
            reason: "is missing".to_owned(),
        };
        let meta = self.meta.ok_or_else(|| missing("export/meta.json"))?;
        let mut consumer = self
            .consumer
            .ok_or_else(|| missing("export/consumer.json"))?;
        if !self.has_consumer_types {
            return Err(missing("export/consumer_types/"));
        }
        if self.has_products && !self.has_entitlements {
            return Err(ContentError {
                reason: "is missing, though there are products".to_owned(),
                ..missing("export/entitlements/")
            });
        }
        consumer.identity = self.identity;
        Ok(ManifestHeader {
            created: meta.created,
            generated_by: meta.generated_by,
            cdn_url: meta.cdn_url,
            cdn_label: meta.cdn_label,
            consumer,
            cdns: self.cdns,
        })
    }
}

impl<F: Read + Seek> VerifiedArchive<F> {
    /// Reads the header. The items are read by [`Manifest::items`].
    ///
    /// # Errors
    /// [`ParseError`] names the entry and what is wrong with it.
    pub fn parse(self, http: HttpCdn) -> Result<Manifest<F>, ParseError> {
        let (mut export, mut budget, limits, verification) = self.into_parts();
        let mut headers = Headers::default();
        export.visit(&mut budget, |name, content| {
            let role = Role::of(name);
            match role {
                Role::ConsumerType => headers.has_consumer_types = true,
                Role::Product => headers.has_products = true,
                Role::Entitlement => headers.has_entitlements = true,
                Role::Meta | Role::Consumer | Role::Identity | Role::Cdn => {
                    let bytes = Zeroizing::new(content.read("json_bytes", limits.json_bytes)?);
                    let taken = headers.take(role, &bytes, http);
                    taken.map_err(|reason| at(name, reason))?;
                }
                Role::ProductText | Role::Distributor | Role::Unknown => {}
            }
            Ok::<_, ParseError>(ControlFlow::<()>::Continue(()))
        })?;
        let header = headers.finish()?;
        Ok(Manifest {
            header,
            verification,
            export,
            budget,
            limits,
        })
    }
}

impl<F: Read + Seek> Manifest<F> {
    /// Reads the items one at a time, in the archive's order, and hands each to `take`.
    ///
    /// # Errors
    /// [`ParseError`] names the entry and what is wrong with it; what `take` refuses ends the pass.
    pub fn items<E: From<ParseError>>(
        &mut self,
        at_instant: OffsetDateTime,
        mut take: impl FnMut(Item) -> Result<(), E>,
    ) -> Result<(), E> {
        // Digests in place of ids: half a million of them must fit the memory budget.
        let mut ids = HashSet::new();
        let json_bytes = self.limits.json_bytes;
        let pass = self.export.visit(&mut self.budget, |name, content| {
            let item = match Role::of(name) {
                Role::Meta | Role::Consumer | Role::Identity | Role::Cdn => None,
                Role::Entitlement => {
                    let bytes = Zeroizing::new(content.read("json_bytes", json_bytes)?);
                    let (found, warnings) = read::<EntitlementJson>(&bytes)
                        .and_then(|json| json.check(at_instant))
                        .map_err(|reason| at(name, reason))?;
                    if !ids.insert(Sha256Digest::of(found.id.as_str().as_bytes())) {
                        let reason = format!("the entitlement id {} is there twice", found.id);
                        return Err(Stop::Parse(at(name, reason).into()));
                    }
                    Some(Item::Entitlement(Box::new(found), warnings))
                }
                role @ (Role::ConsumerType
                | Role::Product
                | Role::ProductText
                | Role::Distributor) => {
                    let bytes = content.read("json_bytes", json_bytes)?;
                    if role != Role::ProductText {
                        json::check(&bytes).map_err(|error| at(name, json::reason(&error)))?;
                    }
                    let path = name.trim_start_matches("export/").to_owned();
                    Some(Item::Kept { path, bytes })
                }
                Role::Unknown => {
                    content.skip()?;
                    None
                }
            };
            item.map_or(Ok(()), &mut take).map_err(Stop::Taker)?;
            Ok(ControlFlow::<()>::Continue(()))
        });
        match pass {
            Ok(_) => Ok(()),
            Err(Stop::Parse(error)) => Err(error.into()),
            Err(Stop::Taker(error)) => Err(error),
        }
    }
}

/// Why a pass over the items ended early.
enum Stop<E> {
    Parse(ParseError),
    Taker(E),
}

impl<E> From<OpenError> for Stop<E> {
    fn from(error: OpenError) -> Self {
        Self::Parse(error.into())
    }
}

impl<E> From<ContentError> for Stop<E> {
    fn from(error: ContentError) -> Self {
        Self::Parse(error.into())
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    json::parse(bytes).map_err(|error| format!("cannot be read: {}", json::reason(&error)))
}

fn at(entry: &str, reason: String) -> ContentError {
    let entry = Some(entry.escape_debug().take(200).collect());
    ContentError { entry, reason }
}
