//! What proxies say of a request, headers that a client made up, and nginx's HTTP/1.0.

use portolan_domain::token::TokenKind;
use portolan_storage::both_engines;
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::edges::{GAME, commit, ref_claims, sign, started};

both_engines! {
    async fn one_header_says_what_the_uri_is(database: TestDatabase) {
        let app = started(database).await;
        let ask = async |route: &str, headers: &[(&str, &str)]| {
            let mut request = app.request(Method::GET, &format!("/edge/authorize/{route}"));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            app.send(request).await
        };
        let (paid, open) = (commit("a1"), "/repo/stable/summary");
        for (route, own, foreign, method) in [
            ("nginx", "x-original-uri", "x-forwarded-uri", "x-original-method"),
            ("traefik", "x-forwarded-uri", "x-original-uri", "x-forwarded-method"),
        ] {
            assert_eq!(ask(route, &[(own, open)]).await.status, 200);
            assert_eq!(ask(route, &[(own, open), (method, "HEAD")]).await.status, 200);
            ask(route, &[(own, &paid)]).await.assert_problem(401, "token-required");
            ask(route, &[(own, open), (method, "POST")]).await.assert_problem(403, "edge-method-refused");
            ask(route, &[(own, open), (method, "get")]).await.assert_problem(403, "edge-method-refused");
            for bad in [
                &[][..], &[(own, "")], &[(foreign, open)], &[(own, &paid), (foreign, open)],
                &[(own, open), (own, &paid)], &[(own, open), ("x-original-url", open)],
                &[(own, open), ("x-rewrite-url", open)], &[(own, open), (method, "GET"), (method, "GET")],
            ] {
                ask(route, bad).await.assert_problem(400, "bad-request");
            }
            for bad in ["/a, /b", "/a,/b", "/a/../b", "/a%2Fb", "//a", "/a;b", "http://a/b"] {
                ask(route, &[(own, bad)]).await.assert_problem(400, "edge-uri-invalid");
            }
        }
        ask(&format!("envoy{paid}"), &[]).await.assert_problem(401, "token-required");
        assert_eq!(ask(&format!("envoy{open}"), &[]).await.status, 200);
        ask(&format!("envoy{open}"), &[("x-original-uri", open)]).await.assert_problem(400, "bad-request");
        ask("envoy/repo%2Fstable", &[]).await.assert_problem(400, "edge-uri-invalid");
        ask("envoy//repo", &[]).await.assert_problem(400, "edge-uri-invalid");
        for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
            let request = app.request(method, &format!("/edge/authorize/envoy{open}"));
            app.send(request).await.assert_problem(403, "edge-method-refused");
        }
        let below = app.request(Method::GET, &format!("/candlepin/edge/authorize/envoy{paid}"));
        app.send(below).await.assert_problem(401, "token-required");
        let head = app.request(Method::HEAD, &format!("/edge/authorize/envoy{open}"));
        assert_eq!(app.send(head).await.status, 200);
    }

    async fn nginx_asks_in_its_own_http(database: TestDatabase) {
        let app = started(database).await;
        let ask = async |uri: &str, more: &str| {
            let address = app.url.strip_prefix("http://").unwrap();
            let mut stream = TcpStream::connect(address).await.unwrap();
            // As `auth_request` does: HTTP/1.0, no keepalive, and a body that is announced and not sent.
            let head = format!(
                "GET /edge/authorize/nginx HTTP/1.0\r\nHost: portolan\r\nX-Original-URI: {uri}\r\n\
                 X-Original-Method: GET\r\nConnection: close\r\n{more}\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let open = ask("/repo/stable/summary", "").await;
        assert!(open.starts_with("HTTP/1.0 200") , "{open}");
        assert!(open.contains("cache-control: max-age=60"), "{open}");
        let paid = ask(&commit("a1"), "").await;
        assert!(paid.starts_with("HTTP/1.0 401"), "{paid}");
        let token = sign(&app, TokenKind::RefToken, &ref_claims(&[GAME])).await;
        let may = ask(&commit("a1"), &format!("Authorization: Bearer {token}\r\n")).await;
        assert!(may.starts_with("HTTP/1.0 200"), "{may}");
        // What a client sends into a header does not become a second one.
        let smuggled = ask("/repo/stable/summary", &format!("X-Original-URI: {}\r\n", commit("a1"))).await;
        assert!(smuggled.starts_with("HTTP/1.0 400"), "{smuggled}");
    }
}
