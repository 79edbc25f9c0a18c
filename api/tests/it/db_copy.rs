//! `portolan db copy`: an instance that began as one file goes on with PostgreSQL, and nobody notices.

use std::process::Stdio;

use portolan_storage::{Engine, testing::TestDatabase};
use reqwest::{Client, Method};
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{
    desk::{Desk, serve, terminate},
    support::eventually,
};

/// A PostgreSQL database that was just created.
async fn created() -> String {
    let beside = TestDatabase::new(Engine::Postgres).await.settings.url;
    let (server, name) = beside.rsplit_once('/').unwrap();
    let connection = Database::connect(&beside).await.unwrap();
    let create = format!("CREATE DATABASE {name}_copy");
    connection.execute_unprepared(&create).await.unwrap();
    format!("{server}/{name}_copy")
}

/// What an instance answers to those who know it.
async fn answers(url: &str, key: &str, token: &str) -> Vec<(u16, Value)> {
    let client = Client::new();
    let mut answers = Vec::new();
    for path in [
        "/entitlements/e-1/cdn_info",
        "/entitlements/down/cdn_info",
        "/owners",
        "/owners/acme/imports",
        "/upstream_cas",
        "/owners/acme/grants/alice",
        "/repos",
        "/tokens",
        "/.well-known/jwks.json",
        "/signing_ca",
    ] {
        let asked = client.get(format!("{url}{path}")).bearer_auth(key);
        let answer = asked.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        answers.push((status, body));
    }
    let asked = client
        .request(Method::POST, format!("{url}/introspect"))
        .bearer_auth(key);
    let answer = asked.form(&[("token", token)]).send().await.unwrap();
    answers.push((answer.status().as_u16(), answer.json().await.unwrap()));
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_goes_on_with_postgres() {
    let desk = Desk::new();
    let manifest = "cdn_url = \"https://cdn.example.com/content\"\n[[entitlements]]\nid = \"e-1\"\npool_id = \"p-1\"\n";
    std::fs::write(desk.path("m.toml"), manifest).unwrap();
    let (mut server, url) = serve(&desk).await;
    for arguments in [
        &[
            "manifest", "build", "m.toml", "--ca-dir", "ca", "--out", "m.zip",
        ][..],
        &["owner", "add", "acme"],
        &["ca", "add", "ca/ca.crt", "--name", "test.crt"],
        &["import", "m.zip", "--owner", "acme"],
        &[
            "entitlement",
            "register",
            "down",
            "--owner",
            "acme",
            "--pool",
            "p-1",
        ],
        &[
            "repo",
            "add",
            "stable",
            "--owner",
            "acme",
            "--collection",
            "org.acme.Stable",
        ],
        &[
            "grant",
            "set",
            "alice",
            "app/*/stable",
            "--owner",
            "acme",
            "--collection",
            "org.acme.Stable",
        ],
        &["export", "--owner", "acme", "--out", "export.zip"],
    ] {
        desk.done(arguments).await;
    }
    let token = desk
        .done(&[
            "token",
            "create",
            "--sub",
            "build",
            "--scope",
            "build",
            "--duration",
            "1h",
        ])
        .await;
    let admin = std::fs::read_to_string(desk.path("data/admin.key")).unwrap();
    // What the command line did beside the server is known to it within two seconds.
    let (jwks, cas) = (
        format!("{url}/.well-known/jwks.json"),
        format!("{url}/upstream_cas"),
    );
    let client = Client::new();
    eventually("the server knows the CA and the key", || async {
        let shown = async |url: &str| {
            let asked = client.get(url).bearer_auth(admin.trim());
            asked.send().await.unwrap().json::<Value>().await.unwrap()
        };
        shown(&jwks).await["keys"][0].is_object() && shown(&cas).await[0].is_object()
    })
    .await;
    let before = answers(&url, admin.trim(), &token).await;
    assert!(
        before.iter().all(|(status, _)| *status == 200),
        "{before:?}"
    );
    terminate(&server);
    server.wait().await.unwrap();

    let target = created().await;
    let from = format!("sqlite:{}", desk.path("data/portolan.db").display());
    let copy = ["db", "copy", "--from", &from, "--to", &target];
    let said = desk.done(&copy).await;
    assert!(said.contains("are the same on both sides"), "{said}");
    let again = desk.refused(1, &copy).await;
    assert!(again.contains("the target is not empty"), "{again}");
    assert!(!again.contains("postgres://"), "{again}");

    let mut command = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
    command
        .env("PORTOLAN__DATABASE__URL", &target)
        .env(
            "PORTOLAN__SECRETS__MASTER_KEY_FILE",
            desk.path("data/master.key"),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut server = command.spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let url = line.strip_prefix("listening on ").unwrap();
    let after = answers(url, admin.trim(), &token).await;
    for (after, before) in after.iter().zip(&before) {
        assert_eq!(after, before);
    }
    // And it goes on: what comes next has numbers of its own.
    let owner = client
        .post(format!("{url}/owners"))
        .bearer_auth(admin.trim());
    let owner = owner.json(&json!({ "key": "next" })).send().await.unwrap();
    assert_eq!(owner.status(), 200, "{:?}", owner.text().await);
    terminate(&server);
    server.wait().await.unwrap();
}

#[tokio::test]
async fn a_url_is_read_before_anything_is_done() {
    let desk = Desk::new();
    for (from, to) in [
        ("mysql://localhost/x", "postgres://localhost/x"),
        ("sqlite:x.db", "postgres://user:se cret@local host/x"),
        ("sqlite:x.db", "postgres://user:secret@localhost:port/x"),
        ("postgres://localhost/x", "sqlite:x.db"),
        ("sqlite:x.db", "postgres://localhost:1/x"),
    ] {
        let said = desk
            .refused(1, &["db", "copy", "--from", from, "--to", to])
            .await;
        assert!(!said.contains("cret"), "{said}");
        assert!(!desk.path("x.db").exists());
    }
}
