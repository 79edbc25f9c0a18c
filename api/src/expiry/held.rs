//! Certificates that are no owner's: trust anchors, the operator's CDNs, this instance's own CAs. There
//! are few of them, so they are listed in memory.

use std::collections::BTreeSet;

use portolan_domain::{
    expiry::CertificateKind,
    ids::OwnerKey,
    trust::{Anchor, Certificate},
};
use portolan_storage::{ExpiryPlace, SigningKey, SigningPurpose, StorageError};

use super::{Expiration, Expirations};

impl Expirations {
    /// All of them; for a caller who is bound to owners, the CAs that verified their manifests.
    pub(super) async fn held_here(
        &self,
        owners: Option<&[OwnerKey]>,
    ) -> Result<Vec<Expiration>, StorageError> {
        let anchors = self.anchors.current();
        let mut held: Vec<Expiration> = if let Some(owners) = owners {
            let keys = self.store.cas_that_verified(owners).await?;
            let verified = |anchor: &&Anchor| keys.contains(&anchor.certificate.spki_sha256());
            anchors.iter().filter(verified).map(of_anchor).collect()
        } else {
            let mut all: Vec<_> = anchors.iter().map(of_anchor).collect();
            for (label, pem) in self.store.operators_cdn_certificates().await? {
                all.extend(of_cdn(&label, &pem));
            }
            let signing = self.store.signing_keys(SigningPurpose::Manifest).await?;
            all.extend(signing.iter().filter_map(of_signing_ca));
            all
        };
        // A file and a CA in the database may have one name and one content.
        let mut seen = BTreeSet::new();
        held.retain(|one| seen.insert((one.place.kind, one.place.key.clone())));
        held.sort_by(|a, b| {
            let order = |one: &Expiration| (one.place.not_after, one.place.kind);
            order(a)
                .cmp(&order(b))
                .then_with(|| a.place.key.cmp(&b.place.key))
        });
        Ok(held)
    }
}

fn of_anchor(anchor: &Anchor) -> Expiration {
    of_certificate(
        CertificateKind::Ca,
        anchor.filename.as_str(),
        &anchor.certificate,
    )
}

/// The certificates of an operator's CDN. What cannot be read ends at no instant that anybody knows.
fn of_cdn(label: &str, pem: &str) -> Vec<Expiration> {
    let found = Certificate::all_from_file(pem.as_bytes()).unwrap_or_default();
    let of = |certificate| of_certificate(CertificateKind::Cdn, label, certificate);
    found.iter().map(of).collect()
}

/// One of this instance's own signing CAs. What cannot be read ends at no instant that anybody knows.
fn of_signing_ca(ca: &SigningKey) -> Option<Expiration> {
    let certificate = Certificate::from_pem(ca.public_pem.as_bytes()).ok()?;
    Some(of_certificate(
        CertificateKind::Signing,
        &ca.kid,
        &certificate,
    ))
}

fn of_certificate(kind: CertificateKind, id: &str, certificate: &Certificate) -> Expiration {
    Expiration {
        place: ExpiryPlace {
            not_after: certificate.not_after(),
            kind,
            // Several certificates of one file may end in the same second: made together, they do.
            key: format!("{id}/{}", certificate.sha256()),
        },
        id: id.to_owned(),
        owner: None,
        serial: certificate.serial().ok(),
        subject: Some(certificate.subject()),
    }
}
