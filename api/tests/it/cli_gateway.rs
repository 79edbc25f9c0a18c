//! `portolan gateway`: users, what a registry trusts, and the gateway's own listener.

use std::process::Stdio;

use openssl::x509::X509;
use portolan_domain::trust::Certificate;
use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{
    desk::{Desk, serve, terminate, text},
    support::eventually,
};

/// Lets a user log in with this password; the status and what was said.
async fn add(desk: &Desk, name: &str, password: &str) -> (Option<i32>, String) {
    let mut command = desk.command(&["gateway", "user", "add", name, "--password-stdin"]);
    let mut adding = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = adding.stdin.take().unwrap();
    stdin.write_all(password.as_bytes()).await.unwrap();
    drop(stdin);
    let done = adding.wait_with_output().await.unwrap();
    let said = format!("{}{}", text(&done.stdout), text(&done.stderr));
    (done.status.code(), said.trim().to_owned())
}

#[tokio::test]
async fn users_log_in_at_the_gateways_own_listener() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("data")).unwrap();
    let port = free_port();
    let settings = format!("[gateway]\nlisten = \"127.0.0.1:{port}\"\n");
    std::fs::write(desk.path("data/portolan.toml"), settings).unwrap();
    assert!(
        desk.done(&["gateway", "user", "list"])
            .await
            .contains("no users yet")
    );
    assert_eq!(
        add(&desk, "alice", "a good one\n").await,
        (Some(0), "alice can log in".to_owned())
    );
    for (name, password) in [
        ("a b", "x"),
        ("a:b", "x"),
        ("bob", ""),
        ("bob", "\nsecond line"),
    ] {
        let (status, said) = add(&desk, name, password).await;
        assert_eq!(status, Some(1), "{name}: {said}");
    }
    let (mut server, url) = serve(&desk).await;
    let (client, gateway) = (Client::new(), format!("http://127.0.0.1:{port}"));
    let login = async |user: &str, password: &str| {
        let asked = client
            .get(format!("{gateway}/v2/token"))
            .basic_auth(user, Some(password));
        asked.send().await.unwrap()
    };
    let ping = format!("{gateway}/v1/_ping");
    eventually("the gateway listens", || async {
        client.get(&ping).send().await.is_ok()
    })
    .await;
    let given = login("alice", "a good one").await;
    assert_eq!(given.status(), StatusCode::OK);
    let token = given.json::<serde_json::Value>().await.unwrap()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let base = client.get(format!("{gateway}/v2/")).bearer_auth(&token);
    assert_eq!(base.send().await.unwrap().status(), StatusCode::OK);
    // At the root a challenge names the root, and nothing else of the service is there.
    let refused = client.get(format!("{gateway}/v2/")).send().await.unwrap();
    let challenge = refused.headers()["www-authenticate"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        challenge,
        format!("Bearer realm=\"{gateway}/v2/token\",service=\"127.0.0.1:{port}\"")
    );
    assert_eq!(
        client
            .get(format!("{gateway}/status"))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
    assert_eq!(
        client
            .get(format!("{url}/v2/"))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
    // It is fed there, too, by whoever may.
    let admin = std::fs::read_to_string(desk.path("data/admin.key")).unwrap();
    let list = client
        .put(format!("{gateway}/repository_list"))
        .json(&json!({ "repositories": [] }));
    let list = list.bearer_auth(admin.trim()).send().await.unwrap();
    assert_eq!(list.status(), StatusCode::OK);
    // Beside the running server.
    assert_eq!(add(&desk, "alice", "another\n").await.0, Some(0));
    eventually("the password is another", || async {
        login("alice", "a good one").await.status() == 401
    })
    .await;
    assert_eq!(login("alice", "another").await.status(), StatusCode::OK);
    assert_eq!(
        desk.json(&["gateway", "user", "list"]).await[0]["name"],
        "alice"
    );
    desk.done(&["gateway", "user", "remove", "alice"]).await;
    eventually("alice is gone", || async {
        login("alice", "another").await.status() == 401
    })
    .await;
    let gone = desk
        .refused(1, &["gateway", "user", "remove", "alice"])
        .await;
    assert!(gone.contains("alice"), "{gone}");
    terminate(&server);
    server.wait().await.unwrap();
}

#[tokio::test]
async fn a_registry_trusts_a_ca_that_outlives_keys() {
    let desk = Desk::new();
    let bundle = async || {
        X509::stack_from_pem(desk.done(&["gateway", "rootcert"]).await.as_bytes()).unwrap()
    };
    let [ca, first] = &bundle().await[..] else {
        panic!("not two certificates")
    };
    desk.done(&["signing-key", "rotate", "--purpose", "registry"])
        .await;
    let [again, second] = &bundle().await[..] else {
        panic!("not two certificates")
    };
    assert_eq!(ca.to_der().unwrap(), again.to_der().unwrap());
    let key = |certificate: &X509| {
        certificate
            .public_key()
            .unwrap()
            .public_key_to_der()
            .unwrap()
    };
    assert_ne!(key(first), key(second));
    for leaf in [first, second] {
        assert!(leaf.verify(&ca.public_key().unwrap()).unwrap());
    }
    let is_ca = |certificate: &X509| {
        Certificate::from_pem(&certificate.to_pem().unwrap())
            .unwrap()
            .is_ca()
    };
    assert!(is_ca(ca) && !is_ca(first));
    desk.done(&["gateway", "rootcert", "--out", "bundle.pem"])
        .await;
    assert_eq!(
        X509::stack_from_pem(&std::fs::read(desk.path("bundle.pem")).unwrap())
            .unwrap()
            .len(),
        2
    );
    // Registries verify no Ed25519.
    let refused = desk
        .refused(
            1,
            &[
                "signing-key",
                "add",
                "--purpose",
                "registry",
                "--alg",
                "EdDSA",
            ],
        )
        .await;
    assert!(refused.contains("EdDSA"), "{refused}");
}

/// A port that the system chose, and that nobody has.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
