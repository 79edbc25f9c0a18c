//! The shared fixture manifests, through the running server. They are not part of the repository:
//! where they are missing this says so, and passes.

use std::path::PathBuf;

use portolan_storage::both_engines;
use serde_json::Value;

use super::support::{Answer, TestApp};

fn fixtures() -> Option<(PathBuf, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/manifests");
    let text = std::fs::read_to_string(folder.join("expected.json"));
    let Ok(text) = text else {
        println!("skipped: there are no fixture manifests beside this repository");
        return None;
    };
    Some((folder, serde_json::from_str(&text).unwrap()))
}

both_engines! {
    async fn every_fixture_gives_what_is_expected(database: TestDatabase) {
        let Some((folder, expected)) = fixtures() else {
            return;
        };
        let trust_store = folder.join(expected["trustStore"].as_str().unwrap());
        let app = TestApp::start_with(database, |config| {
            config.import.upstream_ca_dir = Some(trust_store);
        })
        .await;
        app.state.anchors.reload().await.unwrap();
        let manifests = expected["manifests"].as_object().unwrap();
        assert!(manifests.len() > 30, "only {} fixtures", manifests.len());
        for (name, wanted) in manifests {
            let owner = name.replace(".zip", "");
            let bytes = std::fs::read(folder.join(name)).unwrap();
            if wanted.get("afterLegacy").is_none() {
                app.owner(&owner).await;
                check(&app, &owner, bytes, name, wanted).await;
            }
        }
        for name in ["other-distributor.zip", "legacy-older.zip", "legacy-newer.zip"] {
            let bytes = std::fs::read(folder.join(name)).unwrap();
            check_after_legacy(&app, bytes, name, &manifests[name]).await;
        }
    }
}

/// Imports, and before it does so as a dry run: with the same outcome, and nothing left of it.
async fn import(app: &TestApp, owner: &str, bytes: Vec<u8>, name: &str) -> Answer {
    let paths = ["", "/upstream_consumers", "/imports"];
    let look = async || {
        let mut seen = Vec::new();
        for path in paths {
            seen.push(app.get(&format!("/owners/{owner}{path}")).await.text);
        }
        seen
    };
    let before = look().await;
    let dry = app.import(owner, bytes.clone(), "?dry_run=true").await;
    assert_eq!(
        look().await,
        before,
        "{name}: the dry run left something behind"
    );
    let real = app.import(owner, bytes, "").await;
    assert_eq!(dry.status, real.status, "{name}: {}", dry.text);
    let (told, done) = (dry.json(), real.json());
    let same = [
        "status",
        "counts",
        "warnings",
        "verification",
        "type",
        "detail",
        "conflicts",
    ];
    for field in same {
        assert_eq!(told[field], done[field], "{name}: {field}");
    }
    if dry.status == 200 {
        let listed = told["changes"].as_array().unwrap();
        let of = |action: &str| {
            let counted = |c: &&Value| c["kind"] == "ENTITLEMENT" && c["action"] == action;
            listed.iter().filter(counted).count()
        };
        let counts = [of("ADDED"), of("UPDATED"), of("REMOVED")].map(Value::from);
        let truncated = told["changesTruncated"].as_u64().unwrap() > 0;
        let names = ["added", "updated", "removed"];
        assert!(
            truncated || counts == names.map(|n| done["counts"][n].clone()),
            "{name}"
        );
    }
    real
}

async fn check(app: &TestApp, owner: &str, bytes: Vec<u8>, name: &str, wanted: &Value) {
    let answer = import(app, owner, bytes, name).await;
    let body = answer.json();
    let record = &app.records(owner).await[0];
    if wanted["outcome"] == "refused" {
        let status = u16::try_from(wanted["httpStatus"].as_u64().unwrap()).unwrap();
        let slug = wanted["problem"].as_str().unwrap_or("manifest-conflict");
        answer.assert_problem(status, slug);
        assert_eq!(body["conflicts"], wanted["conflicts"], "{name}");
        assert_eq!(record["status"], "FAILURE", "{name}");
        let consumers = app
            .get(&format!("/owners/{owner}/upstream_consumers"))
            .await;
        assert_eq!(consumers.text, "[]", "{name} left something behind");
        return;
    }
    assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    assert_eq!(body["status"], wanted["recordStatus"], "{name}");
    assert_eq!(body["counts"]["added"], wanted["entitlements"], "{name}");
    assert_eq!(
        body["upstreamConsumer"]["uuid"], wanted["upstreamConsumerUuid"],
        "{name}"
    );
    let verification = &body["verification"];
    for (field, expected) in [
        ("caFilename", "caFilename"),
        ("caSha256", "caSha256"),
        ("algorithm", "algorithm"),
    ] {
        assert_eq!(verification[field], wanted[expected], "{name}: {field}");
    }
    assert_eq!(record["id"], body["id"], "{name}");
    check_sample(app, name, wanted).await;
}

async fn check_sample(app: &TestApp, name: &str, wanted: &Value) {
    let Some(sample) = wanted.get("sampleEntitlement") else {
        return;
    };
    let id = sample["id"].as_str().unwrap();
    let info = app.get(&format!("/entitlements/{id}/cdn_info")).await;
    assert_eq!(info.status, 200, "{name}: {}", info.text);
    let info = info.json();
    assert_eq!(info["poolId"], sample["poolId"], "{name}");
    assert_eq!(info["cdnUrl"], wanted["cdnUrl"], "{name}");
    assert_eq!(info["cdnLabel"], wanted["cdnLabel"], "{name}");
    assert_eq!(
        info["upstreamConsumerUuid"], wanted["upstreamConsumerUuid"],
        "{name}"
    );
    let ca = &info["caCertificate"];
    assert_eq!(ca["status"], "PRESENT", "{name}");
    assert_eq!(ca["filename"], wanted["caFilename"], "{name}");
    assert_eq!(ca["sha256"], wanted["caSha256"], "{name}");
    assert_eq!(
        info["upstreamCertificate"]["serial"], sample["serial"],
        "{name}"
    );
    let text = app
        .get(&format!("/candlepin/entitlements/{id}/upstream_cert"))
        .await;
    if sample["serial"].is_null() {
        text.assert_problem(404, "no-upstream-certificate");
    } else {
        let certificate = &info["upstreamCertificate"];
        let both = [&certificate["cert"], &certificate["key"]].map(|t| t.as_str().unwrap());
        assert_eq!(text.text, both.concat(), "{name}");
    }
}

async fn check_after_legacy(app: &TestApp, bytes: Vec<u8>, name: &str, wanted: &Value) {
    let after = &wanted["afterLegacy"];
    let answer = import(app, "legacy", bytes, name).await;
    if after.get("conflicts").is_some() {
        let body = answer.assert_problem(409, "manifest-conflict");
        assert_eq!(body["conflicts"], after["conflicts"], "{name}");
        return;
    }
    let body = answer.json();
    assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    assert_eq!(body["counts"]["added"], after["added"], "{name}");
    assert_eq!(body["counts"]["removed"], after["removed"], "{name}");
    check_sample(app, name, wanted).await;
}
