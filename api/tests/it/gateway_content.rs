//! Content through the gateway: who gets it, in which of the three ways, and what the registry is told.

use std::sync::{Arc, OnceLock};

use axum::{http::StatusCode, response::IntoResponse};
use portolan::config::{GatewayConfig, GatewayMode, TokenFormat};
use portolan_storage::{both_engines, testing::TestDatabase};
use reqwest::{Client, Method, redirect::Policy};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    fake_registry::{DIGEST, Fake, SOON, endless, registry},
    gateway::{ALICES, BOBS, OPEN, ask, assert_refused, feed_all, get, let_in, token_text},
    support::{Answer, TestApp},
};

async fn before(
    database: TestDatabase,
    registry: &Fake,
    change: impl FnOnce(&mut GatewayConfig),
) -> TestApp {
    let url = format!("{}/", registry.url());
    let app = TestApp::start_with(database, |config| {
        config.gateway.upstream = Some(url);
        change(&mut config.gateway);
    })
    .await;
    feed_all(&app).await;
    let_in(&app).await;
    app
}

fn manifest(name: &str) -> String {
    format!("/v2/{name}/manifests/latest")
}

/// The status of a path that is sent as it is written.
async fn raw_status(url: &str, path: &str) -> u16 {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Without following where it leads.
async fn bare(app: &TestApp, path: &str) -> Answer {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    let url = format!("{}/container_gateway{path}", app.url);
    Answer::of(client.get(url).send().await.unwrap()).await
}

both_engines! {
    async fn each_pulls_what_is_his(database: TestDatabase) {
        let registry = registry().await;
        let app = before(database, &registry, |_| {}).await;
        let (alice, bob) = (token_text(&app, "alice").await, token_text(&app, "bob").await);
        let blob = format!("/v2/{ALICES}/blobs/{DIGEST}");
        for (path, token, status) in [
            (manifest(OPEN), None, 200),
            (manifest(OPEN), Some("ptg_nonsense"), 200),
            (manifest(ALICES), Some(&*alice), 200),
            (blob.clone(), Some(&alice), 200),
            (blob.clone(), Some(&bob), 404),
            (manifest(ALICES), Some("anonymous"), 404),
            (manifest(BOBS), Some(&alice), 404),
            (manifest("nothing"), Some(&alice), 404),
            (manifest(ALICES), None, 401),
            (manifest(ALICES), Some("ptg_nonsense"), 401),
            (manifest("nothing"), None, 401),
            (format!("/v2/{BOBS}/tags/list"), Some(&alice), 404),
        ] {
            let answer = get(&app, &path, token).await;
            assert_eq!(answer.status, status, "{path} {token:?}: {}", answer.text);
            assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
            match status {
                200 => {
                    assert_eq!(answer.text, "content");
                    // What is not for everybody is for no cache that everybody shares.
                    let caching = answer.headers.get("cache-control").map(|value| value.to_str().unwrap());
                    assert_eq!(caching, (!path.contains(OPEN)).then_some("private"));
                }
                401 => {
                    assert_refused(&answer, 401, "UNAUTHORIZED");
                    let name = path.strip_prefix("/v2/").unwrap().split("/manifests").next().unwrap();
                    let scope = format!("scope=\"repository:{name}:pull\"");
                    assert!(answer.header("www-authenticate").contains(&scope));
                }
                _ => assert_refused(&answer, 404, "NAME_UNKNOWN"),
            }
        }
        // What was refused did not come to the registry.
        assert_eq!(registry.asked().len(), 4);
    }

    async fn the_registry_is_told_what_counts_and_nobodys_credentials(database: TestDatabase) {
        let registry = registry().await;
        let app = before(database, &registry, |_| {}).await;
        let alice = token_text(&app, "alice").await;
        let request = ask(&app, Method::GET, &format!("/v2/{ALICES}/blobs/{DIGEST}?ns=docker.io"));
        let request = request.bearer_auth(&alice).header("range", "bytes=1-2").header("accept", "a/b");
        let answer = app.send(request.header("accept", "c/d").header("cookie", "a=b")).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (206, "on"));
        assert_eq!(answer.header("docker-content-digest"), DIGEST);
        assert!(answer.headers.get("set-cookie").is_none());
        let (method, path, headers) = registry.asked().pop().unwrap();
        assert_eq!((method.as_str(), path), ("GET", format!("/v2/{ALICES}/blobs/{DIGEST}")));
        let accepted: Vec<&str> = headers.get_all("accept").iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!((accepted, headers["range"].to_str().unwrap()), (vec!["a/b", "c/d"], "bytes=1-2"));
        for kept in ["authorization", "cookie"] {
            assert!(headers.get(kept).is_none(), "{kept} was passed on");
        }
        let head = app.send(ask(&app, Method::HEAD, &manifest(OPEN))).await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
        assert_eq!(registry.asked().pop().unwrap().0, "HEAD");
    }

    async fn what_the_registry_refuses_is_its_word_or_nobodys_secret(database: TestDatabase) {
        let registry = registry().await;
        let app = before(database, &registry, |_| {}).await;
        let gone = get(&app, &format!("/v2/{OPEN}/manifests/gone"), None).await;
        assert_eq!((gone.status.as_u16(), &gone.json()["errors"][0]["code"]), (404, &json!("MANIFEST_UNKNOWN")));
        let part = app.send(ask(&app, Method::GET, &manifest(OPEN)).header("range", "bytes=900-")).await;
        assert_eq!(part.status, 416);
        let broken = get(&app, &format!("/v2/{OPEN}/manifests/broken"), None).await;
        assert_refused(&broken, 502, "UNAVAILABLE");
        assert!(!broken.text.contains("secret"));
        registry.stop().await;
        assert_refused(&get(&app, &manifest(OPEN), None).await, 502, "UNAVAILABLE");
    }

    async fn no_path_leads_past_the_names(database: TestDatabase) {
        let registry = registry().await;
        let app = before(database, &registry, |_| {}).await;
        for path in [
            "/v2/open/base/../../alice/app/manifests/latest",
            "/v2/open%2fbase%2f..%2f..%2falice%2fapp/manifests/latest",
            "/v2/open/base/manifests/..%2f..%2f..%2falice%2fapp%2fmanifests%2flatest",
            "/v2/open/base/manifests/latest%3f/../../alice",
            "/v2/open/base/blobs/sha256:..%2f..%2f",
            "/v2/open//base/manifests/latest",
            "/v2//open/base/manifests/latest",
            "/v2/open/base%00/manifests/latest",
            "/v2/open/base/other/latest",
        ] {
            // The library would tidy the path up.
            let status = raw_status(&app.url, &format!("/container_gateway{path}")).await;
            assert!(matches!(status, 400 | 401 | 404), "{path}: {status}");
        }
        assert_eq!(registry.asked().len(), 0);
        // Written in another way, and the same to both.
        let status = raw_status(&app.url, "/container_gateway/v2/open%2Fbase/manifests/late%73t").await;
        assert_eq!((status, &*registry.asked().pop().unwrap().1), (200, "/v2/open/base/manifests/latest"));
    }

    async fn tags_are_paged_whether_the_registry_pages_or_not(database: TestDatabase) {
        let all = registry().await;
        let app = before(database, &all, |_| {}).await;
        let tags = async |query: &str| {
            let answer = get(&app, &format!("/v2/{OPEN}/tags/list{query}"), None).await;
            assert_eq!(answer.json()["name"], OPEN);
            let link = answer.headers.get("link").map(|link| link.to_str().unwrap().to_owned());
            (answer.json()["tags"].to_string(), link)
        };
        let next = |last: &str, n: u32| {
            Some(format!("</container_gateway/v2/{OPEN}/tags/list?last={last}&n={n}>; rel=\"next\""))
        };
        assert_eq!(tags("").await, (r#"["v1","v10","v2","v3"]"#.to_owned(), None));
        // A tag that is gone meanwhile is as good a place to go on from.
        assert_eq!(tags("?last=v11").await, (r#"["v2","v3"]"#.to_owned(), None));
        assert_eq!(tags("?n=100&last=zzz").await, ("[]".to_owned(), None));
        assert_eq!(tags("?n=3").await, (r#"["v1","v10","v2"]"#.to_owned(), next("v2", 3)));
        assert_eq!(tags("?n=3&last=v2").await, (r#"["v3"]"#.to_owned(), None));
        assert_eq!(tags("?n=0").await, ("[]".to_owned(), None));
        assert_refused(&get(&app, &format!("/v2/{OPEN}/tags/list?n=x"), None).await, 400, "PAGINATION_NUMBER_INVALID");
    }

    async fn a_registry_that_pages_is_believed(database: TestDatabase) {
        let registry = Fake::start(|_| {
            let tags = json!({ "name": "x", "tags": ["b", "A"] });
            ([("link", "</v2/open/base/tags/list?last=A&n=2>; rel=\"next\"")], axum::Json(tags)).into_response()
        })
        .await;
        let app = before(database, &registry, |_| {}).await;
        let page = get(&app, &format!("/v2/{OPEN}/tags/list?n=2&last=a"), None).await;
        assert_eq!(page.json()["tags"], json!(["b", "A"]));
        assert_eq!(page.header("link"), "</container_gateway/v2/open/base/tags/list?last=A&n=2>; rel=\"next\"");
        assert_eq!(registry.asked().pop().unwrap().1, "/v2/open/base/tags/list?n=2&last=a");
    }

    async fn a_client_is_sent_to_the_registry_itself(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            config.gateway.upstream = Some("https://content.example.com/registry".to_owned());
            config.gateway.mode = GatewayMode::Redirect;
        })
        .await;
        feed_all(&app).await;
        let answer = bare(&app, &manifest(OPEN)).await;
        let there = "https://content.example.com/registry/v2/open/base/manifests/latest";
        assert_eq!((answer.status.as_u16(), answer.header("location")), (302, there));
        assert_eq!(bare(&app, &manifest(ALICES)).await.status, 401);
    }

    async fn a_redirect_of_the_registrys_is_passed_on_to_where_clients_find_it(database: TestDatabase) {
        let registry = Fake::start(|(_, path, _)| {
            if path.contains("/manifests/") {
                return "content".into_response();
            }
            let place = [("location", "/pulp/content/x?exp=1&sig=a%2Fb")];
            (StatusCode::TEMPORARY_REDIRECT, place).into_response()
        })
        .await;
        let app = before(database, &registry, |gateway| {
            gateway.mode = GatewayMode::Follow;
            gateway.content_url = Some("https://content.example.com:8443".to_owned().try_into().unwrap());
        })
        .await;
        let blob = bare(&app, &format!("/v2/{OPEN}/blobs/{DIGEST}")).await;
        let there = "https://content.example.com:8443/pulp/content/x?exp=1&sig=a%2Fb";
        assert_eq!((blob.status.as_u16(), blob.header("location")), (307, there));
        // What it does not redirect goes through.
        let manifest = bare(&app, &manifest(OPEN)).await;
        assert_eq!((manifest.status.as_u16(), manifest.text.as_str()), (200, "content"));
    }

    async fn a_blob_goes_through_as_it_comes(database: TestDatabase) {
        let registry = Fake::start(|_| endless()).await;
        let app = before(database, &registry, |_| {}).await;
        let mut blob = ask(&app, Method::GET, &format!("/v2/{OPEN}/blobs/{DIGEST}")).send().await.unwrap();
        let mut read = 0;
        // It has no end, so that whoever waited for that would wait forever.
        while read < 8 << 20 {
            let chunk = tokio::time::timeout(SOON, blob.chunk()).await.unwrap();
            read += chunk.unwrap().unwrap().len();
        }
    }

    async fn storage_elsewhere_sees_no_token_of_the_registrys(database: TestDatabase) {
        let storage = Fake::start(|_| "content".into_response()).await;
        let there = format!("{}/blob?sig=x", storage.url());
        let registry = Fake::start(move |(_, path, _)| {
            let location = if path.starts_with("/here/") { there.clone() } else { format!("/here{path}") };
            (StatusCode::TEMPORARY_REDIRECT, [("location", location)]).into_response()
        })
        .await;
        let app = before(database, &registry, |gateway| {
            gateway.token_format = TokenFormat::Jwt;
            gateway.service = Some("registry.example.com".to_owned());
        })
        .await;
        let request = ask(&app, Method::GET, &format!("/v2/{OPEN}/blobs/{DIGEST}")).header("range", "bytes=0-3");
        let blob = app.send(request).await;
        assert_eq!((blob.status.as_u16(), blob.text.as_str()), (200, "content"));
        let told = |fake: &Fake| -> Vec<(bool, bool)> {
            let asked = fake.asked();
            asked.iter().map(|(_, _, headers)| (headers.contains_key("authorization"), headers.contains_key("range"))).collect()
        };
        assert_eq!(told(&registry), [(true, true), (true, true)]);
        assert_eq!(told(&storage), [(false, true)]);
        let round = Fake::start(|(_, path, _)| {
            (StatusCode::TEMPORARY_REDIRECT, [("location", path.clone())]).into_response()
        })
        .await;
        let upstream = round.url();
        let (store, clock) = (app.state.store.clone(), portolan::clock::Clock::from_fn(crate::support::now));
        let app = TestApp::start_named(store, app.database().clone(), |config| {
            config.gateway.upstream = Some(upstream);
        }, clock, "second")
        .await;
        assert_refused(&get(&app, &manifest(OPEN), None).await, 502, "UNAVAILABLE");
        assert_eq!(round.asked().len(), 6);
    }

    async fn a_name_that_cannot_be_quoted_is_in_no_challenge(database: TestDatabase) {
        let registry = registry().await;
        let app = before(database, &registry, |_| {}).await;
        for name in ["a%22b,x=%22y", "%C3%A4", "a%5Cb"] {
            let refused = get(&app, &format!("/v2/{name}/manifests/latest"), None).await;
            assert_refused(&refused, 401, "UNAUTHORIZED");
            assert!(!refused.header("www-authenticate").contains("scope="), "{name}");
        }
    }

    async fn nothing_is_pushed(database: TestDatabase) {
        let registry = registry().await;
        let app = before(database, &registry, |_| {}).await;
        let alice = token_text(&app, "alice").await;
        for (method, path) in [
            (Method::PUT, manifest(ALICES)),
            (Method::POST, format!("/v2/{ALICES}/blobs/uploads/")),
            (Method::POST, format!("/v2/{ALICES}/blobs/uploads/?mount={DIGEST}&from={BOBS}")),
            (Method::PATCH, format!("/v2/{ALICES}/blobs/uploads/1")),
            (Method::PUT, format!("/v2/{ALICES}/blobs/uploads/1?digest={DIGEST}")),
            (Method::DELETE, manifest(ALICES)),
        ] {
            for token in [None, Some(&alice)] {
                let request = ask(&app, method.clone(), &path).body("x");
                let request = match token { Some(token) => request.bearer_auth(token), None => request };
                assert_refused(&app.send(request).await, 404, "UNSUPPORTED");
            }
        }
        assert_eq!(registry.asked().len(), 0);
    }

    async fn a_registry_that_verifies_tokens_gets_one_of_the_gateways_own(database: TestDatabase) {
        let registry = registry().await;
        let app = before(database, &registry, |gateway| {
            gateway.token_format = TokenFormat::Jwt;
            gateway.service = Some("registry.example.com".to_owned());
        })
        .await;
        assert_eq!(get(&app, &manifest(OPEN), None).await.status, 200);
        let sent = registry.asked().pop().unwrap().2["authorization"].to_str().unwrap().to_owned();
        let own = sent.strip_prefix("Bearer ").unwrap();
        let said = app.state.gateway.registry.verify(own).await.unwrap();
        assert_eq!((said.sub.as_str(), said.access.len()), ("", 1));
        assert!(said.access[0].lets_pull(OPEN) && said.exp - said.iat == 300);
        // A token binds its bearer to its scopes, and to what still holds.
        let token = async |scope: &str| {
            let answer = crate::gateway::token(&app, "alice", &format!("scope=repository:{scope}:pull")).await;
            answer.json()["token"].as_str().unwrap().to_owned()
        };
        let (hers, open) = (token(ALICES).await, token(OPEN).await);
        assert_eq!(get(&app, &manifest(ALICES), Some(&hers)).await.status, 200);
        assert_refused(&get(&app, &manifest(ALICES), Some(&open)).await, 404, "NAME_UNKNOWN");
        crate::gateway::feed(&app, "user_repository_mapping", json!({ "users": [] })).await;
        assert_refused(&get(&app, &manifest(ALICES), Some(&hers)).await, 404, "NAME_UNKNOWN");
    }

    async fn flatpaks_index_has_what_its_reader_may_pull(database: TestDatabase) {
        let registry = Fake::start(|_| {
            let results: Vec<_> = [OPEN, ALICES, BOBS].map(|name| json!({ "Name": name, "Images": [] })).into();
            axum::Json(json!({ "Registry": "https://r", "Results": results })).into_response()
        })
        .await;
        let app = before(database, &registry, |_| {}).await;
        let alice = token_text(&app, "alice").await;
        let query = "/index/static?tag=latest&label%3Aorg.flatpak.ref%3Aexists=1&architecture=amd64";
        for (token, names) in [(None, &[OPEN][..]), (Some(&*alice), &[OPEN, ALICES]), (Some("ptg_x"), &[OPEN])] {
            let index = get(&app, query, token).await.json();
            let results = index["Results"].as_array().unwrap().clone();
            let shown: Vec<&str> = results.iter().map(|one| one["Name"].as_str().unwrap()).collect();
            assert_eq!((shown, &index["Registry"]), (names.to_vec(), &json!("https://r")));
        }
        // One that names the registry behind would lead its readers there.
        let inside = Arc::new(OnceLock::<String>::new());
        let told = inside.clone();
        let other = Fake::start(move |_| axum::Json(json!({ "Registry": told.get().unwrap(), "Results": [] })).into_response()).await;
        inside.set(format!("{}/", other.url())).unwrap();
        let upstream = other.url();
        let (store, clock) = (app.state.store.clone(), portolan::clock::Clock::from_fn(crate::support::now));
        let app = TestApp::start_named(store, app.database().clone(), |config| {
            config.gateway.upstream = Some(upstream);
        }, clock, "second")
        .await;
        let answer = get(&app, query, None).await;
        assert_eq!(answer.json()["Registry"], format!("{}/container_gateway", app.url));
        assert_eq!(answer.header("cache-control"), "private");
        assert_eq!(registry.asked()[0].1, query);
    }
}
