//! `portolan token list`: which tokens are known by their ids.

use portolan_storage::KnownToken;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::{
    cli::{context::Context, error::CliError},
    view::Timestamp,
};

/// Tokens in one question.
const PAGE: u64 = 1000;

/// Runs the command.
pub async fn run(context: &Context) -> Result<(), CliError> {
    let store = context.store().await?;
    let mut tokens: Vec<KnownToken> = Vec::new();
    loop {
        let after = tokens.last().map(|token| token.jti.clone());
        let page = store.known_tokens(after.as_deref(), PAGE).await?;
        tokens.extend(page.items);
        if !page.more {
            break;
        }
    }
    let values: Value = tokens.iter().map(shown).collect();
    context.print(&values, || {
        if tokens.is_empty() {
            return "no tokens yet: portolan token create --sub build --scope build --duration 30d"
                .to_owned();
        }
        let head = format!(
            "{:36} {:24} {:24} {:24} SUB",
            "JTI", "NAME", "EXPIRES", "REVOKED"
        );
        let lines: Vec<String> = tokens.iter().map(line).collect();
        format!("{head}\n{}", lines.join("\n"))
    })
}

fn shown(token: &KnownToken) -> Value {
    let issued = token.issued.as_ref();
    json!({
        "jti": token.jti,
        "name": issued.map(|issued| &issued.name),
        "sub": issued.map(|issued| &issued.sub),
        "created": instant(issued.map(|issued| issued.created_at)),
        "expires": instant(token.expires_at),
        "revoked": instant(token.revoked_at),
    })
}

fn line(token: &KnownToken) -> String {
    let issued = token.issued.as_ref();
    format!(
        "{:36} {:24} {:24} {:24} {}",
        token.jti,
        issued.map_or("-", |issued| issued.name.as_str()),
        instant(token.expires_at).unwrap_or_else(|| "unknown".to_owned()),
        instant(token.revoked_at).unwrap_or_else(|| "no".to_owned()),
        issued.map_or("-", |issued| issued.sub.as_str()),
    )
}

fn instant(at: Option<OffsetDateTime>) -> Option<String> {
    at.map(|at| Timestamp(at).to_string())
}
