//! `portolan grant`, and `portolan token verify` with nothing but a token and public keys.

use std::process::Stdio;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::desk::{Desk, serve, terminate, text};

const STABLE: &str = "org.acme.Stable";
const GAME: &str = "app/org.cool.Game/x86_64/stable";

#[tokio::test]
async fn grants_are_set_and_a_token_is_verified_offline() {
    let desk = Desk::new();
    desk.done(&["owner", "add", "acme"]).await;
    let refused = desk.refused(1, &set(GAME)).await;
    assert!(refused.contains("no repository of this owner"), "{refused}");
    let refused = desk.refused(2, &set("app/org.cool.*/x86_64/stable")).await;
    assert!(refused.contains("one whole segment"), "{refused}");

    let (mut server, url) = serve(&desk).await;
    let key = desk
        .done(&["key", "create", "--role", "admin", "--name", "test"])
        .await;
    let client = Client::new();
    let repo = json!({ "ownerKey": "acme", "collectionId": STABLE });
    let put = client.put(format!("{url}/repos/stable")).bearer_auth(&key);
    assert_eq!(put.json(&repo).send().await.unwrap().status(), 200);
    let granted = desk.json(&set("app/org.cool.Game/*/stable")).await;
    assert_eq!(granted[0]["refs"], json!(["app/org.cool.Game/*/stable"]));
    let of_alice = ["grant", "list", "alice", "--owner", "acme"];
    assert_eq!(desk.json(&of_alice).await, granted);
    assert_eq!(
        desk.done(&["grant", "list", "--owner", "acme"]).await,
        "alice"
    );

    let wanted = json!({
        "user": "alice", "aud": "stable", "refs": [{ "collectionId": STABLE, "ref": GAME }],
    });
    let asked = client.post(format!("{url}/ref_tokens")).bearer_auth(&key);
    let answer: Value = asked
        .json(&wanted)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let token = answer["tokens"].as_object().unwrap().keys().next().unwrap();
    let jwks = client.get(format!("{url}/.well-known/jwks.json"));
    let jwks = jwks.send().await.unwrap().text().await.unwrap();
    terminate(&server);
    server.wait().await.unwrap();

    let away = Desk::new();
    std::fs::write(away.path("jwks.json"), jwks).unwrap();
    let verify = async |token: &str, more: &[&str]| verify(&away, token, more).await;
    let (code, said) = verify(token, &["--user", "alice", "--aud", "stable"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("alice") && said.contains(GAME), "{said}");
    assert!(
        !away.path("data").exists(),
        "it needs no database, and makes none"
    );
    let (_, said) = verify(token, &["--aud", "stable", "--json"]).await;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&said["valid"], &said["user"]),
        (&json!(true), &json!("alice"))
    );
    let (start, end) = token.rsplit_once('.').unwrap();
    let forged = format!("{start}.{}", end.chars().rev().collect::<String>());
    for (token, more, why) in [
        (
            token.as_str(),
            &["--aud", "stable", "--user", "bob"][..],
            "another user",
        ),
        (token, &[], "counts nowhere else"),
        (token, &["--aud", "beta"], "counts nowhere else"),
        (&forged, &["--aud", "stable"], "its signature is wrong"),
        ("nonsense", &["--aud", "stable"], "malformed"),
        ("", &["--aud", "stable"], "malformed"),
    ] {
        let (code, said) = verify(token, more).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(why), "{said}");
    }

    desk.done(&["grant", "remove", "alice", "--owner", "acme"])
        .await;
    assert_eq!(desk.json(&of_alice).await, json!([]));
}

fn set(pattern: &str) -> [&str; 8] {
    [
        "grant",
        "set",
        "alice",
        pattern,
        "--owner",
        "acme",
        "--collection",
        STABLE,
    ]
}

/// The exit status, and what was said.
async fn verify(desk: &Desk, token: &str, more: &[&str]) -> (Option<i32>, String) {
    let arguments = [
        "token",
        "verify",
        "--jwks",
        "jwks.json",
        "--collection",
        STABLE,
        "--ref",
        GAME,
    ];
    let mut command = desk.command(&[&arguments, more].concat());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut input = running.stdin.take().unwrap();
    input
        .write_all(format!("{token}\n").as_bytes())
        .await
        .unwrap();
    drop(input);
    let output = running.wait_with_output().await.unwrap();
    (
        output.status.code(),
        text(&output.stdout) + &text(&output.stderr),
    )
}
