//! `token_subset`: exchanges as flat-manager 0.5.3 answers them, and what goes beyond.

use std::fmt::Write;

use portolan_domain::token::{Claims, CollectionRef, TokenAlgorithm, TokenKind};
use portolan_storage::both_engines;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    support::TestApp,
    tokens::{add_key, ask, asked, child, flat_managers, hs256, parent, part, seconds},
};

/// A parent as flat-manager writes it.
fn flat_parent() -> Value {
    json!({
        "sub": "build", "exp": seconds() + 3600, "name": "parent", "jti": "parents-id",
        "scope": ["build", "upload", "download"], "prefixes": ["org.cool"],
        "apps": ["net.single.App"], "repos": ["stable"], "branches": ["stable"],
        "token_type": "app",
    })
}

async fn flat_app(database: portolan_storage::testing::TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    add_key(&app, TokenKind::FlatManager, TokenAlgorithm::Hs256).await;
    app
}

/// The request with one field changed; null takes it away.
fn with(field: &str, value: Value) -> Value {
    let mut body = asked();
    if value.is_null() {
        body.as_object_mut().unwrap().remove(field);
    } else {
        body[field] = value;
    }
    body
}

both_engines! {
    async fn the_child_of_a_flat_manager_token_is_what_flat_manager_reads(database: TestDatabase) {
        let app = flat_app(database).await;
        let made = child(&app, &flat_managers(&flat_parent()), asked()).await;
        assert_eq!(part(&made, 0), json!({ "typ": "JWT", "alg": "HS256" }));
        let expected = json!({
            "sub": "build/7", "exp": seconds() + 60, "name": "parent/child", "jti": "parents-id",
            "scope": ["upload"], "prefixes": ["org.cool"], "apps": ["net.single.App"],
            "repos": ["stable"], "branches": ["stable"], "token_type": "app",
        });
        assert_eq!(part(&made, 1), expected);
        // It is what flat-manager would have signed, but for the order of the members.
        let again = hs256(&part(&made, 0), &expected, crate::tokens::SECRET);
        assert_eq!(part(&again, 1), part(&made, 1));
        let grandchild = child(&app, &made, with("sub", json!("build/7/x"))).await;
        assert_eq!(part(&grandchild, 1)["name"], "parent/child/child");
        // Without an id, and without what may be left out.
        let bare = json!({ "sub": "build", "exp": seconds() + 60, "scope": ["upload"] });
        let made = child(&app, &flat_managers(&bare), asked()).await;
        let expected = json!({
            "sub": "build/7", "exp": seconds() + 60, "name": "/child", "scope": ["upload"],
            "prefixes": [], "apps": [], "repos": [], "branches": [],
        });
        assert_eq!(part(&made, 1), expected);
    }

    async fn both_paths_answer_and_a_prefix_is_stripped(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            config.tokens.strip_prefix = Some("FLATHUB_TOKEN_".to_owned());
        })
        .await;
        add_key(&app, TokenKind::FlatManager, TokenAlgorithm::Hs256).await;
        let token = flat_managers(&flat_parent());
        for path in ["/token_subset", "/api/v1/token_subset", "/candlepin/api/v1/token_subset"] {
            for sent in [token.clone(), format!("FLATHUB_TOKEN_{token}")] {
                let request = app.request(Method::POST, path).bearer_auth(sent).json(&asked());
                assert_eq!(app.send(request).await.status, 200, "{path}");
            }
        }
    }

    async fn however_the_body_comes_it_is_read_whole(database: TestDatabase) {
        let app = flat_app(database).await;
        let token = flat_managers(&flat_parent());
        let body = asked().to_string();
        let (first, second) = body.split_at(10);
        let chunk = |part: &str| format!("{:x}\r\n{part}\r\n", part.len());
        let (json, length) = ("application/json", format!("Content-Length: {}", body.len()));
        let chunked = "Transfer-Encoding: chunked".to_owned();
        for (what, kind, framing, parts) in [
            ("at once", json, &length, vec![body.clone()]),
            ("in two parts", json, &length, vec![first.to_owned(), second.to_owned()]),
            ("in chunks", json, &chunked, vec![chunk(first), chunk(second) + "0\r\n\r\n"]),
            ("with a charset", "application/json; charset=utf-8", &length, vec![body.clone()]),
        ] {
            let mut head = "POST /token_subset HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".to_owned();
            write!(head, "Authorization: Bearer {token}\r\nContent-Type: {kind}\r\n{framing}\r\n\r\n").unwrap();
            let address = app.url.strip_prefix("http://").unwrap();
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            for part in parts {
                stream.write_all(part.as_bytes()).await.unwrap();
            }
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{what}: {answer}");
            let made: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
            assert_eq!(part(made["token"].as_str().unwrap(), 1)["sub"], "build/7", "{what}");
            for header in ["cache-control: no-store", "x-request-id: ", "content-type: application/json"] {
                assert!(answer.contains(header), "{what}: no {header}: {answer}");
            }
        }
    }

    async fn wrong_parents_are_refused_as_recorded(database: TestDatabase) {
        let app = flat_app(database).await;
        let good = flat_managers(&flat_parent());
        let mut expired = flat_parent();
        expired["exp"] = json!(seconds() - 10);
        let mut without_sub = flat_parent();
        without_sub.as_object_mut().unwrap().remove("sub");
        let header = json!({ "typ": "JWT", "alg": "HS256" });
        let (start, _) = good.rsplit_once('.').unwrap();
        for (what, token) in [
            ("expired", flat_managers(&expired)),
            ("ends now", flat_managers(&json!({ "sub": "build", "exp": seconds() }))),
            ("without sub", flat_managers(&without_sub)),
            ("malformed", "nonsense".to_owned()),
            ("another secret", hs256(&header, &flat_parent(), b"another secret")),
            ("no signature", format!("{start}.")),
            ("alg none", hs256(&json!({ "alg": "none" }), &flat_parent(), b"")),
        ] {
            let problem = ask(&app, &token, asked()).await.assert_problem(401, "invalid-token");
            assert_eq!(problem["error-type"], "invalid-token", "{what}: {problem}");
            assert_eq!(problem["message"], problem["detail"]);
            assert!(token.len() < 20 || !problem.to_string().contains(&token), "{what}");
        }
        let bare = app.request(Method::POST, "/api/v1/token_subset").json(&asked());
        app.send(bare).await.assert_problem(401, "invalid-token");
        for scheme in ["Basic", "Token"] {
            let request = app.request(Method::POST, "/api/v1/token_subset").json(&asked());
            let request = request.header("authorization", format!("{scheme} {good}"));
            app.send(request).await.assert_problem(401, "invalid-token");
        }
    }

    async fn wider_requests_are_refused_as_recorded(database: TestDatabase) {
        let app = flat_app(database).await;
        let token = flat_managers(&flat_parent());
        for (claim, value) in [
            ("scope", json!(["upload", "publish"])),
            ("scope", json!(["nonsense"])),
            ("prefixes", json!(["org.cooler"])),
            ("prefixes", json!([])),
            ("apps", json!(["org.cool.Game"])),
            ("repos", json!([""])),
            ("branches", json!(["beta"])),
            ("sub", json!("builder")),
            ("duration", json!(3601)),
            ("duration", json!(i64::MAX)),
            ("refs", json!([{ "collectionId": "c", "ref": "app/x" }])),
            ("user", json!("alice")),
            ("aud", json!("stable")),
        ] {
            let answer = ask(&app, &token, with(claim, value.clone())).await;
            let problem = answer.assert_problem(403, "token-insufficient");
            let failed = problem["failed"].as_array().unwrap();
            assert_eq!(failed.len(), 1, "{problem}");
            assert_eq!(failed[0]["claim"], claim, "{problem}");
            let detail = problem["detail"].as_str().unwrap().to_lowercase();
            assert!(detail.contains(&failed[0]["reason"].as_str().unwrap().to_lowercase()));
            assert_eq!(problem["error-type"], "token-insufficient");
            let message = problem["message"].as_str().unwrap();
            assert!(message.starts_with("Not enough permissions: "), "{message}");
        }
        let both = json!({
            "name": "", "sub": "other", "scope": ["jobs"], "duration": 1, "repos": ["beta"],
        });
        let problem = ask(&app, &token, both).await.assert_problem(403, "token-insufficient");
        let failed: Vec<&Value> = problem["failed"].as_array().unwrap().iter().collect();
        let claims: Vec<&Value> = failed.iter().map(|failed| &failed["claim"]).collect();
        assert_eq!(claims, ["sub", "scope", "repos"]);
    }

    async fn bad_bodies_are_400_and_short_lives_are_given(database: TestDatabase) {
        let app = flat_app(database).await;
        let token = flat_managers(&flat_parent());
        for body in [
            with("name", Value::Null),
            with("sub", Value::Null),
            with("scope", Value::Null),
            with("duration", Value::Null),
            with("duration", json!("60")),
            with("duration", json!(1.5)),
            with("scope", json!("upload")),
            with("prefixes", json!("org.cool")),
            with("refs", json!([{ "ref": "app/x" }])),
            json!([]),
        ] {
            let problem = ask(&app, &token, body).await.assert_problem(400, "bad-request");
            assert_eq!(problem["error-type"], "generic-error", "{problem}");
        }
        let request = app.request(Method::POST, "/api/v1/token_subset").bearer_auth(&token);
        let request = request.header("content-type", "application/json").body("{");
        app.send(request).await.assert_problem(400, "bad-request");
        for duration in [-5, 0, i64::MIN] {
            let made = child(&app, &token, with("duration", json!(duration))).await;
            assert_eq!(part(&made, 1)["exp"], seconds());
        }
        // What flat-manager does not know it ignores, and so do we.
        child(&app, &token, with("unknown", json!(true))).await;
    }

    async fn other_children_have_an_id_of_their_own(database: TestDatabase) {
        let app = TestApp::start(database).await;
        for algorithm in [TokenAlgorithm::Es256, TokenAlgorithm::EdDsa, TokenAlgorithm::Rs256] {
            let key = add_key(&app, TokenKind::Access, algorithm).await;
            let body = json!({
                "name": "child", "sub": "build/7", "scope": ["download"], "duration": 60,
                "refs": [{ "collectionId": "c", "ref": "app/x" }], "user": "alice", "aud": "stable",
            });
            // The service has not heard of the key: the first look at it asks the database.
            crate::support::eventually("the new key signs", || async {
                let signed = app.state.tokens.sign(TokenKind::Access, &parent()).await.unwrap();
                part(&signed, 0)["kid"] == json!(key.kid)
            })
            .await;
            let token = app.state.tokens.sign(TokenKind::Access, &parent()).await.unwrap();
            let made = child(&app, &token, body).await;
            let header = json!({ "typ": "at+jwt", "alg": algorithm.as_str(), "kid": key.kid });
            assert_eq!(part(&made, 0), header);
            let claims: Claims = serde_json::from_value(part(&made, 1)).unwrap();
            assert_eq!(claims.root_jti.as_deref(), Some("parents-id"));
            assert!(claims.jti.as_deref().is_some_and(|jti| jti.len() == 36));
            assert_eq!(claims.iss.as_deref(), Some(app.state.tokens.issuer()));
            assert_eq!((claims.iat, claims.nbf), (Some(seconds()), Some(seconds())));
            let of = CollectionRef { collection_id: "c".to_owned(), name: "app/x".to_owned() };
            assert_eq!(claims.refs, Some(vec![of]));
            assert_eq!((claims.user.as_deref(), claims.aud.as_deref()), (Some("alice"), Some("stable")));
            // Its own child names the first parent, too.
            let grandchild = child(&app, &made, with("scope", json!(["download"]))).await;
            let below: Claims = serde_json::from_value(part(&grandchild, 1)).unwrap();
            assert_eq!(below.root_jti.as_deref(), Some("parents-id"));
            assert_ne!(below.jti, claims.jti);
            assert_eq!((below.refs, below.user, below.aud), (claims.refs, claims.user, claims.aud));
        }
    }

    async fn a_child_too_large_to_be_taken_is_not_made(database: TestDatabase) {
        let app = flat_app(database).await;
        let token = flat_managers(&flat_parent());
        let body = with("name", json!("x".repeat(20_000)));
        ask(&app, &token, body).await.assert_problem(400, "bad-request");
    }

    async fn children_are_made_while_the_database_is_away(database: TestDatabase) {
        let app = flat_app(database).await;
        let token = flat_managers(&flat_parent());
        child(&app, &token, asked()).await;
        app.state.store.clone().close().await.unwrap();
        child(&app, &token, asked()).await;
        // Of a key that is not known here nothing can be said now.
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": "unknown" });
        let unknown = crate::tokens::signed(&header, &flat_parent(), |_| vec![0; 64]);
        let answer = ask(&app, &unknown, asked()).await;
        let problem = answer.assert_problem(503, "unavailable");
        assert_eq!(problem["error-type"], "internal-error");
    }
}
