//! A running service of a test's own, and a client with a key of each kind.

use std::{path::PathBuf, time::Duration};

use portolan::{
    clock::Clock,
    config::{Config, Overrides},
    server,
    state::AppState,
};
use portolan_domain::ids::OwnerKey;
use portolan_storage::{Actor, Identity, NewCredential, Role, Store, testing::TestDatabase};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

/// A running service.
pub struct TestApp {
    pub url: String,
    pub state: AppState,
    pub admin: String,
    pub client: Client,
    pub ca_dir: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<std::io::Result<()>>>,
    // The folder goes with the last of these.
    held: TestDatabase,
}

/// Now, as the service sees it: fixed, so that what a test makes is always valid.
pub fn now() -> time::OffsetDateTime {
    time::macros::datetime!(2026-11-22 12:00 UTC)
}

/// Who changes what a test needs behind the service's back.
pub fn by() -> Actor {
    Actor::system(now())
}

impl TestApp {
    /// A service on this database with the default configuration.
    pub async fn start(database: TestDatabase) -> Self {
        Self::start_with(database, |_| {}).await
    }

    /// A service with a changed configuration.
    pub async fn start_with(database: TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        let store = database.store.clone();
        Self::start_on(store, database, change).await
    }

    /// A service on a store that was opened otherwise.
    pub async fn start_on(
        store: Store,
        database: TestDatabase,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        Self::start_at(store, database, change, Clock::from_fn(now)).await
    }

    /// A service with another clock.
    pub async fn start_at(
        store: Store,
        database: TestDatabase,
        change: impl FnOnce(&mut Config),
        clock: Clock,
    ) -> Self {
        Self::start_named(store, database, change, clock, "admin").await
    }

    /// A further service on a database where there is one already: its administrator needs a name.
    pub async fn start_named(
        store: Store,
        database: TestDatabase,
        change: impl FnOnce(&mut Config),
        clock: Clock,
        admin: &str,
    ) -> Self {
        let folder = database.folder.path();
        let overrides = Overrides {
            listen: Some("127.0.0.1:0".to_owned()),
            ..Overrides::default()
        };
        let mut config = Config::load(folder, &overrides).unwrap();
        change(&mut config);
        let ca_dir = config.import.upstream_ca_dir.clone().unwrap();
        std::fs::create_dir_all(&ca_dir).unwrap();
        let state = AppState::new(store, config, clock).unwrap();
        let admin = add_key(&state, admin, Role::Admin, &[]).await;
        let listener = server::listen("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let serving = tokio::spawn(server::serve(state.clone(), listener, stopped));
        let app = Self {
            url,
            state,
            admin,
            client: Client::new(),
            ca_dir,
            stop: Some(stop),
            serving: Some(serving),
            held: database,
        };
        app.get("/health/ready").await;
        app
    }

    /// The database, for a further service on it.
    pub fn database(&self) -> &TestDatabase {
        &self.held
    }

    pub async fn key(&self, role: Role, owners: &[&str]) -> String {
        let name = format!("{}-{}", role.as_str(), owners.join("-"));
        add_key(&self.state, &name, role, owners).await
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// A GET as the administrator.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(&self.admin))
            .await
    }

    /// A request with a JSON body as the administrator.
    pub async fn json(&self, method: Method, path: &str, body: Value) -> Answer {
        self.send(
            self.request(method, path)
                .bearer_auth(&self.admin)
                .json(&body),
        )
        .await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path).bearer_auth(&self.admin))
            .await
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::of(request.send().await.unwrap()).await
    }

    pub async fn owner(&self, key: &str) {
        let created = self
            .json(Method::POST, "/owners", json!({ "key": key }))
            .await;
        assert_eq!(created.status, StatusCode::OK, "{}", created.text);
    }

    /// Trusts a CA by putting its file into the directory.
    pub async fn trust(&self, filename: &str, pem: &str) {
        std::fs::write(self.ca_dir.join(filename), pem).unwrap();
        self.state.anchors.reload().await.unwrap();
    }

    /// Imports a manifest as the administrator.
    pub async fn import(&self, owner: &str, manifest: Vec<u8>, query: &str) -> Answer {
        let path = format!("/owners/{owner}/imports{query}");
        let request = self.request(Method::POST, &path).bearer_auth(&self.admin);
        self.send(
            request
                .header("content-type", "application/zip")
                .body(manifest),
        )
        .await
    }

    pub async fn records(&self, owner: &str) -> Vec<Value> {
        let records = self.get(&format!("/owners/{owner}/imports")).await;
        records.json().as_array().unwrap().clone()
    }

    /// Stops the service and waits for its end.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.serving.take().unwrap().await.unwrap().unwrap();
    }
}

/// A key of this role.
pub async fn add_key(state: &AppState, name: &str, role: Role, owners: &[&str]) -> String {
    let secret = portolan::auth::Secret::generate().unwrap();
    let owners: Vec<OwnerKey> = owners.iter().map(|owner| owner.parse().unwrap()).collect();
    let key = NewCredential {
        name,
        role,
        owners: &owners,
        identity: Identity::ApiKey {
            sha256: secret.sha256(),
        },
        expires_at: None,
    };
    state.store.create_credential(&key, &by()).await.unwrap();
    secret.expose().to_owned()
}

/// Stores a credential of another kind than an API key.
pub async fn add_credential(state: &AppState, name: &str, role: Role, identity: Identity<'_>) {
    let new = NewCredential {
        name,
        role,
        identity,
        owners: &[],
        expires_at: None,
    };
    state.store.create_credential(&new, &by()).await.unwrap();
}

/// An answer that was read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .unwrap_or_else(|| panic!("no header {name}"))
            .to_str()
            .unwrap()
    }

    /// Checks that this is a refusal of this kind, in the form that all refusals have.
    pub fn assert_problem(&self, status: u16, slug: &str) -> Value {
        let body = self.json();
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(
            body["type"],
            format!("urn:portolan:problem:{slug}"),
            "{}",
            self.text
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["status"], status);
        assert_eq!(body["requestId"], self.header("x-request-id"));
        assert_eq!(body["requestUuid"], body["requestId"]);
        assert_eq!(body["displayMessage"], body["detail"]);
        for field in ["title", "detail", "instance"] {
            assert!(
                body[field].as_str().is_some_and(|text| !text.is_empty()),
                "no {field}: {body}"
            );
        }
        body
    }
}

/// Waits until something is so; looks again and again, for at most ten seconds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let looking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            if is_so().await {
                return;
            }
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(10), looking).await;
    assert!(found.is_ok(), "it did not come to be: {what}");
}
