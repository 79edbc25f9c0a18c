//! `portolan token create`: the first parent, which everything below it is cut out of.

use clap::{Args, ValueEnum};
use portolan_domain::token::{Claims, Scope, TokenKind};
use portolan_storage::IssuedToken;
use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::{
    cli::{context::Context, error::CliError},
    metrics::WorkFigures,
    tokens::{Revocations, Tokens, new_jti},
    view::Timestamp,
};

/// What a token says.
#[derive(Args)]
pub struct CreateArgs {
    /// What it is about: build, build/7, or empty for the management of tokens
    #[arg(long)]
    sub: String,
    /// What may be done with it; repeat for more
    #[arg(long, required = true, value_parser = scope)]
    scope: Vec<Scope>,
    /// For how long it counts: seconds, or like 90d, 12h, 30m
    #[arg(long, value_parser = duration)]
    duration: Duration,
    /// An app id, with everything below it at a dot; repeat for more [default: all apps, where no --app
    /// is given]
    #[arg(long)]
    prefix: Vec<String>,
    /// An app id, exactly; repeat for more
    #[arg(long)]
    app: Vec<String>,
    /// A repository; repeat for more [default: all]
    #[arg(long)]
    repo: Vec<String>,
    /// A branch; repeat for more [default: all]
    #[arg(long)]
    branch: Vec<String>,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// The user whom it is given
    #[arg(long)]
    user: Option<String>,
    /// Where it counts [default: everywhere]
    #[arg(long)]
    aud: Option<String>,
    /// Which key signs it
    #[arg(long, default_value = "access")]
    purpose: ParentPurpose,
}

/// The purposes whose tokens have children.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ParentPurpose {
    /// The default key
    Access,
    /// The secret that is shared with flat-manager
    FlatManager,
}

fn scope(word: &str) -> Result<Scope, String> {
    let scope = Scope::from(word.to_owned());
    if scope.is_known() {
        return Ok(scope);
    }
    let known: Vec<String> = Scope::KNOWN.iter().map(ToString::to_string).collect();
    Err(format!("must be one of {}", known.join(", ")))
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "must be seconds, or like 90d, 12h, 30m, and more than none".to_owned();
    let (number, unit) = match text.strip_suffix(['d', 'h', 'm']) {
        Some(number) => (number, text.as_bytes().last().copied()),
        None => (text, None),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let length = match unit {
        Some(b'd') => Duration::days(number.into()),
        Some(b'h') => Duration::hours(number.into()),
        Some(b'm') => Duration::minutes(number.into()),
        _ => Duration::seconds(number.into()),
    };
    Some(length)
        .filter(|length| length.is_positive())
        .ok_or_else(wrong)
}

/// Runs the command.
pub async fn run(context: &Context, args: &CreateArgs) -> Result<(), CliError> {
    let kind = args.kind()?;
    let now = context.clock.now();
    let far = time::macros::datetime!(9999-01-01 00:00 UTC);
    let end = now.checked_add(args.duration).filter(|end| *end < far);
    let end = end.ok_or_else(|| CliError::new("--duration is too long"))?;
    let jti = new_jti();
    let store = context.store().await?;
    let tokens = Tokens::new(
        store.clone(),
        context.clock.clone(),
        (context.config.issuer(), context.config.gateway.kid_format),
        (
            Revocations::new(store.clone(), context.clock.clone()),
            WorkFigures::default(),
        ),
    );
    let claims = args.claims(&jti, (now, end), tokens.issuer());
    let token = tokens.sign(kind, &claims).await;
    let token = token.map_err(|error| CliError::new(error.to_string()))?;
    let issued = IssuedToken {
        jti: jti.clone(),
        name: args.name.clone().unwrap_or_default(),
        sub: args.sub.clone(),
        created_at: now,
        expires_at: end,
    };
    // Before it is shown: one that nobody knows of could be revoked by nobody.
    store.note_token(&issued, &context.actor()).await?;
    let value = json!({ "token": token, "jti": jti, "expires": Timestamp(end).to_string() });
    context.print(&value, || token)
}

impl CreateArgs {
    /// What flat-manager does not read, or reads as more than was meant, is refused.
    fn kind(&self) -> Result<TokenKind, CliError> {
        if self.purpose == ParentPurpose::Access {
            return Ok(TokenKind::Access);
        }
        if self.user.is_some() || self.aud.is_some() {
            return Err(CliError::new(
                "flat-manager reads neither user nor aud; leave --user and --aud out",
            ));
        }
        if self.prefix.is_empty() && !self.app.is_empty() {
            return Err(CliError::new(
                "without a prefix, flat-manager takes a token for one of all apps, whatever --app \
                 says; give --prefix",
            ));
        }
        Ok(TokenKind::FlatManager)
    }

    fn claims(
        &self,
        jti: &str,
        (now, end): (OffsetDateTime, OffsetDateTime),
        issuer: &str,
    ) -> Claims {
        let all_where = |is_all: bool, given: &[String]| {
            if is_all {
                vec![String::new()]
            } else {
                given.to_vec()
            }
        };
        let all_apps = self.prefix.is_empty() && self.app.is_empty();
        let claims = Claims {
            sub: self.sub.clone(),
            exp: end.unix_timestamp(),
            name: self.name.clone(),
            jti: Some(jti.to_owned()),
            scope: self.scope.clone(),
            prefixes: all_where(all_apps, &self.prefix),
            apps: self.app.clone(),
            repos: all_where(self.repo.is_empty(), &self.repo),
            branches: self.branch.clone(),
            aud: self.aud.clone(),
            user: self.user.clone(),
            ..Claims::default()
        };
        claims.issued(Some(issuer.to_owned()), now.unix_timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_have_a_unit() {
        assert_eq!(duration("3600"), Ok(Duration::hours(1)));
        assert_eq!(duration("12h"), Ok(Duration::hours(12)));
        assert_eq!(duration("90d"), Ok(Duration::days(90)));
        for bad in ["", "0", "-1", "h", "1y", "1.5", "4294967296"] {
            assert!(duration(bad).is_err(), "{bad:?} was taken");
        }
    }
}
