//! `portolan key create`.

use std::path::Path;

use portolan_domain::{digest::Sha256Digest, ids::OwnerKey};
use portolan_storage::{Credential, Identity, NewCredential, Role};
use time::OffsetDateTime;

use super::{CreateArgs, print_made};
use crate::{
    auth::Secret,
    cli::{context::Context, error::CliError},
};

/// A new key's text.
pub fn generate() -> Result<Secret, CliError> {
    Secret::generate().map_err(|error| CliError::new(format!("no randomness: {error}")))
}

/// What every kind of credential has.
struct Common<'a> {
    role: Role,
    owners: &'a [OwnerKey],
    name: Option<&'a str>,
    expires_at: Option<OffsetDateTime>,
}

/// Runs the command.
pub async fn run(context: &Context, args: &CreateArgs) -> Result<(), CliError> {
    let common = Common::of(context, args)?;
    let kind = &args.kind;
    if kind.oauth {
        return oauth(context, &common).await;
    }
    let fingerprint = match &kind.certificate {
        Some(file) => Some(fingerprint_of(file)?),
        None => kind.fingerprint,
    };
    if let Some(sha256) = fingerprint {
        let identity = Identity::Certificate { sha256 };
        let made = common
            .create(context, identity, &sha256.to_string())
            .await?;
        return print_made(context, &made, &[]);
    }
    if let Some(subject) = &kind.subject {
        let name = subject.as_str();
        let number = Sha256Digest::of(name.as_bytes()).to_string();
        let made = common
            .create(context, Identity::Subject { name }, &number)
            .await?;
        return print_made(context, &made, &[]);
    }
    let secret = generate()?;
    let sha256 = secret.sha256();
    let made = common
        .create(context, Identity::ApiKey { sha256 }, &sha256.to_string())
        .await?;
    print_made(context, &made, &[("key", secret.expose())])
}

/// An OAuth consumer: a key to be known by, which is the name, and a secret of 256 random bits.
async fn oauth(context: &Context, common: &Common<'_>) -> Result<(), CliError> {
    let secret = generate()?;
    let secret = secret.random();
    let number = Sha256Digest::of(secret.as_bytes()).to_string();
    let key = common.name_or(&number);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if !key.chars().all(plain) {
        return Err(CliError::new(
            "an OAuth consumer's name is its key: 1 to 255 of A-Za-z0-9-._~",
        ));
    }
    let identity = Identity::OAuth { key: &key, secret };
    let made = common.create(context, identity, &number).await?;
    print_made(context, &made, &[("key", &key), ("secret", secret)])
}

impl<'a> Common<'a> {
    fn of(context: &Context, args: &'a CreateArgs) -> Result<Self, CliError> {
        let role = args.role.into();
        if role == Role::Admin && !args.owner.is_empty() {
            return Err(CliError::new(
                "an admin key counts for all owners; leave --owner out",
            ));
        }
        let unusable =
            |name: &str| name.len() > 255 || name.is_empty() || name.contains(char::is_control);
        if args.name.as_deref().is_some_and(unusable) {
            return Err(CliError::new(
                "a key's name must be 1 to 255 printable characters",
            ));
        }
        let now = context.clock.now();
        let expires_at = args.expires.map(|expiry| expiry.after(now)).transpose();
        Ok(Self {
            role,
            owners: &args.owner,
            name: args.name.as_deref(),
            expires_at: expires_at.map_err(CliError::new)?,
        })
    }

    /// The name, or the role and a number that says nothing of the secret.
    fn name_or(&self, number: &str) -> String {
        let default = || format!("{}-{}", self.role.as_str(), &number[..8]);
        self.name.map_or_else(default, str::to_owned)
    }

    async fn create(
        &self,
        context: &Context,
        identity: Identity<'_>,
        number: &str,
    ) -> Result<Credential, CliError> {
        let name = self.name_or(number);
        let new = NewCredential {
            name: &name,
            identity,
            role: self.role,
            owners: self.owners,
            expires_at: self.expires_at,
        };
        let store = context.store().await?;
        Ok(store.create_credential(&new, &context.actor()).await?)
    }
}

fn fingerprint_of(file: &Path) -> Result<Sha256Digest, CliError> {
    let shown = file.display();
    let bytes = std::fs::read(file);
    let bytes = bytes.map_err(|error| CliError::new(format!("{shown} cannot be read: {error}")))?;
    let certificate = openssl::x509::X509::from_pem(&bytes).and_then(|found| found.to_der());
    let der = certificate
        .map_err(|_| CliError::new(format!("{shown} holds no certificate in PEM form")))?;
    Ok(Sha256Digest::of(&der))
}
