//! Keeps the committed document true: it is what the code says, and every operation says all that a
//! client must know.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop at once"
)]

use std::collections::BTreeSet;

use serde_json::Value;

fn document() -> Value {
    serde_json::from_str(&portolan_openapi::generate().unwrap()).unwrap()
}

/// Method, path, operation.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    operations
}

#[test]
fn the_committed_document_is_what_the_code_says() {
    let committed = std::fs::read_to_string(portolan_openapi::committed_path()).unwrap();
    assert!(
        committed == portolan_openapi::generate().unwrap(),
        "openapi/openapi.json is not what the code says: run `make openapi`, look at the difference, \
         and commit it"
    );
}

#[test]
fn every_operation_tells_clients_all_they_must_know() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        let what = format!("{method} {path} ({id})");
        assert!(
            ids.insert(id.clone()),
            "{what}: the operationId is there twice"
        );
        let verbs = ["get_", "list_", "create_", "update_", "delete_"];
        assert!(
            verbs.iter().any(|verb| id.starts_with(verb)),
            "{what}: not <verb>_<resource>"
        );
        assert!(
            operation["summary"].as_str().is_some_and(|s| !s.is_empty()),
            "{what}: no summary"
        );
        assert_eq!(
            operation["tags"].as_array().map(Vec::len),
            Some(1),
            "{what}: one tag"
        );
        let responses = operation["responses"].as_object().unwrap();
        // Clients of a registry read its own form, and are never told that they may not: 404.
        let mut firsts = ["v1", "v2", "index"].into_iter();
        let for_registry =
            firsts.any(|first| path.starts_with(&format!("/container_gateway/{first}/")));
        for (status, response) in responses {
            let description = response["description"].as_str().unwrap_or_default();
            assert!(
                !description.trim().is_empty(),
                "{what}: {status} has no description"
            );
            let refused = status.starts_with('4') || status.starts_with('5');
            let (kind, schema) = if for_registry {
                ("application/json", "#/components/schemas/RegistryErrors")
            } else {
                ("application/problem+json", "#/components/schemas/Problem")
            };
            let told = &response["content"][kind]["schema"]["$ref"];
            assert!(!refused || told == schema, "{what}: {status}");
        }
        let is_public = operation["security"] == serde_json::json!([{}]);
        for status in ["401", "403", "500", "503"] {
            let documented =
                is_public || responses.contains_key(status) || (for_registry && status == "403");
            assert!(documented, "{what}: {status} is not documented");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let description = parameter["description"].as_str().unwrap_or_default();
            assert!(
                !description.is_empty(),
                "{what}: {} is not described",
                parameter["name"]
            );
        }
    }
}

#[test]
fn every_operation_is_called_by_a_test_over_http() {
    let tests = [
        "access",
        "answers",
        "batches",
        "cas",
        "cdn_checks",
        "cdns",
        "dialect",
        "downstream",
        "dry_run",
        "edge_cdn_info",
        "edge_headers",
        "edges",
        "expirations",
        "gateway",
        "gateway_content",
        "gateway_tokens",
        "exports",
        "grant_batches",
        "grants",
        "imports",
        "jobs",
        "metrics",
        "owner_cdns",
        "owners",
        "problems",
        "ref_tokens",
        "repos",
        "restores",
        "revocations",
        "signed_urls",
        "signing_keys",
        "token_ids",
        "token_oauth",
        "token_subset",
    ];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/tests/it");
    let read = |name: &&str| std::fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
    let text: String = tests.iter().map(read).collect();
    for (_, path, operation) in operations(&document()) {
        // The last fixed part of the path: what a test must have written to call it.
        let fixed = path
            .split('/')
            .rfind(|part| !part.is_empty() && !part.starts_with('{'));
        let id = operation["operationId"].as_str().unwrap();
        assert!(text.contains(fixed.unwrap()), "no test calls {id} ({path})");
        // The access test walks all operations and must know each by name.
        assert!(
            text.contains(&format!("\"{id}\"")),
            "api/tests/it/access.rs does not know {id}"
        );
    }
}

#[test]
fn every_schema_and_field_is_described() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let variants = property["oneOf"].as_array().into_iter().flatten();
            let mut all = std::iter::once(property).chain(variants);
            assert!(
                all.any(|p| p["description"].is_string()),
                "{name}.{field} is not described"
            );
        }
    }
}
