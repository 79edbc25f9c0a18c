//! Signed URLs as a caller sees them: what is signed, what a CDN's public key says of it, and what is
//! refused before anything is signed.

use std::collections::HashMap;

use openssl::{
    base64,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    sign::Verifier,
};
use portolan_domain::signed_url::{
    ContentPath, InvalidPath, InvalidProfile, InvalidTerms, PathPrefix, SigningError, SigningHash,
    SigningKind, SigningProfile, SigningSecret, Terms, UrlSigner,
};
use time::{Duration, OffsetDateTime, macros::datetime};

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
const CDN: &str = "https://CDN.example.com:443/base/";

fn profile(kind: SigningKind, secret: &str) -> SigningProfile {
    SigningProfile {
        kind,
        key_id: Some("K2JCJMDEHXQW5F".to_owned()),
        hash: None,
        secret: SigningSecret::new(secret.to_owned()),
    }
}

fn signer(kind: SigningKind) -> UrlSigner {
    let secret = match kind {
        SigningKind::Akamai => "00112233".to_owned(),
        SigningKind::Fastly => "c2VjcmV0".to_owned(),
        SigningKind::CloudFront => pem(&PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()),
        _ => "secret".to_owned(),
    };
    UrlSigner::new(CDN, &profile(kind, &secret)).unwrap()
}

fn pem(key: &PKey<Private>) -> String {
    String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap()
}

fn path(text: &str) -> ContentPath {
    text.parse().unwrap()
}

fn prefix(text: &str) -> PathPrefix {
    text.parse().unwrap()
}

fn terms() -> Terms {
    Terms::new(NOW, 3600).unwrap()
}

fn query(url: &str) -> HashMap<&str, &str> {
    let (_, query) = url.split_once('?').unwrap();
    query
        .split('&')
        .map(|p| p.split_once('=').unwrap())
        .collect()
}

fn decoded(text: &str) -> Vec<u8> {
    let text = text.replace('-', "+").replace('_', "=").replace('~', "/");
    base64::decode_block(&text).unwrap()
}

/// What a CDN does with a signature.
fn verifies(key: &PKey<Private>, digest: MessageDigest, policy: &[u8], signature: &str) -> bool {
    let public = PKey::public_key_from_pem(&key.public_key_to_pem().unwrap()).unwrap();
    let mut verifier = Verifier::new(digest, &public).unwrap();
    verifier
        .verify_oneshot(&decoded(signature), policy)
        .unwrap()
}

#[test]
fn a_url_is_the_cdns_with_its_path_and_a_signature() {
    for (kind, name) in [
        (SigningKind::Akamai, "__token__"),
        (SigningKind::CloudFront, "Signature"),
        (SigningKind::Fastly, "token"),
        (SigningKind::Bunny, "token"),
        (SigningKind::Cloudflare, "verify"),
        (SigningKind::Nginx, "md5"),
    ] {
        let url = signer(kind).sign(&path("/a/b.rpm"), &terms()).unwrap();
        let start = "https://cdn.example.com/base/a/b.rpm?";
        assert!(url.starts_with(start), "{url}");
        assert!(query(&url).contains_key(name), "{url}");
    }
    assert_eq!(terms().expires(), NOW + Duration::HOUR);
}

#[test]
fn cloudfront_believes_a_canned_policy_by_either_key_and_digest() {
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let ec = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let policy = format!(
        r#"{{"Statement":[{{"Resource":"https://cdn.example.com/base/a.rpm","Condition":{{"DateLessThan":{{"AWS:EpochTime":{}}}}}}}]}}"#,
        NOW.unix_timestamp() + 3600
    );
    for key in [&rsa, &ec] {
        for (hash, digest) in [
            (None, MessageDigest::sha1()),
            (Some(SigningHash::Sha256), MessageDigest::sha256()),
        ] {
            let profile = SigningProfile {
                hash,
                ..profile(SigningKind::CloudFront, &pem(key))
            };
            let signer = UrlSigner::new(CDN, &profile).unwrap();
            let url = signer.sign(&path("/a.rpm"), &terms()).unwrap();
            let query = query(&url);
            assert_eq!(query["Key-Pair-Id"], "K2JCJMDEHXQW5F");
            assert_eq!(query["Expires"], (NOW.unix_timestamp() + 3600).to_string());
            assert_eq!(query.contains_key("Hash-Algorithm"), hash.is_some());
            assert!(verifies(key, digest, policy.as_bytes(), query["Signature"]));
            let other = policy.replace("a.rpm", "b.rpm");
            assert!(!verifies(key, digest, other.as_bytes(), query["Signature"]));
        }
    }
}

#[test]
fn cloudfront_believes_a_custom_policy_in_query_and_cookies() {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let signer = UrlSigner::new(CDN, &profile(SigningKind::CloudFront, &pem(&key))).unwrap();
    let terms = terms().from_address("192.0.2.7".parse().unwrap());
    let terms = terms.not_before(NOW + Duration::MINUTE).unwrap();
    let start = NOW.unix_timestamp();
    let expected = |resource: &str| {
        format!(
            r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{}}},"DateGreaterThan":{{"AWS:EpochTime":{}}},"IpAddress":{{"AWS:SourceIp":"192.0.2.7/32"}}}}}}]}}"#,
            start + 3600,
            start + 60
        )
    };
    let url = signer.sign(&path("/a.rpm"), &terms).unwrap();
    let policy = decoded(query(&url)["Policy"]);
    let wanted = expected("https://cdn.example.com/base/a.rpm");
    assert_eq!(String::from_utf8(policy.clone()).unwrap(), wanted);
    assert!(verifies(
        &key,
        MessageDigest::sha1(),
        &policy,
        query(&url)["Signature"]
    ));

    let below = signer.sign_prefix(&prefix("/rhel8"), &terms).unwrap();
    assert!(
        below
            .url
            .starts_with("https://cdn.example.com/base/rhel8/?Policy=")
    );
    let wanted = expected("https://cdn.example.com/base/rhel8/*");
    let cookies: HashMap<_, _> = below.cookies.iter().map(|c| (c.name, &*c.value)).collect();
    assert_eq!(decoded(cookies["CloudFront-Policy"]), wanted.as_bytes());
    let signature = cookies["CloudFront-Signature"];
    assert!(verifies(
        &key,
        MessageDigest::sha1(),
        wanted.as_bytes(),
        signature
    ));
    assert_eq!(query(&below.url)["Signature"], signature);
    assert_eq!(cookies["CloudFront-Key-Pair-Id"], "K2JCJMDEHXQW5F");
}

#[test]
fn a_prefix_is_signed_where_the_kind_can() {
    let akamai = signer(SigningKind::Akamai);
    let below = akamai.sign_prefix(&prefix("/rhel8/"), &terms()).unwrap();
    assert!(
        below.url.contains("~acl=/base/rhel8/*~hmac="),
        "{}",
        below.url
    );
    let bunny = signer(SigningKind::Bunny);
    let below = bunny.sign_prefix(&prefix("/"), &terms()).unwrap().url;
    assert!(
        below.starts_with("https://cdn.example.com/bcdn_token=HS256-"),
        "{below}"
    );
    assert!(
        below.ends_with("/base/") && below.contains("&token_path=%2Fbase%2F&"),
        "{below}"
    );
    for kind in [
        SigningKind::Fastly,
        SigningKind::Cloudflare,
        SigningKind::Nginx,
    ] {
        let refused = signer(kind).sign_prefix(&prefix("/rhel8"), &terms());
        assert!(matches!(refused, Err(SigningError::Prefix(_))), "{kind}");
    }
}

#[test]
fn what_a_signature_cannot_say_is_refused_and_not_left_out() {
    let (a, four) = (
        path("/a"),
        terms().from_address("192.0.2.7".parse().unwrap()),
    );
    let six = terms().from_address("2001:db8::7".parse().unwrap());
    let later = terms().not_before(NOW + Duration::MINUTE).unwrap();
    for kind in [
        SigningKind::Fastly,
        SigningKind::Cloudflare,
        SigningKind::Nginx,
    ] {
        let refused = signer(kind).sign(&a, &four);
        assert!(matches!(refused, Err(SigningError::Ip(_))), "{kind}");
        let refused = signer(kind).sign(&a, &later);
        assert!(matches!(refused, Err(SigningError::NotBefore(_))), "{kind}");
    }
    let refused = signer(SigningKind::CloudFront).sign(&a, &six);
    assert!(matches!(refused, Err(SigningError::IpVersion(_))));
    assert!(signer(SigningKind::Akamai).sign(&a, &six).is_ok());
    for bad in ["/a~exp=9999999999", "/a!/b"] {
        let refused = signer(SigningKind::Akamai).sign_prefix(&prefix(bad), &terms());
        assert!(matches!(refused, Err(SigningError::Path { .. })), "{bad}");
    }
}

#[test]
fn only_a_plain_absolute_path_is_signed() {
    for good in [
        "/",
        "/a",
        "/a/",
        "/a/b-1.0~rc1+2.rpm",
        "/a%20b/%C3%A4",
        "/a=b&c,d:@(e)'$!",
    ] {
        assert!(good.parse::<ContentPath>().is_ok(), "{good}");
    }
    let long = format!("/{}", "a".repeat(2048));
    for (bad, why) in [
        ("", InvalidPath::Relative),
        ("a/b", InvalidPath::Relative),
        ("https://a/b", InvalidPath::Relative),
        (&long, InvalidPath::Long),
        ("/a b", InvalidPath::Characters),
        ("/a\nb", InvalidPath::Characters),
        ("/a?b", InvalidPath::Characters),
        ("/a#b", InvalidPath::Characters),
        ("/a\\b", InvalidPath::Characters),
        ("/a\"b", InvalidPath::Characters),
        ("/ä", InvalidPath::Characters),
        ("/a/*", InvalidPath::Wildcard),
        ("/a%2", InvalidPath::Escape),
        ("/a%zz", InvalidPath::Escape),
        ("//a", InvalidPath::EmptySegment),
        ("/a//b", InvalidPath::EmptySegment),
        ("/a//", InvalidPath::EmptySegment),
        ("/a/../b", InvalidPath::Dots),
        ("/a/.", InvalidPath::Dots),
        ("/a/%2e%2E/b", InvalidPath::Dots),
        ("/a/.%2e", InvalidPath::Dots),
        ("/a%2Fb", InvalidPath::Ambiguous),
        ("/a%5cb", InvalidPath::Ambiguous),
        ("/a/%252e%252e/b", InvalidPath::Ambiguous),
        ("/a/..;/b", InvalidPath::Ambiguous),
        ("/a%00", InvalidPath::Ambiguous),
    ] {
        assert_eq!(bad.parse::<ContentPath>(), Err(why), "{bad}");
        assert_eq!(bad.parse::<PathPrefix>(), Err(why), "{bad}");
    }
}

#[test]
fn a_prefix_covers_whole_segments() {
    let covers = |above: &str, below: &str| prefix(above).covers(&path(below));
    assert!(covers("/a", "/a") && covers("/a", "/a/b") && covers("/a/", "/a/b/c"));
    assert!(covers("/", "/") && covers("/", "/a"));
    assert!(!covers("/a", "/ab") && !covers("/a/b", "/a") && !covers("/a", "/A/b"));
    assert!(prefix("/a").covers_prefix(&prefix("/a/")));
    assert!(prefix("/").covers_prefix(&prefix("/a")));
    assert!(!prefix("/a").covers_prefix(&prefix("/")));
    assert_eq!(
        (prefix("/").to_string(), prefix("/a/").to_string()),
        ("/".into(), "/a".into())
    );
}

#[test]
fn a_profile_that_nothing_can_be_signed_with_is_refused() {
    let rsa = |bits| pem(&PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap());
    let group = EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
    let p384 = pem(&PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap());
    let sealed = Rsa::generate(2048).unwrap();
    let cipher = openssl::symm::Cipher::aes_128_cbc();
    let sealed = sealed
        .private_key_to_pem_passphrase(cipher, b"pass")
        .unwrap();
    let sealed = String::from_utf8(sealed).unwrap();
    for bad in ["", "geheim", &rsa(1024), &rsa(4096), &p384, &sealed] {
        let refused = UrlSigner::new(CDN, &profile(SigningKind::CloudFront, bad)).unwrap_err();
        assert!(
            matches!(refused, InvalidProfile::Secret { .. }),
            "{refused}"
        );
        assert!(bad.is_empty() || !refused.to_string().contains(bad));
    }
    let good = profile(SigningKind::CloudFront, &rsa(2048));
    for key_id in [None, Some(""), Some("a&b"), Some("a b")] {
        let key_id = key_id.map(str::to_owned);
        let bad = SigningProfile {
            key_id,
            ..good.clone()
        };
        assert!(matches!(
            UrlSigner::new(CDN, &bad),
            Err(InvalidProfile::KeyId)
        ));
    }
    let hash = Some(SigningHash::Sha256);
    let bad = SigningProfile {
        hash,
        ..profile(SigningKind::Nginx, "secret")
    };
    assert!(matches!(
        UrlSigner::new(CDN, &bad),
        Err(InvalidProfile::Hash(_))
    ));
}

#[test]
fn terms_have_an_end_within_a_week() {
    for bad in [i64::MIN, -1, 0, 7 * 86_400 + 1, i64::MAX] {
        assert_eq!(Terms::new(NOW, bad), Err(InvalidTerms::Duration), "{bad}");
    }
    assert!(Terms::new(NOW, 1).is_ok() && Terms::new(NOW, 7 * 86_400).is_ok());
    assert_eq!(
        terms().not_before(NOW + Duration::HOUR),
        Err(InvalidTerms::NotBefore)
    );
    for bad in ["", "a\nb", &"a".repeat(256)] {
        assert_eq!(terms().for_user(bad), Err(InvalidTerms::User));
    }
}

#[test]
fn a_secret_never_shows_itself() {
    let profile = profile(SigningKind::Nginx, "geheim");
    let shown = format!("{profile:?} {:?}", UrlSigner::new(CDN, &profile).unwrap());
    assert!(!shown.contains("geheim"), "{shown}");
}
