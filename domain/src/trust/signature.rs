//! Step 4 of the verification: the signature over exactly the bytes that are parsed afterwards.

use std::io::{Read, Seek};

use openssl::{
    error::ErrorStack,
    hash::Hasher,
    md::Md,
    pkey::{PKey, Public},
    pkey_ctx::PkeyCtx,
    sign::Verifier,
};

use super::algorithm::SignatureAlgorithm;
use crate::archive::{ArchiveError, ArchiveFault, ArchivePart, OpenError, SignedArchive};

/// Whether the archive's signature is by this key. Malformed signatures make OpenSSL fail rather than say no: both are a no.
pub(super) fn signature_holds<F: Read + Seek>(
    archive: &mut SignedArchive<F>,
    key: &PKey<Public>,
    algorithm: SignatureAlgorithm,
) -> Result<bool, OpenError> {
    let holds = match algorithm {
        SignatureAlgorithm::Sha256WithRsa | SignatureAlgorithm::Sha256WithEcdsa => verify_digest(
            key,
            Md::sha256(),
            archive.digest.as_bytes(),
            &archive.signature,
        ),
        SignatureAlgorithm::Sha384WithRsa | SignatureAlgorithm::Sha384WithEcdsa => {
            let digest = digest(archive, algorithm)?;
            verify_digest(key, Md::sha384(), &digest, &archive.signature)
        }
        SignatureAlgorithm::Sha512WithRsa | SignatureAlgorithm::Sha512WithEcdsa => {
            let digest = digest(archive, algorithm)?;
            verify_digest(key, Md::sha512(), &digest, &archive.signature)
        }
        SignatureAlgorithm::Ed25519
        | SignatureAlgorithm::MlDsa44
        | SignatureAlgorithm::MlDsa65
        | SignatureAlgorithm::MlDsa87 => {
            let message = whole_message(archive)?;
            Verifier::new_without_digest(key)
                .and_then(|mut verifier| verifier.verify_oneshot(&archive.signature, &message))
        }
    };
    Ok(holds.unwrap_or(false))
}

fn verify_digest(
    key: &PKey<Public>,
    md: &openssl::md::MdRef,
    digest: &[u8],
    signature: &[u8],
) -> Result<bool, ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    context.verify_init()?;
    context.set_signature_md(md)?;
    context.verify(digest, signature)
}

fn digest<F: Read + Seek>(
    archive: &mut SignedArchive<F>,
    algorithm: SignatureAlgorithm,
) -> Result<Vec<u8>, OpenError> {
    let crypto = |error: ErrorStack| OpenError::Disk(std::io::Error::other(error));
    let Some(md) = algorithm.digest() else {
        return Ok(Vec::new());
    };
    let mut hasher = Hasher::new(md).map_err(crypto)?;
    std::io::copy(archive.signed_bytes()?, &mut hasher).map_err(OpenError::Disk)?;
    Ok(hasher.finish().map_err(crypto)?.to_vec())
}

fn whole_message<F: Read + Seek>(archive: &mut SignedArchive<F>) -> Result<Vec<u8>, OpenError> {
    let (limit, allowed) = ("oneshot_bytes", archive.limits.oneshot_bytes);
    if archive.length > allowed {
        let fault = ArchiveFault::Limit { limit, allowed };
        return Err(ArchiveError::new(ArchivePart::Inner, fault).into());
    }
    let mut message = Vec::new();
    archive
        .signed_bytes()?
        .take(allowed)
        .read_to_end(&mut message)
        .map_err(OpenError::Disk)?;
    Ok(message)
}
