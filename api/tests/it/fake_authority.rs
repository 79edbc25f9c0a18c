//! An organisation's own system on loopback, which says who may have what as a test tells it to.

use std::{
    collections::{BTreeSet, VecDeque},
    future::pending,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify};

use super::receiver::Got;

/// What is said to a question.
#[derive(Clone)]
pub enum Said {
    /// Those of the refs that are allowed, with this `Cache-Control`.
    Allowed(&'static str),
    /// This status and text.
    Text(u16, String),
    /// Nothing at all.
    Silence,
}

/// The system.
#[derive(Clone, Default)]
pub struct FakeAuthority {
    got: Arc<Mutex<Vec<Got>>>,
    next: Arc<Mutex<VecDeque<Said>>>,
    allowed: Arc<Mutex<BTreeSet<String>>>,
    strays: Arc<Mutex<u32>>,
    /// Questions are held until this is told, where it is there.
    pub held: Arc<Mutex<Option<Arc<Notify>>>>,
}

impl FakeAuthority {
    pub async fn start() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let authority = Self::default();
        let routes = Router::new()
            .route("/refs", post(answer))
            .fallback(async |State(authority): State<Self>| {
                *authority.strays.lock().unwrap() += 1;
                axum::Json(json!({ "allowed": ["app/a", "app/b"] }))
            })
            .with_state(authority.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (authority, address)
    }

    pub fn allow(&self, refs: &[&str]) {
        let refs = refs.iter().map(|name| (*name).to_owned());
        *self.allowed.lock().unwrap() = refs.collect();
    }

    /// What is said next; from then on what is allowed, without `Cache-Control`.
    pub fn say(&self, said: &[Said]) {
        self.next.lock().unwrap().extend(said.iter().cloned());
    }

    /// The questions so far, each with its signature checked.
    pub fn questions(&self) -> Vec<Value> {
        let got = self.got.lock().unwrap();
        got.iter().map(Got::verified).collect()
    }

    pub fn asked(&self) -> usize {
        self.got.lock().unwrap().len()
    }

    pub fn strays(&self) -> u32 {
        *self.strays.lock().unwrap()
    }
}

async fn answer(
    State(authority): State<FakeAuthority>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap();
    authority.got.lock().unwrap().push(Got { headers, body });
    let held = authority.held.lock().unwrap().clone();
    if let Some(held) = held {
        held.notified().await;
    }
    let said = authority.next.lock().unwrap().pop_front();
    let allowed = authority.allowed.lock().unwrap().clone();
    match said.unwrap_or(Said::Allowed("")) {
        Said::Allowed(caching) => {
            let refs = asked["refs"].as_array().unwrap().iter();
            let is_allowed = |one: &&Value| allowed.contains(one["ref"].as_str().unwrap());
            let refs: Vec<&Value> = refs.filter(is_allowed).collect();
            let body = axum::Json(json!({ "allowed": refs }));
            ([("cache-control", caching)], body).into_response()
        }
        Said::Text(status, text) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("location", "/elsewhere")], text).into_response()
        }
        Said::Silence => pending().await,
    }
}
