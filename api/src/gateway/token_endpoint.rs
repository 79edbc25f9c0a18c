//! The content system's token endpoint as the authority (Katello's, and any like it): it says whether a password is
//! right, and gives the token that stands for its user there and here. Its word counts for as long as it says.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use portolan_domain::gateway::{NumberSet, Subject};
use portolan_storage::{Actor, Store, TokenPurpose};
use reqwest::{Client, RequestBuilder, Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{
    follow::Directories,
    login::{Credentials, Login, LoginError, Token},
    tokens::{Given, OpaqueTokens, Secret},
    upstream::client,
};
use crate::config::{GatewayConfig, TokenEndpoint};

/// What Katello gives whoever has no right password.
const UNAUTHORIZED: &str = "unauthorized";
/// What it gives whoever shows none.
const UNAUTHENTICATED: &str = "unauthenticated";
/// Seconds that a token counts which does not say so (distribution's token specification).
const DEFAULT: i64 = 60;
/// Seconds that a token counts at most, whatever it says.
const LONGEST: i64 = 86_400;
/// Before this many seconds of its end, a new one is asked for: clients take less for a minute.
const EARLY: time::Duration = time::Duration::seconds(60);
/// Bytes of an answer at most: a hundred thousand names are ten megabytes.
const LARGEST: usize = 64 << 20;
/// What a proxy says whose service is away.
const GONE: [StatusCode; 3] = [
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];
/// For how long it is not asked again after it did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// The content system; cheap to clone.
#[derive(Clone)]
pub struct TokenEndpointAuthority {
    client: Client,
    endpoint: Arc<TokenEndpoint>,
    service: Option<String>,
    store: Store,
    directories: Directories,
    opaque: OpaqueTokens,
    failed: Arc<Mutex<Option<Instant>>>,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<Secret>,
    access_token: Option<Secret>,
    expires_in: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Repositories {
    repositories: Vec<String>,
}

impl TokenEndpointAuthority {
    /// The endpoint as it is set.
    ///
    /// # Errors
    /// Where the CA file cannot be used.
    pub fn new(
        endpoint: TokenEndpoint,
        config: &GatewayConfig,
        (store, directories, opaque): (Store, Directories, OpaqueTokens),
    ) -> io::Result<Self> {
        let ca = endpoint.ca_file.as_deref();
        let builder = client(("gateway.authority.ca_file", ca))?;
        let client = builder.timeout(endpoint.timeout).build();
        Ok(Self {
            client: client.map_err(io::Error::other)?,
            endpoint: Arc::new(endpoint),
            service: config.service(),
            store,
            directories,
            opaque,
            failed: Arc::default(),
        })
    }

    /// Asks for a user's token, and for his repositories.
    pub async fn log_in(
        &self,
        credentials: &Credentials,
        now: OffsetDateTime,
    ) -> Result<Login, LoginError> {
        let (name, basic) = (&credentials.name, basic(credentials));
        let mut query = vec![("account", &**name)];
        query.extend(self.service.as_deref().map(|service| ("service", service)));
        let asked = self.client.get(self.endpoint.url.clone()).query(&query);
        let answer: Answer = self
            .ask(asked.header(header::AUTHORIZATION, &*basic))
            .await?;
        let login = login(answer, Subject::User(name.clone()), now)?;
        if login.subject != Subject::Anybody {
            // The password was right: whatever is wrong now is not that.
            let learned = self.learn_repositories(name, &basic, now).await;
            learned.map_err(|_| LoginError::Away)?;
        }
        self.remember(login).await
    }

    async fn remember(&self, login: Login) -> Result<Login, LoginError> {
        let given = Given {
            token: &login.token.secret,
            purpose: TokenPurpose::Access,
            expires_at: login.token.expires_at,
        };
        if self.opaque.remember(&login.subject, &[given], None).await? {
            return Ok(login);
        }
        tracing::error!(
            "the authority gave two users one token: the second is refused (gateway.authority)"
        );
        Err(LoginError::Away)
    }

    /// What is another than what is known goes to every node.
    async fn learn_repositories(
        &self,
        name: &str,
        basic: &str,
        now: OffsetDateTime,
    ) -> Result<(), LoginError> {
        let Some(url) = self.endpoint.repositories_url.clone() else {
            return Ok(());
        };
        let asked = self.client.get(url).query(&[("account", name)]);
        let told: Repositories = self.ask(asked.header(header::AUTHORIZATION, basic)).await?;
        let directory = self.directories.current().await?;
        let numbers = directory.numbers(told.repositories.iter().map(String::as_str));
        if directory.of_user(name) == Some(&numbers) {
            return Ok(());
        }
        self.put(name, &numbers, now).await
    }

    async fn put(
        &self,
        name: &str,
        numbers: &NumberSet,
        now: OffsetDateTime,
    ) -> Result<(), LoginError> {
        self.store
            .put_gateway_user(name, numbers, &Actor::system(now))
            .await?;
        Ok(self.directories.refresh().await?)
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, LoginError> {
        if self.failed().is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(LoginError::Away);
        }
        let answer = request
            .header(header::ACCEPT, "application/json")
            .send()
            .await;
        let answer = match answer {
            Ok(answer) if answer.status() == StatusCode::OK => answer,
            Ok(answer)
                if matches!(
                    answer.status(),
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
                ) =>
            {
                return Err(LoginError::Wrong);
            }
            Ok(answer) if GONE.contains(&answer.status()) => {
                return Err(self.away(&format!("it answers {}", answer.status())));
            }
            // It is there, and means this one: the others may ask.
            Ok(answer) => return Err(unusable(&format!("it answers {}", answer.status()))),
            Err(error) => return Err(self.away(&error.without_url().to_string())),
        };
        let body = body(answer).await.map_err(|why| unusable(&why))?;
        serde_json::from_slice(&body).map_err(|_| unusable("its answer is not what is expected"))
    }

    fn failed(&self) -> Option<Instant> {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Others need not wait for it, too, for a moment.
    fn away(&self, why: &str) -> LoginError {
        let error = unusable(why);
        let now = Some(Instant::now());
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = now;
        error
    }
}

fn unusable(why: &str) -> LoginError {
    tracing::warn!(
        why,
        "the authority gave no answer of use (gateway.authority)"
    );
    LoginError::Away
}

fn login(answer: Answer, subject: Subject, now: OffsetDateTime) -> Result<Login, LoginError> {
    let secret = answer
        .token
        .or(answer.access_token)
        .ok_or(LoginError::Away)?;
    let subject = match secret.as_str() {
        UNAUTHORIZED | "" => return Err(LoginError::Wrong),
        UNAUTHENTICATED => Subject::Anybody,
        _ => subject,
    };
    let seconds = answer.expires_in.as_ref().and_then(seconds);
    let seconds = seconds.unwrap_or(DEFAULT).clamp(0, LONGEST);
    let lifetime = time::Duration::seconds(seconds);
    let expires_at = now + lifetime;
    // One that never counts for two minutes is believed for nearly as long as it says, all the same.
    let early = if lifetime < 2 * EARLY {
        lifetime / 10
    } else {
        EARLY
    };
    Ok(Login {
        subject,
        token: Arc::new(Token { secret, expires_at }),
        // Its user could not be told from a refresh token of the endpoint's; clients then keep the password.
        refresh: None,
        fresh_until: expires_at - early,
    })
}

/// Seconds, as a number of whatever kind or as a text.
fn seconds(said: &serde_json::Value) -> Option<i64> {
    let text = said
        .as_str()
        .map_or_else(|| said.to_string(), ToOwned::to_owned);
    let whole = text.trim().split('.').next()?;
    whole.parse().ok()
}

fn basic(credentials: &Credentials) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("{}:{}", credentials.name, *credentials.password));
    Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())))
}

/// Reads a body of bounded size; the client bounds its time.
async fn body(mut answer: Response) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut body = Zeroizing::new(Vec::new());
    loop {
        let chunk = answer.chunk().await;
        let Some(chunk) = chunk.map_err(|error| error.without_url().to_string())? else {
            return Ok(body);
        };
        if body.len() + chunk.len() > LARGEST {
            return Err(format!("its answer has more than {LARGEST} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
}
