//! Where the URL that was signed comes from.

use crate::config::PublicUrl;
use axum::http::{Uri, Version};

use crate::auth::oauth::{OAuthError, signed_url};

fn ask(target: &str, version: Version, public: Option<&str>) -> Result<String, OAuthError> {
    let target: Uri = target.parse().unwrap();
    let public = public.map(|public| PublicUrl::try_from(public.to_owned()).unwrap());
    signed_url(&target, version, public.as_ref())
}

#[test]
fn an_absolute_target_counts_in_http_1_alone() {
    let target = "http://localhost:7080/candlepin/entitlements/a/upstream_cert?x=%2f";
    let public = "https://portolan.example.com";
    for version in [Version::HTTP_10, Version::HTTP_11] {
        assert_eq!(ask(target, version, Some(public)).unwrap(), target);
        assert_eq!(ask(target, version, None).unwrap(), target);
    }
    let behind = "https://portolan.example.com/candlepin/entitlements/a/upstream_cert?x=%2f";
    for version in [Version::HTTP_2, Version::HTTP_3] {
        assert_eq!(ask(target, version, Some(public)).unwrap(), behind);
        assert!(matches!(ask(target, version, None), Err(OAuthError::NoUrl)));
    }
}

#[test]
fn else_the_public_url_counts_with_its_path() {
    for (public, expected) in [
        ("http://example.com", "http://example.com/a%2Fb//c?d=e+f"),
        (
            "http://example.com:80/",
            "http://example.com/a%2Fb//c?d=e+f",
        ),
        (
            "https://Example.com:8443/p",
            "https://example.com:8443/p/a%2Fb//c?d=e+f",
        ),
        (
            "https://example.com/p/q/",
            "https://example.com/p/q/a%2Fb//c?d=e+f",
        ),
        ("http://[::1]:7080", "http://[::1]:7080/a%2Fb//c?d=e+f"),
    ] {
        assert_eq!(
            ask("/a%2Fb//c?d=e+f", Version::HTTP_11, Some(public)).unwrap(),
            expected
        );
    }
    let asterisk = ask("*", Version::HTTP_11, Some("http://example.com"));
    assert_eq!(asterisk.unwrap(), "http://example.com/");
}

#[test]
fn with_neither_the_refusal_names_the_setting() {
    let error = ask("/a", Version::HTTP_11, None).unwrap_err();
    assert!(error.to_string().contains("http.public_url"));
}
