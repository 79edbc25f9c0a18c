//! A data directory, and the program run in it as a person and as a program run it.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// A data directory of a test's own.
pub struct Desk(TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
        command
            .arg("--data-dir")
            .arg(self.path("data"))
            .args(arguments)
            .kill_on_drop(true);
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.unwrap()
    }

    /// Runs what must go well, and returns what it prints.
    pub async fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout).trim_end().to_owned()
    }

    pub async fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.done(&[&["--json"], arguments].concat()).await;
        serde_json::from_str(&printed).unwrap_or_else(|_| panic!("no JSON: {printed}"))
    }

    /// Runs what must be refused with this exit status, and returns what it says.
    pub async fn refused(&self, status: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        said
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running `portolan serve`, and its URL.
pub async fn serve(desk: &Desk) -> (Child, String) {
    serve_with(desk, &[]).await
}

/// The same with these settings in its environment.
pub async fn serve_with(desk: &Desk, settings: &[(&str, &str)]) -> (Child, String) {
    let mut command = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command
        .envs(settings.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let url = line.strip_prefix("listening on ").unwrap().to_owned();
    (child, url)
}

pub fn terminate(server: &Child) {
    let id = server.id().unwrap().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status();
    assert!(sent.unwrap().success());
}
