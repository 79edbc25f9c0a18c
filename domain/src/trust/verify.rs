//! The second step: who signed these bytes. A pure function of archive, anchors, owner and instant.
//!
//! 1. Without `scheme.json`: every anchor with an RSA key is tried with `SHA256withRSA`.
//! 2. With it: the signing certificate must be an anchor, or a CA that an anchor issued. A leaf
//!    never signs: leaf keys travel inside every manifest, so whoever holds one could sign.
//! 3. The algorithm must fit the trusted certificate's key.
//! 4. The signature must verify over exactly the bytes that are parsed afterwards.

use std::io::{Read, Seek};

use openssl::pkey::{PKey, Public};
use thiserror::Error;
use time::OffsetDateTime;

use super::{
    SigningScheme,
    algorithm::SignatureAlgorithm,
    anchors::{Anchor, TrustAnchors},
    certificate::Certificate,
    refusal::{Refusal, TriedAnchor},
    signature::signature_holds,
};
use crate::{
    archive::{Budget, OpenError, SignedArchive, ZipEntries},
    conflict::{Conflict, Forced},
    digest::Sha256Digest,
    ids::{CaFilename, OwnerKey},
    limits::Limits,
};

/// The CA that verified a manifest, as an import records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBy {
    /// The anchor's file name.
    pub filename: CaFilename,
    /// SHA-256 of the anchor's certificate.
    pub sha256: Sha256Digest,
    /// SHA-256 of the anchor's public key.
    pub spki_sha256: Sha256Digest,
    /// The anchor's certificate.
    pub pem: String,
    /// How it was signed.
    pub algorithm: SignatureAlgorithm,
}

/// How a manifest came to be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// An anchor verified it.
    Verified(VerifiedBy),
    /// Nobody did; a caller who may do so forced this conflict.
    Forced(Conflict),
}

/// Permission to let in what nobody verified: only where `import.allow_forced_signature` is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForcedSignature {
    /// The default: nothing forces a signature.
    Refused,
    /// The caller's `force` counts for signatures too.
    Allowed,
}

/// A refusal, or a fault below it.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// Nothing here trusts the manifest.
    #[error("{0}")]
    Refused(Refusal),
    /// The signed bytes could not be read, or are over a limit.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// An archive that was verified, or forced in: the only one whose content may be parsed.
pub struct VerifiedArchive<F> {
    pub(crate) export: ZipEntries<F>,
    pub(crate) budget: Budget,
    pub(crate) limits: Limits,
    verification: Verification,
}

impl<F> VerifiedArchive<F> {
    /// Who verified it.
    #[must_use]
    pub fn verification(&self) -> &Verification {
        &self.verification
    }

    pub(crate) fn into_parts(self) -> (ZipEntries<F>, Budget, Limits, Verification) {
        (self.export, self.budget, self.limits, self.verification)
    }
}

impl<F: Read + Seek> SignedArchive<F> {
    /// Verifies the archive for `owner` at the instant `at`.
    ///
    /// # Errors
    /// [`VerifyError::Refused`] with the anchors that were tried, unless it is forced.
    pub fn verify(
        mut self,
        anchors: &TrustAnchors,
        owner: &OwnerKey,
        at: OffsetDateTime,
        (allowed, forced): (ForcedSignature, &Forced),
    ) -> Result<VerifiedArchive<F>, VerifyError> {
        let judge = Judge { anchors, owner, at };
        let outcome = match self.scheme.clone() {
            None => judge.legacy(&mut self),
            Some(scheme) => judge.with_scheme(&mut self, &scheme),
        };
        let verification = match outcome {
            Ok(by) => Verification::Verified(by),
            Err(VerifyError::Refused(mut refusal)) if forced.contains(refusal.conflict) => {
                if allowed == ForcedSignature::Refused {
                    refusal.forced_in_vain = true;
                    return Err(VerifyError::Refused(refusal));
                }
                Verification::Forced(refusal.conflict)
            }
            Err(error) => return Err(error),
        };
        Ok(VerifiedArchive {
            export: self.export,
            budget: self.budget,
            limits: self.limits,
            verification,
        })
    }
}

struct Judge<'a> {
    anchors: &'a TrustAnchors,
    owner: &'a OwnerKey,
    at: OffsetDateTime,
}

impl Judge<'_> {
    fn objection(&self, anchor: &Anchor, scheme: bool) -> Option<String> {
        self.anchors.objection(anchor, self.owner, self.at, scheme)
    }

    /// Step 1. What may not vouch is still tried, so that the refusal can say "this one signed it,
    /// but ended last year" instead of leaving people to guess.
    fn legacy<F: Read + Seek>(
        &self,
        archive: &mut SignedArchive<F>,
    ) -> Result<VerifiedBy, VerifyError> {
        let algorithm = SignatureAlgorithm::Sha256WithRsa;
        let mut tried = Vec::new();
        for anchor in self.anchors.iter() {
            let reason = match check_key(&anchor.certificate, algorithm) {
                Err(why) => why,
                Ok(key) => {
                    let signed = signature_holds(archive, &key, algorithm)?;
                    let objection = self.objection(anchor, false).or_else(|| {
                        let may = anchor.certificate.may_sign_data();
                        (!may).then(|| "its key usage lacks digitalSignature".to_owned())
                    });
                    match (signed, objection) {
                        (true, None) => return recorded(anchor, algorithm),
                        (true, Some(why)) => format!("it did sign this manifest, but {why}"),
                        (false, None) => "the signature is not by its key".to_owned(),
                        (false, Some(why)) => format!("the signature is not by its key; {why}"),
                    }
                }
            };
            tried.push(skipped(anchor, reason));
        }
        let reason = "No upstream CA verifies the signature of this manifest.";
        Err(VerifyError::Refused(Refusal::signature(reason, tried)))
    }

    /// Steps 2 to 4.
    fn with_scheme<F: Read + Seek>(
        &self,
        archive: &mut SignedArchive<F>,
        scheme: &SigningScheme,
    ) -> Result<VerifiedBy, VerifyError> {
        let (anchor, signer) = self.trusted_signer(&scheme.certificate)?;
        let refuse = |reason: String| {
            let why = "it stands behind the signing certificate".to_owned();
            VerifyError::Refused(Refusal::signature(reason, vec![skipped(anchor, why)]))
        };
        let named = &scheme.signature_algorithm;
        let algorithm: SignatureAlgorithm = named.parse().map_err(|_| {
            let named: String = named.escape_debug().take(60).collect();
            refuse(format!(
                "scheme.json names an unknown signature_algorithm, {named}."
            ))
        })?;
        let fits = |name: &String| algorithm.is_key_name(name);
        if !scheme.key_algorithm.as_ref().is_none_or(fits) {
            let reason =
                format!("scheme.json names a key_algorithm that does not sign {algorithm}.");
            return Err(refuse(reason));
        }
        let key = check_key(signer, algorithm)
            .map_err(|why| refuse(format!("The signing certificate does not fit: {why}.")))?;
        if signature_holds(archive, &key, algorithm)? {
            recorded(anchor, algorithm)
        } else {
            let why = format!("the {algorithm} signature is not by the key of scheme.json");
            let reason = "The signature of this manifest does not verify.";
            let tried = vec![skipped(anchor, why)];
            Err(VerifyError::Refused(Refusal::signature(reason, tried)))
        }
    }

    /// Step 2: the anchor that vouches for a signing certificate, and the certificate that is
    /// checked and used: an anchor's own where the two are one identity. Such an anchor does not
    /// fall back on its issuer: its end and its owners would then bind nobody.
    fn trusted_signer<'c>(
        &'c self,
        certificate: &'c Certificate,
    ) -> Result<(&'c Anchor, &'c Certificate), VerifyError> {
        let is_own = |anchor: &Anchor| anchor.certificate.same_identity(certificate);
        let is_anchor = self.anchors.iter().any(is_own);
        let mut tried = Vec::new();
        for anchor in self.anchors.iter() {
            let own = is_own(anchor);
            let reason = if own {
                let signs = anchor.certificate.may_sign_data();
                self.objection(anchor, true)
                    .or_else(|| (!signs).then(|| "its key usage lacks digitalSignature".to_owned()))
            } else if is_anchor {
                Some("the signing certificate is another anchor".to_owned())
            } else if anchor.certificate.issued(certificate) {
                self.objection(anchor, true)
                    .or_else(|| self.issuing_objection(&anchor.certificate, certificate))
            } else {
                Some("it is not the signing certificate, nor did it issue it".to_owned())
            };
            match reason {
                None if own => return Ok((anchor, &anchor.certificate)),
                None => return Ok((anchor, certificate)),
                Some(why) => tried.push(skipped(anchor, why)),
            }
        }
        let subject = certificate.subject();
        let reason = format!("The signing certificate ({subject}) is not trusted here.");
        Err(VerifyError::Refused(Refusal::untrusted(reason, tried)))
    }

    fn issuing_objection(&self, issuer: &Certificate, signer: &Certificate) -> Option<String> {
        let what = if !issuer.may_issue() {
            "it is no CA that may issue another CA (CA:TRUE, keyCertSign, pathLen)"
        } else if !signer.is_ca() {
            "it issued the signing certificate, but as a leaf (no CA:TRUE): a leaf never signs a manifest"
        } else if !signer.may_sign_data() {
            "it issued the signing certificate, whose key usage lacks digitalSignature"
        } else {
            let why = signer.invalid_at(self.at)?;
            return Some(format!("it issued the signing certificate, but {why}"));
        };
        Some(what.to_owned())
    }
}

fn skipped(anchor: &Anchor, reason: String) -> TriedAnchor {
    let filename = anchor.filename.to_string();
    TriedAnchor { filename, reason }
}

fn recorded(anchor: &Anchor, algorithm: SignatureAlgorithm) -> Result<VerifiedBy, VerifyError> {
    let pem = anchor.certificate.to_pem().map_err(|error| {
        let tried = vec![skipped(anchor, error.to_string())];
        VerifyError::Refused(Refusal::untrusted("The CA cannot be recorded.", tried))
    })?;
    Ok(VerifiedBy {
        filename: anchor.filename.clone(),
        sha256: anchor.certificate.sha256(),
        spki_sha256: anchor.certificate.spki_sha256(),
        pem,
        algorithm,
    })
}

/// Step 3.
fn check_key(
    certificate: &Certificate,
    algorithm: SignatureAlgorithm,
) -> Result<PKey<Public>, String> {
    let unreadable = |_| "its public key cannot be read".to_owned();
    let key = certificate.public_key().map_err(unreadable)?;
    algorithm.check_key(&key).map_err(|misfit| misfit.0)?;
    Ok(key)
}
