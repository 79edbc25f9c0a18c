//! The command line beside a running server: credentials, the master key, the audit log.

use std::os::unix::fs::PermissionsExt;

use sea_orm::{ConnectionTrait, Database};
use serde_json::json;

use super::{
    certificates::{ca, fingerprint},
    desk::{Desk, serve, terminate},
    manifests,
    support::eventually,
};

async fn status(url: &str, path: &str, key: &str) -> u16 {
    let request = reqwest::Client::new().get(format!("{url}{path}"));
    let answer = request.bearer_auth(key.trim()).send().await.unwrap();
    answer.status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_is_made_and_shown() {
    let desk = Desk::new();
    desk.done(&["owner", "add", "acme"]).await;
    for role in ["manager", "proxy", "issuer", "auditor"] {
        let made = desk
            .json(&[
                "key",
                "create",
                "--role",
                role,
                "--owner",
                "acme",
                "--expires",
                "30d",
            ])
            .await;
        assert_eq!(made["role"], role);
        assert_eq!(made["owners"], json!(["acme"]));
        assert!(made["key"].as_str().unwrap().starts_with("ptl_"), "{made}");
        assert!(made["expires"].as_str().is_some(), "{made}");
    }
    let listed = desk.json(&["key", "list"]).await;
    assert_eq!(listed.as_array().unwrap().len(), 4);
    assert!(!listed.to_string().contains("ptl_"), "{listed}");
    for wrong in [
        &["key", "create", "--role", "admin", "--owner", "acme"][..],
        &[
            "key",
            "create",
            "--role",
            "proxy",
            "--expires",
            "2020-01-01",
        ],
        &[
            "key", "create", "--role", "proxy", "--oauth", "--name", "a b",
        ],
        &[
            "key",
            "create",
            "--role",
            "proxy",
            "--certificate",
            "missing.pem",
        ],
        &["key", "revoke", "nobody"],
    ] {
        desk.refused(1, wrong).await;
    }
    for wrong in [
        &["key", "create", "--role", "root"][..],
        &["key", "create", "--role", "proxy", "--expires", "soon"],
        &[
            "key",
            "create",
            "--role",
            "proxy",
            "--oauth",
            "--subject",
            "CN=a",
        ],
        &["key", "create", "--role", "proxy", "--subject", "nobody"],
        &["key", "create", "--role", "proxy", "--fingerprint", "12:34"],
    ] {
        desk.refused(2, wrong).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_and_certificates_are_made_known() {
    let desk = Desk::new();
    let made = desk
        .done(&[
            "key",
            "create",
            "--role",
            "proxy",
            "--oauth",
            "--name",
            "thumbslug",
        ])
        .await;
    let (key, secret) = made.split_once(' ').unwrap();
    assert_eq!((key, secret.len()), ("thumbslug", 64));
    let edge = ca("edge");
    std::fs::write(desk.path("edge.pem"), edge.certificate_pem().unwrap()).unwrap();
    let create = ["key", "create", "--role", "proxy"];
    let by_file = desk
        .json(&[&create[..], &["--certificate", "edge.pem"]].concat())
        .await;
    assert_eq!(by_file["identifier"], fingerprint(&edge));
    // The same certificate, as openssl shows its fingerprint.
    let digits = fingerprint(&edge).to_uppercase();
    let pairs: Vec<_> = digits
        .as_bytes()
        .chunks(2)
        .map(|two| str::from_utf8(two).unwrap())
        .collect();
    let shown = format!("sha256 Fingerprint={}", pairs.join(":"));
    let again = [&create[..], &["--name", "again", "--fingerprint", &shown]].concat();
    assert!(desk.refused(1, &again).await.contains("exists already"));
    let subject = desk
        .json(&[&create[..], &["--subject", "cn = edge , O=ACME"]].concat())
        .await;
    assert_eq!(subject["identifier"], "CN=edge,O=ACME");
    assert_eq!(subject["kind"], "subject");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_key_is_replaced_under_a_running_server() {
    let desk = Desk::new();
    let (mut server, url) = serve(&desk).await;
    let admin = std::fs::read_to_string(desk.path("data/admin.key")).unwrap();
    desk.done(&["owner", "add", "acme"]).await;
    let ca_pem = manifests::CA.certificate_pem().unwrap();
    std::fs::write(desk.path("ca.crt"), ca_pem).unwrap();
    std::fs::write(desk.path("m.zip"), manifests::manifest("acme", 1)).unwrap();
    desk.done(&["ca", "add", "ca.crt"]).await;
    desk.done(&["import", "m.zip", "--owner", "acme"]).await;
    let path = "/entitlements/acme-0/upstream_cert";
    assert_eq!(status(&url, path, &admin).await, 200);

    let old = std::fs::read_to_string(desk.path("data/master.key")).unwrap();
    let rotated = desk.json(&["master-key", "rotate"]).await;
    assert_eq!(rotated["resealed"], 3, "{rotated}");
    let before = rotated["before"].as_str().unwrap();
    assert_eq!(std::fs::read_to_string(desk.path(before)).unwrap(), old);
    // What memory knows is believed for half a second; what it asks for then opens with the new key.
    eventually("the server asked again", || async {
        desk.done(&["owner", "list"]).await;
        status(&url, path, &admin).await == 200
    })
    .await;
    desk.done(&[
        "import",
        "m.zip",
        "--owner",
        "acme",
        "--force",
        "MANIFEST_SAME",
    ])
    .await;
    desk.done(&["owner", "add", "late"]).await;
    terminate(&server);
    assert!(server.wait().await.unwrap().success());
    // With the old key, the database is useless, and that is said at once.
    std::fs::write(desk.path("data/master.key"), &old).unwrap();
    let said = desk.refused(1, &["owner", "list"]).await;
    assert!(
        said.contains("another master key") && said.contains("master_key_file"),
        "{said}"
    );
    std::fs::remove_file(desk.path("data/master.key")).unwrap();
    let said = desk.refused(1, &["owner", "list"]).await;
    assert!(
        said.contains("master.key") && said.contains("cannot be read"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_and_a_missing_event_are_found() {
    let desk = Desk::new();
    for owner in ["a", "b", "c"] {
        desk.done(&["owner", "add", owner]).await;
    }
    let report = desk.json(&["audit", "verify"]).await;
    assert_eq!(
        (&report["rows"], &report["faults"]),
        (&json!(3), &json!([]))
    );
    let said = desk.done(&["audit", "verify"]).await;
    assert!(said.starts_with("the audit log holds: 3 rows"), "{said}");
    let kept = said.lines().nth(1).unwrap().trim().to_owned();
    desk.done(&["audit", "verify", "--expect", &kept]).await;
    let other = kept.replace("=3:", "=2:");
    let refused = desk.run(&["audit", "verify", "--expect", &other]).await;
    assert_eq!(refused.status.code(), Some(1));
    desk.refused(2, &["audit", "verify", "--expect", "x"]).await;
    let listed = desk.json(&["audit", "list", "--limit", "2"]).await;
    assert_eq!(listed[0]["subject"], "c");
    assert_eq!(listed[0]["principalKind"], "local");

    let url = format!("sqlite://{}", desk.path("data/portolan.db").display());
    let database = Database::connect(&url).await.unwrap();
    let change = "UPDATE audit_log SET subject = 'x' WHERE sequence = 2";
    database.execute_unprepared(change).await.unwrap();
    let found = desk.run(&["audit", "verify"]).await;
    assert_eq!(found.status.code(), Some(1));
    let printed = String::from_utf8(found.stdout).unwrap();
    assert!(
        printed.starts_with("row 2 of node ") && printed.contains(" was changed"),
        "{printed}"
    );
    let gone = "DELETE FROM audit_log WHERE sequence >= 2";
    database.execute_unprepared(gone).await.unwrap();
    let found = desk.run(&["--json", "audit", "verify"]).await;
    assert_eq!(found.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    let detail = report["faults"][0]["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("rows 2 to 3 of node ") && detail.ends_with(" are missing"),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_admin_key_is_made_once_and_for_its_owner_alone() {
    let desk = Desk::new();
    let (mut server, url) = serve(&desk).await;
    let file = desk.path("data/admin.key");
    let admin = std::fs::read_to_string(&file).unwrap();
    for private in [
        &file,
        &desk.path("data/portolan.db"),
        &desk.path("data/portolan.db-wal"),
    ] {
        let mode = std::fs::metadata(private).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", private.display());
    }
    assert_eq!(status(&url, "/owners", &admin).await, 200);
    terminate(&server);
    server.wait().await.unwrap();
    let (mut again, url) = serve(&desk).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), admin);
    assert_eq!(status(&url, "/owners", &admin).await, 200);
    let keys = desk.json(&["key", "list"]).await;
    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
    // Written at the end of the first server: a request writes nothing.
    assert!(keys[0]["lastUsed"].as_str().is_some(), "{keys}");
    terminate(&again);
    again.wait().await.unwrap();
}
