//! `portolan signing-key` and `portolan token`, beside a running server and without one.

use portolan_domain::token::{TokenAlgorithm, TokenKeyPair};
use serde_json::json;

use super::{
    desk::{Desk, serve, terminate},
    support::eventually,
    tokens::{asked, hs256, part},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_change_the_keys_of_a_running_server() {
    let desk = Desk::new();
    let (server, url) = serve(&desk).await;
    let create = [
        "token",
        "create",
        "--sub",
        "build",
        "--scope",
        "build",
        "--scope",
        "upload",
        "--prefix",
        "org.cool",
        "--repo",
        "stable",
        "--duration",
        "3600",
        "--name",
        "first",
    ];
    let token = desk.done(&create).await;
    assert_eq!(token.lines().count(), 1);
    assert_eq!(part(&token, 0)["typ"], "at+jwt");
    let claims = part(&token, 1);
    assert_eq!(claims["scope"], json!(["build", "upload"]));
    assert_eq!(
        (&claims["prefixes"], &claims["repos"]),
        (&json!(["org.cool"]), &json!(["stable"]))
    );
    assert_eq!(ask(&url, &token).await, 200);
    let keys = desk.json(&["signing-key", "list"]).await;
    assert_eq!(
        (&keys[0]["purpose"], &keys[0]["state"]),
        (&json!("access"), &json!("active"))
    );
    let first = keys[0]["kid"].as_str().unwrap().to_owned();
    assert_eq!(part(&token, 0)["kid"], keys[0]["kid"]);

    let second = desk.done(&["signing-key", "rotate", &first]).await;
    assert_ne!(second, first);
    let said = desk.refused(1, &["signing-key", "rotate", &first]).await;
    assert!(said.contains("retiring"), "{said}");
    assert_eq!(ask(&url, &token).await, 200);
    desk.done(&["signing-key", "retire", &first]).await;
    eventually("the token counts no more", || async {
        ask(&url, &token).await == 401
    })
    .await;
    desk.refused(1, &["signing-key", "retire", "unknown"]).await;
    terminate(&server);
}

/// Asks a running server for a child of this token.
async fn ask(url: &str, token: &str) -> u16 {
    let client = reqwest::Client::new();
    let request = client.post(format!("{url}/token_subset"));
    let request = request.bearer_auth(token).json(&asked());
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flat_managers_secret_is_brought_along_and_counts_at_once() {
    let desk = Desk::new();
    let (server, url) = serve(&desk).await;
    // base64 of `secret`, as flat-manager's own example has it.
    let add = [
        "signing-key",
        "add",
        "--alg",
        "HS256",
        "--purpose",
        "flat-manager",
    ];
    let kid = desk
        .done(&[&add[..], &["--secret-base64", "c2VjcmV0"]].concat())
        .await;
    assert_eq!(kid.len(), 64);
    let flat = hs256(
        &json!({ "typ": "JWT", "alg": "HS256" }),
        &json!({ "sub": "build", "exp": 4_000_000_000_i64, "scope": ["upload"] }),
        b"secret",
    );
    assert_eq!(ask(&url, &flat).await, 200);
    let said = desk.refused(1, &add).await;
    assert!(said.contains("--secret-base64"), "{said}");
    for wrong in [
        &[
            "--alg",
            "HS256",
            "--purpose",
            "access",
            "--secret-base64",
            "c2VjcmV0",
        ][..],
        &["--alg", "ES256", "--purpose", "flat-manager"],
        &[
            "--alg",
            "ES256",
            "--purpose",
            "access",
            "--secret-base64",
            "c2VjcmV0",
        ],
        &["--alg", "ES256", "--purpose", "manifest"],
        &[
            "--alg",
            "EdDSA",
            "--purpose",
            "access",
            "--private-key-file",
            "data/admin.key",
        ],
    ] {
        desk.refused(1, &[&["signing-key", "add"], wrong].concat())
            .await;
    }
    terminate(&server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_brought_along_from_files() {
    let desk = Desk::new();
    let made = TokenKeyPair::generate(TokenAlgorithm::EdDsa).unwrap();
    let key = openssl::pkey::PKey::private_key_from_pkcs8(made.secret.expose()).unwrap();
    std::fs::write(
        desk.path("key.pem"),
        key.private_key_to_pem_pkcs8().unwrap(),
    )
    .unwrap();
    let add = |purpose| {
        [
            "signing-key",
            "add",
            "--alg",
            "EdDSA",
            "--purpose",
            purpose,
            "--private-key-file",
            "key.pem",
        ]
    };
    assert_eq!(desk.done(&add("access")).await, made.kid);
    // One key, one purpose.
    let said = desk.refused(1, &add("ref-token")).await;
    assert!(said.contains("exists already"), "{said}");
    std::fs::write(desk.path("secret.txt"), "shared with flat-manager\n").unwrap();
    let add = [
        "signing-key",
        "add",
        "--alg",
        "HS256",
        "--purpose",
        "flat-manager",
        "--secret-file",
        "secret.txt",
    ];
    desk.done(&add).await;
    let create = [
        "token",
        "create",
        "--purpose",
        "flat-manager",
        "--sub",
        "build",
        "--scope",
        "upload",
        "--duration",
        "1h",
    ];
    let token = desk.done(&create).await;
    let again = hs256(
        &part(&token, 0),
        &part(&token, 1),
        b"shared with flat-manager",
    );
    assert_eq!(part(&again, 1), part(&token, 1));
    for more in [&["--user", "alice"][..], &["--app", "org.cool.Game"]] {
        desk.refused(1, &[&create[..], more].concat()).await;
    }
    desk.refused(
        2,
        &[
            "token",
            "create",
            "--sub",
            "",
            "--scope",
            "odd",
            "--duration",
            "1",
        ],
    )
    .await;
    // Neither a token nor a key is in the log of who did what.
    let told = desk.done(&["--json", "audit", "list"]).await;
    for action in ["token.create", "signing-key.create"] {
        assert!(told.contains(action), "{told}");
    }
    for secret in [&*token, "shared with", "PRIVATE"] {
        assert!(!told.contains(secret), "{told}");
    }
}
