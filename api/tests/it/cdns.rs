//! The operator's CDNs over HTTP: what they are, who follows them, and that each change counts for the
//! very next question.

use portolan_domain::{build::CdnDescription, digest::Sha256Digest};
use portolan_storage::{both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

use super::{
    certificates::{ca, x509},
    manifests::{self, CA, described, signed_by},
    support::{Answer, TestApp, now},
};

/// A manifest of one entitlement, `<seed>-0`, that names a label and may bring a CDN of that label.
fn labelled(seed: &str, label: &str, brings: Option<&str>) -> Vec<u8> {
    let ids = [format!("{seed}-0")];
    let mut description = described(seed, now() - Duration::hours(1), &ids);
    description.cdn_label = Some(label.to_owned());
    let cdn = |url: &str| CdnDescription {
        label: label.to_owned(),
        name: None,
        url: url.to_owned(),
    };
    description.cdns = brings.into_iter().map(cdn).collect();
    signed_by(&CA, &description)
}

async fn app_with(database: TestDatabase, owners: &[&str]) -> TestApp {
    let app = TestApp::start(database).await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    for owner in owners {
        app.owner(owner).await;
    }
    app
}

async fn import(app: &TestApp, owner: &str, manifest: Vec<u8>) -> Value {
    let imported = app.import(owner, manifest, "").await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    imported.json()
}

async fn create(app: &TestApp, cdn: Value) -> Answer {
    let created = app.json(Method::POST, "/cdn", cdn).await;
    assert_eq!(created.status, 200, "{}", created.text);
    created
}

async fn update(app: &TestApp, label: &str, change: Value) -> Value {
    let changed = app
        .json(Method::PUT, &format!("/cdn/{label}"), change)
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    changed.json()
}

async fn info(app: &TestApp, id: &str) -> Value {
    app.get(&format!("/entitlements/{id}/cdn_info"))
        .await
        .json()
}

async fn url_of(app: &TestApp, id: &str) -> Value {
    info(app, id).await["cdnUrl"].clone()
}

both_engines! {
    async fn are_created_shown_changed_and_deleted(database: TestDatabase) {
        let app = app_with(database, &[]).await;
        let pem = ca("CDN CA").certificate_pem().unwrap();
        let new = json!({
            "label": "a/b ä", "name": "Mirror", "url": "https://CDN.example.com:443/", "certificate": pem,
        });
        let created = create(&app, new.clone()).await.json();
        assert_eq!(created["label"], "a/b ä");
        assert_eq!(created["name"], "Mirror");
        assert_eq!(created["url"], "https://CDN.example.com:443/");
        assert_eq!(created["certificate"], pem);
        assert_eq!(created["created"], "2026-11-22T12:00:00.000Z");
        assert!(created["id"].as_str().is_some_and(|id| id.parse::<i64>().is_ok()), "{created}");
        let path = "/cdn/a%2Fb%20%C3%A4";
        assert_eq!(app.get(path).await.json(), created);
        assert_eq!(app.get("/candlepin/cdn").await.json()[0]["label"], "a/b ä");
        app.json(Method::POST, "/cdn", new).await.assert_problem(409, "already-exists");
        // What was read may be sent back.
        let back = app.json(Method::PUT, path, created.clone()).await;
        assert_eq!(back.json(), created, "{}", back.text);
        assert_eq!(app.delete(path).await.status, 204);
        assert_eq!(app.delete(path).await.status, 204);
        app.get(path).await.assert_problem(404, "cdn-not-found");
        app.json(Method::PUT, path, json!({})).await.assert_problem(404, "cdn-not-found");
    }

    async fn a_change_keeps_what_it_leaves_out_and_removes_what_is_null(database: TestDatabase) {
        let app = app_with(database, &[]).await;
        let pem = ca("CDN CA").certificate_pem().unwrap();
        let url = "https://cdn.example.com";
        create(&app, json!({"label": "m", "name": "M", "url": url, "certificate": pem})).await;
        let moved = update(&app, "m", json!({"url": "https://new.example.com"})).await;
        assert_eq!(moved["url"], "https://new.example.com");
        assert_eq!((&moved["name"], &moved["certificate"]), (&json!("M"), &json!(pem)));
        let renamed = update(&app, "m", json!({"name": null})).await;
        assert_eq!((&renamed["name"], &renamed["certificate"]), (&Value::Null, &json!(pem)));
        let bare = update(&app, "m", json!({"certificate": null, "name": "N"})).await;
        assert_eq!((&bare["name"], &bare["certificate"]), (&json!("N"), &Value::Null));
        assert_eq!(bare["url"], "https://new.example.com");
        let other = app.json(Method::PUT, "/cdn/m", json!({"label": "n"})).await;
        other.assert_problem(400, "bad-request");
    }

    async fn what_cannot_be_a_cdn_is_refused(database: TestDatabase) {
        let app = app_with(database, &[]).await;
        let url = "https://cdn.example.com";
        for bad in [
            json!({"label": "m"}),
            json!({"url": url}),
            json!({"label": "", "url": url}),
            json!({"label": "a\nb", "url": url}),
            json!({"label": "m", "url": url, "name": ""}),
            json!({"label": "m", "url": url, "certficate": "misspelt"}),
            json!({"label": "m", "url": url, "certificate": 7}),
        ] {
            app.json(Method::POST, "/cdn", bad).await.assert_problem(400, "bad-request");
        }
        for bad in ["http://cdn.example.com", "https://u:p@cdn.example.com", "cdn.example.com", ""] {
            let new = json!({"label": "m", "url": bad});
            app.json(Method::POST, "/cdn", new).await.assert_problem(400, "cdn-url-invalid");
        }
        create(&app, json!({"label": "m", "url": url, "id": "7", "created": null, "updated": 1})).await;
        let own = ca("CDN CA");
        let key = own.key_pem().unwrap();
        for bad in ["", "no certificate", key.expose(), "MIIBszCCAVmgAwIBAgIU"] {
            let refused = app.json(Method::PUT, "/cdn/m", json!({"certificate": bad})).await;
            let body = refused.assert_problem(400, "cdn-certificate-invalid");
            assert!(body["detail"].as_str().unwrap().contains("-inform DER"), "{body}");
        }
        let change = json!({"url": "http://cdn.example.com"});
        app.json(Method::PUT, "/cdn/m", change).await.assert_problem(400, "cdn-url-invalid");
        let misspelt = json!({"certficate": null});
        app.json(Method::PUT, "/cdn/m", misspelt).await.assert_problem(400, "bad-request");
        // A private key beside a certificate is not kept.
        let pem = own.certificate_pem().unwrap();
        let both = format!("{}{pem}", key.expose());
        assert_eq!(update(&app, "m", json!({"certificate": both})).await["certificate"], pem);
    }

    async fn plain_http_is_taken_where_it_is_allowed(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| config.import.allow_http_cdn = true).await;
        create(&app, json!({"label": "m", "url": "http://cdn.example.com"})).await;
        update(&app, "m", json!({"url": "http://other.example.com"})).await;
    }

    async fn a_list_goes_on_where_its_link_points(database: TestDatabase) {
        let app = app_with(database, &[]).await;
        for label in ["c", "a & b", "b", "ä", "d"] {
            create(&app, json!({"label": label, "url": "https://cdn.example.com"})).await;
        }
        let (mut path, mut found) = ("/cdn?limit=2".to_owned(), Vec::new());
        loop {
            let page = app.get(&path).await;
            found.extend(page.json().as_array().unwrap().iter().map(|c| c["label"].clone()));
            let Some(link) = page.headers.get("link") else {
                break;
            };
            let link = link.to_str().unwrap().strip_prefix('<').unwrap().to_owned();
            path = format!("/cdn{}", link.split_once('>').unwrap().0);
        }
        assert_eq!(found.len(), 5, "{found:?}");
        let mut once = found.clone();
        once.dedup();
        assert_eq!(once, found);
        app.get("/cdn?limit=0").await.assert_problem(400, "bad-request");
        app.get("/cdn?cursor=%00").await.assert_problem(400, "bad-request");
    }

    async fn two_owners_follow_one_label_that_is_created_later(database: TestDatabase) {
        let app = app_with(database, &["acme", "other"]).await;
        for owner in ["acme", "other"] {
            let record = import(&app, owner, labelled(owner, "later", None)).await;
            assert_eq!(record["warnings"][0]["code"], "cdn-label-unknown", "{record}");
        }
        let both = async || (url_of(&app, "acme-0").await, url_of(&app, "other-0").await);
        let at = |url: &str| (json!(url), json!(url));
        assert_eq!(both().await, at("https://cdn.redhat.com:443"));
        // Each answer is in memory now; each change must count for the very next question.
        create(&app, json!({"label": "later", "url": "https://later.example.com"})).await;
        assert_eq!(both().await, at("https://later.example.com"));
        for number in 0..10 {
            let url = format!("https://cdn{number}.example.com");
            update(&app, "later", json!({"url": url})).await;
            assert_eq!(both().await, at(&url));
        }
        let consumers = app.get("/owners/acme/upstream_consumers").await.json();
        assert_eq!(consumers[0]["cdnUrl"], "https://cdn9.example.com");
        assert_eq!(consumers[0]["cdnLabel"], "later");
        let refused = app.delete("/cdn/later").await;
        let body = refused.assert_problem(409, "in-use");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains("acme, other follow it"), "{detail}");
        for owner in ["acme", "other"] {
            let own = json!({"cdnUrl": "https://own.example.com"});
            let path = format!("/owners/{owner}/cdn");
            assert_eq!(app.json(Method::PUT, &path, own).await.status, 200);
        }
        assert_eq!(app.delete("/cdn/later").await.status, 204);
        assert_eq!(app.delete("/owners/acme/cdn").await.status, 204);
        assert_eq!(url_of(&app, "acme-0").await, "https://cdn.redhat.com:443");
    }

    async fn the_operators_cdn_counts_over_the_manifests(database: TestDatabase) {
        let app = app_with(database, &["acme", "other"]).await;
        let brings = Some("https://manifest.example.com");
        import(&app, "acme", labelled("acme", "mirror", brings)).await;
        import(&app, "other", labelled("other", "mirror", None)).await;
        assert_eq!(url_of(&app, "acme-0").await, "https://manifest.example.com");
        // One tenant's file redirects nobody else, and is no CDN of the operator's.
        assert_eq!(url_of(&app, "other-0").await, "https://cdn.redhat.com:443");
        assert_eq!(app.get("/cdn").await.json(), json!([]));
        app.get("/cdn/mirror").await.assert_problem(404, "cdn-not-found");
        create(&app, json!({"label": "mirror", "url": "https://operator.example.com"})).await;
        assert_eq!(url_of(&app, "acme-0").await, "https://operator.example.com");
        let again = app.import("acme", labelled("acme", "mirror", brings), "?force=MANIFEST_SAME").await;
        assert_eq!(again.status, 200, "{}", again.text);
        assert_eq!(app.get("/cdn/mirror").await.json()["url"], "https://operator.example.com");
        assert_eq!(url_of(&app, "acme-0").await, "https://operator.example.com");
    }

    async fn a_cdns_own_certificate_counts_over_the_ca(database: TestDatabase) {
        let app = app_with(database, &["acme", "other"]).await;
        import(&app, "acme", labelled("acme", "mirror", None)).await;
        import(&app, "other", manifests::manifest("other", 1)).await;
        let of = async |id: &str| info(&app, id).await["caCertificate"].clone();
        assert_eq!(of("acme-0").await["source"], "MANIFEST");
        let own = ca("CDN CA");
        let pem = own.certificate_pem().unwrap();
        let url = "https://mirror.example.com";
        create(&app, json!({"label": "mirror", "url": url, "certificate": pem})).await;
        let digest = Sha256Digest::of(&x509(&own).to_der().unwrap()).to_string();
        let expected = json!({
            "status": "PRESENT", "source": "CDN", "filename": null, "sha256": digest, "pem": pem,
        });
        assert_eq!(of("acme-0").await, expected);
        // A CA that is gone does not change that, and the consumer still shows it.
        std::fs::remove_file(app.ca_dir.join("test.crt")).unwrap();
        app.state.anchors.reload().await.unwrap();
        assert_eq!(of("acme-0").await, expected);
        assert_eq!(of("other-0").await["status"], "MISSING");
        // By the normalized URL, for an owner that never named the label.
        let default = json!({"label": "redhat", "url": "https://CDN.redhat.com/", "certificate": pem});
        create(&app, default).await;
        assert_eq!(of("other-0").await, expected);
        assert_eq!(app.delete("/cdn/redhat").await.status, 204);
        assert_eq!(of("other-0").await["status"], "MISSING");
        update(&app, "mirror", json!({"certificate": null})).await;
        assert_eq!(of("acme-0").await["status"], "MISSING");
    }
}
