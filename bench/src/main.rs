//! What `make bench` compares the service with: bare axum routes that do the least that could be done. One gives
//! the bytes of a file, one reads a row by its primary key with `SeaORM`, one verifies a token and signs another.
//!
//! `reference ADDRESS FILE DATABASE_URL|- KEYS|-`; it prints the address it listens on. KEYS is a folder with `secret`
//! (HS256) and private keys in PEM, `ES256` and `EdDSA`, each with its public key beside it, `.pub`. `GET
//! /token/{alg}` gives a parent.

#![expect(
    clippy::disallowed_types,
    reason = "this is axum alone, without what the service has around it"
)]

use std::{collections::HashMap, error::Error, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, EntityTrait};
use serde_json::Value;
use tokio::net::TcpListener;

/// The table that `cdn_info` reads most of its answer from.
mod entitlements {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "entitlements")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub owner_id: i64,
        pub pool_id: String,
        pub quantity: i64,
        pub starts_at: Option<TimeDateTimeWithTimeZone>,
        pub ends_at: Option<TimeDateTimeWithTimeZone>,
        pub cert: Option<String>,
        pub key_sealed: Option<Vec<u8>>,
        pub serial: Option<String>,
        pub not_before: Option<TimeDateTimeWithTimeZone>,
        pub not_after: Option<TimeDateTimeWithTimeZone>,
        pub content_sha256: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[derive(Clone)]
struct Reference {
    bytes: Bytes,
    database: Option<DatabaseConnection>,
    keys: Option<Arc<HashMap<&'static str, Keys>>>,
}

struct Keys {
    algorithm: Algorithm,
    verify: DecodingKey,
    sign: EncodingKey,
}

impl Keys {
    fn all(folder: &std::path::Path) -> Result<HashMap<&'static str, Self>, Box<dyn Error>> {
        let read = |name: &str| std::fs::read(folder.join(name));
        let (secret, elliptic) = (read("secret")?, (read("ES256")?, read("ES256.pub")?));
        let edwards = (read("EdDSA")?, read("EdDSA.pub")?);
        let hs256 = Self {
            algorithm: Algorithm::HS256,
            verify: DecodingKey::from_secret(&secret),
            sign: EncodingKey::from_secret(&secret),
        };
        let es256 = Self {
            algorithm: Algorithm::ES256,
            verify: DecodingKey::from_ec_pem(&elliptic.1)?,
            sign: EncodingKey::from_ec_pem(&elliptic.0)?,
        };
        let eddsa = Self {
            algorithm: Algorithm::EdDSA,
            verify: DecodingKey::from_ed_pem(&edwards.1)?,
            sign: EncodingKey::from_ed_pem(&edwards.0)?,
        };
        Ok([("HS256", hs256), ("ES256", es256), ("EdDSA", eddsa)].into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, file, database, keys] = arguments.as_slice() else {
        return Err("reference ADDRESS FILE DATABASE_URL|- KEYS|-".into());
    };
    let reference = Reference {
        bytes: Bytes::from(std::fs::read(file)?),
        database: match database.as_str() {
            "-" => None,
            url => {
                let mut options = ConnectOptions::new(url);
                options
                    .max_connections(10)
                    .sqlx_logging(false)
                    .test_before_acquire(false);
                Some(Database::connect(options).await?)
            }
        },
        keys: match keys.as_str() {
            "-" => None,
            folder => Some(Arc::new(Keys::all(folder.as_ref())?)),
        },
    };
    let routes = Router::new()
        .route("/static", get(give))
        .route("/select/{id}", get(select))
        .route("/token/{alg}", post(token).get(parent))
        .with_state(reference);
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?).await?;
    #[expect(
        clippy::print_stdout,
        reason = "whoever started it waits for this line"
    )]
    {
        println!("listening on http://{}", listener.local_addr()?);
    }
    let listener = listener.tap_io(|stream| {
        // It goes on without; the bench would show it.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, routes).await?)
}

async fn give(State(reference): State<Reference>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        reference.bytes,
    )
}

async fn select(State(reference): State<Reference>, Path(id): Path<String>) -> Response {
    let Some(database) = &reference.database else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match entitlements::Entity::find_by_id(id).one(database).await {
        Ok(Some(row)) => row.cert.unwrap_or_default().into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// A token to be narrowed.
async fn parent(State(reference): State<Reference>, Path(name): Path<String>) -> Response {
    let claims = serde_json::json!({
        "sub": "build", "scope": ["build", "upload", "publish"], "prefixes": ["org."], "name": "bench",
        "exp": i64::from(u32::MAX),
    });
    let keys = reference
        .keys
        .as_ref()
        .and_then(|all| all.get(name.as_str()));
    let signed = keys
        .and_then(|own| jsonwebtoken::encode(&Header::new(own.algorithm), &claims, &own.sign).ok());
    signed.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        IntoResponse::into_response,
    )
}

async fn token(
    State(reference): State<Reference>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let narrower = || {
        let keys = reference.keys.as_ref()?.get(name.as_str())?;
        let parent = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let mut rules = Validation::new(keys.algorithm);
        rules.validate_aud = false;
        let parent =
            jsonwebtoken::decode::<Value>(parent.strip_prefix("Bearer ")?, &keys.verify, &rules);
        let child = parent.ok()?.claims;
        jsonwebtoken::encode(&Header::new(keys.algorithm), &child, &keys.sign).ok()
    };
    narrower().map_or_else(
        || StatusCode::UNAUTHORIZED.into_response(),
        IntoResponse::into_response,
    )
}
