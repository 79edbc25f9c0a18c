//! What the header may look like, and what it must not.

use super::{escape, header, without};
use crate::auth::oauth::{HeaderFault, OAuthError, OAuthRequest};

fn fault(header: &str) -> HeaderFault {
    match OAuthRequest::parse(header) {
        Err(OAuthError::Header(fault)) => fault,
        other => panic!("{header} gave {other:?}"),
    }
}

#[test]
fn a_header_is_read_with_any_spacing_and_a_realm_of_any_kind() {
    let plain = header(&[]);
    for header in [
        plain.clone(),
        plain.replace(", ", ","),
        plain.replace(", ", " \t ,\t  "),
        plain.replace("OAuth ", "oauth   ") + "  ",
        plain.replace("OAuth ", r#"OAuth realm="", "#),
        plain.replace("OAuth ", r#"OAuth realm="a, \"b\" oauth_nonce=\\", "#),
        plain.clone() + r#",realm="http://example.com/%zz""#,
        header(&[("oauth_token", "")]),
        header(&[("oauth_body_hash", "2jmj7l5rSw0yVb%2FvlWAYkK%2FYBwk%3D")]),
        header(&[("oauth_signature", "KldvoHjJXjiBDjiMKhz/8OkEzSE=")]),
        header(&[("oauth_signature_method", "HMAC-SHA256")]),
        without("oauth_version"),
    ] {
        let request = OAuthRequest::parse(&header).unwrap();
        assert_eq!(request.consumer_key(), "thumbslug");
    }
    let escaped = header(&[("oauth_consumer_key", "k%C3%BC%20%c3%9f%2F1")]);
    assert_eq!(
        OAuthRequest::parse(&escaped).unwrap().consumer_key(),
        "kü ß/1"
    );
}

#[test]
fn what_is_no_list_of_parameters_is_refused() {
    let plain = header(&[]);
    let pairs = plain.trim_start_matches("OAuth ");
    for bad in [
        "",
        "OAuth",
        "Bearer ptl_0",
        "OAuth1 a=\"b\"",
        &format!("OAuth{pairs}"),
    ] {
        assert_eq!(fault(bad), HeaderFault::Scheme, "{bad}");
    }
    for bad in [
        "OAuth ".to_owned(),
        "OAuth ,".to_owned(),
        format!("{plain},"),
        format!("{plain},,realm=\"\""),
        format!("OAuth ,{pairs}"),
        format!("{plain};realm=\"\""),
        plain.replace("\", ", "\" "),
        plain.replace("=\"thumbslug\"", "=thumbslug"),
        plain.replace("_nonce=", "_nonce ="),
        plain.replace("_nonce=", "_nonce= "),
        plain.trim_end_matches('"').to_owned(),
        plain.trim_end_matches('"').to_owned() + "\\\"",
    ] {
        assert_eq!(fault(&bad), HeaderFault::NotAList, "{bad}");
    }
}

#[test]
fn parameters_that_are_unknown_missing_or_there_twice_are_refused() {
    for name in [
        "oauth_callback",
        "oauth_verifier",
        "oauth_foo",
        "Oauth_nonce",
        "x",
        "oauth%5Fnonce",
    ] {
        assert_eq!(
            fault(&header(&[(name, "1")])),
            HeaderFault::Unknown,
            "{name}"
        );
    }
    for name in [
        "oauth_consumer_key",
        "oauth_signature_method",
        "oauth_timestamp",
        "oauth_nonce",
        "oauth_signature",
    ] {
        assert_eq!(fault(&without(name)), HeaderFault::Missing(name));
        assert_eq!(fault(&header(&[(name, "")])), HeaderFault::Empty(name));
    }
    for name in [
        "oauth_nonce",
        "oauth_signature",
        "oauth_version",
        "oauth_consumer_key",
    ] {
        let twice = format!("{}, {name}=\"1.0\"", header(&[]));
        assert_eq!(fault(&twice), HeaderFault::Twice(name));
    }
    let realms = header(&[]).replace("OAuth ", r#"OAuth realm="", realm="", "#);
    assert_eq!(fault(&realms), HeaderFault::Twice("realm"));
}

#[test]
fn values_that_two_readers_could_read_in_two_ways_are_refused() {
    let key = "oauth_consumer_key";
    for bad in [
        "%", "a%4", "%zz", "%+1", "%e4", "%C3%28", "a b", "a\tb", "ü", "a\\b", "a\u{7f}",
    ] {
        let fault = fault(&header(&[(key, bad)]));
        assert_eq!(fault, HeaderFault::Encoding(key), "{bad}");
    }
    // An end that is missing makes the next name a part of the value.
    let open = header(&[]).replace("thumbslug\"", "thumbslug");
    assert_eq!(fault(&open), HeaderFault::Encoding(key));
    for bad in ["a%00", "%0a", "%7f", "%C2%85"] {
        assert_eq!(
            fault(&header(&[(key, bad)])),
            HeaderFault::Control(key),
            "{bad}"
        );
    }
    for name in ["oauth_consumer_key", "oauth_nonce"] {
        assert!(OAuthRequest::parse(&header(&[(name, &"x".repeat(255))])).is_ok());
        let long = header(&[(name, &"x".repeat(256))]);
        assert_eq!(fault(&long), HeaderFault::TooLong(name));
    }
}

#[test]
fn other_methods_versions_and_tokens_are_refused() {
    for method in [
        "PLAINTEXT",
        "RSA-SHA1",
        "HMAC-SHA512",
        "hmac-sha1",
        "HMAC-SHA1 ",
    ] {
        let fault = fault(&header(&[(
            "oauth_signature_method",
            &method.replace(' ', "%20"),
        )]));
        assert_eq!(fault, HeaderFault::Method, "{method}");
    }
    for version in ["", "1", "2.0", "1.0a"] {
        let fault = fault(&header(&[("oauth_version", version)]));
        assert_eq!(fault, HeaderFault::Version, "{version}");
    }
    let token = header(&[("oauth_token", "nnch734d00sl2jdk")]);
    assert_eq!(fault(&token), HeaderFault::Token);
    let overflow = "9223372036854775808";
    for timestamp in ["0", "-1", "+1", "01", "1.5", "1e9", "0x1", "١", overflow] {
        let fault = fault(&header(&[("oauth_timestamp", &escape(timestamp))]));
        assert_eq!(fault, HeaderFault::Timestamp, "{timestamp}");
    }
}

#[test]
fn neither_an_error_nor_debug_shows_a_signature() {
    let request = OAuthRequest::parse(&header(&[])).unwrap();
    assert!(!format!("{request:?}").contains("KldvoHj"));
    let broken = header(&[]).replace("oauth_signature=", "KldvoHj");
    let error = OAuthRequest::parse(&broken).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("KldvoHj"));
    assert_eq!(
        OAuthRequest::parse(&without("oauth_nonce"))
            .unwrap_err()
            .to_string(),
        "the OAuth header has no oauth_nonce"
    );
}
