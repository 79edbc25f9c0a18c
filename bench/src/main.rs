//! What `make bench` compares the service with: bare axum routes that do the least that could be done. One gives
//! the bytes of a file, one reads a row by its primary key with `SeaORM`, one verifies a token and signs another.
//!
//! `reference ADDRESS FILE DATABASE_URL|- SECRET_FILE|-`; it prints the address it listens on.

#![expect(
    clippy::disallowed_types,
    reason = "this is axum alone, without what the service has around it"
)]

use std::{error::Error, net::SocketAddr, sync::Arc};

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
    keys: Option<Arc<Keys>>,
}

struct Keys {
    verify: DecodingKey,
    sign: EncodingKey,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, file, database, secret] = arguments.as_slice() else {
        return Err("reference ADDRESS FILE DATABASE_URL|- SECRET_FILE|-".into());
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
        keys: match secret.as_str() {
            "-" => None,
            file => {
                let secret = std::fs::read(file)?;
                Some(Arc::new(Keys {
                    verify: DecodingKey::from_secret(&secret),
                    sign: EncodingKey::from_secret(&secret),
                }))
            }
        },
    };
    let routes = Router::new()
        .route("/static", get(give))
        .route("/select/{id}", get(select))
        .route("/token", post(token))
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

async fn token(State(reference): State<Reference>, headers: HeaderMap) -> Response {
    let narrower = || {
        let keys = reference.keys.as_ref()?;
        let parent = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let mut rules = Validation::new(Algorithm::HS256);
        rules.validate_aud = false;
        let parent =
            jsonwebtoken::decode::<Value>(parent.strip_prefix("Bearer ")?, &keys.verify, &rules);
        let child = parent.ok()?.claims;
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &child, &keys.sign).ok()
    };
    narrower().map_or_else(
        || StatusCode::UNAUTHORIZED.into_response(),
        IntoResponse::into_response,
    )
}
