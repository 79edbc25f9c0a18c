//! The command line as a person and as a program use it: results, exit status, and a whole day's
//! work beside a running server.

use std::path::Path;

use super::{
    desk::{Desk, serve, terminate, text},
    support::eventually,
};

fn manifest(name: &str) -> [&str; 7] {
    [
        "manifest",
        "build",
        "--ca-dir",
        "ca",
        "--out",
        name,
        "--generate=3",
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_beside_a_running_server() {
    let desk = Desk::new();
    let (mut server, url) = serve(&desk).await;
    let admin = std::fs::read_to_string(desk.path("data/admin.key")).unwrap();
    desk.done(&manifest("m.zip")).await;
    assert_eq!(desk.done(&["owner", "add", "acme"]).await, "created acme");
    let key = desk
        .done(&["key", "create", "--role", "manager", "--owner", "acme"])
        .await;
    assert!(key.starts_with("ptl_") && key.lines().count() == 1, "{key}");
    let import = [
        "import", "m.zip", "--owner", "acme", "--server", &url, "--key", &key,
    ];
    let said = desk.refused(1, &import).await;
    assert!(said.contains("install the CA"), "{said}");
    desk.done(&["ca", "add", "ca/ca.crt", "--name", "test.crt"])
        .await;
    // The running server sees the new CA by itself.
    eventually("the server trusts the CA", || async {
        desk.run(&import).await.status.success()
    })
    .await;
    let record = desk
        .json(&[&import[..], &["--force", "MANIFEST_SAME"]].concat())
        .await;
    assert_eq!(record["counts"]["unchanged"], 3, "{record}");
    assert_eq!(record["verification"]["caFilename"], "test.crt");
    let client = reqwest::Client::new();
    let owners = client
        .get(format!("{url}/owners"))
        .bearer_auth(admin.trim())
        .send()
        .await
        .unwrap();
    assert_eq!(owners.status(), 200);
    // On the same database, without the server.
    let local = [
        "import",
        "m.zip",
        "--owner",
        "acme",
        "--force",
        "MANIFEST_SAME",
    ];
    let printed = desk.done(&local).await;
    assert!(
        printed.contains("3 unchanged") && printed.contains("verified by   test.crt"),
        "{printed}"
    );
    let revoked = desk.done(&["key", "list"]).await;
    let name = revoked
        .lines()
        .find(|line| line.contains("manager"))
        .unwrap();
    let name = name.split_whitespace().next().unwrap();
    desk.done(&["key", "revoke", name]).await;
    eventually("the revoked key is refused", || async {
        let list = client
            .get(format!("{url}/owners/acme"))
            .bearer_auth(&key)
            .send();
        list.await.unwrap().status() == 401
    })
    .await;
    terminate(&server);
    assert!(
        server.wait().await.unwrap().success(),
        "SIGTERM is no orderly end"
    );
}

#[tokio::test]
async fn the_exit_status_tells_refused_from_wrong_use() {
    let desk = Desk::new();
    desk.refused(2, &["import"]).await;
    desk.refused(2, &["key", "create", "--role", "king"]).await;
    desk.refused(2, &["owner", "add", "a/b"]).await;
    let said = desk
        .refused(1, &["import", "missing.zip", "--owner", "acme"])
        .await;
    assert!(said.contains("portolan owner add acme"), "{said}");
    desk.done(&["owner", "add", "acme"]).await;
    let said = desk.refused(1, &["owner", "add", "acme"]).await;
    assert!(said.contains("exists already"), "{said}");
    let said = desk
        .refused(1, &["import", "missing.zip", "--owner", "acme"])
        .await;
    assert!(said.contains("missing.zip"), "{said}");
    let said = desk.refused(1, &["serve", "--listen", "0.0.0.0:0"]).await;
    assert!(said.contains("http.insecure"), "{said}");
    let said = desk
        .refused(
            1,
            &[
                "serve",
                "--database-url",
                "postgres://u:secret@127.0.0.1:1/x",
            ],
        )
        .await;
    assert!(
        said.contains("secrets.master_key_file") && !said.contains("secret@"),
        "{said}"
    );
    std::fs::write(desk.path("bad.toml"), "[http]\nlisten_on = 1\n").unwrap();
    let said = desk
        .refused(1, &["config", "check", "--config", "bad.toml"])
        .await;
    assert!(said.contains("listen_on"), "{said}");
}

#[tokio::test]
async fn a_manifest_is_made_verified_and_inspected() {
    let desk = Desk::new();
    desk.done(&manifest("m.zip")).await;
    assert!(mode(&desk.path("ca/ca.key")) == 0o600);
    let said = desk.refused(1, &["manifest", "verify", "m.zip"]).await;
    assert!(said.contains("No upstream CA"), "{said}");
    let seen = desk.json(&["manifest", "inspect", "m.zip"]).await;
    assert_eq!(seen["verification"]["outcome"], "NOT_VERIFIED");
    assert_eq!(seen["entitlements"], 3);
    let verified = desk
        .json(&["manifest", "verify", "m.zip", "--upstream-ca-dir", "ca"])
        .await;
    assert_eq!(
        verified["verification"]["caFilename"], "ca.crt",
        "{verified}"
    );
    for scheme in [
        "rsa",
        "ecdsa",
        "ed25519",
        "ml-dsa-44",
        "ml-dsa-65",
        "ml-dsa-87",
    ] {
        let ca = format!("ca-{scheme}");
        let build = [
            "manifest", "build", "--ca-dir", &ca, "--out", "s.zip", "--scheme", scheme,
        ];
        desk.done(&build).await;
        let verified = desk
            .json(&["manifest", "verify", "s.zip", "--upstream-ca-dir", &ca])
            .await;
        assert_eq!(verified["verification"]["outcome"], "VERIFIED", "{scheme}");
    }
}

#[tokio::test]
async fn a_ca_that_cannot_sign_so_makes_no_file() {
    let desk = Desk::new();
    desk.done(&manifest("m.zip")).await;
    let build = [
        "manifest", "build", "--ca-dir", "ca", "--out", "x.zip", "--scheme", "ed25519",
    ];
    let said = desk.refused(1, &build).await;
    assert!(said.contains("its key is not one for Ed25519"), "{said}");
    assert!(!desk.path("x.zip").exists());
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn what_holds_secrets_is_for_its_owner_alone() {
    let desk = Desk::new();
    let (mut server, _) = serve(&desk).await;
    assert_eq!(mode(&desk.path("data")), 0o700);
    for file in ["master.key", "admin.key"] {
        assert_eq!(mode(&desk.path("data").join(file)), 0o600, "{file}");
    }
    terminate(&server);
    server.wait().await.unwrap();
    // The database without its key is useless, and says so at once.
    std::fs::remove_file(desk.path("data/master.key")).unwrap();
    let said = desk.refused(1, &["key", "list"]).await;
    assert!(said.contains("master key file"), "{said}");
    desk.done(&["master-key", "create", "data/master.key"])
        .await;
    let said = desk.refused(1, &["key", "list"]).await;
    assert!(said.contains("another master key"), "{said}");
    desk.refused(1, &["master-key", "create", "data/master.key"])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_shows_the_main_job() {
    let desk = Desk::new();
    // Whatever is configured here, a demo leaves it alone.
    let mut demo = desk.command(&["demo", "--once", "--listen", "127.0.0.1:0"]);
    demo.env(
        "PORTOLAN__DATABASE__URL",
        format!("sqlite://{}", desk.path("real.db").display()),
    );
    let output = demo.output().await.unwrap();
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!desk.path("real.db").exists() && !desk.path("data").exists());
    assert!(
        printed.contains("\"cdnUrl\": \"https://cdn.example.com:8443\""),
        "{printed}"
    );
    assert!(
        !printed.contains("PRIVATE KEY-----\\n"),
        "a key was printed: {printed}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_machine_exports_another_imports() {
    use std::os::unix::fs::PermissionsExt;
    let (above, below) = (Desk::new(), Desk::new());
    above.done(&manifest("m.zip")).await;
    above
        .done(&["ca", "add", "ca/ca.crt", "--name", "test.crt"])
        .await;
    above.done(&["owner", "add", "acme"]).await;
    let out = below.path("acme.zip").display().to_string();
    let export = ["export", "--owner", "acme", "--out", &out];
    let said = above.refused(1, &export).await;
    assert!(said.contains("has imported nothing"), "{said}");
    above.done(&["import", "m.zip", "--owner", "acme"]).await;
    let said = above
        .refused(1, &[&export[..], &["--cdn-url", "x"]].concat())
        .await;
    assert!(said.contains("--cdn-url"), "{said}");
    let said = above
        .refused(1, &[&export[..], &["--entitlement", "none"]].concat())
        .await;
    assert!(said.contains("none") && !Path::new(&out).exists(), "{said}");
    let url = ["--cdn-url", "https://hq.example.com", "--scheme", "mldsa"];
    let said = above.done(&[&export[..], &url].concat()).await;
    assert!(said.contains("3 entitlements"), "{said}");
    let mode = std::fs::metadata(&out).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let piped = above
        .run(&["export", "--owner", "acme", "--out", "-"])
        .await;
    assert!(piped.status.success() && piped.stdout.starts_with(b"PK"));

    let cas = above.done(&["signing-ca"]).await;
    assert_eq!(cas.matches("BEGIN CERTIFICATE").count(), 2);
    std::fs::write(below.path("hq.crt"), &cas).unwrap();
    below.done(&["owner", "add", "branch"]).await;
    let add = ["ca", "add", "hq.crt", "--owner", "branch"];
    below.done(&add).await;
    let import = ["import", "acme.zip", "--owner", "branch"];
    let record = below.json(&import).await;
    assert_eq!(record["status"], "SUCCESS", "{record}");
    assert_eq!(record["verification"]["algorithm"], "ML-DSA-65");
    assert_eq!(record["verification"]["caFilename"], "hq.crt");
    let events = above.json(&["audit", "list"]).await;
    assert!(events.to_string().contains("\"export.create\""), "{events}");
}
