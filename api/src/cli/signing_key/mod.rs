//! `portolan signing-key`: the keys that sign tokens.

mod material;

use clap::{Args, Subcommand, ValueEnum};
use portolan_domain::token::{TokenAlgorithm, TokenKind};
use portolan_storage::{KeyListing, KeyState, KeyTurn, Store};
use serde_json::{Value, json};

use self::material::Material;
use super::{context::Context, error::CliError};
use crate::view::Timestamp;

/// What can be done with them.
#[derive(Subcommand)]
pub enum SigningKeyCommand {
    /// Make a key, or bring one along, and print its id: it signs from now on, and the one before it
    /// verifies until it is retired
    Add(AddArgs),
    /// List keys, without their secrets
    List,
    /// Put a new key in the place of the one that signs; that one verifies until it is retired
    Rotate(RotateArgs),
    /// End a key: what it signed does not count any more, anywhere, within a second
    Retire {
        /// Its id
        kid: String,
    },
}

/// A new key.
#[derive(Args)]
pub struct AddArgs {
    /// What it signs
    #[arg(long)]
    purpose: Purpose,
    /// Its algorithm: ES256, EdDSA, RS256, or HS256, which is flat-manager's
    /// [default: ES256; for flat-manager HS256]
    #[arg(long, value_parser = algorithm)]
    alg: Option<TokenAlgorithm>,
    #[command(flatten)]
    material: Material,
}

/// Which key another one follows.
#[derive(Args)]
pub struct RotateArgs {
    /// The id of the key that signs today
    #[arg(required_unless_present = "purpose", conflicts_with = "purpose")]
    kid: Option<String>,
    /// What it signs
    #[arg(long)]
    purpose: Option<Purpose>,
    #[command(flatten)]
    material: Material,
}

/// A purpose's name.
#[derive(Clone, Copy, ValueEnum)]
enum Purpose {
    /// Parents and children of token_subset
    Access,
    /// Tokens that flat-manager makes and reads
    FlatManager,
    /// Ref tokens
    RefToken,
    /// Tokens of container registries
    Registry,
    /// Manifests
    Manifest,
}

impl Purpose {
    fn kind(self) -> Result<TokenKind, CliError> {
        match self {
            Self::Access => Ok(TokenKind::Access),
            Self::FlatManager => Ok(TokenKind::FlatManager),
            Self::RefToken => Ok(TokenKind::RefToken),
            Self::Registry => Ok(TokenKind::Registry),
            Self::Manifest => Err(CliError::new(
                "manifests are signed by CAs that are made at the first export, and that instances \
                 downstream install: portolan signing-ca prints them",
            )),
        }
    }
}

fn algorithm(name: &str) -> Result<TokenAlgorithm, String> {
    let mut all = TokenAlgorithm::ALL.into_iter();
    let found = all.find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name));
    found.ok_or_else(|| "must be ES256, EdDSA, RS256 or HS256".to_owned())
}

/// Runs a command.
pub async fn run(context: &Context, command: &SigningKeyCommand) -> Result<(), CliError> {
    match command {
        SigningKeyCommand::Add(args) => add(context, args).await,
        SigningKeyCommand::List => list(context).await,
        SigningKeyCommand::Rotate(args) => rotate(context, args).await,
        SigningKeyCommand::Retire { kid } => {
            let store = context.store().await?;
            let was = store.retire_token_key(kid, &context.actor()).await?;
            context.print(&shown(&was), || format!("retired {kid}"))
        }
    }
}

async fn add(context: &Context, args: &AddArgs) -> Result<(), CliError> {
    let kind = args.purpose.kind()?;
    let default = match kind {
        TokenKind::FlatManager => TokenAlgorithm::Hs256,
        _ => TokenAlgorithm::Es256,
    };
    let algorithm = args.alg.unwrap_or(default);
    if !kind.allows(algorithm) {
        let why = if algorithm == TokenAlgorithm::EdDsa {
            "registries verify no EdDSA, and one does not even start with such a key's certificate: \
             take ES256 or RS256"
        } else {
            "HS256 is for flat-manager, and flat-manager reads nothing else: whoever verifies by a \
             shared secret could sign with it"
        };
        return Err(CliError::new(why));
    }
    put(context, (kind, algorithm), &args.material, KeyTurn::Add).await
}

async fn rotate(context: &Context, args: &RotateArgs) -> Result<(), CliError> {
    let store = context.store().await?;
    let before = match (&args.kid, args.purpose) {
        (Some(kid), _) => find(&store, |key| key.kid == *kid).await?,
        (None, Some(purpose)) => {
            let kind = purpose.kind()?;
            let signs =
                |key: &KeyListing| key.purpose == kind.as_str() && key.state == KeyState::Active;
            find(&store, signs).await?
        }
        (None, None) => None,
    };
    let before = before.ok_or_else(|| {
        CliError::new("there is no such key to rotate: portolan signing-key list shows all")
    })?;
    if before.state != KeyState::Active {
        let state = before.state.as_str();
        return Err(CliError::new(format!(
            "the key {} is {state} and signs nothing; rotate the active one of its purpose",
            before.kid
        )));
    }
    let kind = TokenKind::from_name(&before.purpose);
    let kind = kind.map_or_else(|| Purpose::Manifest.kind(), Ok)?;
    let algorithm = TokenAlgorithm::from_name(&before.algorithm);
    let algorithm = algorithm.ok_or_else(|| CliError::new("its algorithm is not known here"))?;
    put(context, (kind, algorithm), &args.material, KeyTurn::Rotate).await
}

async fn find(
    store: &Store,
    wanted: impl Fn(&KeyListing) -> bool,
) -> Result<Option<KeyListing>, CliError> {
    let keys = store.list_signing_keys().await?;
    Ok(keys.into_iter().find(wanted))
}

async fn put(
    context: &Context,
    (kind, algorithm): (TokenKind, TokenAlgorithm),
    material: &Material,
    turn: KeyTurn,
) -> Result<(), CliError> {
    let key = material.key(algorithm)?;
    let store = context.store().await?;
    store
        .add_token_key(kind, &key, turn, &context.actor())
        .await?;
    let value = json!({
        "kid": key.kid, "purpose": kind.as_str(), "algorithm": algorithm.as_str(),
        "state": KeyState::Active.as_str(),
    });
    context.print(&value, || key.kid.clone())
}

async fn list(context: &Context) -> Result<(), CliError> {
    let keys = context.store().await?.list_signing_keys().await?;
    let values: Value = keys.iter().map(shown).collect();
    context.print(&values, || {
        if keys.is_empty() {
            return "no keys yet: one is made when it is first needed".to_owned();
        }
        let head = format!(
            "{:64} {:12} {:16} {:8} CREATED",
            "KID", "PURPOSE", "ALGORITHM", "STATE"
        );
        let lines: Vec<String> = keys.iter().map(line).collect();
        format!("{head}\n{}", lines.join("\n"))
    })
}

fn shown(key: &KeyListing) -> Value {
    json!({
        "kid": key.kid, "purpose": key.purpose, "algorithm": key.algorithm,
        "state": key.state.as_str(), "created": Timestamp(key.created_at).to_string(),
    })
}

fn line(key: &KeyListing) -> String {
    format!(
        "{:64} {:12} {:16} {:8} {}",
        key.kid,
        key.purpose,
        key.algorithm,
        key.state.as_str(),
        Timestamp(key.created_at),
    )
}
