//! The container gateway: what it is fed, and what it says of repositories.

use std::time::{Duration, Instant};

use portolan_storage::{MasterKey, Role, Store, both_engines};
use reqwest::{Method, RequestBuilder};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, eventually};

pub const OPEN: &str = "open/base";
pub const ALICES: &str = "alice/app";
pub const BOBS: &str = "bob/app";
pub const HOST: &str = "5e1d6a3c-0000-4000-8000-000000000001";

/// What a client of a registry asks, below where the routes stand.
pub fn ask(app: &TestApp, method: Method, path: &str) -> RequestBuilder {
    app.request(method, &format!("/container_gateway{path}"))
}

pub async fn get(app: &TestApp, path: &str, token: Option<&str>) -> Answer {
    let request = ask(app, Method::GET, path);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    app.send(request).await
}

pub async fn feed(app: &TestApp, path: &str, body: Value) -> Answer {
    app.json(Method::PUT, &format!("/container_gateway/{path}"), body)
        .await
}

fn listed(names: &[&str]) -> Vec<Value> {
    let one = |name: &&str| json!({ "repository": name, "auth_required": *name != OPEN });
    names.iter().map(one).collect()
}

/// Alice has `alice/app`, bob `bob/app`, and the host what alice has.
pub async fn feed_all(app: &TestApp) {
    for (path, body) in [
        (
            "repository_list",
            json!({ "repositories": listed(&[OPEN, ALICES, BOBS]) }),
        ),
        (
            "user_repository_mapping",
            json!({ "users": [{ "alice": listed(&[ALICES, OPEN]) }, { "bob": listed(&[BOBS]) }] }),
        ),
        (
            "host_repository_mapping",
            json!({ "hosts": [{ HOST: listed(&[ALICES]) }] }),
        ),
    ] {
        let answer = feed(app, path, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (200, json!({})),
            "{path}: {}",
            answer.text
        );
    }
}

/// Lets alice and bob log in here, each with his name as the password.
pub async fn let_in(app: &TestApp) {
    for name in ["alice", "bob"] {
        let hash = portolan::gateway::hash_password(name).unwrap();
        let store = &app.state.store;
        store
            .put_gateway_account(name, hash.as_str(), &crate::support::by())
            .await
            .unwrap();
    }
}

/// A token for a user, with these scopes.
pub async fn token(app: &TestApp, user: &str, query: &str) -> Answer {
    let request = ask(app, Method::GET, &format!("/v2/token?{query}"));
    app.send(request.basic_auth(user, Some(user))).await
}

pub async fn token_text(app: &TestApp, user: &str) -> String {
    let answer = token(app, user, "").await;
    answer.json()["token"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", answer.text))
        .to_owned()
}

/// Checks a refusal as clients of a registry read it.
pub fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let error = &answer.json()["errors"][0];
    assert_eq!(error["code"], code, "{}", answer.text);
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{}",
        answer.text
    );
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        answer.header("docker-distribution-api-version"),
        "registry/2.0"
    );
}

async fn names(app: &TestApp, token: &str) -> Vec<String> {
    let answer = get(app, "/v2/_catalog", Some(token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    serde_json::from_value(answer.json()["repositories"].clone()).unwrap()
}

both_engines! {
    async fn each_sees_what_is_his(database: TestDatabase) {
        let app = TestApp::start(database).await;
        feed_all(&app).await;
        let_in(&app).await;
        assert_eq!(names(&app, "anonymous").await, [OPEN]);
        assert_eq!(names(&app, &token_text(&app, "alice").await).await, [ALICES, OPEN]);
        assert_eq!(names(&app, &token_text(&app, "bob").await).await, [BOBS, OPEN]);
        let refused = get(&app, "/v2/_catalog", None).await;
        assert_refused(&refused, 401, "UNAUTHORIZED");
        let challenge = refused.header("www-authenticate");
        assert!(challenge.starts_with("Bearer realm=\"http://127.0.0.1:"), "{challenge}");
        assert!(challenge.contains("/container_gateway/v2/token\",service=\"127.0.0.1:"), "{challenge}");
        assert!(challenge.ends_with(",scope=\"registry:catalog:*\""), "{challenge}");
    }

    async fn a_feed_counts_at_once_for_tokens_that_are_out(database: TestDatabase) {
        let app = TestApp::start(database).await;
        feed_all(&app).await;
        let_in(&app).await;
        let alice = token_text(&app, "alice").await;
        let mapping = json!({ "users": [{ "bob": listed(&[ALICES]) }] });
        assert_eq!(feed(&app, "user_repository_mapping", mapping).await.status, 200);
        assert_eq!(names(&app, &alice).await, [OPEN]);
        let list = json!({ "repositories": [{ "repository": ALICES, "auth_required": "false" }] });
        assert_eq!(feed(&app, "repository_list", list).await.status, 200);
        assert_eq!(names(&app, &alice).await, [ALICES]);
        // What was not in the list is gone for everybody.
        assert_eq!(names(&app, &token_text(&app, "bob").await).await, [ALICES]);
    }

    async fn a_feed_counts_on_the_other_node_within_a_second(database: TestDatabase) {
        let first = TestApp::start(database.clone()).await;
        let master = MasterKey::read(&database.folder.path().join("master.key")).unwrap();
        let store = Store::connect(&database.settings, master).await.unwrap();
        let clock = portolan::clock::Clock::from_fn(crate::support::now);
        let second = TestApp::start_named(store, database, |_| {}, clock, "second").await;
        feed_all(&first).await;
        let_in(&first).await;
        // A token of one node counts on the other one, which has not seen it.
        let alice = token_text(&first, "alice").await;
        eventually("the other node knows what was fed", || async { names(&second, &alice).await == [ALICES, OPEN] }).await;
        let mapping = json!({ "users": [{ "alice": listed(&[BOBS]) }] });
        assert_eq!(feed(&first, "user_repository_mapping", mapping).await.status, 200);
        let fed = Instant::now();
        eventually("the other node knows the change", || async { names(&second, &alice).await == [BOBS, OPEN] }).await;
        // Loaded machines are slow: what is promised is a second, and two beats are half of one.
        assert!(fed.elapsed() < Duration::from_secs(5), "{:?}", fed.elapsed());
    }

    async fn a_database_put_back_from_a_copy_is_read_anew(database: TestDatabase) {
        let app = TestApp::start(database.clone()).await;
        feed_all(&app).await;
        assert_eq!(names(&app, "anonymous").await, [OPEN]);
        let before = sea_orm::Database::connect(&database.settings.url).await.unwrap();
        for change in [
            "DELETE FROM gateway_repositories WHERE name = 'open/base'",
            "UPDATE generations SET value = 1 WHERE name = 'gateway'",
        ] {
            before.execute_unprepared(change).await.unwrap();
        }
        eventually("the repository is not there yet", || async { names(&app, "anonymous").await.is_empty() }).await;
        before.close().await.unwrap();
    }

    async fn hosts_are_listed_mapped_and_changed(database: TestDatabase) {
        let app = TestApp::start(database).await;
        feed_all(&app).await;
        let mut other = app.state.gateway.directories.current().await.unwrap();
        let has = |directory: &portolan_domain::gateway::Directory, uuid: &str| {
            let host = portolan_domain::gateway::Subject::Host(uuid.into());
            directory.names(&host, None).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(has(&other, HOST), "alice/app open/base");
        let changed = json!({ "hosts": [{ "h2": listed(&[BOBS]) }] });
        assert_eq!(feed(&app, "update_host_repositories", changed).await.status, 200);
        other = app.state.gateway.directories.current().await.unwrap();
        assert_eq!((has(&other, HOST), has(&other, "h2")), ("alice/app open/base".to_owned(), "bob/app open/base".to_owned()));
        let list = json!({ "hosts": [{ "uuid": "h2" }, { "uuid": "h3" }] });
        assert_eq!(feed(&app, "update_hosts", list).await.status, 200);
        other = app.state.gateway.directories.current().await.unwrap();
        assert_eq!((has(&other, HOST), has(&other, "h2")), ("open/base".to_owned(), "bob/app open/base".to_owned()));
    }

    async fn users_are_told_to_the_content_system(database: TestDatabase) {
        let app = TestApp::start(database).await;
        assert_eq!(app.get("/container_gateway/users").await.json(), json!({ "users": [] }));
        feed_all(&app).await;
        let hash = portolan::gateway::hash_password("x").unwrap();
        app.state.store.put_gateway_account("carol", hash.as_str(), &crate::support::by()).await.unwrap();
        let users = app.get("/container_gateway/users").await;
        assert_eq!(users.json(), json!({ "users": ["alice", "bob", "carol"] }));
    }

    async fn a_feed_that_is_none_changes_nothing(database: TestDatabase) {
        let app = TestApp::start(database).await;
        feed_all(&app).await;
        for (path, body) in [
            ("repository_list", json!({})),
            ("repository_list", json!({ "repositories": [{ "repository": "a" }] })),
            ("repository_list", json!({ "repositories": [{ "repository": "a b", "auth_required": true }] })),
            ("repository_list", json!([])),
            ("user_repository_mapping", json!({ "hosts": [] })),
            ("user_repository_mapping", json!({ "users": [{ "alice": [{ "repository": "a" }] }] })),
            ("update_hosts", json!({ "hosts": ["a"] })),
            ("update_hosts", json!({ "hosts": [{ "uuid": "" }] })),
            ("host_repository_mapping", json!({ "hosts": [{ "h": null }] })),
            ("update_host_repositories", json!({})),
        ] {
            let answer = feed(&app, path, body.clone()).await;
            let problem = answer.assert_problem(400, "gateway-feed-invalid");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.ends_with("Nothing was changed."), "{path} {body}: {detail}");
        }
        assert_eq!(names(&app, "anonymous").await, [OPEN]);
        let text = app.request(Method::PUT, "/container_gateway/repository_list").bearer_auth(&app.admin);
        let text = app.send(text.header("content-type", "text/csv").body("a,b")).await;
        text.assert_problem(415, "unsupported-media-type");
    }

    async fn a_manager_of_one_owner_feeds_nothing(database: TestDatabase) {
        let app = TestApp::start(database).await;
        app.owner("acme").await;
        let (bound, all) = (app.key(Role::Manager, &["acme"]).await, app.key(Role::Manager, &[]).await);
        for (key, status) in [(&bound, 403), (&all, 200)] {
            let body = json!({ "repositories": [] });
            let request = app.request(Method::PUT, "/container_gateway/repository_list");
            assert_eq!(app.send(request.bearer_auth(key).json(&body)).await.status, status);
            let users = app.request(Method::GET, "/container_gateway/users").bearer_auth(key);
            assert_eq!(app.send(users).await.status, status);
        }
    }

    async fn a_catalog_is_paged(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let repositories: Vec<Value> = (0..1203)
            .map(|n| json!({ "repository": format!("r/{n:04}"), "auth_required": n % 2 == 1 }))
            .collect();
        let hers: Vec<Value> = repositories.iter().step_by(3).cloned().collect();
        feed(&app, "repository_list", json!({ "repositories": repositories })).await;
        feed(&app, "user_repository_mapping", json!({ "users": [{ "alice": hers }] })).await;
        let_in(&app).await;
        let alice = token_text(&app, "alice").await;
        let expected: Vec<String> =
            (0..1203).filter(|n| n % 2 == 0 || n % 3 == 0).map(|n| format!("r/{n:04}")).collect();
        for (first, size) in [("/v2/_catalog?n=100", 100), ("/v2/_catalog", 1000), ("/v2/_catalog?n=5000", 1000)] {
            let (mut seen, mut next) = (Vec::<String>::new(), Some(first.to_owned()));
            while let Some(path) = next {
                let page = get(&app, &path, Some(&alice)).await;
                let page_names: Vec<String> = serde_json::from_value(page.json()["repositories"].clone()).unwrap();
                assert!(page_names.len() <= size);
                seen.extend(page_names);
                next = page.headers.get("link").map(|link| {
                    let link = link.to_str().unwrap().strip_prefix("</container_gateway").unwrap();
                    link.strip_suffix(">; rel=\"next\"").unwrap().to_owned()
                });
            }
            assert_eq!(seen, expected, "{first}");
        }
        for query in ["n=-1", "n=x"] {
            let answer = get(&app, &format!("/v2/_catalog?{query}"), Some(&alice)).await;
            assert_refused(&answer, 400, "PAGINATION_NUMBER_INVALID");
        }
        let none = get(&app, "/v2/_catalog?n=0", Some(&alice)).await;
        assert_eq!(none.json(), json!({ "repositories": [] }));
    }

    async fn behind_a_proxy_links_lead_to_where_clients_are(database: TestDatabase) {
        // The database is closed with the first service that ends.
        let mut apps = Vec::new();
        for (name, public_url, base) in [("first", "https://registry.example.com", ""), ("second", "https://example.com/containers/", "/containers")] {
            let app = TestApp::start_named(
                database.store.clone(), database.clone(),
                |config| config.gateway.public_url = Some(public_url.to_owned().try_into().unwrap()),
                portolan::clock::Clock::from_fn(crate::support::now), name,
            )
            .await;
            let list = json!({ "repositories": [
                { "repository": "a", "auth_required": false }, { "repository": "b", "auth_required": false },
            ] });
            feed(&app, "repository_list", list).await;
            let page = get(&app, "/v2/_catalog?n=1", Some("anonymous")).await;
            assert_eq!(page.header("link"), format!("<{base}/v2/_catalog?last=a&n=1>; rel=\"next\""));
            let challenge = get(&app, "/v2/", None).await.header("www-authenticate").to_owned();
            let realm = format!("Bearer realm=\"{}/v2/token\"", public_url.trim_end_matches('/'));
            assert!(challenge.starts_with(&realm), "{challenge}");
            apps.push(app);
        }
    }

    async fn no_cache_that_many_share_keeps_a_list(database: TestDatabase) {
        let app = TestApp::start(database).await;
        feed_all(&app).await;
        for path in ["/v2/_catalog", "/v1/search?q=a"] {
            let answer = get(&app, path, Some("anonymous")).await;
            assert_eq!((answer.header("cache-control"), answer.header("vary")), ("private", "Authorization"), "{path}");
        }
    }

    async fn a_search_is_for_clients_of_the_first_version(database: TestDatabase) {
        let app = TestApp::start(database).await;
        feed_all(&app).await;
        let_in(&app).await;
        let search = async |query: &str, request: fn(RequestBuilder) -> RequestBuilder| {
            app.send(request(ask(&app, Method::GET, &format!("/v1/search?{query}")))).await
        };
        let found = |answer: &Answer| -> Vec<String> {
            let results = answer.json()["results"].as_array().unwrap().clone();
            results.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
        };
        let nobody = search("q=app", |request| request).await;
        assert_eq!(nobody.json(), json!({ "num_results": 0, "query": "app", "results": [] }));
        let alice = |request: RequestBuilder| request.basic_auth("alice", Some("alice"));
        assert_eq!(found(&search("q=app", alice).await), [ALICES]);
        assert_eq!(found(&search("q=", alice).await), [ALICES, OPEN]);
        assert_eq!(found(&search("n=1", alice).await), [ALICES]);
        assert_eq!(found(&search("n=0", alice).await), [""; 0]);
        assert_refused(&search("n=x", alice).await, 400, "UNKNOWN");
        let wrong = |request: RequestBuilder| request.basic_auth("alice", Some("guessed"));
        let refused = search("q=app", wrong).await;
        assert_refused(&refused, 401, "UNAUTHORIZED");
        assert!(refused.header("www-authenticate").starts_with("Basic realm="));
        let second = |request: RequestBuilder| request.header("Docker-Distribution-Api-Version", "registry/2.0");
        assert_refused(&search("q=app", second).await, 404, "UNKNOWN");
        let ping = get(&app, "/v1/_ping", None).await;
        assert_eq!((ping.status.as_u16(), ping.json()), (200, json!(true)));
    }
}
