//! Edges over HTTP: what a URL needs, who may have it, and how soon a sync counts.

use super::support::{Answer, TestApp, eventually, now};
use portolan_domain::token::{Claims, CollectionRef, Scope, TokenKind};
use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::json;

pub const GAME: &str = "app/org.example.Game/x86_64/stable";
const PAID: &str = "/repo/stable/objects/a1/";

/// The path of a commit whose checksum repeats two digits.
pub fn commit(digits: &str) -> String {
    format!("/repo/stable/objects/{digits}/{}.commit", digits.repeat(31))
}

pub async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    for owner in ["acme", "other"] {
        app.owner(owner).await;
    }
    for (name, collection, required) in [
        ("stable", "org.example.Stable", json!([1])),
        ("open", "org.example.Open", json!([])),
    ] {
        let body = json!({
            "ownerKey": "acme", "collectionId": collection,
            "requireAuthForTokenTypes": required, "defaultTokenType": 1,
        });
        let put = app.json(Method::PUT, &format!("/repos/{name}"), body).await;
        assert_eq!(put.status, 200, "{}", put.text);
    }
    let lines = format!(
        "{}{}",
        line("a1", &[GAME, "app/org.example.Game/x86_64/old"], 1),
        line("f0", &["app/free"], 0)
    );
    sync(&app, &lines).await;
    app
}

fn line(digits: &str, refs: &[&str], kind: u8) -> String {
    let line = json!({ "commit": digits.repeat(32), "refs": refs, "tokenType": kind });
    format!("{line}\n")
}

async fn sync(app: &TestApp, lines: &str) {
    let request = app.request(Method::PUT, "/repos/stable/commits?replace=true");
    let synced = app
        .send(request.bearer_auth(&app.admin).body(lines.to_owned()))
        .await;
    assert_eq!(synced.status, 200, "{}", synced.text);
}

async fn required(app: &TestApp, uri: &str) -> Answer {
    let request = app
        .request(Method::GET, "/edge/required")
        .bearer_auth(&app.admin);
    app.send(request.query(&[("uri", uri)])).await
}

/// Asks as nginx does.
async fn nginx(app: &TestApp, uri: &str, token: Option<&str>) -> Answer {
    let mut request = app.request(Method::GET, "/edge/authorize/nginx");
    request = request
        .header("x-original-uri", uri)
        .header("x-original-method", "GET");
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    app.send(request).await
}

pub fn ref_claims(names: &[&str]) -> Claims {
    let one = |name: &&str| CollectionRef {
        collection_id: "org.example.Stable".to_owned(),
        name: (*name).to_owned(),
    };
    Claims {
        sub: "alice".to_owned(),
        user: Some("alice".to_owned()),
        exp: now().unix_timestamp() + 600,
        refs: Some(names.iter().map(one).collect()),
        ..Claims::default()
    }
}

fn access_claims() -> Claims {
    let one = |text: &str| vec![text.to_owned()];
    Claims {
        sub: "build/1".to_owned(),
        exp: now().unix_timestamp() + 600,
        scope: vec![Scope::Download],
        repos: one("stable"),
        prefixes: one("org.example"),
        branches: one("stable"),
        ..Claims::default()
    }
}

pub async fn sign(app: &TestApp, kind: TokenKind, claims: &Claims) -> String {
    app.state.tokens.sign(kind, claims).await.unwrap()
}

both_engines! {
    async fn a_url_needs_what_its_commit_needs(database: TestDatabase) {
        let app = started(database).await;
        let paid = required(&app, &commit("a1")).await;
        assert_eq!(paid.status, 200, "{}", paid.text);
        assert_eq!(paid.header("x-token-type"), "1");
        let refs = paid.header("x-flatpak-requested-ref");
        assert_eq!(refs, format!("app/org.example.Game/x86_64/old, {GAME}"));
        assert_eq!(paid.header("cache-control"), "public, max-age=300");
        let again = app.request(Method::GET, "/edge/required").query(&[("uri", commit("a1"))]);
        let again = again.header("if-none-match", paid.header("etag")).bearer_auth(&app.admin);
        assert_eq!(app.send(again).await.status, 304);
        for open in [
            commit("f0"), commit("b7").replace("stable", "open"), "/repo/stable/summary".to_owned(),
            format!("{PAID}x.filez"), "/".to_owned(),
        ] {
            let open = required(&app, &open).await;
            assert_eq!((open.status.as_u16(), open.header("x-token-type")), (200, "0"));
            assert!(!open.headers.contains_key("x-flatpak-requested-ref"));
        }
        for (uri, slug) in [
            (commit("b7"), "edge-commit-unknown"),
            ("/repo/stable/deltas/xx/y/0".to_owned(), "edge-commit-unknown"),
            (format!("{PAID}x.commit."), "edge-commit-unknown"),
            (commit("a1").replace("stable", "nowhere"), "edge-repo-unknown"),
            ("/nowhere/objects/ab/x.filez".to_owned(), "edge-repo-unknown"),
            ("/objects/ab/x.commit".to_owned(), "edge-repo-unknown"),
        ] {
            let refused = required(&app, &uri).await;
            refused.assert_problem(403, slug);
            assert_eq!(refused.header("cache-control"), "no-store");
        }
        for bad in ["repo", "/a//b", "/a/../b", "/a%2fb", "/a;b", "/a%zz", "/a\u{7f}"] {
            required(&app, bad).await.assert_problem(400, "edge-uri-invalid");
        }
        app.get("/edge/required").await.assert_problem(400, "bad-request");
        app.get("/edge/required?uri=/a&uri=/b").await.assert_problem(400, "bad-request");
        let text = app.get("/metrics").await.text;
        assert!(text.contains("portolan_edge_undecided_total{repo=\"stable\"} 3"), "{text}");
    }

    async fn a_plus_sign_in_a_deltas_name_may_come_as_it_is(database: TestDatabase) {
        let app = started(database).await;
        let name = "+_".repeat(21) + "8";
        let hex = "fbffbf".repeat(10) + "fbff";
        sync(&app, &format!("{}\n", json!({ "commit": hex, "refs": [GAME], "tokenType": 1 }))).await;
        let uri = format!("/repo/stable/deltas/{}/{}/superblock", &name[..2], &name[2..]);
        for uri in [uri.clone(), uri.replace('+', "%2B")] {
            let found = app.get(&format!("/edge/required?uri={uri}")).await;
            assert_eq!(found.status, 200, "{uri}: {}", found.text);
            assert_eq!(found.header("x-flatpak-requested-ref"), GAME);
        }
    }

    async fn another_owners_proxy_is_told_nothing(database: TestDatabase) {
        let app = started(database).await;
        let stranger = app.key(Role::Proxy, &["other"]).await;
        for uri in [commit("a1"), commit("b7"), format!("{PAID}x.filez")] {
            let request = app.request(Method::GET, "/edge/required").query(&[("uri", uri)]);
            app.send(request.bearer_auth(&stranger)).await.assert_problem(403, "forbidden");
        }
    }

    async fn a_ref_token_opens_its_commit(database: TestDatabase) {
        let app = started(database).await;
        let token = sign(&app, TokenKind::RefToken, &ref_claims(&[GAME])).await;
        let may = nginx(&app, &commit("a1"), Some(&token)).await;
        assert_eq!(may.status, 200, "{}", may.text);
        assert_eq!(may.header("x-portolan-user"), "alice");
        assert!(may.header("x-flatpak-requested-ref").ends_with(GAME));
        assert_eq!(may.header("cache-control"), "max-age=60");
        assert_eq!(may.header("vary"), "Authorization");
        let mut short = ref_claims(&[GAME]);
        short.exp = now().unix_timestamp() + 7;
        let short = sign(&app, TokenKind::RefToken, &short).await;
        assert_eq!(nginx(&app, &commit("a1"), Some(&short)).await.header("cache-control"), "max-age=7");
        let other = sign(&app, TokenKind::RefToken, &ref_claims(&["app/org.other.App/x86_64/stable"])).await;
        let refused = nginx(&app, &commit("a1"), Some(&other)).await;
        refused.assert_problem(403, "token-insufficient");
        assert_eq!(refused.header("cache-control"), "no-store");
        let mut aimed = ref_claims(&[GAME]);
        for (aud, status) in [("stable", 200), ("open", 403)] {
            aimed.aud = Some(aud.to_owned());
            let token = sign(&app, TokenKind::RefToken, &aimed).await;
            assert_eq!(nginx(&app, &commit("a1"), Some(&token)).await.status, status, "{aud}");
        }
        nginx(&app, &commit("b7"), Some(&token)).await.assert_problem(403, "edge-commit-unknown");
    }

    async fn an_access_token_opens_what_it_is_for(database: TestDatabase) {
        let app = started(database).await;
        let check = async |change: fn(&mut Claims)| {
            let mut claims = access_claims();
            change(&mut claims);
            let token = sign(&app, TokenKind::Access, &claims).await;
            nginx(&app, &commit("a1"), Some(&token)).await
        };
        let may = check(|_| {}).await;
        assert_eq!((may.status.as_u16(), may.header("x-portolan-user")), (200, "build/1"));
        for narrow in [
            (|c| c.scope = vec![Scope::Build]) as fn(&mut Claims), |c| c.repos.clear(),
            |c| c.prefixes.clear(), |c| c.branches = vec!["beta".to_owned()],
        ] {
            check(narrow).await.assert_problem(403, "token-insufficient");
        }
    }

    async fn without_a_token_that_counts_it_is_a_401(database: TestDatabase) {
        let app = started(database).await;
        let none = nginx(&app, &commit("a1"), None).await;
        none.assert_problem(401, "token-required");
        assert_eq!(none.header("www-authenticate"), "Bearer realm=\"portolan\"");
        let mut claims = ref_claims(&[GAME]);
        claims.exp = now().unix_timestamp() - 1;
        let expired = sign(&app, TokenKind::RefToken, &claims).await;
        let good = sign(&app, TokenKind::RefToken, &ref_claims(&[GAME])).await;
        let registry = sign(&app, TokenKind::Registry, &ref_claims(&[GAME])).await;
        let (start, end) = good.split_at(good.len() - 8);
        let wrong = format!("{start}{}", end.chars().rev().collect::<String>());
        for bad in [&expired, &wrong, &registry, "nonsense", "a.b.c", &app.admin] {
            let refused = nginx(&app, &commit("a1"), Some(bad)).await;
            refused.assert_problem(401, "invalid-token");
            assert!(refused.header("www-authenticate").contains("invalid_token"));
        }
        for header in [format!("Basic {good}"), good.clone(), "Bearer ".to_owned()] {
            let request = app.request(Method::GET, "/edge/authorize/nginx");
            let request = request.header("x-original-uri", commit("a1"));
            let refused = app.send(request.header("authorization", header)).await;
            refused.assert_problem(401, "invalid-token");
        }
        let twice = app.request(Method::GET, "/edge/authorize/nginx").header("x-original-uri", commit("a1"));
        let twice = twice.bearer_auth(&good).header("authorization", format!("Bearer {good}"));
        app.send(twice).await.assert_problem(401, "invalid-token");
        for open in [commit("f0"), "/repo/stable/summary".to_owned()] {
            assert_eq!(nginx(&app, &open, None).await.status, 200);
            assert_eq!(nginx(&app, &open, Some("nonsense")).await.status, 200, "nothing is needed");
        }
        nginx(&app, &commit("a1").replace("stable", "nowhere"), None)
            .await
            .assert_problem(403, "edge-repo-unknown");
    }

    async fn a_sync_counts_at_once_here_and_soon_elsewhere(database: TestDatabase) {
        let app = started(database).await;
        let store = portolan_storage::Store::connect(
            &app.database().settings,
            portolan_storage::MasterKey::read(&app.database().folder.path().join("master.key")).unwrap(),
        ).await.unwrap();
        let clock = portolan::clock::Clock::from_fn(now);
        let other = TestApp::start_named(store, app.database().clone(), |_| {}, clock, "second").await;
        for node in [&app, &other] {
            assert_eq!(nginx(node, &commit("f0"), None).await.status, 200);
            nginx(node, &commit("c3"), None).await.assert_problem(403, "edge-commit-unknown");
        }
        sync(&app, &(line("f0", &["app/free"], 1) + &line("c3", &[GAME], 0))).await;
        nginx(&app, &commit("f0"), None).await.assert_problem(401, "token-required");
        assert_eq!(nginx(&app, &commit("c3"), None).await.status, 200);
        eventually("the other node hears of it", || async {
            nginx(&other, &commit("f0"), None).await.status == 401
                && nginx(&other, &commit("c3"), None).await.status == 200
        })
        .await;
        app.delete("/repos/stable").await;
        nginx(&app, &commit("c3"), None).await.assert_problem(403, "edge-repo-unknown");
        app.delete("/owners/acme").await;
        let open = commit("c3").replace("stable", "open");
        nginx(&app, &open, None).await.assert_problem(403, "edge-repo-unknown");
    }
}
