//! Grants over HTTP: put, read and taken back, by whom and of what.

use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Answer, TestApp};

pub const STABLE: &str = "org.acme.Stable";
const ALICE: &str = "/owners/acme/grants/alice";

/// Two owners, each with a repository of a collection of its own.
pub async fn with_repos(app: &TestApp) {
    for owner in ["acme", "other"] {
        app.owner(owner).await;
        let collection = format!("org.{owner}.Stable");
        let body = json!({ "ownerKey": owner, "collectionId": collection });
        let made = app
            .json(Method::PUT, &format!("/repos/{owner}-repo"), body)
            .await;
        assert_eq!(made.status, 200, "{}", made.text);
    }
}

async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    with_repos(&app).await;
    app
}

async fn put(app: &TestApp, key: &str, path: &str, body: &Value) -> Answer {
    let request = app.request(Method::PUT, path).bearer_auth(key);
    app.send(request.json(body)).await
}

both_engines! {
    async fn what_is_put_is_what_a_user_may_have(database: TestDatabase) {
        let app = started(database).await;
        assert_eq!(app.get(ALICE).await.json(), json!([]));
        let body = json!([
            { "collectionId": STABLE, "refs": ["app/b", "app/org.cool.Game/*/stable"], "until": null },
            { "collectionId": STABLE, "refs": ["app/c"], "until": "2027-01-01T02:00:00.500+02:00" },
        ]);
        let shown = json!([
            { "collectionId": STABLE, "refs": ["app/b", "app/org.cool.Game/*/stable"], "until": null },
            { "collectionId": STABLE, "refs": ["app/c"], "until": "2027-01-01T00:00:00.500Z" },
        ]);
        let stored = put(&app, &app.admin, ALICE, &body).await;
        assert_eq!((stored.status.as_u16(), stored.json()), (200, shown.clone()), "{}", stored.text);
        assert_eq!(app.get(ALICE).await.json(), shown);
        let again = put(&app, &app.admin, ALICE, &shown).await;
        assert_eq!(again.json(), shown, "what was read is taken back");
        let events = app.get("/audit?action=grant.put").await.json();
        assert_eq!(events.as_array().unwrap().len(), 1, "the same again changes nothing");
        assert_eq!((&events[0]["ownerKey"], &events[0]["subject"]), (&json!("acme"), &json!("alice")));
        let one = json!([{ "collectionId": STABLE, "refs": ["app/d"] }]);
        put(&app, &app.admin, ALICE, &one).await;
        assert_eq!(app.get(ALICE).await.json()[0]["refs"], json!(["app/d"]));
        assert_eq!(put(&app, &app.admin, ALICE, &json!([])).await.json(), json!([]));
        assert_eq!(app.delete(ALICE).await.status, 204);
        assert_eq!(app.delete(ALICE).await.status, 204);
        app.delete("/owners/nobody/grants/alice").await.assert_problem(404, "owner-not-found");
    }

    async fn a_user_has_any_name(database: TestDatabase) {
        let app = started(database).await;
        let one = json!([{ "collectionId": STABLE, "refs": ["app/d"] }]);
        for user in ["alice%40example.com", "auth0%7C7", "a%2Fb", "Zo%C3%AB", "%62atch"] {
            let path = format!("/owners/acme/grants/{user}");
            assert_eq!(put(&app, &app.admin, &path, &one).await.status, 200, "{user}");
            assert_eq!(app.get(&path).await.json()[0]["refs"], json!(["app/d"]), "{user}");
        }
        let long = "a".repeat(256);
        for user in ["a%0Ab", "a%00", long.as_str()] {
            let path = format!("/owners/acme/grants/{user}");
            put(&app, &app.admin, &path, &one).await.assert_problem(400, "bad-request");
        }
    }

    async fn what_is_no_grant_is_refused_and_nothing_is_stored(database: TestDatabase) {
        let app = started(database).await;
        let before = json!([{ "collectionId": STABLE, "refs": ["app/d"], "until": null }]);
        put(&app, &app.admin, ALICE, &before).await;
        let entry = |refs: Value| json!([{ "collectionId": STABLE, "refs": refs }]);
        let twice = json!([
            { "collectionId": STABLE, "refs": ["a"] },
            { "collectionId": STABLE, "refs": ["a"], "until": "2027-01-01T00:00:00Z" },
        ]);
        for (bad, says) in [
            (entry(json!(["app/org.cool.*/x86_64/stable"])), "one whole segment"),
            (entry(json!(["app/**/stable"])), "one whole segment"),
            (entry(json!(["app/../stable"])), "must be a ref"),
            (entry(json!(["app/%2e"])), "must be a ref"),
            (entry(json!([])), "refs is empty"),
            (entry(json!("app/a")), "invalid type"),
            (json!([{ "collectionId": STABLE, "refs": ["a"], "untill": "x" }]), "unknown field"),
            (json!([{ "collectionId": STABLE, "refs": ["a"], "until": "soon" }]), "JSON"),
            (json!([{ "collectionId": "acme", "refs": ["a"] }]), "a collection id"),
            (json!([[STABLE, ["a"], null]]), "an object is expected"),
            (json!({ "collectionId": STABLE, "refs": ["a"] }), "list"),
            (twice, "twice"),
        ] {
            let refused = put(&app, &app.admin, ALICE, &bad).await.assert_problem(400, "bad-request");
            assert!(refused["detail"].as_str().unwrap().contains(says), "{bad}: {refused}");
        }
        for foreign in ["org.other.Stable", "org.nobody.Stable"] {
            let body = json!([
                { "collectionId": STABLE, "refs": ["app/a"] },
                { "collectionId": foreign, "refs": ["app/a"] },
            ]);
            let refused = put(&app, &app.admin, ALICE, &body).await;
            let body = refused.assert_problem(403, "collection-not-owned");
            assert!(body["detail"].as_str().unwrap().contains(foreign), "{body}");
        }
        assert_eq!(app.get(ALICE).await.json(), before);
    }

    async fn an_issuer_grants_for_his_owners(database: TestDatabase) {
        let app = started(database).await;
        let own = app.key(Role::Issuer, &["acme"]).await;
        let other = app.key(Role::Issuer, &["other"]).await;
        let auditor = app.key(Role::Auditor, &["acme"]).await;
        let one = json!([{ "collectionId": STABLE, "refs": ["app/d"] }]);
        assert_eq!(put(&app, &own, ALICE, &one).await.status, 200);
        // Not told what is wrong with the body.
        put(&app, &other, ALICE, &json!("x")).await.assert_problem(403, "forbidden");
        put(&app, &auditor, ALICE, &one).await.assert_problem(403, "forbidden");
        let get = async |key: &str| app.send(app.request(Method::GET, ALICE).bearer_auth(key)).await;
        assert_eq!(get(&auditor).await.status, 200);
        get(&other).await.assert_problem(403, "forbidden");
        let delete = app.request(Method::DELETE, ALICE).bearer_auth(&other);
        app.send(delete).await.assert_problem(403, "forbidden");
        assert_eq!(get(&own).await.json()[0]["refs"], json!(["app/d"]));
    }
}
