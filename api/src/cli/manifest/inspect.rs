//! `portolan manifest verify` and `inspect`.

use std::{fs::File, path::Path};

use portolan_domain::{
    archive::SignedArchive,
    conflict::{Conflict, Forced},
    ids::OwnerKey,
    import::Warning,
    manifest::{Item, Manifest, ParseError},
    trust::{ForcedSignature, TrustAnchors, Verification},
};
use serde_json::{Value, json};

use super::{
    super::{context::Context, error::CliError},
    open,
};
use crate::{anchors::read_anchors, import::ImportError, problem::Problem, view::Timestamp};

/// Warnings that a person is shown.
const SHOWN: usize = 10;

/// What was found in a manifest.
struct Found {
    manifest: Manifest<File>,
    entitlements: u64,
    warnings: Vec<Warning>,
}

/// Verifies as an import would, with the upstream CA directory's anchors.
pub fn verify(context: &Context, path: &Path, owner: &OwnerKey) -> Result<(), CliError> {
    let anchors = read_anchors(&context.config.import);
    let found = read(context, path, owner, &anchors, ForcedSignature::Refused)?;
    let value = shown(&found);
    context.print(&value, || words(&found))
}

/// Shows what is inside, whoever signed it.
pub fn inspect(context: &Context, path: &Path) -> Result<(), CliError> {
    let anchors = read_anchors(&context.config.import);
    let owner: Result<OwnerKey, _> = "any-owner".parse();
    let owner = owner.map_err(|error| CliError::new(error.to_string()))?;
    let found = read(context, path, &owner, &anchors, ForcedSignature::Allowed)?;
    let value = shown(&found);
    context.print(&value, || words(&found))
}

fn read(
    context: &Context,
    path: &Path,
    owner: &OwnerKey,
    anchors: &TrustAnchors,
    allowed: ForcedSignature,
) -> Result<Found, CliError> {
    let (import, now) = (&context.config.import, context.clock.now());
    let refused = |error: ImportError| CliError::from(Problem::from(error));
    let signatures = [
        Conflict::SignatureConflict,
        Conflict::UntrustedSigningCertificate,
    ];
    let forced = Forced::parse(signatures.map(Conflict::as_str)).unwrap_or_default();
    let archive = SignedArchive::open(open(path)?, tempfile::tempfile()?, &import.limits)
        .map_err(|error| refused(ImportError::Open(error)))?;
    let verified = archive
        .verify(anchors, owner, now, (allowed, &forced))
        .map_err(|error| refused(ImportError::Verify(error)))?;
    let manifest = verified.parse(import.http_cdn());
    let mut manifest = manifest.map_err(|error| refused(ImportError::Parse(error)))?;
    let (mut entitlements, mut warnings) = (0, Vec::new());
    let items = manifest.items::<ParseError>(now, |item| {
        if let Item::Entitlement(_, found) = item {
            entitlements += 1;
            warnings.extend(found);
        }
        Ok(())
    });
    items.map_err(|error| refused(ImportError::Parse(error)))?;
    Ok(Found {
        manifest,
        entitlements,
        warnings,
    })
}

fn shown(found: &Found) -> Value {
    let header = &found.manifest.header;
    let verification = match found.manifest.verification() {
        Verification::Verified(by) => json!({
            "outcome": "VERIFIED", "algorithm": by.algorithm.name(),
            "caFilename": by.filename, "caSha256": by.sha256.to_string(),
        }),
        Verification::Forced(conflict) => json!({
            "outcome": "NOT_VERIFIED", "conflict": conflict.as_str(),
        }),
    };
    json!({
        "created": Timestamp(header.created).to_string(), "generatedBy": header.generated_by,
        "cdnUrl": header.cdn_url.as_ref().map(ToString::to_string), "cdnLabel": header.cdn_label,
        "upstreamConsumer": { "uuid": header.consumer.uuid, "name": header.consumer.name,
            "contentAccessMode": header.consumer.content_access_mode },
        "entitlements": found.entitlements, "verification": verification, "warnings": found.warnings,
    })
}

fn words(found: &Found) -> String {
    let header = &found.manifest.header;
    let consumer = &header.consumer;
    let signed = match found.manifest.verification() {
        Verification::Verified(by) => {
            format!(
                "verified by {} with {} (SHA-256 {})",
                by.filename, by.algorithm, by.sha256
            )
        }
        Verification::Forced(conflict) => format!("NOT VERIFIED by any upstream CA ({conflict})"),
    };
    let cdn = header.cdn_url.as_ref().map(ToString::to_string);
    let label = header
        .cdn_label
        .as_ref()
        .map(|label| format!("label {label}"));
    let mut lines = vec![
        format!("signature     {signed}"),
        format!("made          {}", Timestamp(header.created)),
        format!(
            "consumer      {} ({})",
            consumer.name.as_deref().unwrap_or("-"),
            consumer.uuid
        ),
        format!(
            "CDN           {}",
            cdn.or(label).unwrap_or_else(|| "not named".to_owned())
        ),
        format!("entitlements  {}", found.entitlements),
    ];
    for warning in found.warnings.iter().take(SHOWN) {
        let of = warning.entitlement_id.as_ref().map(ToString::to_string);
        lines.push(format!(
            "warning       {} {}",
            of.unwrap_or_default(),
            warning.detail
        ));
    }
    if found.warnings.len() > SHOWN {
        lines.push(format!(
            "… and {} more warnings (--json)",
            found.warnings.len() - SHOWN
        ));
    }
    lines.join("\n")
}
