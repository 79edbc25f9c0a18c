//! `portolan token verify`: whether a ref token is for a ref, offline.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use portolan_domain::{
    grants::RefProof,
    ids::{CollectionId, RefName},
    token::Claims,
};
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    cli::{context::Context, error::CliError},
    tokens::{LONGEST, OfflineKeys},
    view::Timestamp,
};

/// What the token is to prove.
#[derive(Args)]
pub struct VerifyArgs {
    /// A file with the token [default: standard input]
    token: Option<PathBuf>,
    /// The server's public keys: a copy of its /.well-known/jwks.json
    #[arg(long)]
    jwks: PathBuf,
    /// The ref's collection
    #[arg(long)]
    collection: CollectionId,
    /// The ref
    #[arg(long = "ref")]
    name: RefName,
    /// Who brought it [default: anybody]
    #[arg(long)]
    user: Option<String>,
    /// Where it is to count: what its aud must be, where it has one
    #[arg(long)]
    aud: Option<String>,
}

/// Runs the command.
pub fn run(context: &Context, args: &VerifyArgs) -> Result<(), CliError> {
    let refused = |why: String| CliError::new(format!("the token is refused: {why}"));
    let file = args.jwks.display();
    let jwks = fs::read(&args.jwks).map_err(|error| CliError::new(format!("{file}: {error}")))?;
    let keys = OfflineKeys::read(&jwks).map_err(|why| CliError::new(format!("{file}: {why}")))?;
    let token = read(args.token.as_deref())?;
    let now = context.clock.now().unix_timestamp();
    let claims = keys.verify(token.trim(), now);
    let claims = claims.map_err(|why| refused(why.to_string()))?;
    let proof = RefProof {
        collection: args.collection.clone(),
        name: args.name.clone(),
        user: args.user.clone(),
        aud: args.aud.clone(),
    };
    proof
        .check(&claims)
        .map_err(|why| refused(why.to_string()))?;
    show(context, args, &claims)
}

fn show(context: &Context, args: &VerifyArgs, claims: &Claims) -> Result<(), CliError> {
    let ends = OffsetDateTime::from_unix_timestamp(claims.exp);
    let ends = ends.map_or_else(|_| claims.exp.to_string(), |at| Timestamp(at).to_string());
    let value = json!({
        "valid": true, "collectionId": args.collection, "ref": args.name,
        "user": claims.user, "issuer": claims.iss, "expires": ends,
    });
    context.print(&value, || {
        let user = claims.user.as_deref().unwrap_or(&claims.sub);
        let (name, collection) = (&args.name, &args.collection);
        // A token says what it likes: on one line.
        format!("{user:?} may have {name} of {collection} until {ends}")
    })
}

/// No more than a token may have, from wherever it comes.
fn read(file: Option<&Path>) -> Result<String, CliError> {
    let mut token = String::new();
    let most = LONGEST as u64 + 2;
    let (name, read) = if let Some(file) = file {
        let opened = fs::File::open(file);
        let read = opened.and_then(|opened| opened.take(most).read_to_string(&mut token));
        (file.display().to_string(), read)
    } else {
        let read = io::stdin().lock().take(most).read_to_string(&mut token);
        ("standard input".to_owned(), read)
    };
    read.map_err(|error| CliError::new(format!("{name}: {error}")))?;
    Ok(token)
}
