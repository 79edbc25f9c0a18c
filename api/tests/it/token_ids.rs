//! Revocation at flat-manager's paths, as its clients know it.

use portolan_domain::token::{Claims, Scope, TokenAlgorithm, TokenKind};
use portolan_storage::{IssuedToken, both_engines};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

use super::{
    support::{Answer, TestApp, by, now},
    tokens::{access, add_key, flat_managers, parent, seconds},
};

const GET_LIST: &str = "/api/v1/tokens/get_list";
const REVOKE: &str = "/api/v1/tokens/revoke";

async fn ask(app: &TestApp, path: &str, token: &str, body: Value) -> Answer {
    let request = app.request(Method::POST, path).bearer_auth(token);
    app.send(request.json(&body)).await
}

fn managing(sub: &str, scope: &str) -> String {
    let claims = json!({ "sub": sub, "exp": seconds() + 60, "jti": "mine", "scope": [scope] });
    flat_managers(&claims)
}

both_engines! {
    async fn tokens_are_looked_up_and_revoked_by_their_ids(database: TestDatabase) {
        let app = TestApp::start(database).await;
        add_key(&app, TokenKind::FlatManager, TokenAlgorithm::Hs256).await;
        let made = IssuedToken {
            jti: "made".to_owned(),
            name: "upload".to_owned(),
            sub: "build".to_owned(),
            created_at: now(),
            expires_at: now() + Duration::HOUR,
        };
        app.state.store.note_token(&made, &by()).await.unwrap();
        let others = Claims {
            sub: String::new(),
            scope: vec![Scope::TokenManagement],
            ..parent()
        };
        for token in [managing("", "tokenmanagement"), access(&app, &others).await] {
            let ids = json!({ "token_ids": ["made", "foreign", "nobody", "a\u{0}"] });
            let revoked = ask(&app, REVOKE, &token, json!({ "token_ids": ["foreign"] })).await;
            assert_eq!((revoked.status.as_u16(), revoked.text.as_str()), (204, ""));
            let known = ask(&app, GET_LIST, &token, ids).await;
            assert_eq!(known.status, 200, "{}", known.text);
            assert_eq!(known.json(), json!([
                { "token_id": "made", "expires": "2026-11-22T13:00:00", "last_used": null,
                  "revoked_at": null },
                { "token_id": "foreign", "expires": null, "last_used": null,
                  "revoked_at": "2026-11-22T12:00:00" },
            ]));
        }
        let events = app.get("/audit?action=token.revoke").await.json();
        assert_eq!((&events[1]["principalKind"], &events[1]["principal"]), (&json!("token"), &json!("mine")));
        let none = ask(&app, REVOKE, &managing("", "tokenmanagement"), json!({ "token_ids": [] })).await;
        assert_eq!(none.status, 204);
        // Its own, too: then it is of no more use.
        let token = managing("", "tokenmanagement");
        let own = ask(&app, REVOKE, &token, json!({ "token_ids": ["mine", "made"] })).await;
        assert_eq!(own.status, 204);
        let refused = ask(&app, GET_LIST, &token, json!({ "token_ids": ["made"] })).await;
        refused.assert_problem(401, "invalid-token");
    }

    async fn a_token_for_something_else_manages_none(database: TestDatabase) {
        let app = TestApp::start(database).await;
        add_key(&app, TokenKind::FlatManager, TokenAlgorithm::Hs256).await;
        for path in [GET_LIST, REVOKE] {
            for (token, failed) in [
                (managing("build", "tokenmanagement"), "sub"),
                (managing("", "build"), "scope"),
            ] {
                let refused = ask(&app, path, &token, json!({ "token_ids": ["a"] })).await;
                let problem = refused.assert_problem(403, "token-insufficient");
                assert_eq!(problem["failed"][0]["claim"], failed, "{problem}");
                assert_eq!(problem["error-type"], "token-insufficient");
            }
            let token = managing("", "tokenmanagement");
            for wrong in [json!({}), json!({ "token_ids": "a" }), json!({ "token_ids": [1] }), json!([])] {
                let refused = ask(&app, path, &token, wrong).await;
                refused.assert_problem(400, "bad-request");
            }
        }
        let token = managing("", "tokenmanagement");
        let many: Vec<String> = (0..=5000).map(|number| number.to_string()).collect();
        for wrong in [json!(many), json!(["good", "a\u{0}"])] {
            let refused = ask(&app, REVOKE, &token, json!({ "token_ids": wrong })).await;
            refused.assert_problem(400, "bad-request");
        }
        assert_eq!(app.get("/tokens").await.json(), json!([]), "nothing of it was done");
    }
}
