//! Figures of what a node does beside answering, and that what is drawn and alerted on is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use portolan_storage::{both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::json;

use super::{
    expirations::ending,
    manifests::{CA, signed_by},
    metrics::samples,
    support::{TestApp, eventually},
    tokens::{access, parent},
};

async fn figures(app: &TestApp) -> (String, BTreeMap<String, f64>) {
    let text = app.get("/metrics").await.text;
    let samples = samples(&text);
    (text, samples)
}

/// A node that did some of everything.
async fn busy(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    app.owner("acme").await;
    let manifest = signed_by(&CA, &ending("acme", &[("a", 40), ("b", 10)]));
    let imported = app.import("acme", manifest.clone(), "").await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    let refused = app.import("acme", b"no archive".to_vec(), "").await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    let request = app
        .request(
            Method::POST,
            "/owners/acme/imports/async?force=MANIFEST_SAME",
        )
        .bearer_auth(&app.admin)
        .header("Content-Type", "application/zip")
        .body(manifest);
    let job = app.send(request).await;
    assert_eq!(job.status, 202, "{}", job.text);
    let path = format!("/jobs/{}?wait=20s", job.json()["id"].as_str().unwrap());
    assert_eq!(app.get(&path).await.json()["state"], "FINISHED");
    let token = access(&app, &parent()).await;
    let asked = json!({ "name": "child", "sub": "build", "scope": ["build"], "duration": 60 });
    for shown in [token.as_str(), "e30.e30.e30"] {
        let request = app.request(Method::POST, "/token_subset");
        app.send(request.bearer_auth(shown).json(&asked)).await;
    }
    app.get("/entitlements/a/cdn_info").await;
    app
}

both_engines! {
    async fn imports_jobs_and_tokens_are_counted(database: TestDatabase) {
        let app = busy(database).await;
        eventually("the job's end is counted", async || {
            figures(&app).await.1.contains_key("portolan_jobs_total{outcome=\"ended\"}")
        })
        .await;
        let (text, samples) = figures(&app).await;
        let is = |name: &str, wanted: f64| {
            let value = samples.get(name).copied().unwrap_or(-1.0);
            assert!((value - wanted).abs() < 0.5, "{name} is {value}, not {wanted}: {text}");
        };
        is("portolan_imports_total{outcome=\"imported\"}", 2.0);
        is("portolan_imports_total{outcome=\"refused\"}", 1.0);
        is("portolan_import_entitlements_total", 4.0);
        is("portolan_import_step_duration_seconds_count{step=\"store\"}", 2.0);
        is("portolan_jobs_total{outcome=\"ended\"}", 1.0);
        is("portolan_jobs_running", 0.0);
        // The parent, and its child.
        is("portolan_tokens_signed_total{kind=\"access\"}", 2.0);
        is("portolan_tokens_verified_total", 1.0);
        is("portolan_tokens_refused_total", 1.0);
        let route = "route=\"/token_subset\",method=\"POST\"";
        is(&format!("portolan_http_requests_total{{{route},status=\"200\"}}"), 1.0);
        is(&format!("portolan_http_requests_total{{{route},status=\"401\"}}"), 1.0);
    }

    async fn what_is_drawn_alerted_on_and_described_is_there(database: TestDatabase) {
        let app = busy(database).await;
        let (text, _) = figures(&app).await;
        let there: BTreeSet<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
            .collect();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for file in ["deploy/grafana/portolan.json", "deploy/prometheus/alerts.yml", "docs/monitoring.md"] {
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            let named = names(&text);
            assert!(named.len() > 4, "{file} names hardly any: {named:?}");
            for name in named {
                let is_there = SUFFIXES.iter().any(|end| {
                    there.contains(name.strip_suffix(end).unwrap_or(name))
                });
                // Known only once a certificate or an undecided commit was seen.
                assert!(is_there || name == "portolan_edge_undecided_total", "{file}: {name}");
            }
        }
        let described = std::fs::read_to_string(root.join("docs/monitoring.md")).unwrap();
        for name in there {
            let counted = format!("`{name}_total`");
            let is_described = described.contains(&format!("`{name}`")) || described.contains(&counted);
            assert!(is_described, "docs/monitoring.md does not describe {name}");
        }
    }
}

/// What a name may have at its end beyond the figure's own.
const SUFFIXES: [&str; 5] = ["", "_bucket", "_count", "_sum", "_total"];

/// The figures that a text names.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    text.match_indices("portolan_")
        .map(|(at, _)| {
            let rest = &text[at..];
            &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())]
        })
        .filter(|name| !name.ends_with('_'))
        .collect()
}
