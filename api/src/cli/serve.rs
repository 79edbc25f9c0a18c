//! `portolan serve`.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
};

use portolan_storage::{Engine, Identity, NewCredential, Role, StorageError};

use super::{
    context::Context,
    error::{CliError, print_line},
    key::generate,
};
use crate::{
    auth::ClientCaStore,
    config::HttpConfig,
    server::{self, tls::Tls},
    state::AppState,
};

/// Runs the service until it is told to stop.
pub async fn run(context: &Context) -> Result<(), CliError> {
    // Before the database opens its own.
    server::raise_open_files();
    check_files(&context.config.http)?;
    let state = context.state().await?;
    first_admin_key(context, &state).await?;
    let address = context.config.http.address()?;
    let listener = server::listen(address).await.map_err(|error| {
        CliError::new(format!("cannot listen on {address}: {error} (http.listen)"))
    })?;
    let address = listener.local_addr()?;
    let database = context.config.database.shown_url();
    tracing::info!(%address, database, version = env!("CARGO_PKG_VERSION"), "listening");
    let scheme = context.config.http.tls().map_or("http", |_| "https");
    print_line(&format!("listening on {scheme}://{address}"))?;
    Ok(server::serve(state, listener, server::stop_signal()).await?)
}

/// Reads the files of TLS and of the client CAs, and throws them away: a wrong one is said before
/// anything is done.
pub fn check_files(http: &HttpConfig) -> Result<(), CliError> {
    let wrong = |error: &dyn std::fmt::Display| CliError::new(error.to_string());
    if let Some(paths) = http.tls() {
        Tls::load(paths).map_err(|error| wrong(&error))?;
    }
    let cas = ClientCaStore::new(http).reload();
    cas.map(drop).map_err(|error| wrong(&error))
}

/// Writes a file for its owner alone, in place of one that may be there.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Made with mode 0600, and renamed when it is whole.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{text}")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Where there is no admin key yet, one is made: never a default secret. It is shown once on a
/// terminal, and written with mode 0600 beside the embedded database. A PostgreSQL has no such place:
/// where nobody looks at a terminal either, none is made.
async fn first_admin_key(context: &Context, state: &AppState) -> Result<(), CliError> {
    let keys = state.store.credentials().await?;
    let now = context.clock.now();
    if keys
        .iter()
        .any(|key| key.role == Role::Admin && key.counts_at(now))
    {
        return Ok(());
    }
    let embedded = context.config.database.engine() == Engine::Sqlite;
    let terminal = io::stdout().is_terminal();
    if !embedded && !terminal {
        tracing::warn!("there is no admin key yet: portolan key create --role admin");
        return Ok(());
    }
    let secret = generate()?;
    let taken = |name: &String| keys.iter().any(|key| key.name == *name);
    let mut names = std::iter::once("admin".to_owned()).chain((2..).map(|n| format!("admin-{n}")));
    let name = names.find(|name| !taken(name)).unwrap_or_default();
    let key = NewCredential {
        name: &name,
        role: Role::Admin,
        owners: &[],
        identity: Identity::ApiKey {
            sha256: secret.sha256(),
        },
        expires_at: None,
    };
    // The key first: a file with a key that does not count would mislead.
    match state.store.create_credential(&key, &context.actor()).await {
        // Another node made it just now.
        Err(StorageError::Taken { .. }) => return Ok(()),
        made => made?,
    };
    tracing::info!(name, "the first admin key was made");
    let path = context.data_dir.join("admin.key");
    let mut shown = "admin key (shown once):".to_owned();
    if embedded {
        write_private(&path, secret.expose()).map_err(|error| {
            let file = path.display();
            CliError::new(format!(
                "the admin key cannot be written to {file}: {error}"
            ))
        })?;
        tracing::info!(file = %path.display(), "the admin key is in this file");
        shown = format!("admin key (shown once, kept in {}):", path.display());
    }
    if terminal {
        print_line(&shown)?;
        print_line(secret.expose())?;
    }
    Ok(())
}
