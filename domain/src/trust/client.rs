//! Whom a client certificate names: its subject counts only where a client CA vouches for it.
//!
//! Upstream CAs are never client CAs, whatever an operator configures: the private keys of what they
//! issue travel in manifests, so that everybody who ever had a manifest could call under such a name.

use openssl::{
    error::ErrorStack,
    stack::Stack,
    x509::{
        X509, X509PurposeId, X509StoreContext,
        store::{X509Store, X509StoreBuilder},
        verify::{X509VerifyFlags, X509VerifyParam},
    },
};
use thiserror::Error;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Certificate, CertificateError, TrustAnchors};
use crate::distinguished_name::{DistinguishedName, InvalidName};

/// Certificates between a client's and its CA that are looked at.
const INTERMEDIATES: usize = 8;
/// OpenSSL's level of 112 bits: RSA from 2048 on, and no signature with SHA-1.
const SECURITY_LEVEL: i32 = 2;

/// A client's certificate and what came beside it: nothing is verified yet.
#[derive(Debug, Clone)]
pub struct ClientChain {
    leaf: Certificate,
    others: Vec<Certificate>,
}

/// The CAs whose client certificates have a subject that counts.
pub struct ClientCas(Vec<X509>);

/// A chain that a client CA vouches for.
#[derive(Debug, Clone)]
pub struct VerifiedClient {
    subject: DistinguishedName,
    chain: Vec<Certificate>,
}

/// Why a file holds no client CAs.
#[derive(Debug, Error)]
pub enum ClientCaError {
    /// There is none, or one is broken.
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    /// A certificate that may issue none.
    #[error("holds {subject:?}, which is no CA (basicConstraints with CA:TRUE)")]
    NoCa {
        /// Its subject.
        subject: String,
    },
}

/// Why no client CA vouches for a chain.
#[derive(Debug, Error)]
pub enum ClientRefusal {
    /// The chain does not verify.
    #[error("no client CA vouches for it: {0}")]
    Unverified(String),
    /// The subject names nobody.
    #[error("its subject cannot be used: {0}")]
    Subject(#[from] InvalidName),
    /// OpenSSL failed.
    #[error("OpenSSL failed: {0}")]
    Crypto(#[from] ErrorStack),
}

impl ClientChain {
    /// Reads a client's certificate, and those beside it in any order; those that cannot be read, or
    /// come after the eighth, are left out.
    ///
    /// # Errors
    /// [`CertificateError`] where the client's own cannot be read.
    pub fn from_der<'a>(
        leaf: &[u8],
        others: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, CertificateError> {
        let others = others.into_iter().take(INTERMEDIATES);
        Ok(Self {
            leaf: Certificate::from_der(leaf)?,
            others: others
                .filter_map(|der| Certificate::from_der(der).ok())
                .collect(),
        })
    }

    /// The client's own certificate.
    #[must_use]
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// All certificates, the client's own first.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.leaf).chain(&self.others)
    }
}

impl ClientCas {
    /// Reads all CAs of a PEM file.
    ///
    /// # Errors
    /// [`ClientCaError`] where there is none, or one of them is not a CA.
    pub fn from_pem(pem: &[u8]) -> Result<Self, ClientCaError> {
        let found = Certificate::all_from_file(pem)?;
        if let Some(other) = found.iter().find(|ca| !ca.is_ca()) {
            let subject = other.subject();
            return Err(ClientCaError::NoCa { subject });
        }
        Ok(Self(found.iter().map(|ca| ca.x509().to_owned()).collect()))
    }

    /// Verifies a chain for a TLS client at this instant (RFC 5280, 6).
    ///
    /// # Errors
    /// [`ClientRefusal`] says why nobody vouches for it.
    pub fn verify(
        &self,
        client: &ClientChain,
        at: OffsetDateTime,
    ) -> Result<VerifiedClient, ClientRefusal> {
        let mut others = Stack::new()?;
        for other in &client.others {
            others.push(other.x509().to_owned())?;
        }
        let mut context = X509StoreContext::new()?;
        let store = self.store(at)?;
        let verified = context.init(&store, client.leaf.x509(), &others, |context| {
            if context.verify_cert()? {
                let chain = context.chain().into_iter().flatten();
                Ok(Ok(chain.map(ToOwned::to_owned).collect::<Vec<X509>>()))
            } else {
                // OpenSSL leaves the reason behind for whoever asks it next on this thread.
                drop(ErrorStack::get());
                Ok(Err(context.error().error_string().to_owned()))
            }
        })?;
        let chain = verified.map_err(ClientRefusal::Unverified)?;
        let chain: Result<_, CertificateError> = chain.into_iter().map(Certificate::new).collect();
        let chain = chain.map_err(|error| ClientRefusal::Unverified(error.to_string()))?;
        let subject = subject(&client.leaf)?;
        Ok(VerifiedClient { subject, chain })
    }

    /// OpenSSL keeps the instant with the store, so each verification has a store of its own.
    fn store(&self, at: OffsetDateTime) -> Result<X509Store, ErrorStack> {
        let mut parameters = X509VerifyParam::new()?;
        parameters.set_time(at.unix_timestamp());
        parameters.set_purpose(X509PurposeId::SSL_CLIENT)?;
        parameters.set_auth_level(SECURITY_LEVEL);
        // A CA of the file vouches by itself, whoever issued it.
        parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
        let mut store = X509StoreBuilder::new()?;
        store.set_param(&parameters)?;
        for ca in &self.0 {
            store.add_cert(ca.clone())?;
        }
        Ok(store.build())
    }
}

impl VerifiedClient {
    /// The subject, where it counts at this instant: every certificate of the chain is valid, and
    /// none is an upstream CA, or issued by one.
    #[must_use]
    pub fn subject_at(
        &self,
        at: OffsetDateTime,
        upstream: &TrustAnchors,
    ) -> Option<&DistinguishedName> {
        let valid = self.chain.iter().all(|link| link.invalid_at(at).is_none());
        let is_upstream = |link: &Certificate| {
            upstream.iter().any(|anchor| {
                let anchor = &anchor.certificate;
                anchor.spki_sha256() == link.spki_sha256() || anchor.issued(link)
            })
        };
        (valid && !self.chain.iter().any(is_upstream)).then_some(&self.subject)
    }
}

fn subject(leaf: &Certificate) -> Result<DistinguishedName, ClientRefusal> {
    let der = leaf.x509().to_der()?;
    match X509Certificate::from_der(&der) {
        Ok((_, parsed)) => Ok(DistinguishedName::from_certificate(&parsed)?),
        Err(_) => Err(ClientRefusal::Subject(InvalidName::Der)),
    }
}
