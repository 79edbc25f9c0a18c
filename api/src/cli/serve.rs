//! `portolan serve`.

use super::{
    context::Context,
    error::{CliError, print_line},
    first_key,
};
use crate::{
    auth::ClientCaStore,
    config::Config,
    gateway::Upstream,
    server::{self, tls::Tls},
};

/// Runs the service until it is told to stop.
pub async fn run(context: &Context) -> Result<(), CliError> {
    // Before the database opens its own.
    server::raise_open_files();
    check_files(&context.config)?;
    let state = context.state().await?;
    first_key::make(context, &state).await?;
    let address = context.config.http.address()?;
    let listener = server::listen(address).await.map_err(|error| {
        CliError::new(format!("cannot listen on {address}: {error} (http.listen)"))
    })?;
    let address = listener.local_addr()?;
    let database = context.config.database.shown_url();
    tracing::info!(%address, database, version = env!("CARGO_PKG_VERSION"), "listening");
    let scheme = context.config.http.tls().map_or("http", |_| "https");
    print_line(&format!("listening on {scheme}://{address}"))?;
    // The whole life of the service is in it.
    let serving = server::serve(state, listener, server::stop_signal());
    Ok(Box::pin(serving).await?)
}

/// Reads the files of TLS and of the client CAs, and throws them away: a wrong one is said before
/// anything is done.
pub fn check_files(config: &Config) -> Result<(), CliError> {
    let (http, gateway) = (&config.http, &config.gateway);
    let wrong = |error: &dyn std::fmt::Display| CliError::new(error.to_string());
    if let Some(paths) = http.tls() {
        Tls::load(paths).map_err(|error| wrong(&error))?;
    }
    for (key, file) in [
        ("http.client_ca_file", &http.client_ca_file),
        ("gateway.host_ca_file", &gateway.host_ca_file),
    ] {
        let cas = ClientCaStore::new(key, file.clone()).reload();
        cas.map_err(|error| wrong(&error))?;
    }
    Upstream::new(gateway)
        .map(drop)
        .map_err(|error| wrong(&error))
}
