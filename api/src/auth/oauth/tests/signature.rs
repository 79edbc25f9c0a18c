//! Signatures of others, and the window of timestamps.

use axum::http::Method;

use super::{NOW, SECRET, URL, at, escape, header};
use crate::auth::oauth::{
    OAuthError, OAuthRequest, base_string::SignedUrl, header::Algorithm, request::sign,
};

/// `(method, url, parameters, key, signature)` of 1.2 of RFC 5849. With tokens and callbacks they are
/// no two-legged requests, so what is signed is put together here.
type Example = (
    Method,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);
const RFC_5849: [Example; 3] = [
    (
        Method::POST,
        "https://photos.example.net/initiate",
        &[
            ("oauth_timestamp", "137131200"),
            ("oauth_nonce", "wIjqoS"),
            ("oauth_callback", "http://printer.example.com/ready"),
        ],
        "kd94hf93k423kf44&",
        "74KNZJeDHnMBp0EMJ9ZHt/XKycU=",
    ),
    (
        Method::POST,
        "https://photos.example.net/token",
        &[
            ("oauth_token", "hh5s93j4hdidpola"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "walatlh"),
            ("oauth_verifier", "hfdp7dh39dks9884"),
        ],
        "kd94hf93k423kf44&hdhd0244k9j7ao03",
        "gKgrFCywp7rO0OXSjdot/IHF7IU=",
    ),
    (
        Method::GET,
        "http://photos.example.net/photos?file=vacation.jpg&size=original",
        &[
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ],
        "kd94hf93k423kf44&pfkkdhi9sl3r4s00",
        "MdpQcU8iPSUjWoN/UDMsK2sui9I=",
    ),
];

#[test]
fn the_examples_of_1_2() {
    let common = [
        ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
        ("oauth_signature_method", "HMAC-SHA1"),
    ];
    for (method, url, parameters, key, signature) in RFC_5849 {
        let url = SignedUrl::parse(url).unwrap();
        let text = url.base_string(
            &method,
            common.into_iter().chain(parameters.iter().copied()),
        );
        assert_eq!(sign(Algorithm::HmacSha1, &text, key).unwrap(), signature);
    }
}

/// The first was seen from Thumbslug. The others were computed with Python's hmac and urllib.
#[test]
fn signatures_of_others_hold() {
    let request = OAuthRequest::parse(&header(&[])).unwrap();
    let verified = request
        .verify(&Method::GET, URL, SECRET.as_bytes(), at(NOW))
        .unwrap();
    assert_eq!(verified.consumer_key(), "thumbslug");
    assert_eq!(
        (verified.nonce(), verified.timestamp()),
        ("1279054756552", NOW)
    );

    let request = OAuthRequest::parse(&header(&[
        ("oauth_signature_method", "HMAC-SHA256"),
        (
            "oauth_signature",
            "KjEXICD2xFMfvzpSJU02tepOukNaxv3PrSfc2imDdto=",
        ),
    ]));
    let request = request.unwrap();
    let verified = request.verify(&Method::GET, URL, SECRET.as_bytes(), at(NOW));
    assert_eq!(verified.unwrap().timestamp(), NOW);

    let header = format!(
        "OAuth oauth_consumer_key=\"{}\",oauth_signature_method=\"HMAC-SHA256\",\
         oauth_timestamp=\"{NOW}\",oauth_nonce=\"{}\",oauth_signature=\"{}\"",
        escape("kü ß/1"),
        escape("a b&c=d%"),
        escape("3yyJPVrITl1YSHhqcT50UNAQhH68cYdVx+FhEPrVuPg="),
    );
    let request = OAuthRequest::parse(&header).unwrap();
    let url = "https://Portolan.example.com:8443/a%2Fb/owners/acme/imports\
        ?force=MANIFEST_SAME&force=MANIFEST_OLD&cdn_url=https://cdn.example.com/a+b&%C3%A9&x=~*%2B";
    let secret = "geheim & süß%".as_bytes();
    let verified = request.verify(&Method::POST, url, secret, at(NOW));
    assert_eq!(verified.unwrap().consumer_key(), "kü ß/1");
}

#[test]
fn a_signature_that_is_cut_or_padded_does_not_hold() {
    let right = "KldvoHjJXjiBDjiMKhz/8OkEzSE=";
    for wrong in [
        "KldvoHjJXjiBDjiMKhz/8OkEzSE",
        "KldvoHjJXjiBDjiMKhz/8OkEzSE==",
        "KldvoHjJXjiBDjiMKhz/8OkEzSF=",
        "KldvoHjJXjiBDjiMKhz_8OkEzSE=",
        "kldvoHjJXjiBDjiMKhz/8OkEzSE=",
        "K",
    ] {
        let request = OAuthRequest::parse(&header(&[("oauth_signature", wrong)])).unwrap();
        let error = request
            .verify(&Method::GET, URL, SECRET.as_bytes(), at(NOW))
            .unwrap_err();
        assert!(matches!(error, OAuthError::Signature { .. }), "{wrong}");
        let words = format!("{error} {error:?}");
        assert!(
            words.contains(URL),
            "it does not say which URL was expected: {words}"
        );
        assert!(
            !words.contains(wrong) || wrong == "K",
            "it quotes the signature"
        );
        assert!(
            !words.contains(right) && !words.contains(SECRET),
            "it helps to forge"
        );
    }
}

#[test]
fn the_window_has_300_seconds_either_way() {
    let request = OAuthRequest::parse(&header(&[])).unwrap();
    let verify = |now| request.verify(&Method::GET, URL, SECRET.as_bytes(), now);
    for inside in [NOW - 300, NOW, NOW + 300] {
        assert!(verify(at(inside)).is_ok(), "{inside} is inside");
    }
    let last = at(NOW + 300) + time::Duration::milliseconds(999);
    assert!(verify(last).is_ok(), "a timestamp has whole seconds");
    for outside in [NOW - 301, NOW + 301, 0, -1] {
        let error = verify(at(outside)).unwrap_err();
        assert!(matches!(error, OAuthError::Timestamp { now } if now == outside));
    }
    let latest = header(&[("oauth_timestamp", "9223372036854775807")]);
    let request = OAuthRequest::parse(&latest).unwrap();
    let earliest = time::Date::MIN.midnight().assume_utc();
    let error = request.verify(&Method::GET, URL, SECRET.as_bytes(), earliest);
    assert!(matches!(error, Err(OAuthError::Timestamp { .. })));
}
