//! The container gateway: who asks, what he may pull, the tokens that say so, and the registry that has the content.
//! All that a pull needs is in memory; the database is asked for tokens that this node has not seen yet.

mod account;
mod aside;
mod caller;
mod challenge;
mod content_path;
mod follow;
mod host;
mod listener;
mod login;
mod pages;
mod passwords;
mod refusal;
mod registry_ca;
mod registry_token;
mod search_index;
mod token_endpoint;
mod tokens;
mod upstream;

use std::{io, sync::Arc};

use portolan_storage::{Generations, Store};
use tokio::sync::Semaphore;

pub use self::{
    aside::aside,
    caller::{Caller, Shown},
    challenge::{CATALOG, Mount, Origin},
    content_path::{ContentPath, Target},
    host::host,
    listener::GatewayListener,
    login::{Credentials, Login, LoginError, Token},
    pages::PageRequest,
    passwords::{HashedPassword, hash_password},
    refusal::{malformed, name_unknown, unsupported},
    registry_token::{RegistryToken, RegistryTokenError},
    search_index::{Index, filtered},
    tokens::{ANONYMOUS, Given, OpaqueTokens},
    upstream::{Passing, Upstream},
};
use self::{follow::Directories, login::Logins, registry_token::RegistryTokens};
use crate::{
    auth::{ClientCaStore, Gate},
    clock::Clock,
    config::Config,
    pulse::Pulse,
    tokens::Tokens,
};

/// The gateway's parts; cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    /// Who may pull what.
    pub directories: Directories,
    /// Whose certificates name hosts.
    pub host_cas: ClientCaStore,
    /// Passwords, and what they were exchanged for.
    pub logins: Logins,
    /// Tokens that say nothing themselves.
    pub opaque: OpaqueTokens,
    /// Tokens that a registry verifies.
    pub registry: RegistryTokens,
    /// The registry.
    pub upstream: Upstream,
    /// The one feed that is read.
    pub feeding: Arc<Semaphore>,
    /// The indexes that are here at once: each may have tens of megabytes, and anybody may ask.
    pub indexing: Arc<Semaphore>,
}

/// Indexes at once.
const INDEXES: usize = 4;

impl Gateway {
    /// Puts the parts together. Nothing runs yet.
    ///
    /// # Errors
    /// Where a file of the settings cannot be used.
    pub fn new(
        store: &Store,
        config: &Config,
        clock: &Clock,
        (tokens, gate): (&Tokens, &Gate),
    ) -> io::Result<Self> {
        let directories = Directories::new(store.clone());
        let opaque = OpaqueTokens::new(store.clone(), clock.clone());
        let host_ca_file = config.gateway.host_ca_file.clone();
        Ok(Self {
            host_cas: ClientCaStore::new("gateway.host_ca_file", host_ca_file),
            logins: Logins::new(
                &config.gateway,
                (store.clone(), clock.clone()),
                (directories.clone(), opaque.clone()),
                gate.clone(),
            )?,
            registry: RegistryTokens::new(store.clone(), clock.clone(), tokens.clone(), config),
            upstream: Upstream::new(&config.gateway)?,
            feeding: Arc::new(Semaphore::new(1)),
            indexing: Arc::new(Semaphore::new(INDEXES)),
            directories,
            opaque,
        })
    }

    /// Follows what changes from this state of the database on, for as long as the service runs.
    pub async fn follow(self, pulse: Pulse, from: Option<Generations>) {
        let logins = self.logins.clone();
        let rights = self.directories.follow(pulse.clone());
        let from = from.map(|from| from.gateway_logins);
        futures_util::future::join(rights, logins.follow(pulse, from)).await;
    }
}
