//! A receiver of webhooks on loopback, which checks signatures as a receiver is to.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router, body::Bytes, extract::State, http::HeaderMap, response::IntoResponse, routing::any,
};
use openssl::{base64, hash::MessageDigest, pkey::PKey, sign::Signer};
use serde_json::Value;
use tokio::net::TcpListener;

use super::support::eventually;

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request as the receiver got it.
#[derive(Clone)]
pub struct Got {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// The message, once its signature is checked as a receiver does.
    pub fn verified(&self) -> Value {
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let secret = base64::decode_block(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
        let key = PKey::hmac(&secret).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
        signer
            .update(&[format!("{id}.{at}.").as_bytes(), &self.body].concat())
            .unwrap();
        let wanted = format!(
            "v1,{}",
            base64::encode_block(&signer.sign_to_vec().unwrap())
        );
        assert_eq!(self.header("webhook-signature"), wanted);
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A receiver that answers what it is told to, and 204 from then on.
#[derive(Clone, Default)]
pub struct Receiver {
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
    pub strays: Arc<Mutex<u32>>,
}

impl Receiver {
    pub async fn start(answers: &[u16]) -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = Self::default();
        receiver.answers.lock().unwrap().extend(answers);
        receiver.clone().listen(listener);
        (receiver, address)
    }

    pub fn listen(self, listener: TcpListener) {
        let hook = async |State(receiver): State<Self>, headers: HeaderMap, body: Bytes| {
            receiver.got.lock().unwrap().push(Got { headers, body });
            let status = receiver.answers.lock().unwrap().pop_front().unwrap_or(204);
            let status = axum::http::StatusCode::from_u16(status).unwrap();
            (status, [("location", "/elsewhere")]).into_response()
        };
        let stray = async |State(receiver): State<Self>| *receiver.strays.lock().unwrap() += 1;
        let routes = Router::new()
            .route("/hook", any(hook))
            .fallback(stray)
            .with_state(self);
        tokio::spawn(async move { axum::serve(listener, routes).await });
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// The messages once there are so many, each checked.
    pub async fn messages(&self, count: usize) -> Vec<Value> {
        eventually("the receiver has the messages", || async {
            self.got().len() >= count
        })
        .await;
        let got = self.got();
        assert_eq!(got.len(), count);
        got.iter().map(Got::verified).collect()
    }
}
