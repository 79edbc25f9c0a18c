//! `/metrics`: with a credential on the service's port, without one on a port of its own.

use std::collections::BTreeMap;

use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use time::Duration;

use super::{
    expirations::ending,
    manifests::{CA, signed_by},
    support::{TestApp, eventually, now},
};

/// The samples of a text in Prometheus' format: name and labels as written, and the value.
pub fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut typed = Vec::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            typed.push(kind.split(' ').next().unwrap().to_owned());
        }
        if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(
                typed.iter().any(|typed| name.starts_with(typed)),
                "no type: {line}"
            );
            let before = samples.insert(name.to_owned(), value.parse().unwrap());
            assert!(before.is_none(), "twice: {line}");
        }
    }
    samples
}

async fn app_with_imports(database: TestDatabase) -> TestApp {
    let app = TestApp::start_with(database, |config| {
        config.metrics.listen = Some("127.0.0.1:0".to_owned());
    })
    .await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    for (owner, days) in [("acme", &[("a", 40), ("b", 10)][..]), ("other", &[])] {
        app.owner(owner).await;
        let imported = app
            .import(owner, signed_by(&CA, &ending(owner, days)), "")
            .await;
        assert_eq!(imported.status, 200, "{}", imported.text);
    }
    app.owner("empty").await;
    app
}

both_engines! {
    async fn the_first_end_of_each_owner_and_kind_is_shown(database: TestDatabase) {
        let app = app_with_imports(database).await;
        let answer = app.get("/metrics").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        let samples = samples(&answer.text);
        let end = |owner: &str, kind: &str| {
            let labels = format!("owner=\"{owner}\",kind=\"{kind}\"");
            samples.get(&format!("portolan_certificate_not_after_seconds{{{labels}}}")).copied()
        };
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
        let at = |days: i64| Some((now() + Duration::days(days)).unix_timestamp() as f64);
        assert_eq!(end("acme", "ENTITLEMENT"), at(10));
        assert_eq!(end("acme", "IDENTITY"), at(365 - 60));
        assert_eq!(end("other", "IDENTITY"), at(365 - 60));
        assert_eq!(end("other", "ENTITLEMENT"), None);
        assert_eq!(end("", "CA"), at(365));
        let version = format!("portolan_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
        assert_eq!(samples.get(&version), Some(&1.0));
        let ends = samples.keys().filter(|name| name.starts_with("portolan_certificate"));
        assert_eq!(ends.count(), 4, "{}", answer.text);

        let request = app.request(Method::GET, "/metrics").bearer_auth(&app.admin);
        let request = request.header("accept", "application/openmetrics-text;version=1.0.0,*/*;q=0.1");
        let open = app.send(request).await;
        assert!(open.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
        assert!(open.text.ends_with("# EOF\n"), "{}", open.text);
    }

    async fn figures_are_for_who_may_see_all_owners(database: TestDatabase) {
        let app = app_with_imports(database).await;
        let get = async |key: &str| app.send(app.request(Method::GET, "/metrics").bearer_auth(key)).await;
        assert_eq!(get(&app.key(Role::Auditor, &[]).await).await.status, 200);
        for key in [app.key(Role::Auditor, &["other"]).await, app.key(Role::Manager, &[]).await] {
            get(&key).await.assert_problem(403, "forbidden");
        }
    }

    async fn a_port_of_its_own_needs_no_credential_and_has_nothing_else(database: TestDatabase) {
        let app = app_with_imports(database).await;
        let url = format!("http://{}", app.state.metrics.address().unwrap());
        let get = async |path: &str| app.send(app.client.get(format!("{url}{path}"))).await;
        let figures = get("/metrics").await;
        assert_eq!(figures.status, 200);
        assert!(figures.text.contains("portolan_certificate_not_after_seconds{owner=\"acme\""));
        for path in ["/", "/status", "/owners", "/docs"] {
            get(path).await.assert_problem(404, "route-not-found");
        }
        let posted = app.send(app.client.post(format!("{url}/metrics"))).await;
        posted.assert_problem(405, "method-not-allowed");
        app.stop().await;
        let gone = reqwest::Client::new().get(format!("{url}/metrics")).send().await;
        assert!(gone.is_err(), "it still listens");
    }

    async fn while_the_database_is_away_the_last_figures_stay(database: TestDatabase) {
        let app = app_with_imports(database).await;
        let url = format!("http://{}/metrics", app.state.metrics.address().unwrap());
        let ends = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.starts_with("portolan_certificate"));
            lines.map(str::to_owned).collect()
        };
        let before = app.send(app.client.get(&url)).await.text;
        app.state.store.clone().close().await.unwrap();
        let after = app.send(app.client.get(&url)).await;
        assert_eq!((after.status.as_u16(), ends(&after.text)), (200, ends(&before)));
        assert_eq!(ends(&before).len(), 4, "{before}");
    }

    async fn requests_are_counted_by_route_whichever_way_they_went(database: TestDatabase) {
        let app = app_with_imports(database).await;
        let route = "/entitlements/{entitlement_id}/cdn_info";
        for _ in 0..3 {
            assert_eq!(app.get("/entitlements/a/cdn_info").await.status, 200);
        }
        eventually("memory answers", async || {
            assert_eq!(app.get("/entitlements/a/cdn_info").await.status, 200);
            app.state.cache.figures().hits > 0
        })
        .await;
        let asked = app.send(app.request(Method::GET, "/entitlements/a/cdn_info")).await;
        assert_eq!(asked.status, 401);
        let odd = Method::from_bytes(b"BREW").unwrap();
        assert_eq!(app.send(app.request(odd, "/nowhere-at-all")).await.status, 404);
        let text = app.get("/metrics").await.text;
        let samples = samples(&text);
        let count = |route: &str, method: &str, status: u16| {
            let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
            samples.get(&format!("portolan_http_requests_total{{{labels}}}")).copied()
        };
        assert!(count(route, "GET", 200).unwrap() >= 4.0, "{text}");
        assert_eq!(count(route, "GET", 401), Some(1.0), "{text}");
        assert_eq!(count("", "OTHER", 404), Some(1.0), "{text}");
        let of_route = format!("portolan_http_request_duration_seconds_count{{route=\"{route}\"}}");
        let answered = count(route, "GET", 200).unwrap() + 1.0;
        assert!((samples[&of_route] - answered).abs() < 0.5, "{text}");
        assert!(samples["portolan_cache_requests_total{result=\"hit\"}"] > 0.0);
        assert!(samples["portolan_feed_silent_seconds"] < 10.0);
        assert!(!text.contains("nowhere-at-all"), "a path is no label: {text}");
    }
}
