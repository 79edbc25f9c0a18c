//! A server with routes of the tests' own beside the service's, and clients that speak byte by byte:
//! what a well-behaved client library would never do.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    middleware,
    routing::{get, post},
};
use futures_util::stream;
use openssl::ssl::{Ssl, SslContextBuilder, SslMethod, SslVerifyMode};
use portolan::{
    auth::presented,
    clock::Clock,
    config::{Config, HttpConfig},
    problem::{Problem, finish},
    router::router,
    server,
    state::AppState,
    time_limit::within_time,
};
use portolan_storage::{Engine, testing::TestDatabase};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::{Notify, Semaphore, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_openssl::SslStream;

use super::support::now;

/// Longer than anything here takes.
pub const LONG: Duration = Duration::from_secs(20);

/// Bytes of the answer to `/test/large`: more than the sockets' buffers hold.
pub const LARGE: usize = 16 << 20;

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    pub state: AppState,
    /// Each permit lets one request to `/test/gated` go on.
    pub gate: Arc<Semaphore>,
    /// Told when a request to `/test/gated` waits.
    pub arrived: Arc<Notify>,
    /// Told when the answer to `/test/endless` is given up.
    pub given_up: Arc<Notify>,
    stop: Option<oneshot::Sender<()>>,
    pub serving: JoinHandle<std::io::Result<()>>,
    database: TestDatabase,
}

impl Server {
    /// A server with a changed configuration.
    pub async fn start(change: impl FnOnce(&mut HttpConfig)) -> Self {
        let database = TestDatabase::new(Engine::Sqlite).await;
        Self::start_in(database, change).await
    }

    /// A server whose files are in this database's folder.
    pub async fn start_in(database: TestDatabase, change: impl FnOnce(&mut HttpConfig)) -> Self {
        let mut config = Config::for_directory(database.folder.path(), None).unwrap();
        change(&mut config.http);
        std::fs::create_dir_all(config.import.upstream_ca_dir.clone().unwrap()).unwrap();
        let store = database.store.clone();
        let state = AppState::new(store, config, Clock::from_fn(now)).unwrap();
        let (gate, arrived) = (Arc::new(Semaphore::new(0)), Arc::default());
        let given_up = Arc::default();
        let routes = routes(&state, &gate, &arrived, &given_up).merge(router(state.clone()));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = server::listen(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let serving = server::serve_routes(routes, state.clone(), listener, stopped);
        Self {
            address,
            state,
            gate,
            arrived,
            given_up,
            stop: Some(stop),
            serving: tokio::spawn(serving),
            database,
        }
    }

    pub fn folder(&self) -> &Path {
        self.database.folder.path()
    }

    /// A connection from 127.0.0.1.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection from 127.0.0.2, another client.
    pub async fn connect_from_elsewhere(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind((Ipv4Addr::new(127, 0, 0, 2), 0).into())
            .unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Tells the server to stop; `serving` ends when it has.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }
}

fn routes(
    state: &AppState,
    gate: &Arc<Semaphore>,
    arrived: &Arc<Notify>,
    given_up: &Arc<Notify>,
) -> Router {
    let (gate, arrived, given_up) = (gate.clone(), arrived.clone(), given_up.clone());
    let gated = move || async move {
        arrived.notify_one();
        gate.acquire().await.unwrap().forget();
        "done"
    };
    let endless = move || async move {
        let told = TellWhenDropped(given_up);
        let chunks = stream::repeat_with(move || {
            let _ = &told;
            Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 16 << 10]))
        });
        Body::from_stream(chunks)
    };
    let limited = Router::new()
        .route("/limited/gated", get(gated.clone()))
        .route("/limited/owners/{owner_key}/imports", post(gated.clone()))
        .layer(middleware::from_fn_with_state(state.clone(), within_time));
    Router::new()
        .route("/test/gated", get(gated))
        .route("/test/endless", get(endless))
        .route("/test/large", get(async || vec![b'x'; LARGE]))
        .route("/test/presented", get(show_presented))
        .merge(limited)
        .layer(middleware::from_fn_with_state(
            state.metrics.http().clone(),
            finish,
        ))
        .with_state(state.clone())
}

struct TellWhenDropped(Arc<Notify>);

impl Drop for TellWhenDropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Shows the certificate that a request's client has.
async fn show_presented(
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let (parts, _) = request.into_parts();
    let shown = presented(&parts, &state)?.map(|certificate| {
        json!({ "sha256": certificate.sha256.to_string(), "subject": certificate.subject(&state) })
    });
    Ok(Json(shown.unwrap_or_default()))
}

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Writes the head of a GET.
pub async fn ask(stream: &mut impl Stream, path: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nhost: portolan\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// Reads one answer with a length: its status and body.
pub async fn answer(stream: &mut impl Stream) -> (u16, String) {
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap_or("0\r\n");
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok::<_, std::io::Error>((status, String::from_utf8(body).unwrap()))
    };
    timeout(LONG, reading).await.unwrap().unwrap()
}

/// Asks and reads the answer.
pub async fn fetch(stream: &mut impl Stream, path: &str) -> (u16, String) {
    ask(stream, path).await;
    answer(stream).await
}

/// Waits until the server has closed the connection; what came before that.
pub async fn until_closed(stream: &mut impl Stream) -> Vec<u8> {
    let mut read = Vec::new();
    let reading = stream.read_to_end(&mut read);
    // A reset is an end too.
    drop(timeout(LONG, reading).await.expect("it stays open"));
    read
}

/// What a client has of TLS: changed by the test.
pub fn client() -> SslContextBuilder {
    let mut builder = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder
}

pub type TlsStream = Pin<Box<SslStream<TcpStream>>>;

/// A TLS connection.
pub async fn tls(
    server: &Server,
    client: SslContextBuilder,
) -> Result<TlsStream, openssl::ssl::Error> {
    let ssl = Ssl::new(&client.build()).unwrap();
    let mut stream = Box::pin(SslStream::new(ssl, server.connect().await).unwrap());
    timeout(LONG, stream.as_mut().connect()).await.unwrap()?;
    Ok(stream)
}
