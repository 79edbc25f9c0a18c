//! A registry on loopback, and a content system that knows users, as a test tells them to be.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use tower::ServiceExt;

/// A question as it came in: method, path with query, headers.
pub type Asked = (String, String, HeaderMap);

type Answer = Arc<dyn Fn(&Asked) -> Response + Send + Sync>;

/// A server that answers as this function says, and remembers what it was asked.
#[derive(Clone)]
pub struct Fake {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<Mutex<Option<tokio::task::JoinHandle<()>>>>,
}

impl Fake {
    pub async fn start(answer: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let state: (Answer, _) = (Arc::new(answer), asked.clone());
        let routes = Router::new().fallback(handle).with_state(state);
        let serving = tokio::spawn(serve(listener, routes));
        let stop = Arc::new(Mutex::new(Some(serving)));
        Self {
            address,
            asked,
            stop,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// It is away from now on: connections that are open break, too.
    pub async fn stop(&self) {
        let serving = self.stop.lock().unwrap().take().unwrap();
        serving.abort();
        let _ = serving.await;
    }
}

/// As `axum::serve`, but that its connections end with it: of those, an idle one may take one request more.
async fn serve(listener: TcpListener, routes: Router) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let routes = routes.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            routes.clone().oneshot(request.map(Body::new))
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connections.spawn(connection);
    }
}

async fn handle(
    State((answer, asked)): State<(Answer, Arc<Mutex<Vec<Asked>>>)>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let one = (parts.method.to_string(), path, parts.headers);
    let response = answer(&one);
    asked.lock().unwrap().push(one);
    response
}

pub const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A registry with one manifest and one blob in every repository, and tags that it tells all at once.
pub async fn registry() -> Fake {
    Fake::start(|(method, path, headers)| {
        let path = path.split('?').next().unwrap();
        if path.ends_with("/tags/list") {
            return axum::Json(json!({ "name": "x", "tags": ["v3", "v1", "v10", "v2"] }))
                .into_response();
        }
        if path.ends_with("/manifests/gone") {
            let errors =
                json!({ "errors": [{ "code": "MANIFEST_UNKNOWN", "message": "not here" }] });
            return (StatusCode::NOT_FOUND, axum::Json(errors)).into_response();
        }
        if path.ends_with("/manifests/broken") {
            return (
                StatusCode::INTERNAL_SERVER_ERROR,
                "a secret of the registry's",
            )
                .into_response();
        }
        let range = headers
            .get(header::RANGE)
            .map(|range| range.to_str().unwrap().to_owned());
        let (status, body) = match range.as_deref() {
            Some("bytes=1-2") => (StatusCode::PARTIAL_CONTENT, "on"),
            Some(_) => (StatusCode::RANGE_NOT_SATISFIABLE, ""),
            None => (StatusCode::OK, "content"),
        };
        let body = if method == "HEAD" { "" } else { body };
        let headers = [
            ("docker-content-digest", DIGEST),
            ("content-type", "application/vnd.oci.image.manifest.v1+json"),
            ("set-cookie", "no=business"),
        ];
        (status, headers, body).into_response()
    })
    .await
}

/// A blob that never ends, a chunk at a time.
pub fn endless() -> Response {
    let chunk = Bytes::from(vec![7_u8; 64 << 10]);
    let chunks = futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
    Body::from_stream(chunks).into_response()
}

/// A content system that knows alice, and says that these repositories are hers.
pub async fn content_system(repositories: &[&str]) -> Fake {
    let told: Vec<String> = repositories.iter().map(|name| (*name).to_owned()).collect();
    Fake::start(move |(_, path, headers)| {
        let basic = headers
            .get(header::AUTHORIZATION)
            .map(|value| value.to_str().unwrap());
        // alice:right
        let status = match basic {
            Some("Basic YWxpY2U6cmlnaHQ=") => StatusCode::OK,
            Some("Basic YWxpY2U6YnJva2Vu") => StatusCode::BAD_GATEWAY,
            _ => StatusCode::UNAUTHORIZED,
        };
        let body: Value = match path.split('?').next().unwrap() {
            "/token" => json!({ "token": "katellos-token", "expires_in": 300 }),
            _ => json!({ "repositories": told }),
        };
        (status, axum::Json(body)).into_response()
    })
    .await
}

/// A content system that says this of each user, whatever the password.
pub async fn saying(answer: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static) -> Fake {
    Fake::start(move |(_, path, _)| {
        let user = path.split("account=").nth(1).unwrap();
        let (status, body) = answer(user.split('&').next().unwrap());
        (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
    })
    .await
}

/// How long a test gives what must come soon.
pub const SOON: Duration = Duration::from_secs(10);
