//! `portolan token revoke`: a token by its id, all of a subject or a user, or all older ones.

use clap::Args;
use portolan_domain::token::{Revoked, RevokedName};
use portolan_storage::NewRevocation;
use serde_json::json;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use crate::{
    cli::{context::Context, error::CliError},
    view::Timestamp,
};

/// What is revoked.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct RevokeArgs {
    /// The token of this id, and all whose first parent it is
    #[arg(long, value_parser = name)]
    jti: Option<RevokedName>,
    /// Tokens with exactly this subject that were issued until now
    #[arg(long, value_parser = name)]
    sub: Option<RevokedName>,
    /// Tokens of this user that were issued until now
    #[arg(long, value_parser = name)]
    user: Option<RevokedName>,
    /// All tokens that were issued before this instant (2026-11-22T12:00:00Z)
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    issued_before: Option<OffsetDateTime>,
}

fn name(text: &str) -> Result<RevokedName, String> {
    RevokedName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn instant(text: &str) -> Result<OffsetDateTime, String> {
    let instant = OffsetDateTime::parse(text, &Rfc3339).ok();
    let instant = instant.and_then(|instant| instant.checked_to_offset(UtcOffset::UTC));
    let instant = instant.filter(|instant| (0..=9999).contains(&instant.year()));
    instant.ok_or_else(|| "must be like 2026-11-22T12:00:00Z".to_owned())
}

/// Runs the command.
pub async fn run(context: &Context, args: &RevokeArgs) -> Result<(), CliError> {
    let Some((what, kind, shown)) = args.what() else {
        return Err(CliError::new("say what is revoked"));
    };
    if let Revoked::IssuedBefore(instant) = what
        && instant > context.clock.now()
    {
        return Err(CliError::new(
            "--issued-before is in the future: tokens would be revoked before they are made",
        ));
    }
    let store = context.store().await?;
    let wanted = vec![NewRevocation::of(what)];
    store.revoke_tokens(wanted, &context.actor()).await?;
    let value = json!({ "revoked": { kind: shown } });
    context.print(&value, || format!("revoked {kind} {shown}"))
}

impl RevokeArgs {
    /// What, with its name in a request, and the value as it is shown.
    fn what(&self) -> Option<(Revoked, &'static str, String)> {
        let of = |name: &Option<RevokedName>, make: fn(RevokedName) -> Revoked, kind| {
            let name = name.clone()?;
            let shown = name.as_str().to_owned();
            Some((make(name), kind, shown))
        };
        let before = self.issued_before.map(|instant| {
            let shown = Timestamp(instant).to_string();
            (Revoked::IssuedBefore(instant), "issuedBefore", shown)
        });
        of(&self.jti, Revoked::Jti, "jti")
            .or_else(|| of(&self.sub, Revoked::Sub, "sub"))
            .or_else(|| of(&self.user, Revoked::User, "user"))
            .or(before)
    }
}
