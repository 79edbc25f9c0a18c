//! Entitlements and history on the command line: registered, shown, revoked, undone.

use super::desk::{Desk, text};

async fn desk() -> Desk {
    let desk = Desk::new();
    let build = [
        "manifest",
        "build",
        "--ca-dir",
        "ca",
        "--out",
        "m.zip",
        "--generate=2",
    ];
    desk.done(&build).await;
    desk.done(&["owner", "add", "acme"]).await;
    desk.done(&["ca", "add", "ca/ca.crt", "--name", "test.crt"])
        .await;
    desk.done(&["import", "m.zip", "--owner", "acme"]).await;
    desk
}

#[tokio::test]
async fn an_entitlement_is_registered_shown_and_revoked() {
    let desk = desk().await;
    let listed = desk.json(&["entitlement", "list", "--owner", "acme"]).await;
    let upstream = &listed[0];
    assert_eq!(
        (listed.as_array().unwrap().len(), &upstream["kind"]),
        (2, &"UPSTREAM".into())
    );
    let (id, pool) = (
        upstream["id"].as_str().unwrap(),
        upstream["poolId"].as_str().unwrap(),
    );
    let register = ["entitlement", "register", "d", "--owner", "acme"];
    let made = desk
        .json(&[&register[..], &["--pool", pool]].concat())
        .await;
    assert_eq!(
        (&made["kind"], &made["poolId"]),
        (&"DOWNSTREAM".into(), &pool.into())
    );
    let said = desk
        .done(&[&register[..], &["--upstream", id]].concat())
        .await;
    assert!(said.contains("registered d") && said.contains(id), "{said}");
    desk.refused(
        2,
        &[&register[..], &["--upstream", id, "--pool", pool]].concat(),
    )
    .await;
    let said = desk
        .refused(1, &[&register[..], &["--pool", "nowhere"]].concat())
        .await;
    assert!(said.contains("no pool nowhere"), "{said}");
    let shown = desk.done(&["entitlement", "show", id]).await;
    assert!(
        shown.contains("UPSTREAM") && shown.contains("certificate"),
        "{shown}"
    );
    assert!(
        desk.done(&["entitlement", "list", "--owner", "acme"])
            .await
            .contains("DOWNSTREAM")
    );
    let said = desk.refused(1, &["entitlement", "revoke", id]).await;
    assert!(said.contains("came with a manifest"), "{said}");
    assert_eq!(
        desk.done(&["entitlement", "revoke", "d"]).await,
        "revoked d"
    );
    desk.refused(1, &["entitlement", "show", "d"]).await;
    desk.refused(1, &["entitlement", "revoke", "d"]).await;
}

#[tokio::test]
async fn a_batch_comes_from_a_file_or_standard_input() {
    let desk = desk().await;
    std::fs::write(desk.path("all.ndjson"), "{\"id\":\"a\"}\n{\"id\":\"b\"}\n").unwrap();
    let batch = ["entitlement", "register-batch"];
    let from_file = [&batch[..], &["all.ndjson", "--owner", "acme"]].concat();
    assert_eq!(desk.json(&from_file).await["created"], 2);
    let from_input = [&batch[..], &["-", "--owner", "acme", "--replace"]].concat();
    let mut command = desk.command(&from_input);
    command.stdin(std::fs::File::open(desk.path("all.ndjson")).unwrap());
    let output = command.output().await.unwrap();
    let said = text(&output.stdout);
    assert_eq!(
        said.trim_end(),
        "0 created, 0 updated, 2 unchanged, 0 removed"
    );
    std::fs::write(
        desk.path("bad.ndjson"),
        "{\"id\":\"c\"}\n\n{\"id\":\"c\"}\n",
    )
    .unwrap();
    let bad = [&batch[..], &["bad.ndjson", "--owner", "acme"]].concat();
    let said = desk.refused(1, &[&["--json"], &bad[..]].concat()).await;
    let problem: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(problem["type"], "urn:portolan:problem:batch-line-invalid");
    assert_eq!(problem["line"], 3);
    let said = desk
        .refused(1, &[&batch[..], &["none", "--owner", "acme"]].concat())
        .await;
    assert!(said.contains("none: "), "{said}");
}

#[tokio::test]
async fn an_import_is_undone_and_in_the_history() {
    let desk = desk().await;
    desk.done(&["entitlement", "register", "d", "--owner", "acme"])
        .await;
    let undo = ["history", "undo", "--owner", "acme"];
    let said = desk.done(&undo).await;
    assert!(
        said.contains("2 entitlements and 1 downstream ones were removed"),
        "{said}"
    );
    let said = desk.refused(1, &undo).await;
    assert!(said.contains("has imported nothing"), "{said}");
    desk.done(&["import", "m.zip", "--owner", "acme"]).await;
    let list = ["history", "list", "--owner", "acme"];
    let records = desk.json(&list).await;
    let statuses: Vec<_> = records
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["status"])
        .collect();
    assert_eq!(statuses, ["SUCCESS", "DELETE", "SUCCESS"]);
    assert!(
        records[1]["uploadedBy"]
            .as_str()
            .unwrap()
            .starts_with("command line")
    );
    let printed = desk.done(&[&list[..], &["--limit", "2"]].concat()).await;
    let first = printed.lines().next().unwrap();
    assert!(
        first.contains("SUCCESS") && first.contains("+2"),
        "{printed}"
    );
    assert!(
        printed.contains("DELETE") && printed.ends_with("(--limit)"),
        "{printed}"
    );
    // Newest first: the first import of all is the last one, and its upload is kept.
    let records = records.as_array().unwrap();
    let first = records.last().unwrap()["id"].as_str().unwrap();
    let said = desk
        .done(&["history", "restore", first, "--owner", "acme"])
        .await;
    assert!(said.contains("SUCCESS") && said.contains(first), "{said}");
    let missing = "00000000-0000-7000-8000-000000000000";
    let said = desk
        .refused(1, &["history", "restore", missing, "--owner", "acme"])
        .await;
    assert!(said.contains("has no import"), "{said}");
}
