//! The base string, by the examples of RFC 5849 and its rules one by one.

use axum::http::Method;

use crate::auth::oauth::{base_string::SignedUrl, error::OAuthError};

fn base(url: &str) -> String {
    SignedUrl::parse(url).unwrap().base
}

/// The third part of the base string, decoded once: the normalized parameters.
fn parameters(query: &str) -> String {
    let url = SignedUrl::parse(&format!("http://example.com/?{query}")).unwrap();
    let text = url.base_string(&Method::GET, std::iter::empty());
    let third = text
        .strip_prefix("GET&http%3A%2F%2Fexample.com%2F&")
        .unwrap();
    percent_encoding::percent_decode_str(third)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

#[test]
fn the_example_of_3_4_1_1() {
    let url =
        SignedUrl::parse("http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b").unwrap();
    let others = [
        ("oauth_consumer_key", "9djdj82h48djs9d2"),
        ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "7d8f3e4a"),
        ("c2", ""),
        ("a3", "2 q"),
    ];
    let expected = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q\
        %26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_\
        key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_m\
        ethod%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk\
        9d7dh3k39sjv7";
    assert_eq!(url.base_string(&Method::POST, others.into_iter()), expected);
    let lower = Method::from_bytes(b"post").unwrap();
    assert_eq!(url.base_string(&lower, others.into_iter()), expected);
}

#[test]
fn scheme_and_host_are_lower_case_and_default_ports_go() {
    // Both of 3.4.1.2.
    assert_eq!(
        base("HTTP://EXAMPLE.COM:80/r%20v/X?id=123"),
        "http://example.com/r%20v/X"
    );
    assert_eq!(
        base("https://www.example.net:8080/?q=1"),
        "https://www.example.net:8080/"
    );
    for (url, expected) in [
        ("https://example.com:443/", "https://example.com/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("http://example.com:0080/", "http://example.com/"),
        ("http://example.com:/", "http://example.com/"),
        ("http://example.com", "http://example.com/"),
        ("http://example.com?a=b", "http://example.com/"),
        ("http://[::1]:7080/a", "http://[::1]:7080/a"),
        ("http://user@[::1]:80/a", "http://[::1]/a"),
    ] {
        assert_eq!(base(url), expected);
    }
}

#[test]
fn the_path_is_signed_as_it_was_sent() {
    for path in [
        "/a%2Fb",
        "/a%2fb",
        "/%61",
        "/a//b/../c/.",
        "/a;b=c,d",
        "/~a!$'()*+@:",
    ] {
        assert_eq!(
            base(&format!("http://example.com{path}")),
            format!("http://example.com{path}")
        );
    }
}

#[test]
fn parameters_are_sorted_encoded_and_kept_where_they_are_double() {
    assert_eq!(
        parameters("force=B&force=A&force=B"),
        "force=A&force=B&force=B"
    );
    assert_eq!(
        parameters("a=1&a-=2&a%20=3&A=4&=5"),
        "=5&A=4&a=1&a%20=3&a-=2"
    );
    assert_eq!(parameters("&a&&b=&"), "a=&b=");
    assert_eq!(parameters("a=b=c&d=%2B+%26"), "a=b%3Dc&d=%2B%20%26");
    assert_eq!(parameters("a=~*'()!-._"), "a=~%2A%27%28%29%21-._");
    // Bytes that are not UTF-8 stay what they are.
    assert_eq!(parameters("a=%ff%FE"), "a=%FF%FE");
    assert_eq!(parameters(""), "");
}

#[test]
fn what_is_no_url_to_sign_is_refused() {
    for bad in [
        "",
        "/path",
        "example.com/path",
        "ftp://example.com/",
        "http://example.com:99999/",
        "http://example.com:+80/",
        "http://example.com/?a=%",
        "http://example.com/?a=%4",
        "http://example.com/?%zz=1",
        "http://example.com/?oauth_nonce=1",
        "http://example.com/?a=1&%6Fauth_signature=1",
        "http://exa mple.com/",
    ] {
        assert!(
            matches!(SignedUrl::parse(bad), Err(OAuthError::Url(_))),
            "{bad} was taken"
        );
    }
}
