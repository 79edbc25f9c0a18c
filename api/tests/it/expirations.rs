//! What ends soon: `GET /expirations` over all kinds, for whom it is, in pages; and the notes of imports.

use portolan_domain::build::{Authority, Description, EntitlementDescription, KeyKind, Validity};
use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use time::Duration;

use super::{
    desk::Desk,
    manifests::{CA, STRANGER, described, signed_by},
    support::{Answer, TestApp, now},
};

/// A manifest whose entitlements end so many days from now, and whose identity a year after it was made.
pub fn ending(seed: &str, days: &[(&str, i64)]) -> Description {
    let entitlement = |(id, days): &(&str, i64)| EntitlementDescription {
        id: Some((*id).to_owned()),
        pool_id: Some(format!("pool-{id}")),
        ends_at: Some(now() + Duration::days(*days)),
        ..EntitlementDescription::default()
    };
    Description {
        entitlements: days.iter().map(entitlement).collect(),
        ..described(seed, now() - Duration::days(60), &[])
    }
}

/// A service with two owners' imports and a CDN of the operator's.
async fn app_with_ends(database: TestDatabase) -> TestApp {
    let connection = Database::connect(&database.settings.url).await.unwrap();
    let pem = STRANGER.certificate_pem().unwrap();
    let cdn = format!(
        "INSERT INTO cdns (owner_id, label, url, normalized_url, certificate) \
         VALUES (NULL, 'a.cdn/1', 'https://c.example.com', 'https://c.example.com', '{pem}')"
    );
    connection.execute_unprepared(&cdn).await.unwrap();
    let app = TestApp::start(database).await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    let acme = [
        ("b", 10),
        ("ended", -1),
        ("a", 10),
        ("c", 10),
        ("late", 200),
    ];
    for (owner, days) in [("acme", &acme[..]), ("other", &[("o", 10)])] {
        app.owner(owner).await;
        let imported = app
            .import(owner, signed_by(&CA, &ending(owner, days)), "")
            .await;
        assert_eq!(imported.status, 200, "{}", imported.text);
    }
    app
}

/// Kind and id of each.
fn listed(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let one = |one: &Value| {
        format!(
            "{} {}",
            one["kind"].as_str().unwrap(),
            one["id"].as_str().unwrap()
        )
    };
    answer.json().as_array().unwrap().iter().map(one).collect()
}

async fn uuid(app: &TestApp, owner: &str) -> String {
    let consumers = app
        .get(&format!("/owners/{owner}/upstream_consumers"))
        .await
        .json();
    consumers[0]["uuid"].as_str().unwrap().to_owned()
}

/// Follows the links of a list to its end.
async fn pages(app: &TestApp, path: &str, query: &str) -> Vec<String> {
    let (mut all, mut query) = (Vec::new(), query.to_owned());
    loop {
        let page = app.get(&format!("{path}{query}")).await;
        all.extend(listed(&page));
        let Some(link) = page.headers.get("link") else {
            return all;
        };
        let link = link.to_str().unwrap().strip_prefix('<').unwrap();
        link.split('>').next().unwrap().clone_into(&mut query);
    }
}

both_engines! {
    async fn every_kind_is_listed_soonest_first_and_in_pages(database: TestDatabase) {
        let app = app_with_ends(database).await;
        let soon = ["ENTITLEMENT ended", "ENTITLEMENT a", "ENTITLEMENT b", "ENTITLEMENT c", "ENTITLEMENT o"];
        assert_eq!(listed(&app.get("/expirations").await), soon);
        assert_eq!(listed(&app.get("/expirations?within=1s").await), soon[..1]);
        let all = app.get("/expirations?within=400d").await;
        let (acme, other) = (uuid(&app, "acme").await, uuid(&app, "other").await);
        let mut identities = [format!("IDENTITY {acme}"), format!("IDENTITY {other}")];
        identities.sort();
        let mut wanted: Vec<String> = soon.map(str::to_owned).into();
        wanted.push("ENTITLEMENT late".to_owned());
        wanted.extend(identities);
        wanted.extend(["CA test.crt".to_owned(), "CDN a.cdn/1".to_owned()]);
        assert_eq!(listed(&all), wanted);
        for limit in [1, 2, 3, 7, wanted.len()] {
            let query = format!("?within=400d&limit={limit}");
            assert_eq!(pages(&app, "/expirations", &query).await, wanted, "{limit} a page");
        }
        let first = &all.json()[0];
        assert_eq!(first["notAfter"], "2026-11-21T12:00:00.000Z");
        assert_eq!((&first["expired"], &first["ownerKey"]), (&json!(true), &json!("acme")));
        assert!(first["subject"].as_str().unwrap().contains("CN=ended"), "{first}");
        assert!(first["serial"].as_str().unwrap().parse::<u64>().is_ok(), "{first}");
        let ca = all.json()[8].clone();
        assert_eq!((&ca["ownerKey"], &ca["subject"]), (&Value::Null, &json!("CN=Test CA")));
        assert_eq!(ca["expired"], false);
        assert!(!all.text.contains("PRIVATE KEY") && !all.text.contains("BEGIN"));
    }

    async fn a_bound_caller_sees_what_is_its_owners(database: TestDatabase) {
        let app = app_with_ends(database).await;
        app.owner("empty").await;
        app.trust("unused.crt", &STRANGER.certificate_pem().unwrap()).await;
        let identity = format!("IDENTITY {}", uuid(&app, "other").await);
        let get = async |key: &str| {
            let request = app.request(Method::GET, "/expirations?within=400d");
            app.send(request.bearer_auth(key)).await
        };
        let seen = get(&app.key(Role::Auditor, &["other"]).await).await;
        assert_eq!(listed(&seen), ["ENTITLEMENT o", &identity, "CA test.crt"]);
        assert!(!seen.text.contains("acme"));
        assert_eq!(listed(&get(&app.key(Role::Manager, &["empty"]).await).await), [""; 0]);
        let both = get(&app.key(Role::Manager, &["other", "acme"]).await).await;
        assert_eq!(listed(&both).len(), 9);
    }

    async fn what_is_no_time_and_no_cursor_is_refused(database: TestDatabase) {
        let app = TestApp::start(database).await;
        for wrong in [
            "within=", "within=30", "within=d", "within=-1d", "within=%2B1d", "within=1y", "within=3651d",
            "within=99999999999999999999d", "within=1%00d", "limit=0", "limit=1001", "cursor=x",
            "cursor=1.CA", "cursor=1.OTHER.x", "cursor=1.CA.%00", "cursor=99999999999999.CA.x",
        ] {
            let refused = app.get(&format!("/expirations?{wrong}")).await;
            refused.assert_problem(400, "bad-request");
        }
        assert_eq!(app.get("/expirations?within=3650d").await.text, "[]");
        assert_eq!(app.get("/expirations?within=0s&cursor=1.CDN.a.b").await.text, "[]");
    }

    async fn an_import_notes_what_ends_soon(database: TestDatabase) {
        let app = TestApp::start(database).await;
        app.owner("acme").await;
        let validity = Validity { from: now() - Duration::days(400), until: now() + Duration::days(20) };
        let ca = Authority::self_signed("Old CA", KeyKind::Rsa(2048), validity).unwrap();
        app.trust("old.crt", &ca.certificate_pem().unwrap()).await;
        let imported = async |made: i64, days: i64| {
            let mut description = ending("acme", &[("e", days), ("late", 200)]);
            description.created = Some(now() + Duration::days(made));
            let answer = app.import("acme", signed_by(&ca, &description), "?force=MANIFEST_OLD").await;
            assert_eq!(answer.json()["status"], "SUCCESS", "{}", answer.text);
            let record = app.records("acme").await[0].clone();
            let warnings = record["warnings"].as_array().unwrap().clone();
            warnings.iter().map(|w| w["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        // The identity ends a year after the manifest was made.
        let soon = ["identity-ends-soon", "ca-ends-soon", "certificate-ends-soon"];
        assert_eq!(imported(-350, 10).await, soon);
        assert_eq!(imported(-366, 31).await, ["identity-ended", "ca-ends-soon"]);
        assert_eq!(imported(-1, 30).await, ["ca-ends-soon", "certificate-ends-soon"]);
    }
}

#[tokio::test]
async fn a_person_sees_what_ends_on_the_command_line() {
    let desk = Desk::new();
    desk.done(&["owner", "add", "acme"]).await;
    assert_eq!(desk.done(&["expirations"]).await, "nothing ends within 30d");
    let pem = CA.certificate_pem().unwrap();
    std::fs::write(desk.path("ca.crt"), pem).unwrap();
    desk.done(&["ca", "add", "ca.crt"]).await;
    let shown = desk.json(&["expirations", "--within", "3650d"]).await;
    assert_eq!(
        (&shown[0]["kind"], &shown[0]["id"]),
        (&json!("CA"), &json!("ca.crt"))
    );
    let said = desk.done(&["expirations", "--within", "3650d"]).await;
    assert!(said.contains("CA") && said.contains("CN=Test CA"), "{said}");
    let own = desk
        .json(&["expirations", "--within", "3650d", "--owner", "acme"])
        .await;
    assert_eq!(own, json!([]));
    desk.refused(1, &["expirations", "--owner", "nobody"]).await;
    desk.refused(2, &["expirations", "--within", "soon"]).await;
}
