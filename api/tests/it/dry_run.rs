//! A dry run over HTTP and at a desk: the counts of the import, a list of what would change, and
//! nothing stored.

use portolan_domain::build::{Authority, CdnDescription, Description};
use portolan_storage::{both_engines, testing::TestDatabase};
use serde_json::{Value, json};
use time::Duration;

use super::{
    desk::{Desk, serve, terminate},
    manifests::{CA, STRANGER, described, id, signed_by},
    support::{Answer, TestApp, now},
};

async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    app.owner("acme").await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    app.trust("other.crt", &STRANGER.certificate_pem().unwrap())
        .await;
    app
}

/// Entitlements 1 and 2, an hour old.
fn first() -> Description {
    described("acme", now() - Duration::hours(1), &[id(1), id(2)])
}

/// 1 changed, 2 gone, 3 new; another CDN.
fn second() -> Description {
    let mut about = described("acme", now(), &[id(1), id(3)]);
    about.entitlements[0].quantity = 7;
    about.cdn_url = Some("https://cdn.example.com".to_owned());
    about.cdns.push(CdnDescription {
        label: "edge".to_owned(),
        name: None,
        url: "https://edge.example.com".to_owned(),
    });
    about
}

fn zip(by: &Authority, about: &Description) -> Vec<u8> {
    signed_by(by, about)
}

/// The one change of this kind and id.
fn change<'a>(record: &'a Value, kind: &str, id: &str) -> &'a Value {
    let changes = record["changes"].as_array().unwrap();
    let mut found = changes
        .iter()
        .filter(|c| c["kind"] == kind && c["id"] == id);
    let one = found.next();
    assert!(
        one.is_some() && found.next().is_none(),
        "not one {kind} {id}: {record}"
    );
    one.unwrap()
}

fn field<'a>(change: &'a Value, name: &str) -> &'a Value {
    let fields = change["fields"].as_array().unwrap();
    let found = fields.iter().find(|field| field["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {change}"))
}

async fn everything(app: &TestApp) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        "/owners/acme".to_owned(),
        "/owners/acme/imports".to_owned(),
        "/upstream_cas".to_owned(),
        "/audit".to_owned(),
    ] {
        all.push(app.get(&path).await.json());
    }
    for number in 1..4 {
        let info = app
            .get(&format!("/entitlements/{}/cdn_info", id(number)))
            .await;
        all.push(json!([
            info.status.as_u16(),
            info.headers.get("etag").map(|e| format!("{e:?}"))
        ]));
    }
    all
}

fn done(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

both_engines! {
    async fn a_first_dry_run_would_add_all(database: TestDatabase) {
        let app = started(database).await;
        let dry = done(&app.import("acme", zip(&CA, &first()), "?dry_run=true").await);
        assert_eq!((&dry["counts"]["added"], &dry["changesTruncated"]), (&json!(2), &json!(0)));
        let changes = dry["changes"].as_array().unwrap();
        assert!(changes.iter().all(|change| change["action"] == "ADDED"), "{dry}");
        let added = change(&dry, "ENTITLEMENT", &id(1));
        let pool = field(added, "poolId");
        assert_eq!((&pool["before"], &pool["after"]), (&Value::Null, &json!(format!("pool-{}", id(1)))));
        change(&dry, "POOL", &format!("pool-{}", id(2)));
        change(&dry, "CA", "test.crt");
        let real = done(&app.import("acme", zip(&CA, &first()), "").await);
        assert_eq!((&real["counts"], &real["changes"]), (&dry["counts"], &json!([])));
        assert_eq!(app.records("acme").await[0]["changes"], json!([]));
    }

    async fn a_dry_run_lists_what_differs_and_changes_nothing(database: TestDatabase) {
        let app = started(database).await;
        done(&app.import("acme", zip(&CA, &first()), "").await);
        let before = everything(&app).await;
        let answer = app.import("acme", zip(&STRANGER, &second()), "?dry_run=true").await;
        assert!(!answer.text.contains("PRIVATE KEY") && !answer.text.contains("BEGIN"));
        let dry = done(&answer);
        assert_eq!(everything(&app).await, before);
        let counts = json!({"added": 1, "updated": 1, "removed": 1, "unchanged": 0, "downstreamRemoved": 0});
        assert_eq!(dry["counts"], counts);
        let updated = change(&dry, "ENTITLEMENT", &id(1));
        assert_eq!(updated["action"], "UPDATED");
        let quantity = field(updated, "quantity");
        assert_eq!((&quantity["before"], &quantity["after"]), (&json!(1), &json!(7)));
        // The certificate is another one, and neither text nor key is told.
        for hidden in ["certificate", "key"] {
            let field = field(updated, hidden);
            assert_eq!((&field["before"], &field["after"]), (&Value::Null, &Value::Null));
        }
        assert_eq!(change(&dry, "ENTITLEMENT", &id(2))["action"], "REMOVED");
        assert_eq!(change(&dry, "ENTITLEMENT", &id(3))["action"], "ADDED");
        assert_eq!(change(&dry, "POOL", &format!("pool-{}", id(2)))["action"], "REMOVED");
        assert_eq!(change(&dry, "MANIFEST_CDN", "edge")["action"], "ADDED");
        let url = field(change(&dry, "CDN", "acme"), "cdnUrl");
        let urls = ["https://cdn.redhat.com:443", "https://cdn.example.com"].map(Value::from);
        assert_eq!([&url["before"], &url["after"]], urls.each_ref());
        let ca = field(change(&dry, "CA", "other.crt"), "filename");
        assert_eq!((&ca["before"], &ca["after"]), (&json!("test.crt"), &json!("other.crt")));
        let made = field(change(&dry, "DATES", "acme"), "generatedDate");
        assert_eq!(made["before"], "2026-11-22T11:00:00.000Z");
        assert_eq!(made["after"], "2026-11-22T12:00:00.000Z");
        let real = done(&app.import("acme", zip(&STRANGER, &second()), "").await);
        assert_eq!(real["counts"], dry["counts"]);
    }

    async fn the_same_manifest_would_change_nothing(database: TestDatabase) {
        let app = started(database).await;
        let same = zip(&CA, &first());
        done(&app.import("acme", same.clone(), "").await);
        let refused = app.import("acme", same.clone(), "?dry_run=true").await;
        let body = refused.assert_problem(409, "manifest-conflict");
        assert_eq!(body["conflicts"], json!(["MANIFEST_SAME"]));
        assert_eq!(app.records("acme").await.len(), 1, "a refused dry run left a record");
        let query = "?dry_run=true&force=MANIFEST_SAME";
        let dry = done(&app.import("acme", same.clone(), query).await);
        assert_eq!((&dry["changes"], &dry["counts"]["unchanged"]), (&json!([]), &json!(2)));
        let skipped = done(&app.import("acme", same, "?dry_run=true&on_same=skip").await);
        assert_eq!((&skipped["unchanged"], &skipped["dryRun"]), (&json!(true), &json!(true)));
    }

    async fn twins_that_may_be_skipped_are_never_a_conflict(database: TestDatabase) {
        let app = started(database).await;
        let same = zip(&CA, &first());
        let twins = (0..4).map(|_| app.import("acme", same.clone(), "?on_same=skip"));
        let answers = futures_util::future::join_all(twins).await;
        let unchanged: Vec<Value> = answers.iter().map(|a| done(a)["unchanged"].clone()).collect();
        let imported = unchanged.iter().filter(|unchanged| **unchanged == false).count();
        assert_eq!(imported, 1, "{unchanged:?}");
        assert_eq!(app.records("acme").await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_reads_a_plan() {
    let desk = Desk::new();
    let build = |out: &'static str, count: &'static str| {
        [
            "manifest",
            "build",
            "--ca-dir",
            "ca",
            "--out",
            out,
            "--generate",
            count,
        ]
    };
    let (mut server, url) = serve(&desk).await;
    desk.done(&build("m.zip", "3")).await;
    desk.done(&["owner", "add", "acme"]).await;
    desk.done(&["ca", "add", "ca/ca.crt", "--name", "test.crt"])
        .await;
    let import = |file: &'static str| ["import", file, "--owner", "acme"];
    let planned = desk
        .done(&[&import("m.zip")[..], &["--dry-run"]].concat())
        .await;
    assert!(
        planned.contains("(dry run: nothing was stored)"),
        "{planned}"
    );
    assert!(planned.contains("\n  + CA: test.crt"), "{planned}");
    assert_eq!(
        planned.matches("\n  + entitlement ").count(),
        3,
        "{planned}"
    );
    assert!(
        planned.ends_with("Plan: 3 to add, 0 to change, 0 to remove."),
        "{planned}"
    );
    assert!(
        !planned.contains('\u{1b}'),
        "colours without a terminal: {planned}"
    );
    desk.done(&import("m.zip")).await;
    let skip = desk
        .json(&[&import("m.zip")[..], &["--on-same", "skip"]].concat())
        .await;
    assert_eq!(skip["unchanged"], true, "{skip}");
    let said = desk
        .done(&[&import("m.zip")[..], &["--on-same", "skip"]].concat())
        .await;
    assert!(
        said.contains("(unchanged: these bytes were imported last)"),
        "{said}"
    );
    let said = desk
        .refused(1, &[&import("m.zip")[..], &["--dry-run"]].concat())
        .await;
    assert!(said.contains("MANIFEST_SAME"), "{said}");
    desk.refused(
        2,
        &[&import("m.zip")[..], &["--on-same", "perhaps"]].concat(),
    )
    .await;
    // The same over the server: three are made anew, 98 come.
    let admin = std::fs::read_to_string(desk.path("data/admin.key")).unwrap();
    let over = ["--server", &url, "--key", admin.trim()];
    let skip = desk
        .json(&[&import("m.zip")[..], &over, &["--on-same", "skip"]].concat())
        .await;
    assert_eq!(skip["unchanged"], true, "{skip}");
    desk.done(&build("n.zip", "101")).await;
    let force = ["--dry-run", "--force", "MANIFEST_SAME"];
    let planned = desk
        .done(&[&import("n.zip")[..], &over, &force].concat())
        .await;
    assert!(planned.contains("more (--json)"), "{planned}");
    assert!(
        planned.contains("Plan: 98 to add, 3 to change, 0 to remove."),
        "{planned}"
    );
    assert!(planned.lines().count() < 60, "{planned}");
    terminate(&server);
    server.wait().await.unwrap();
}
