//! `portolan cdn sign`: signed URLs, one a line.

use std::net::IpAddr;

use clap::Args;
use portolan_domain::{ids::CdnLabel, signed_url::Terms};

use crate::{
    cli::{context::Context, error::CliError},
    extract::{Instant, Span, parse_path},
    problem::Problem,
    signed_urls::{Ask, MOST_PATHS, What, sign},
};

/// What to sign, and for how long.
#[derive(Args)]
pub struct SignArgs {
    /// The CDN's label
    label: CdnLabel,
    /// A file below the CDN's URL; repeat for more
    #[arg(long, required_unless_present = "prefix", conflicts_with = "prefix")]
    path: Vec<String>,
    /// A folder: everything below it, where the kind of CDN can say so
    #[arg(long)]
    prefix: Option<String>,
    /// For how long, like 30s, 5m, 12h or 7d; a bare number is seconds
    #[arg(long, default_value = "1h", value_parser = seconds)]
    duration: i64,
    /// They count from this address alone, where the kind of CDN can say so
    #[arg(long)]
    ip: Option<IpAddr>,
    /// Whom they are for, where the kind of CDN has a place for it
    #[arg(long)]
    user: Option<String>,
    /// They do not count before this instant, where the kind of CDN can say so
    #[arg(long, value_parser = instant)]
    not_before: Option<Instant>,
}

fn seconds(text: &str) -> Result<i64, &'static str> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let span = Span::try_from(text.to_owned())?.get();
    i64::try_from(span.as_secs()).map_err(|_| "it is too long")
}

fn instant(text: &str) -> Result<Instant, &'static str> {
    text.to_owned().try_into()
}

/// Runs the command.
pub async fn run(context: &Context, args: &SignArgs) -> Result<(), CliError> {
    let ask = Ask {
        cdn: args.label.clone(),
        what: what(args)?,
        terms: terms(context, args).map_err(Problem::from)?,
    };
    let store = context.store().await?;
    let signed = sign(&store, ask, None).await.map_err(Problem::from)?;
    let value = serde_json::to_value(&signed).map_err(|error| CliError::new(error.to_string()))?;
    context.print(&value, || {
        let urls = signed.urls.iter().map(|signed| signed.url.clone());
        let cookies = signed.cookies.iter();
        let cookies = cookies.map(|cookie| format!("{}={}", cookie.name, cookie.value));
        urls.chain(cookies).collect::<Vec<_>>().join("\n")
    })
}

fn what(args: &SignArgs) -> Result<What, CliError> {
    if let Some(prefix) = &args.prefix {
        return Ok(What::Prefix(parse_path("--prefix", prefix)?));
    }
    if args.path.len() > MOST_PATHS {
        let most = format!("--path may be given {MOST_PATHS} times at most");
        return Err(CliError::new(most));
    }
    let paths = args.path.iter().map(|path| parse_path("--path", path));
    Ok(What::Paths(paths.collect::<Result<_, _>>()?))
}

fn terms(
    context: &Context,
    args: &SignArgs,
) -> Result<Terms, portolan_domain::signed_url::InvalidTerms> {
    let mut terms = Terms::new(context.clock.now(), args.duration)?;
    if let Some(ip) = args.ip {
        terms = terms.from_address(ip);
    }
    if let Some(user) = &args.user {
        terms = terms.for_user(user)?;
    }
    match &args.not_before {
        Some(start) => terms.not_before(start.get()),
        None => Ok(terms),
    }
}
