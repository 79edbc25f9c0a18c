//! Whatever a client signs is accepted, and nothing that differs from it.

use axum::http::Method;
use proptest::prelude::{
    ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_assume, proptest,
};

use super::{Client, NOW, at, escape};
use crate::auth::oauth::OAuthRequest;

const BASE: &str = "https://example.com/owners/acme%2F1";

fn query(parameters: &[(String, String)]) -> String {
    let one = |(name, value): &(String, String)| format!("{}={}", escape(name), escape(value));
    let all: Vec<_> = parameters.iter().map(one).collect();
    all.join("&")
}

fn holds(request: &OAuthRequest, method: &str, url: &str, secret: &str) -> bool {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    request
        .verify(&method, url, secret.as_bytes(), at(NOW))
        .is_ok()
}

fn word() -> impl Strategy<Value = String> {
    "[a-z~ü &=+%/-]{1,12}"
}

fn parameters() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec((word(), word()), 0..5)
}

/// The same parameters, in whatever order.
fn sorted(parameters: &[(String, String)]) -> Vec<&(String, String)> {
    let mut sorted: Vec<_> = parameters.iter().collect();
    sorted.sort();
    sorted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_signed_request_holds_and_no_other(
        (key, secret, nonce) in (word(), word(), word()),
        (signed, other) in (parameters(), parameters()),
        wrong_secret in word(),
    ) {
        let client = Client { key: &key, secret: &secret, nonce: &nonce, timestamp: NOW };
        let request = client.sign("PUT", BASE, &signed);
        prop_assert_eq!(request.consumer_key(), &key);
        let url = format!("{BASE}?{}", query(&signed));
        prop_assert!(holds(&request, "PUT", &url, &secret));

        let reversed: Vec<_> = signed.iter().rev().cloned().collect();
        let reversed = format!("{BASE}?{}", query(&reversed));
        prop_assert!(holds(&request, "PUT", &reversed, &secret));
        prop_assert!(holds(&request, "PUT", &url.replace("%20", "+"), &secret));

        prop_assert!(!holds(&request, "GET", &url, &secret));
        prop_assert!(!holds(&request, "PUT", &url.replace("https", "http"), &secret));
        prop_assert!(!holds(&request, "PUT", &url.replace(".com", ".com:444"), &secret));
        prop_assert!(!holds(&request, "PUT", &url.replace("acme%2F", "acme/"), &secret));
        let more = format!("{url}&force=x");
        prop_assert!(!holds(&request, "PUT", &more, &secret));
        let same = sorted(&signed) == sorted(&other);
        let others = format!("{BASE}?{}", query(&other));
        prop_assert_eq!(holds(&request, "PUT", &others, &secret), same);
        prop_assert_eq!(holds(&request, "PUT", &url, &wrong_secret), wrong_secret == secret);
    }

    #[test]
    fn one_changed_byte_of_the_url_breaks_it(at in any::<proptest::sample::Index>(), byte in b'!'..=b'~') {
        let client = Client { key: "k", secret: "s", nonce: "n", timestamp: NOW };
        let request = client.sign("GET", "http://example.com:7080/owners", &[("limit".to_owned(), "10".to_owned())]);
        let url = "http://example.com:7080/owners?limit=10";
        let mut changed = url.to_owned().into_bytes();
        let at = at.index(changed.len());
        // Scheme and host have no case, and a fragment is not sent.
        prop_assume!(!changed[at].eq_ignore_ascii_case(&byte) && byte != b'#');
        changed[at] = byte;
        let changed = String::from_utf8(changed).unwrap();
        prop_assert!(!holds(&request, "GET", &changed, "s"), "{} was taken for {}", changed, url);
    }

    #[test]
    fn no_header_makes_the_parser_panic(header in "OAuth [ -~ü]{0,80}") {
        let _ = OAuthRequest::parse(&header);
    }
}
