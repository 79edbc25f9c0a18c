//! Downstream entitlements over HTTP: registered, asked for, renewed, revoked.

use portolan::clock::Clock;
use portolan_domain::build::{Description, EntitlementDescription};
use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use time::Duration;

use super::{
    manifests::{self, CA, described, manifest, signed_by},
    support::{Answer, TestApp, eventually, now},
};

/// A service with two owners, each with a manifest of two entitlements in a pool each.
async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    for owner in ["acme", "other"] {
        app.owner(owner).await;
        let imported = app.import(owner, manifest(owner, 2), "").await;
        assert_eq!(imported.status, 200, "{}", imported.text);
    }
    app
}

async fn register(app: &TestApp, owner: &str, id: &str, source: Value) -> Answer {
    let path = format!("/owners/{owner}/entitlements/{id}");
    app.json(Method::PUT, &path, source).await
}

async fn info(app: &TestApp, id: &str) -> Answer {
    app.get(&format!("/entitlements/{id}/cdn_info")).await
}

/// A manifest of these entitlements in one pool: id, beginning and end in days from now.
fn of_one_pool(age: Duration, entitlements: &[(&str, i64, i64)]) -> Vec<u8> {
    let entitlement = |(id, from, until): &(&str, i64, i64)| EntitlementDescription {
        id: Some((*id).to_owned()),
        pool_id: Some("shared".to_owned()),
        starts_at: Some(now() + Duration::days(*from)),
        ends_at: Some(now() + Duration::days(*until)),
        ..EntitlementDescription::default()
    };
    let description = Description {
        entitlements: entitlements.iter().map(entitlement).collect(),
        ..described("acme", now() - age, &[])
    };
    signed_by(&CA, &description)
}

both_engines! {
    async fn an_entitlement_of_a_pool_answers_as_its_upstream_one(database: TestDatabase) {
        let app = started(database).await;
        let put = register(&app, "acme", "d1", json!({ "poolId": "pool-acme-1" })).await;
        assert_eq!(put.status, 200, "{}", put.text);
        let shown = put.json();
        assert_eq!((&shown["id"], &shown["kind"]), (&json!("d1"), &json!("DOWNSTREAM")));
        assert_eq!((&shown["ownerKey"], &shown["poolId"]), (&json!("acme"), &json!("pool-acme-1")));
        assert_eq!((&shown["quantity"], &shown["certificate"]), (&Value::Null, &Value::Null));
        assert_eq!(shown["created"], "2026-11-22T12:00:00.000Z");
        let again = register(&app, "acme", "d1", json!({ "poolId": "pool-acme-1" })).await;
        assert_eq!(again.json(), shown);
        assert_eq!(app.get("/entitlements/d1").await.json(), shown);

        let (mut answer, upstream) = (info(&app, "d1").await.json(), info(&app, "acme-1").await.json());
        assert_eq!(answer["entitlementId"], "d1");
        assert_eq!(answer["upstreamEntitlementId"], "acme-1");
        answer["entitlementId"] = upstream["entitlementId"].clone();
        assert_eq!(answer, upstream);
        let cert = app.get("/candlepin/entitlements/d1/upstream_cert").await;
        assert_eq!(cert.text, app.get("/entitlements/acme-1/upstream_cert").await.text);
    }

    async fn a_source_is_one_or_none(database: TestDatabase) {
        let app = started(database).await;
        for (body, status, slug) in [
            (json!({ "poolId": "pool-acme-0", "upstreamEntitlementId": "acme-0" }), 400, "bad-request"),
            (json!({ "pool": "pool-acme-0" }), 400, "bad-request"),
            (json!({ "poolId": "a b" }), 400, "bad-request"),
            (json!({ "poolId": "pool-other-0" }), 404, "pool-not-found"),
            (json!({ "upstreamEntitlementId": "other-0" }), 404, "upstream-entitlement-not-found"),
        ] {
            register(&app, "acme", "d", body).await.assert_problem(status, slug);
        }
        register(&app, "nobody", "d", json!({})).await.assert_problem(404, "owner-not-found");
        register(&app, "acme", "a%2Cb", json!({})).await.assert_problem(400, "bad-request");
        info(&app, "d").await.assert_problem(404, "entitlement-not-found");
    }

    async fn an_id_is_one_owners_and_of_one_kind(database: TestDatabase) {
        let app = started(database).await;
        assert_eq!(register(&app, "acme", "d", json!({})).await.status, 200);
        for (owner, id) in [("other", "d"), ("other", "acme-0"), ("acme", "acme-0")] {
            let refused = register(&app, owner, id, json!({})).await;
            refused.assert_problem(409, "entitlement-id-in-use");
        }
        for owner in ["acme", "other"] {
            let brings = signed_by(&CA, &described(owner, now(), &["d".to_owned()]));
            let refused = app.import(owner, brings, "").await;
            refused.assert_problem(409, "entitlement-id-in-use");
        }
        assert_eq!(info(&app, "d").await.json()["ownerKey"], "acme");
        assert_eq!(app.delete("/entitlements/d").await.status, 204);
        assert_eq!(register(&app, "other", "d", json!({})).await.status, 200);
        assert_eq!(info(&app, "d").await.json()["ownerKey"], "other");
    }

    async fn a_revoked_one_is_unknown_at_once(database: TestDatabase) {
        let app = started(database).await;
        register(&app, "acme", "d", json!({ "upstreamEntitlementId": "acme-0" })).await;
        assert_eq!(info(&app, "d").await.status, 200);
        for _ in 0..2 {
            assert_eq!(app.delete("/entitlements/d").await.status, 204);
            info(&app, "d").await.assert_problem(404, "entitlement-not-found");
            app.get("/entitlements/d").await.assert_problem(404, "entitlement-not-found");
        }
        assert_eq!(app.delete("/entitlements/a%2Cb").await.status, 204);
        app.delete("/entitlements/acme-0").await.assert_problem(409, "entitlement-is-upstream");
        // Registered anew for something else: that counts at once, too.
        for number in [0, 1, 0] {
            let upstream = format!("acme-{number}");
            register(&app, "acme", "d", json!({ "upstreamEntitlementId": upstream })).await;
            assert_eq!(info(&app, "d").await.json()["upstreamEntitlementId"], upstream);
        }
    }

    async fn others_may_neither_read_nor_revoke_it(database: TestDatabase) {
        let app = started(database).await;
        register(&app, "acme", "d", json!({})).await;
        app.owner("empty").await;
        register(&app, "empty", "e", json!({})).await;
        let manager = app.key(Role::Manager, &["other"]).await;
        let proxy = app.key(Role::Proxy, &["other"]).await;
        for id in ["d", "e"] {
            for (method, path, key) in [
                (Method::GET, format!("/entitlements/{id}"), &manager),
                (Method::DELETE, format!("/entitlements/{id}"), &manager),
                (Method::GET, format!("/entitlements/{id}/cdn_info"), &proxy),
            ] {
                let answer = app.send(app.request(method, &path).bearer_auth(key)).await;
                answer.assert_problem(403, "forbidden");
            }
        }
        // Whoever may not call is not told what is wrong with the body.
        let put = app.request(Method::PUT, "/owners/acme/entitlements/x").bearer_auth(&manager);
        app.send(put.body("nonsense")).await.assert_problem(403, "forbidden");
        assert_eq!(info(&app, "d").await.status, 200);
    }

    async fn an_owner_as_a_whole_answers_once_it_has_imported(database: TestDatabase) {
        let app = TestApp::start(database).await;
        app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
        app.owner("acme").await;
        assert_eq!(register(&app, "acme", "sca", json!({})).await.status, 200);
        for path in ["/entitlements/sca/cdn_info", "/entitlements/sca/upstream_cert",
            "/owners/acme/cdn_info"] {
            app.get(path).await.assert_problem(404, "owner-without-import");
        }
        app.get("/owners/nobody/cdn_info").await.assert_problem(404, "owner-not-found");
        assert_eq!(app.import("acme", manifest("acme", 1), "").await.status, 200);
        assert_eq!(info(&app, "sca").await.json()["upstreamEntitlementId"], "acme-0");

        let whole = app.get("/owners/acme/cdn_info").await;
        let answer = whole.json();
        assert_eq!(answer["entitlementId"], Value::Null);
        assert_eq!(answer["upstreamEntitlementId"], "acme-0");
        assert!(answer["upstreamCertificate"]["key"].is_string());
        assert_eq!(whole.header("cache-control"), "private, max-age=60");
        let asked = |method| app.request(method, "/owners/acme/cdn_info").bearer_auth(&app.admin);
        let etag = whole.header("etag");
        let held = app.send(asked(Method::GET).header("if-none-match", etag)).await;
        assert_eq!(held.status, 304);
        let head = app.send(asked(Method::HEAD)).await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
        app.state.audit.flush().await.unwrap();
        let reads = app.get("/audit?action=key-material.read&owner=acme").await.json();
        assert_eq!(reads[0]["count"], 2, "{reads}");

        // Without an entitlement there is an answer, and no certificate.
        let empty = signed_by(&CA, &described("acme", now(), &[]));
        assert_eq!(app.import("acme", empty, "").await.json()["counts"]["downstreamRemoved"], 0);
        let answer = info(&app, "sca").await.json();
        assert_eq!((&answer["poolId"], &answer["upstreamCertificate"]), (&Value::Null, &Value::Null));
        let cert = app.get("/entitlements/sca/upstream_cert").await;
        cert.assert_problem(404, "no-upstream-certificate");
    }

    async fn a_renewed_manifest_keeps_what_its_pools_have(database: TestDatabase) {
        let app = started(database).await;
        register(&app, "acme", "of-pool", json!({ "poolId": "pool-acme-0" })).await;
        register(&app, "acme", "named", json!({ "upstreamEntitlementId": "acme-0" })).await;
        register(&app, "acme", "goes", json!({ "poolId": "pool-acme-1" })).await;
        assert_eq!(info(&app, "named").await.json()["upstreamEntitlementId"], "acme-0");
        let mut renewed = described("acme", now(), &["acme-0".to_owned()]);
        renewed.entitlements[0].id = Some("renewed".to_owned());
        let record = app.import("acme", signed_by(&CA, &renewed), "").await.json();
        assert_eq!(record["counts"], json!({
            "added": 1, "updated": 0, "removed": 2, "unchanged": 0, "downstreamRemoved": 1,
        }));
        for id in ["of-pool", "named"] {
            let answer = info(&app, id).await.json();
            assert_eq!(answer["upstreamEntitlementId"], "renewed");
            assert_eq!(answer["poolId"], "pool-acme-0");
        }
        info(&app, "goes").await.assert_problem(404, "entitlement-not-found");
        assert_eq!(app.records("acme").await[0]["counts"], record["counts"]);
    }

    async fn the_active_one_that_ends_last_answers_as_time_goes_by(database: TestDatabase) {
        let clock = Arc::new(Mutex::new(now()));
        let told = clock.clone();
        let clocked = Clock::from_fn(move || *told.lock().unwrap());
        let store = database.store.clone();
        let app = TestApp::start_at(store, database, |_| {}, clocked).await;
        app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
        app.owner("acme").await;
        let entitlements = [("a", -20, 5), ("b", -20, 9), ("c", -20, 9), ("later", 6, 20)];
        let imported = app.import("acme", of_one_pool(Duration::HOUR, &entitlements), "").await;
        assert_eq!(imported.status, 200, "{}", imported.text);
        register(&app, "acme", "d", json!({ "poolId": "shared" })).await;
        register(&app, "acme", "sca", json!({})).await;
        for (days, wanted) in [(0, "b"), (6, "later"), (19, "later"), (30, "later"), (3, "b")] {
            *clock.lock().unwrap() = now() + Duration::days(days);
            for path in ["/entitlements/d/cdn_info", "/entitlements/sca/cdn_info",
                "/owners/acme/cdn_info"] {
                eventually(&format!("{wanted} answers {path} on day {days}"), || async {
                    app.get(path).await.json()["upstreamEntitlementId"] == wanted
                })
                .await;
            }
        }
    }

    async fn both_kinds_are_listed_in_pages(database: TestDatabase) {
        let app = started(database).await;
        for (id, source) in [("b1", json!({})), ("b2", json!({ "poolId": "pool-acme-0" }))] {
            register(&app, "acme", id, source).await;
        }
        register(&app, "other", "z", json!({})).await;
        let ids = |answer: &Answer| -> Vec<Value> {
            let page = answer.json();
            page.as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
        };
        let list = async |query: &str| app.get(&format!("/owners/acme/entitlements{query}")).await;
        assert_eq!(ids(&list("").await), ["acme-0", "acme-1", "b1", "b2"]);
        assert_eq!(ids(&list("?kind=DOWNSTREAM").await), ["b1", "b2"]);
        assert_eq!(ids(&list("?kind=UPSTREAM").await), ["acme-0", "acme-1"]);
        assert_eq!(ids(&list("?pool_id=pool-acme-0").await), ["acme-0", "b2"]);
        let first = list("?pool_id=pool-acme-0&limit=1").await;
        assert_eq!(ids(&first), ["acme-0"]);
        let link = first.header("link").to_owned();
        let next = link.strip_prefix('<').unwrap().split('>').next().unwrap();
        let second = list(next).await;
        assert_eq!(ids(&second), ["b2"]);
        assert!(second.headers.get("link").is_none());
        for wrong in ["?limit=0", "?kind=upstream", "?kind=", "?pool_id=a%20b", "?cursor=a%20b"] {
            list(wrong).await.assert_problem(400, "bad-request");
        }
        let upstream = app.get("/entitlements/acme-0").await;
        let shown = upstream.json();
        assert_eq!((&shown["kind"], &shown["upstreamEntitlementId"]),
            (&json!("UPSTREAM"), &json!("acme-0")));
        assert_eq!(shown["certificate"]["expired"], false);
        assert!(shown["certificate"]["serial"].is_string() && shown["quantity"].is_number());
        assert!(!upstream.text.contains("-----BEGIN"), "{}", upstream.text);
    }

    async fn an_undone_import_lets_another_owner_have_it(database: TestDatabase) {
        let app = started(database).await;
        app.owner("third").await;
        for (id, source) in [("d", json!({ "poolId": "pool-acme-0" })), ("sca", json!({}))] {
            register(&app, "acme", id, source).await;
            assert_eq!(info(&app, id).await.status, 200);
        }
        let refused = app.import("third", manifest("acme", 2), "").await;
        refused.assert_problem(409, "upstream-consumer-in-use");
        let undone = app.delete("/owners/acme/imports").await;
        assert_eq!(undone.status, 200, "{}", undone.text);
        let record = undone.json();
        assert_eq!((&record["status"], &record["uploadedBy"]), (&json!("DELETE"), &json!("admin")));
        assert_eq!(record["counts"]["removed"], 2);
        assert_eq!(record["counts"]["downstreamRemoved"], 2);
        assert_eq!(record["upstreamConsumer"]["uuid"].as_str(),
            app.records("acme").await[1]["upstreamConsumer"]["uuid"].as_str());
        assert_eq!(app.records("acme").await[0], record);
        for id in ["d", "sca", "acme-0"] {
            info(&app, id).await.assert_problem(404, "entitlement-not-found");
        }
        assert_eq!(app.get("/owners/acme/upstream_consumers").await.text, "[]");
        app.get("/owners/acme/cdn_info").await.assert_problem(404, "owner-without-import");
        app.delete("/owners/acme/imports").await.assert_problem(404, "owner-without-import");
        app.delete("/owners/nobody/imports").await.assert_problem(404, "owner-not-found");
        assert_eq!(app.import("third", manifest("acme", 2), "").await.status, 200);
        assert_eq!(register(&app, "third", "d", json!({ "poolId": "pool-acme-0" })).await.status, 200);
        assert_eq!(info(&app, "d").await.json()["ownerKey"], "third");
        assert_eq!(app.delete("/owners/third/imports").await.status, 200);
        let again = app.import("acme", manifests::manifest("acme", 2), "?on_same=skip").await;
        assert_eq!((again.status.as_u16(), &again.json()["unchanged"]), (200, &json!(false)));
        let events = app.get("/audit?action=import.delete").await.json();
        assert_eq!(events.as_array().unwrap().len(), 2);
    }
}
