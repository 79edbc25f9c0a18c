//! `portolan manifest build`: a signed manifest from a small description.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use portolan_domain::{
    build::{
        Authority, BuildError, Description, KeyKind, ManifestSigner, Validity, write_manifest,
    },
    secret::PrivateKeyPem,
    trust::SignatureAlgorithm,
};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::super::{context::Context, error::CliError};

/// What making a manifest takes.
#[derive(Args)]
pub struct BuildArgs {
    /// The description, TOML; see docs/manifest-build.md [default: one entitlement]
    description: Option<PathBuf>,
    /// The manifest to write
    #[arg(long, short)]
    out: PathBuf,
    /// The directory of the CA that signs: ca.crt and ca.key. Made where it is missing
    #[arg(long)]
    ca_dir: PathBuf,
    /// How it is signed; legacy is what every importer reads
    #[arg(long, default_value = "legacy")]
    scheme: SchemeName,
    /// This many entitlements more than the description lists
    #[arg(long)]
    generate: Option<u32>,
}

/// How a manifest is signed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemeName {
    /// SHA256withRSA, no scheme.json
    Legacy,
    /// SHA256withRSA, with scheme.json
    Rsa,
    /// SHA256withECDSA
    Ecdsa,
    /// Ed25519
    Ed25519,
    /// ML-DSA-44
    #[value(name = "ml-dsa-44", alias = "ml-dsa44")]
    MlDsa44,
    /// ML-DSA-65
    #[value(name = "ml-dsa-65", alias = "ml-dsa65")]
    MlDsa65,
    /// ML-DSA-87
    #[value(name = "ml-dsa-87", alias = "ml-dsa87")]
    MlDsa87,
}

impl SchemeName {
    fn key_kind(self) -> KeyKind {
        match self {
            Self::Legacy | Self::Rsa => KeyKind::Rsa(3072),
            Self::Ecdsa => KeyKind::P256,
            Self::Ed25519 => KeyKind::Ed25519,
            Self::MlDsa44 => KeyKind::MlDsa44,
            Self::MlDsa65 => KeyKind::MlDsa65,
            Self::MlDsa87 => KeyKind::MlDsa87,
        }
    }

    /// A signer with this authority's key.
    pub fn signer(self, authority: &Authority) -> Result<ManifestSigner, BuildError> {
        let algorithm = match self {
            Self::Legacy => return Ok(ManifestSigner::legacy(authority)),
            Self::Rsa => SignatureAlgorithm::Sha256WithRsa,
            Self::Ecdsa => SignatureAlgorithm::Sha256WithEcdsa,
            Self::Ed25519 => SignatureAlgorithm::Ed25519,
            Self::MlDsa44 => SignatureAlgorithm::MlDsa44,
            Self::MlDsa65 => SignatureAlgorithm::MlDsa65,
            Self::MlDsa87 => SignatureAlgorithm::MlDsa87,
        };
        ManifestSigner::with_scheme(authority, algorithm)
    }
}

impl From<BuildError> for CliError {
    fn from(error: BuildError) -> Self {
        Self::new(error.to_string())
    }
}

/// Makes a manifest.
pub fn run(context: &Context, args: &BuildArgs) -> Result<(), CliError> {
    let now = context.clock.now();
    let mut description = match &args.description {
        Some(path) => read_description(path)?,
        None => Description {
            generate: 1,
            ..Description::default()
        },
    };
    description.generate = args.generate.unwrap_or(description.generate);
    let authority = authority(&args.ca_dir, args.scheme, now)?;
    let signer = args.scheme.signer(&authority)?;
    // Beside its final place, and renamed when it is whole.
    let shown = args.out.display();
    let fault = |error: io::Error| CliError::new(format!("{shown} cannot be written: {error}"));
    let folder = args
        .out
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let draft = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(fault)?;
    let (out, spool) = (BufWriter::new(draft.as_file()), tempfile::tempfile()?);
    let built = write_manifest(&description, (&authority, &signer), &[], now, (out, spool))?;
    draft
        .persist(&args.out)
        .map_err(|error| fault(error.error))?;
    let value = json!({
        "file": args.out, "entitlements": built.entitlements, "ca": args.ca_dir.join("ca.crt"),
    });
    context.print(&value, || {
        let (out, ca) = (args.out.display(), args.ca_dir.join("ca.crt"));
        format!(
            "wrote {out}: {} entitlements, signed by {}",
            built.entitlements,
            ca.display()
        )
    })
}

fn read_description(path: &Path) -> Result<Description, CliError> {
    let fault = |why: String| CliError::new(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    toml::from_str(&text).map_err(|error| fault(error.to_string()))
}

/// The CA of a directory, made where it is missing.
fn authority(
    directory: &Path,
    scheme: SchemeName,
    now: OffsetDateTime,
) -> Result<Authority, CliError> {
    let (certificate, key) = (directory.join("ca.crt"), directory.join("ca.key"));
    if certificate.exists() {
        let pem = fs::read_to_string(&certificate)?;
        let key = PrivateKeyPem::new(fs::read_to_string(&key)?);
        return Ok(Authority::from_pem(&pem, &key)?);
    }
    let validity = Validity {
        from: now - Duration::days(1),
        until: now + Duration::days(3650),
    };
    let made = Authority::self_signed("Portolan test CA", scheme.key_kind(), validity)?;
    fs::create_dir_all(directory)?;
    write_private(&key, made.key_pem()?.expose())?;
    fs::write(&certificate, made.certificate_pem()?)?;
    Ok(made)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}
