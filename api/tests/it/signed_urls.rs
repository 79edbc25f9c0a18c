//! Signed URLs over HTTP: how a CDN gets its key, who has what signed, and what `cdn_info?path=` adds.

use openssl::{hash::MessageDigest, pkey::PKey, rsa::Rsa, sign::Signer};
use portolan_domain::digest::Sha256Digest;
use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

use super::{
    manifests::{CA, manifest},
    support::{Answer, TestApp, now},
};

const URL: &str = "https://cdn.example.com";
const KEY: &str = "00112233445566778899aabbccddeeff";

async fn app(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    for owner in ["acme", "other"] {
        app.owner(owner).await;
    }
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    let new = json!({"label": "edge", "url": URL});
    assert_eq!(app.json(Method::POST, "/cdn", new).await.status, 200);
    app
}

async fn set(app: &TestApp, signing: Value) -> Answer {
    app.json(Method::PUT, "/cdn/edge", json!({ "signing": signing }))
        .await
}

async fn akamai(app: &TestApp, allow: Value) {
    let signing = json!({"kind": "akamai", "secret": KEY, "allow": allow});
    let done = set(app, signing).await;
    assert_eq!(done.status, 200, "{}", done.text);
}

async fn sign(app: &TestApp, key: &str, ask: Value) -> Answer {
    let request = app.request(Method::POST, "/signed_urls").bearer_auth(key);
    app.send(request.json(&ask)).await
}

/// Whether a token is one of the key's, as the CDN finds out.
fn is_signed(url: &str) -> bool {
    let (_, token) = url.split_once("?__token__=").unwrap();
    let (fields, code) = token.split_once("~hmac=").unwrap();
    let key: Vec<u8> = (0..16).map(|n: u8| n * 0x11).collect();
    let key = PKey::hmac(&key).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    let wanted = signer.sign_oneshot_to_vec(fields.as_bytes()).unwrap();
    // Its text is hexadecimal.
    Sha256Digest::from_bytes(&wanted).unwrap().to_string() == code
}

both_engines! {
    async fn a_profile_is_set_kept_shown_without_its_key_and_removed(database: TestDatabase) {
        let app = app(database).await;
        assert_eq!(app.get("/cdn/edge").await.json()["signing"], Value::Null);
        akamai(&app, json!([{"owner": "acme", "prefix": "/a/"}])).await;
        let shown = json!({
            "kind": "akamai", "keyId": null, "secret": true, "hash": null,
            "allow": [{"owner": "acme", "prefix": "/a"}],
        });
        let cdn = app.get("/cdn/edge").await;
        assert_eq!(cdn.json()["signing"], shown);
        assert_eq!(app.get("/cdn").await.json()[0]["signing"], shown);
        assert!(app.get("/candlepin/cdn/edge").await.json().get("signing").is_none());
        // Left out it stays; what was read may be sent back; a key that is not given stays.
        let renamed = app.json(Method::PUT, "/cdn/edge", json!({"name": "Edge"})).await;
        assert_eq!(renamed.json()["signing"], shown);
        let back = app.json(Method::PUT, "/cdn/edge", renamed.json()).await;
        assert_eq!(back.json(), renamed.json(), "{}", back.text);
        assert_eq!(set(&app, json!({"kind": "akamai"})).await.json()["signing"], shown);
        let url = sign(&app, &app.admin, json!({"cdn": "edge", "paths": ["/a"]})).await.json();
        assert!(is_signed(url["urls"][0]["url"].as_str().unwrap()), "{url}");
        let audit = app.get("/audit").await.text;
        assert!(audit.contains("cdn-signing.update") && !audit.contains(KEY), "{audit}");

        assert_eq!(set(&app, Value::Null).await.json()["signing"], Value::Null);
        let without = sign(&app, &app.admin, json!({"cdn": "edge", "paths": ["/a"]})).await;
        without.assert_problem(409, "cdn-without-signing");
    }

    async fn a_profile_that_cannot_sign_is_refused(database: TestDatabase) {
        let app = app(database).await;
        let rsa = String::from_utf8(Rsa::generate(2048).unwrap().private_key_to_pem().unwrap()).unwrap();
        for bad in [
            json!({"kind": "nginx"}),
            json!({"kind": "nginx", "secret": true}),
            json!({"kind": "nginx", "secret": ""}),
            json!({"kind": "nginx", "secret": "s", "hash": "sha256"}),
            json!({"kind": "nginx", "secret": "s", "keyId": "a&b"}),
            json!({"kind": "akamai", "secret": "geheim"}),
            json!({"kind": "fastly", "secret": "geheim!"}),
            json!({"kind": "cloudfront", "privateKey": "geheim", "keyId": "K1"}),
            json!({"kind": "cloudfront", "privateKey": rsa}),
        ] {
            let refused = set(&app, bad).await;
            refused.assert_problem(400, "cdn-signing-invalid");
            assert!(!refused.text.contains("geheim"), "{}", refused.text);
        }
        for bad in [
            json!({"kind": "squid", "secret": "s"}),
            json!({"kind": "nginx", "secret": "s", "privateKey": "s"}),
            json!({"kind": "nginx", "secret": false}),
            json!({"kind": "nginx", "secret": "s", "alow": []}),
            json!({"kind": "nginx", "secret": "s", "allow": [{"owner": "a b", "prefix": "/"}]}),
            json!({"secret": "s"}),
        ] {
            set(&app, bad).await.assert_problem(400, "bad-request");
        }
        let bad = json!({"kind": "nginx", "secret": "s", "allow": [{"owner": "acme", "prefix": "a"}]});
        set(&app, bad).await.assert_problem(400, "path-invalid");
        let bad = json!({"kind": "nginx", "secret": "s", "allow": [{"owner": "nobody", "prefix": "/"}]});
        set(&app, bad).await.assert_problem(404, "owner-not-found");
        assert_eq!(app.get("/cdn/edge").await.json()["signing"], Value::Null);
        let new = json!({"label": "n", "url": URL, "signing": {"kind": "nginx", "secret": "s"}});
        let created = app.json(Method::POST, "/cdn", new).await;
        assert_eq!(created.json()["signing"]["kind"], "nginx", "{}", created.text);
    }

    async fn paths_are_signed_in_their_order_until_the_end_that_is_told(database: TestDatabase) {
        let app = app(database).await;
        akamai(&app, json!([])).await;
        let issuer = app.key(Role::Issuer, &[]).await;
        let paths: Vec<_> = (0..1000).map(|n| format!("/content/{n}.rpm")).collect();
        let ask = json!({"cdn": "edge", "paths": paths, "duration": 60, "ip": "192.0.2.7", "user": "x"});
        let answer = sign(&app, &issuer, ask).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("cache-control"), "no-store");
        let signed = answer.json();
        assert_eq!(signed["expires"], "2026-11-22T12:01:00.000Z");
        assert!(signed.get("cookies").is_none());
        let end = (now() + Duration::MINUTE).unix_timestamp();
        for (path, signed) in paths.iter().zip(signed["urls"].as_array().unwrap()) {
            let url = signed["url"].as_str().unwrap();
            assert_eq!(signed["path"], *path);
            let start = format!("{URL}{path}?__token__=ip=192.0.2.7~exp={end}~acl={path}~id=x~hmac=");
            assert!(url.starts_with(&start) && is_signed(url), "{url}");
        }
        let below = json!({"cdn": "edge", "prefix": "/content/"});
        let below = sign(&app, &issuer, below).await.json();
        assert_eq!(below["urls"][0]["path"], "/content");
        let url = below["urls"][0]["url"].as_str().unwrap();
        assert!(url.contains("~acl=/content/*~hmac=") && is_signed(url), "{url}");
        assert_eq!(below["expires"], "2026-11-22T13:00:00.000Z");
    }

    async fn each_kind_says_what_it_can_and_refuses_the_rest(database: TestDatabase) {
        let app = app(database).await;
        let rsa = String::from_utf8(Rsa::generate(2048).unwrap().private_key_to_pem().unwrap()).unwrap();
        let part = |kind: &str| match kind {
            "cloudfront" => "Signature=",
            "fastly" => "token=1795352400_",
            "bunny" => "token=HS256-",
            "cloudflare" => "verify=1795348800-",
            _ => "md5=",
        };
        for kind in ["cloudfront", "fastly", "bunny", "cloudflare", "nginx"] {
            let secret = if kind == "cloudfront" { &*rsa } else { "c2VjcmV0" };
            let signing = json!({"kind": kind, "keyId": "K1", "privateKey": secret});
            let done = set(&app, signing).await;
            assert_eq!(done.status, 200, "{}", done.text);
            let ask = async |more: Value| {
                let mut ask = json!({"cdn": "edge", "paths": ["/a.rpm"]});
                ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                sign(&app, &app.admin, ask).await
            };
            let answer = ask(json!({})).await.json();
            let url = answer["urls"][0]["url"].as_str().unwrap();
            assert!(url.starts_with(&format!("{URL}/a.rpm?")) && url.contains(part(kind)), "{url}");
            let narrow = matches!(kind, "cloudfront" | "bunny");
            let prefix = sign(&app, &app.admin, json!({"cdn": "edge", "prefix": "/a"})).await;
            let address = ask(json!({"ip": "192.0.2.7"})).await;
            for answer in [prefix, address] {
                if narrow {
                    assert_eq!(answer.status, 200, "{kind}: {}", answer.text);
                } else {
                    answer.assert_problem(400, "signing-unsupported");
                }
            }
            let later = ask(json!({"notBefore": "2026-11-22T12:10:00Z"})).await;
            if kind == "cloudfront" {
                assert!(later.json()["urls"][0]["url"].as_str().unwrap().contains("?Policy="));
                let below = sign(&app, &app.admin, json!({"cdn": "edge", "prefix": "/a"})).await.json();
                assert_eq!(below["cookies"][0]["name"], "CloudFront-Policy", "{below}");
            } else {
                later.assert_problem(400, "signing-unsupported");
            }
        }
    }

    async fn what_cannot_be_signed_is_refused(database: TestDatabase) {
        let app = app(database).await;
        akamai(&app, json!([])).await;
        let ask = |ask: Value| sign(&app, &app.admin, ask);
        for bad in [
            json!({"cdn": "edge"}),
            json!({"cdn": "edge", "paths": []}),
            json!({"cdn": "edge", "paths": vec!["/a"; 1001]}),
            json!({"cdn": "edge", "paths": ["/a"], "prefix": "/a"}),
            json!({"cdn": "edge", "paths": ["/a"], "duration": 0}),
            json!({"cdn": "edge", "paths": ["/a"], "duration": -1}),
            json!({"cdn": "edge", "paths": ["/a"], "duration": 604_801}),
            json!({"cdn": "edge", "paths": ["/a"], "duration": "60"}),
            json!({"cdn": "edge", "paths": ["/a"], "ip": "192.0.2.0/24"}),
            json!({"cdn": "edge", "paths": ["/a"], "user": ""}),
            json!({"cdn": "edge", "paths": ["/a"], "notBefore": "2026-11-22T13:00:00Z"}),
            json!({"cdn": "edge", "path": "/a"}),
            json!({"paths": ["/a"]}),
        ] {
            ask(bad).await.assert_problem(400, "bad-request");
        }
        for bad in ["", "a", "/a?b", "/a\n", "/a b", "/a/../b", "/%2e%2e/b", "//a", "/a/*", "/a%2fb", "/a~b", "/a!b"] {
            let refused = ask(json!({"cdn": "edge", "paths": ["/good", bad]})).await;
            refused.assert_problem(400, "path-invalid");
            ask(json!({"cdn": "edge", "prefix": bad})).await.assert_problem(400, "path-invalid");
        }
        let named = ask(json!({"cdn": "edge", "paths": ["/good", "bad"]})).await;
        assert!(named.json()["detail"].as_str().unwrap().contains("paths[1]"), "{}", named.text);
        ask(json!({"cdn": "nowhere", "paths": ["/a"]})).await.assert_problem(404, "cdn-not-found");
        assert_eq!(ask(json!({"cdn": "edge", "paths": ["/a"], "duration": 604_800})).await.status, 200);
    }

    async fn a_bound_issuer_signs_what_its_owners_may_have(database: TestDatabase) {
        let app = app(database).await;
        let issuer = app.key(Role::Issuer, &["acme"]).await;
        let paths = |paths: &[&str]| json!({"cdn": "edge", "paths": paths});
        akamai(&app, json!([])).await;
        sign(&app, &issuer, paths(&["/a/x"])).await.assert_problem(403, "forbidden");
        akamai(&app, json!([
            {"owner": "acme", "prefix": "/a"}, {"owner": "acme", "prefix": "/shared"},
            {"owner": "other", "prefix": "/b"},
        ])).await;
        for good in [paths(&["/a", "/a/x", "/shared/y"]), json!({"cdn": "edge", "prefix": "/a/x"})] {
            let signed = sign(&app, &issuer, good).await;
            assert_eq!(signed.status, 200, "{}", signed.text);
        }
        for bad in [
            paths(&["/a/x", "/b/x"]),
            paths(&["/ab"]),
            paths(&["/A/x"]),
            json!({"cdn": "edge", "prefix": "/"}),
            json!({"cdn": "edge", "prefix": "/b"}),
        ] {
            sign(&app, &issuer, bad).await.assert_problem(403, "forbidden");
        }
        assert_eq!(sign(&app, &app.admin, paths(&["/c"])).await.status, 200);
        sign(&app, &issuer, json!({"cdn": "nowhere", "paths": ["/a"]})).await.assert_problem(404, "cdn-not-found");
    }

    async fn cdn_info_has_the_signed_url_of_a_path(database: TestDatabase) {
        let app = app(database).await;
        assert_eq!(app.import("acme", manifest("acme", 1), "").await.status, 200);
        let follow = json!({"cdnLabel": "edge"});
        assert_eq!(app.json(Method::PUT, "/owners/acme/cdn", follow).await.status, 200);
        for info in ["/entitlements/acme-0/cdn_info", "/owners/acme/cdn_info"] {
            let plain = app.get(info).await;
            assert!(plain.json().get("signedUrl").is_none());
            let signed = async |path: &str| app.get(&format!("{info}?path={path}")).await;
            let unsigned = async |path: &str| {
                let answer = signed(path).await;
                let mut wanted = plain.json();
                wanted["signedUrl"] = Value::Null;
                wanted["signedUrlExpires"] = Value::Null;
                assert_eq!(answer.json(), wanted);
                assert_eq!(answer.header("cache-control"), "no-store");
            };
            unsigned("/a/x.rpm").await;
            akamai(&app, json!([{"owner": "acme", "prefix": "/a"}, {"owner": "other", "prefix": "/b"}])).await;
            let answer = signed("/a/x.rpm").await;
            let url = answer.json()["signedUrl"].as_str().unwrap().to_owned();
            assert!(url.starts_with(&format!("{URL}/a/x.rpm?__token__=exp=")) && is_signed(&url), "{url}");
            let mut wanted = plain.json();
            wanted["signedUrl"] = json!(url);
            wanted["signedUrlExpires"] = json!("2026-11-22T13:00:00.000Z");
            assert_eq!(answer.json(), wanted);
            assert!(answer.headers.get("etag").is_none());
            assert_eq!(answer.header("cache-control"), "no-store");
            unsigned("/b/x.rpm").await;
            for bad in ["a", "/a/../b", "/a/%252e%252e/b", "/a~b", ""] {
                let refused = signed(bad).await;
                if bad == "/a~b" {
                    // Not below the prefix: it is not looked at.
                    assert_eq!(refused.json()["signedUrl"], Value::Null);
                } else {
                    refused.assert_problem(400, "path-invalid");
                }
            }
            signed("/a/b~c").await.assert_problem(400, "path-invalid");
            // Without a path nothing has changed, to the byte.
            let again = app.get(info).await;
            assert_eq!((again.text, again.headers["etag"].clone()), (plain.text.clone(), plain.headers["etag"].clone()));
            assert_eq!(again.headers["cache-control"], plain.headers["cache-control"]);
            assert_eq!(set(&app, Value::Null).await.status, 200);
            unsigned("/a/x.rpm").await;
        }
    }
}
