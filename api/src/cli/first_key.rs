//! The first admin key: nobody could call without it, and there is never a default secret.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
};

use portolan_storage::{Credential, Engine, Identity, NewCredential, Role, StorageError};
use tempfile::NamedTempFile;

use super::{
    context::Context,
    error::{CliError, print_line},
    key::generate,
};
use crate::state::AppState;

/// Where there is no admin key yet, one is made. It is shown once on a terminal, and written with mode
/// 0600 beside the embedded database. A PostgreSQL has no such place: where nobody looks at a terminal
/// either, none is made.
pub async fn make(context: &Context, state: &AppState) -> Result<(), CliError> {
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
    let path = context.data_dir.join("admin.key");
    let unwritable = |error: io::Error| {
        let file = path.display();
        CliError::new(format!(
            "the admin key cannot be written to {file}: {error}"
        ))
    };
    // On the disk before it counts, or it could be lost; under its name once it does.
    let draft = embedded.then(|| draft(&path, secret.expose())).transpose();
    let draft = draft.map_err(unwritable)?;
    let name = unused_name(&keys);
    let key = NewCredential {
        name: &name,
        role: Role::Admin,
        owners: &[],
        identity: Identity::ApiKey {
            sha256: secret.sha256(),
        },
        expires_at: None,
    };
    match state.store.create_credential(&key, &context.actor()).await {
        // Another node made it just now.
        Err(StorageError::Taken { .. }) => return Ok(()),
        made => made?,
    };
    tracing::info!(name, "the first admin key was made");
    let mut words = "admin key (shown once):".to_owned();
    if let Some(draft) = draft {
        draft
            .persist(&path)
            .map_err(|error| unwritable(error.error))?;
        tracing::info!(file = %path.display(), "the admin key is in this file");
        words = format!("admin key (shown once, kept in {}):", path.display());
    }
    if terminal {
        print_line(&words)?;
        print_line(secret.expose())?;
    }
    Ok(())
}

fn unused_name(keys: &[Credential]) -> String {
    let taken = |name: &String| keys.iter().any(|key| key.name == *name);
    let mut names = std::iter::once("admin".to_owned()).chain((2..).map(|n| format!("admin-{n}")));
    names.find(|name| !taken(name)).unwrap_or_default()
}

/// Writes a file for its owner alone, beside the one that it will be.
fn draft(path: &Path, text: &str) -> io::Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    writeln!(file, "{text}")?;
    file.as_file().sync_all()?;
    Ok(file)
}
