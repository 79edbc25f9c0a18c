//! Nothing is open: every operation of the document is tried without a credential, with a bad one,
//! with each role that lacks, and as the manager of another owner.
//!
//! If you are here because a new operation failed: say in `rule` who may call it.

use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::support::{Answer, TestApp};

/// Who may call an operation.
enum Rule {
    Public,
    /// Public, but for the token that the request carries: no credential counts.
    OwnToken,
    /// Public, but for the token that the form carries.
    TokenInForm,
    /// It carries a token of its own, or none: see the tests of the edges.
    Edge,
    /// It is for clients of a registry, who have no credential of this service's: see the gateway's tests.
    Registry,
    Roles(&'static [Role]),
}

fn rule(operation: &str) -> Rule {
    use Role::{Admin, Auditor, Issuer, Manager, Proxy};
    match operation {
        "get_status"
        | "get_liveness"
        | "get_readiness"
        | "get_openapi"
        | "get_signing_ca"
        | "get_jwks"
        | "get_authorization_server"
        | "get_revocations" => Rule::Public,
        "create_token_subset"
        | "create_flat_manager_token_subset"
        | "list_flat_manager_tokens"
        | "create_flat_manager_revocation" => Rule::OwnToken,
        "create_oauth_revocation" => Rule::TokenInForm,
        "create_introspection" => Rule::Roles(&[Admin, Issuer, Proxy]),
        "create_owner" | "update_owner" | "delete_owner" | "create_upstream_ca"
        | "delete_upstream_ca" | "create_cdn" | "update_cdn" | "delete_cdn"
        | "create_cdn_check" => Rule::Roles(&[Admin]),
        "create_import"
        | "create_export"
        | "create_import_job"
        | "create_import_restore"
        | "delete_job"
        | "delete_import"
        | "update_owner_cdn"
        | "delete_owner_cdn"
        | "update_entitlement"
        | "create_entitlement_batch"
        | "update_repo"
        | "update_repo_commits"
        | "delete_repo"
        | "delete_entitlement"
        | "update_gateway_repositories"
        | "update_gateway_user_repositories"
        | "update_gateway_hosts"
        | "update_gateway_host_mapping"
        | "update_gateway_host_repositories"
        | "list_gateway_users" => Rule::Roles(&[Admin, Manager]),
        "list_owners"
        | "get_owner"
        | "list_imports"
        | "get_job"
        | "list_entitlements"
        | "get_entitlement"
        | "list_upstream_consumers"
        | "list_upstream_cas"
        | "get_upstream_ca"
        | "list_cdns"
        | "get_cdn"
        | "get_owner_cdn"
        | "list_repos"
        | "get_repo"
        | "list_expirations" => Rule::Roles(&[Admin, Manager, Auditor]),
        "update_grants" | "delete_grants" | "create_grant_batch" | "create_ref_tokens"
        | "create_signed_urls" | "list_tokens" | "create_revocation" => {
            Rule::Roles(&[Admin, Issuer])
        }
        "get_grants" => Rule::Roles(&[Admin, Issuer, Auditor]),
        "list_audit_events" | "get_metrics" => Rule::Roles(&[Admin, Auditor]),
        "get_edge_authorization_nginx"
        | "get_edge_authorization_traefik"
        | "get_edge_authorization_envoy" => Rule::Edge,
        "get_registry"
        | "get_registry_token"
        | "create_registry_token"
        | "list_registry_repositories"
        | "get_registry_content"
        | "update_registry_content"
        | "create_registry_content"
        | "update_registry_upload"
        | "delete_registry_content"
        | "get_registry_ping"
        | "list_registry_search_results"
        | "get_registry_index" => Rule::Registry,
        "get_edge_requirement"
        | "get_edge_cdn_info"
        | "get_cdn_info"
        | "get_upstream_cert"
        | "get_owner_cdn_info" => Rule::Roles(&[Admin, Manager, Proxy]),
        other => panic!("nobody said who may call {other}"),
    }
}

/// The form of a signature, with nothing behind it.
const FORGED: &str = "OAuth oauth_consumer_key=\"x\", oauth_signature_method=\"HMAC-SHA1\", \
                      oauth_timestamp=\"1\", oauth_nonce=\"1\", oauth_signature=\"x\"";

struct Operation {
    id: String,
    method: Method,
    path: String,
}

fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(portolan::router::document()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let path = path
                .replace("{owner_key}", "acme")
                .replace("{entitlement_id}", "acme-0")
                .replace("{job_id}", "00000000-0000-7000-8000-000000000000")
                .replace("{import_id}", "00000000-0000-7000-8000-000000000000")
                .replace("{filename}", "test.crt")
                .replace("{repo}", "stable")
                .replace("{user}", "alice")
                .replace("{path}", "a/b")
                .replace("{rest}", "a/b/manifests/latest")
                .replace("{label}", "mirror");
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path,
            });
        }
    }
    operations
}

async fn call(app: &TestApp, operation: &Operation, key: Option<&str>) -> Answer {
    let mut request = app.request(operation.method.clone(), &operation.path);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    app.send(request).await
}

async fn app_with_content(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    for owner in ["acme", "other"] {
        app.owner(owner).await;
    }
    app.trust("test.crt", &super::manifests::CA.certificate_pem().unwrap())
        .await;
    let imported = app
        .import("acme", super::manifests::manifest("acme", 1), "")
        .await;
    assert_eq!(imported.status, StatusCode::OK, "{}", imported.text);
    app
}

both_engines! {
    async fn every_operation_is_closed_to_whoever_may_not(database: TestDatabase) {
        let app = app_with_content(database).await;
        let mut keys = Vec::new();
        for role in Role::ALL {
            keys.push((role, app.key(role, &[]).await));
        }
        let mut strangers = Vec::new();
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Admin) {
            strangers.push((role, app.key(role, &["other"]).await));
        }
        let (start, last) = app.admin.split_at(app.admin.len() - 1);
        let bad = format!("{start}{}", if last == "0" { "1" } else { "0" });
        let unknown = portolan::auth::Secret::generate().unwrap();
        for operation in operations() {
            let id = &operation.id;
            let allowed = match rule(id) {
                Rule::Public => {
                    let answer = call(&app, &operation, None).await;
                    assert_eq!(answer.status, StatusCode::OK, "{id}");
                    continue;
                }
                Rule::Edge => {
                    let answer = call(&app, &operation, None).await;
                    assert!(matches!(answer.status.as_u16(), 200 | 400), "{id}: {}", answer.text);
                    continue;
                }
                Rule::Registry => {
                    for key in [None, Some(&*app.admin), Some("ptl_nonsense")] {
                        let answer = call(&app, &operation, key).await;
                        let status = answer.status.as_u16();
                        let open = matches!(&**id, "get_registry_token" | "get_registry_ping");
                        let open = open || (id == "list_registry_search_results" && key.is_none());
                        let expected: &[u16] = if open { &[200] } else { &[401, 404, 415, 503] };
                        assert!(expected.contains(&status), "{id}: {}", answer.text);
                        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
                    }
                    continue;
                }
                Rule::OwnToken => {
                    let all = keys.iter().map(|(_, key)| Some(&**key));
                    for key in all.chain([None, Some("ptl_nonsense"), Some("a.b.c")]) {
                        let answer = call(&app, &operation, key).await;
                        answer.assert_problem(401, "invalid-token");
                        assert!(answer.header("www-authenticate").starts_with("Bearer "), "{id}");
                    }
                    continue;
                }
                Rule::TokenInForm => {
                    for key in [None, Some("ptl_nonsense")] {
                        let answer = call(&app, &operation, key).await;
                        answer.assert_problem(415, "unsupported-media-type");
                    }
                    continue;
                }
                Rule::Roles(allowed) => allowed,
            };
            for key in [None, Some("ptl_nonsense"), Some(&*bad), Some(unknown.expose())] {
                let answer = call(&app, &operation, key).await;
                answer.assert_problem(401, "unauthorized");
                assert!(answer.header("www-authenticate").starts_with("Bearer "), "{id}");
                // What stands at the root stands below the prefix, as closed.
                let path = format!("/candlepin{}", operation.path);
                let below = Operation { id: id.clone(), path, method: operation.method.clone() };
                call(&app, &below, key).await.assert_problem(401, "unauthorized");
            }
            let signed = app.request(operation.method.clone(), &operation.path);
            let forged = signed.header("authorization", FORGED);
            app.send(forged).await.assert_problem(401, "unauthorized");
            for (role, key) in keys.iter().filter(|(role, _)| !allowed.contains(role)) {
                let answer = call(&app, &operation, Some(key)).await;
                assert_eq!(answer.status, 403, "{id} as {}: {}", role.as_str(), answer.text);
                answer.assert_problem(403, "forbidden");
            }
            // Lists are cut to the caller's owners instead; see below.
            let of_an_owner = operation.path.contains("acme");
            let of_all = keys.iter().filter(|(role, _)| allowed.contains(role));
            for (role, key) in of_all.filter(|_| operation.method != Method::DELETE) {
                let answer = call(&app, &operation, Some(key)).await;
                let refused = answer.status == 401 || answer.status == 403;
                assert!(!refused, "{id} as {}: {}", role.as_str(), answer.text);
            }
            for (role, key) in strangers.iter().filter(|(role, _)| allowed.contains(role)) {
                if of_an_owner {
                    let answer = call(&app, &operation, Some(key)).await;
                    assert_eq!(answer.status, 403, "{id} as {} of another owner", role.as_str());
                    answer.assert_problem(403, "forbidden");
                }
            }
        }
    }

    async fn a_bound_key_sees_its_owners_alone(database: TestDatabase) {
        let app = app_with_content(database).await;
        let key = app.key(Role::Manager, &["other"]).await;
        let get = async |path: &str| app.send(app.request(Method::GET, path).bearer_auth(&key)).await;
        let owners = get("/owners").await.json();
        let keys: Vec<&Value> = owners.as_array().unwrap().iter().map(|o| &o["key"]).collect();
        assert_eq!(keys, ["other"]);
        let cas = get("/upstream_cas").await.json();
        assert_eq!(cas[0]["filename"], "test.crt");
        assert_eq!(cas[0]["upstreamConsumers"], serde_json::json!([]));
        let bound = serde_json::json!({
            "filename": "bound.crt", "pem": crate::manifests::STRANGER.certificate_pem().unwrap(),
            "owners": ["acme", "other"],
        });
        assert_eq!(app.json(Method::POST, "/upstream_cas", bound).await.status, 201);
        let shown = get("/upstream_cas/bound.crt").await.json();
        assert_eq!(shown["owners"], serde_json::json!(["other"]));
        // An owner that does not exist looks like one that is not the caller's.
        get("/owners/nobody").await.assert_problem(403, "forbidden");
    }

    async fn a_proxys_key_bound_to_owners_reads_no_other(database: TestDatabase) {
        let app = app_with_content(database).await;
        let (own, other) =
            (app.key(Role::Proxy, &["acme"]).await, app.key(Role::Proxy, &["other"]).await);
        let path = "/entitlements/acme-0/cdn_info";
        let get = async |key: &str| app.send(app.request(Method::GET, path).bearer_auth(key)).await;
        assert_eq!(get(&own).await.status, 200);
        get(&other).await.assert_problem(403, "forbidden");
        let revoked = app.state.store.revoke_credential("proxy-acme", &crate::support::by()).await;
        assert!(revoked.is_ok());
        crate::support::eventually("the revoked key is refused", || async {
            get(&own).await.status == 401
        })
        .await;
    }
}
