//! What becomes of credentials: their end, their last use, and how often somebody may try.

use std::{num::NonZeroU32, sync::Arc, time::Instant};

use futures_util::FutureExt;

use portolan_domain::ids::OwnerKey;
use portolan_storage::{Identity, Lookup, NewCredential, Role, both_engines};
use reqwest::Method;
use serde_json::json;
use time::Duration;

use super::support::{Answer, TestApp, by, eventually, now};

const PATH: &str = "/owners";

async fn get(app: &TestApp, key: &str) -> Answer {
    app.send(app.request(Method::GET, PATH).bearer_auth(key))
        .await
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// A key that ends at this instant.
async fn ending(app: &TestApp, end: time::OffsetDateTime) -> String {
    let secret = portolan::auth::Secret::generate().unwrap();
    let owners: [OwnerKey; 0] = [];
    let key = NewCredential {
        name: &end.to_string(),
        identity: Identity::ApiKey {
            sha256: secret.sha256(),
        },
        role: Role::Manager,
        owners: &owners,
        expires_at: Some(end),
    };
    app.state
        .store
        .create_credential(&key, &by())
        .await
        .unwrap();
    secret.expose().to_owned()
}

both_engines! {
    async fn an_expired_key_counts_no_more(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let good = ending(&app, now() + Duration::SECOND).await;
        assert_eq!(get(&app, &good).await.status, 200);
        for end in [now(), now() - Duration::DAY] {
            let expired = get(&app, &ending(&app, end).await).await;
            let problem = expired.assert_problem(401, "unauthorized");
            assert!(problem["detail"].as_str().unwrap().contains("expired"), "{problem}");
        }
    }

    async fn when_a_key_was_last_used_is_noted_in_the_end(database: TestDatabase) {
        let (app, store) = (TestApp::start(database.clone()).await, database.store.clone());
        let key = app.key(Role::Manager, &[]).await;
        let lookup = Lookup::api_key(key.parse_secret());
        let used = async |store: &portolan_storage::Store| {
            store.credential(lookup).await.unwrap().unwrap().0.last_used_at
        };
        assert_eq!(get(&app, &key).await.status, 200);
        assert_eq!(used(&store).await, None, "a request writes nothing");
        app.state.keyring.note_uses().await.unwrap();
        assert_eq!(used(&store).await, Some(now()));
    }

    async fn what_is_no_credential_is_said(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let send = async |values: &[&str]| {
            let mut request = app.request(Method::GET, PATH);
            for value in values {
                request = request.header("authorization", *value);
            }
            app.send(request).await
        };
        let bearer = format!("Bearer {}", app.admin);
        assert_eq!(send(&[&bearer]).await.status, 200);
        assert_eq!(send(&[&bearer.replace("Bearer", "bEARER")]).await.status, 200);
        for wrong in [
            &[][..], &[""], &["Bearer"], &["Bearer "], &["Basic YTpi"], &[&app.admin],
            &[&bearer, &bearer], &["Bearer \u{fc}"], &["OAuth "], &["Negotiate x"],
        ] {
            let refused = send(wrong).await;
            refused.assert_problem(401, "unauthorized");
            assert!(refused.header("www-authenticate").starts_with("Bearer "), "{wrong:?}");
        }
    }

    async fn who_guesses_must_wait_and_others_need_not(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            config.access.failed_credentials = number(5);
            config.access.failed_credentials_per_minute = number(1);
        })
        .await;
        let known = app.key(Role::Manager, &[]).await;
        assert_eq!(get(&app, &known).await.status, 200);
        for _ in 0..5 {
            get(&app, "ptl_guess").await.assert_problem(401, "unauthorized");
        }
        // None at all is no guess.
        let bare = app.send(app.request(Method::GET, PATH)).await;
        bare.assert_problem(401, "unauthorized");
        let refused = get(&app, "ptl_guess").await;
        refused.assert_problem(429, "too-many-requests");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        // A key that the database alone knows passes all the same, and gives a guess back.
        let unknown_here = ending(&app, now() + Duration::DAY).await;
        assert_eq!(get(&app, &unknown_here).await.status, 200);
        get(&app, "ptl_guess").await.assert_problem(401, "unauthorized");
        get(&app, "ptl_guess").await.assert_problem(429, "too-many-requests");
    }

    async fn one_address_has_only_so_much_looked_up(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let known = app.key(Role::Manager, &[]).await;
        assert_eq!(get(&app, &known).await.status, 200);
        // Keys of the right form, of which nobody knows one.
        let forms: Vec<_> = (0..400).map(|_| portolan::auth::Secret::generate().unwrap()).collect();
        let asking = forms.iter().map(|form| get(&app, form.expose()));
        let answers = futures_util::future::join_all(asking).await;
        let waits = answers.iter().filter(|answer| answer.status == 429);
        assert!(waits.count() > 0, "all of them were looked up");
        assert_eq!(get(&app, &known).await.status, 200, "what memory knows passes");
    }

    async fn a_flood_does_not_keep_a_revoked_key_alive(database: TestDatabase) {
        let app = Arc::new(TestApp::start(database).await);
        let key = app.key(Role::Proxy, &[]).await;
        let flood = |_| {
            let (app, key) = (app.clone(), key.clone());
            tokio::spawn(async move {
                // Each asks until it is refused, and the database for each.
                let path = "/entitlements/nothing/cdn_info";
                let mut last = Instant::now();
                while app.send(app.request(Method::GET, path).bearer_auth(&key)).await.status == 404 {
                    last = Instant::now();
                }
                last
            })
        };
        let flooding: Vec<_> = (0..64).map(flood).collect();
        let seen = async || get(&app, &key).await.status == 403;
        eventually("the key is known", seen).await;
        app.state.store.revoke_credential("proxy-", &by()).await.unwrap();
        let revoked = Instant::now();
        for last in futures_util::future::join_all(flooding).await {
            let after = last.unwrap().saturating_duration_since(revoked);
            // A busy machine takes its time; a flood that wins would never end.
            assert!(after < std::time::Duration::from_secs(8), "{after:?} after its revocation");
        }
    }

    async fn a_known_credential_costs_no_query(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let key = app.key(Role::Manager, &[]).await;
        eventually("the pulse beats", || async { app.state.pulse.generation().is_some() }).await;
        let lookup = Lookup::api_key(key.parse_secret());
        let fingerprint = Lookup::certificate(key.parse_secret());
        for lookup in [lookup, fingerprint] {
            let first = app.state.keyring.find(lookup).await.unwrap();
            assert!(app.state.keyring.knows(&lookup));
            let again = app.state.keyring.find(lookup).now_or_never();
            let again = again.expect("it asked the database").unwrap();
            assert_eq!(first.is_some(), again.is_some());
        }
        let unknown = Lookup::oauth("nobody");
        app.state.keyring.find(unknown).await.unwrap();
        assert!(!app.state.keyring.knows(&unknown), "what may be made any time is asked for");
    }

    async fn one_principals_writes_are_bounded(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            config.access.writes = number(3);
            config.access.writes_per_second = number(1);
        })
        .await;
        let (one, other) = (app.key(Role::Manager, &[]).await, app.admin.clone());
        let write = async |key: &str| {
            let request = app.request(Method::POST, "/owners").bearer_auth(key);
            app.send(request.json(&json!({ "key": "x" }))).await
        };
        for _ in 0..3 {
            write(&one).await.assert_problem(403, "forbidden");
        }
        let refused = write(&one).await;
        refused.assert_problem(429, "too-many-requests");
        assert_eq!(refused.header("retry-after"), "1");
        // Reads go on, and so does everybody else.
        assert_eq!(get(&app, &one).await.status, 200);
        assert_eq!(write(&other).await.status, 200);
        eventually("there is room again", || async { write(&one).await.status == 403 }).await;
    }

    async fn one_principals_requests_are_bounded_where_that_is_set(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            config.access.requests_per_second = 2;
        })
        .await;
        let key = app.key(Role::Manager, &[]).await;
        let answers = futures_util::future::join_all((0..8).map(|_| get(&app, &key))).await;
        let refused = answers.iter().filter(|answer| answer.status == 429).count();
        assert!((1..=6).contains(&refused), "{refused} of 8");
    }
}

/// The digest that finds a key.
trait ParseSecret {
    fn parse_secret(&self) -> portolan_domain::digest::Sha256Digest;
}

impl ParseSecret for String {
    fn parse_secret(&self) -> portolan_domain::digest::Sha256Digest {
        portolan::auth::Secret::parse(self).unwrap().sha256()
    }
}
