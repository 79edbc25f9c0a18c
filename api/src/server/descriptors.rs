//! File descriptors: each connection is one, and so is each upload, each connection to the database.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one: the soft one is low for the sake of programs
/// that use `select`.
pub fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}

/// How many connections there can be: at most half of all files, since a connection that uploads has
/// a file too, and the database needs its own.
pub fn connections_at_most(wanted: usize) -> usize {
    raise_open_files();
    // None means that there is no limit.
    let open_files = getrlimit(Resource::Nofile).current;
    let possible = open_files.map_or(usize::MAX, |files| {
        usize::try_from(files / 2).unwrap_or(usize::MAX)
    });
    if possible < wanted {
        tracing::warn!(
            connections = possible,
            "fewer connections than http.limits.connections: the limit of open files is too low"
        );
    }
    wanted.min(possible).max(1)
}
