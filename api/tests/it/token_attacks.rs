//! Tokens that somebody forged: algorithms, keys, types and forms that are not what they say.

use portolan_domain::token::{Claims, TokenAlgorithm, TokenKeyPair, TokenKind};
use portolan_storage::both_engines;
use serde_json::{Value, json};

use super::{
    support::TestApp,
    tokens::{
        SECRET, add_key, ask, asked, child, decode, encode, hs256, parent, part, put, signed,
    },
};

fn claims() -> Value {
    serde_json::to_value(parent()).unwrap()
}

async fn refused(app: &TestApp, what: &str, token: &str) {
    let answer = ask(app, token, asked()).await;
    assert_eq!(answer.status, 401, "{what}: {}", answer.text);
    answer.assert_problem(401, "invalid-token");
}

/// A token by this key, whatever its header says.
fn by_key(key: &TokenKeyPair, header: &Value) -> String {
    signed(header, &claims(), |text| sign(key, text))
}

fn sign(key: &TokenKeyPair, text: &[u8]) -> Vec<u8> {
    use jsonwebtoken::{Algorithm, EncodingKey, crypto};
    let (algorithm, encoding) = match key.algorithm {
        TokenAlgorithm::Es256 => (
            Algorithm::ES256,
            EncodingKey::from_ec_der(key.secret.expose()),
        ),
        TokenAlgorithm::EdDsa => (
            Algorithm::EdDSA,
            EncodingKey::from_ed_der(key.secret.expose()),
        ),
        TokenAlgorithm::Rs256 => {
            let der = key.secret.rsa_pkcs1().unwrap();
            (Algorithm::RS256, EncodingKey::from_rsa_der(&der))
        }
        TokenAlgorithm::Hs256 => (
            Algorithm::HS256,
            EncodingKey::from_secret(key.secret.expose()),
        ),
    };
    decode(&crypto::sign(text, &encoding, algorithm).unwrap())
}

both_engines! {
    async fn an_algorithm_is_its_keys(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let rsa = add_key(&app, TokenKind::Access, TokenAlgorithm::Rs256).await;
        let ec = add_key(&app, TokenKind::Access, TokenAlgorithm::Es256).await;
        add_key(&app, TokenKind::FlatManager, TokenAlgorithm::Hs256).await;
        for key in [&rsa, &ec] {
            let good = json!({ "alg": key.algorithm.as_str(), "typ": "at+jwt", "kid": key.kid });
            child(&app, &by_key(key, &good), asked()).await;
            // What anybody knows, taken for a secret.
            let pem = key.public_pem.clone().unwrap();
            for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), b""] {
                for kid in [json!(key.kid), Value::Null] {
                    for typ in ["at+jwt", "JWT"] {
                        let mut header = json!({ "alg": "HS256", "typ": typ, "kid": kid });
                        if kid.is_null() {
                            header.as_object_mut().unwrap().remove("kid");
                        }
                        refused(&app, "a public key as a secret", &hs256(&header, &claims(), secret)).await;
                    }
                }
            }
            for alg in ["none", "None", "", "HS256", "RS256", "ES256", "EdDSA", "PS256", "es256"] {
                if alg == key.algorithm.as_str() {
                    continue;
                }
                let header = json!({ "alg": alg, "typ": "at+jwt", "kid": key.kid });
                refused(&app, alg, &by_key(key, &header)).await;
                refused(&app, alg, &signed(&header, &claims(), |_| Vec::new())).await;
            }
        }
        // One key's signature under another one's name.
        let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": ec.kid });
        refused(&app, "RSA under ECDSA's name", &by_key(&rsa, &header)).await;
        let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": rsa.kid });
        refused(&app, "ECDSA under RSA's name", &by_key(&ec, &header)).await;
        // The secret is no key of access tokens, and under no name but its own.
        let header = json!({ "alg": "HS256", "typ": "at+jwt" });
        refused(&app, "a secret's at+jwt", &hs256(&header, &claims(), SECRET)).await;
        let header = json!({ "alg": "HS256", "typ": "JWT", "kid": ec.kid });
        refused(&app, "a secret under a key's name", &hs256(&header, &claims(), SECRET)).await;
        // A signature of nothing but zeros (CVE-2022-21449).
        let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": ec.kid });
        refused(&app, "zeros", &signed(&header, &claims(), |_| vec![0; 64])).await;
    }

    async fn a_key_id_is_looked_up_and_is_nothing_else(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let key = add_key(&app, TokenKind::Access, TokenAlgorithm::Es256).await;
        let secret = add_key(&app, TokenKind::FlatManager, TokenAlgorithm::Hs256).await;
        for kid in [
            "", "unknown", "../../../../dev/null", "/dev/null", "' OR '1'='1", "%00", "*",
            &key.kid.to_uppercase(), &key.kid[..63], &secret.kid, &"x".repeat(5000),
        ] {
            let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid });
            refused(&app, kid, &by_key(&key, &header)).await;
        }
        for kid in [json!(1), json!([key.kid]), json!({ "kid": key.kid })] {
            let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid });
            refused(&app, "no text", &by_key(&key, &header)).await;
        }
        let header = json!({ "alg": "ES256", "typ": "at+jwt" });
        refused(&app, "no kid", &by_key(&key, &header)).await;
        // flat-manager's key has a name, which its tokens may have.
        let header = json!({ "alg": "HS256", "typ": "JWT", "kid": secret.kid });
        child(&app, &hs256(&header, &claims(), SECRET), asked()).await;
        child(&app, &hs256(&json!({ "alg": "HS256" }), &claims(), SECRET), asked()).await;
    }

    async fn headers_that_name_a_key_or_demand_more_are_refused(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let key = add_key(&app, TokenKind::Access, TokenAlgorithm::Es256).await;
        let good = json!({ "alg": "ES256", "typ": "at+jwt", "kid": key.kid, "x": "ignored" });
        child(&app, &by_key(&key, &good), asked()).await;
        for (name, value) in [
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("crit", Value::Null),
            ("jku", json!("https://evil.example/jwks.json")),
            ("x5u", json!("https://evil.example/x.pem")),
            ("jwk", json!({ "kty": "EC" })),
        ] {
            let mut header = good.clone();
            header[name] = value;
            refused(&app, name, &by_key(&key, &header)).await;
        }
        // Somebody's own key, in the header.
        let own = TokenKeyPair::generate(TokenAlgorithm::Es256).unwrap();
        let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": own.kid, "jwk": { "kty": "EC" } });
        refused(&app, "an embedded key", &by_key(&own, &header)).await;
        // Twice the same, of which two readers could take different ones.
        let text = format!("{{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"x\",\"kid\":\"{}\"}}", key.kid);
        let text = format!("{}.{}", encode(text), encode(claims().to_string()));
        let token = format!("{text}.{}", encode(sign(&key, text.as_bytes())));
        refused(&app, "kid twice", &token).await;
    }

    async fn no_token_is_taken_for_another_purposes(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let mut keys = Vec::new();
        for kind in TokenKind::ALL {
            let algorithm = match kind {
                TokenKind::FlatManager => TokenAlgorithm::Hs256,
                _ => TokenAlgorithm::Es256,
            };
            keys.push((kind, add_key(&app, kind, algorithm).await));
        }
        let tokens = &app.state.tokens;
        for (kind, key) in &keys {
            for typ in [None, Some("JWT"), Some("at+jwt"), Some("ref+jwt")] {
                let mut header = json!({ "alg": key.algorithm.as_str(), "kid": key.kid });
                if let Some(typ) = typ {
                    header["typ"] = json!(typ);
                }
                let token = by_key(key, &header);
                let verified = tokens.verify(&token, &TokenKind::ALL).await;
                let fits = kind.has_typ(typ);
                assert_eq!(verified.is_ok(), fits, "{kind:?} as {typ:?}: {verified:?}");
                let may_have_children = matches!(kind, TokenKind::Access | TokenKind::FlatManager);
                if !(fits && may_have_children) {
                    refused(&app, kind.as_str(), &token).await;
                }
                for other in TokenKind::ALL.into_iter().filter(|other| other != kind) {
                    assert!(tokens.verify(&token, &[other]).await.is_err(), "{kind:?} as {other:?}");
                }
            }
        }
    }

    async fn a_token_has_one_form(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let key = add_key(&app, TokenKind::Access, TokenAlgorithm::Es256).await;
        let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": key.kid });
        let good = by_key(&key, &header);
        child(&app, &good, asked()).await;
        let parts: Vec<&str> = good.split('.').collect();
        let [head, body, signature] = parts[..] else { panic!("three parts") };
        for (what, token) in [
            ("padding", format!("{good}=")),
            ("padding", format!("{head}.{body}==.{signature}")),
            ("a fourth part", format!("{good}.")),
            ("two parts", format!("{head}.{body}")),
            ("no claims", format!("{head}..{signature}")),
            ("no header", format!(".{body}.{signature}")),
            ("another alphabet", format!("{head}.{body}.{}", signature.replace(['-', '_'], "+"))),
            ("other claims", format!("{head}.{}.{signature}", encode("{\"sub\":\"\",\"exp\":1}"))),
            ("a header that is a list", format!("{}.{body}.{signature}", encode("[\"ES256\"]"))),
            ("dots", "...".to_owned()),
            ("a DER signature", signed(&header, &claims(), |text| {
                let key = openssl::pkey::PKey::private_key_from_pkcs8(key.secret.expose()).unwrap();
                let digest = openssl::hash::MessageDigest::sha256();
                let mut signer = openssl::sign::Signer::new(digest, &key).unwrap();
                signer.sign_oneshot_to_vec(text).unwrap()
            })),
        ] {
            if token != good {
                refused(&app, what, &token).await;
            }
        }
        // The last letter of 64 bytes has four bits that say nothing: one of sixteen forms is right.
        let (start, last) = good.split_at(good.len() - 1);
        let forms = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars();
        for letter in forms.filter(|letter| last != letter.to_string()) {
            let verified = app.state.tokens.verify(&format!("{start}{letter}"), &TokenKind::ALL).await;
            assert!(verified.is_err(), "{letter}");
        }
        let large = Claims { name: Some("x".repeat(17 << 10)), ..parent() };
        let large = signed(&header, &serde_json::to_value(large).unwrap(), |text| sign(&key, text));
        assert!(app.state.tokens.verify(&large, &TokenKind::ALL).await.is_err());
    }

    async fn what_does_not_count_yet_is_refused(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let key = TokenKeyPair::generate(TokenAlgorithm::EdDsa).unwrap();
        put(&app, TokenKind::Access, &key).await;
        let at = |nbf: i64| Claims { nbf: Some(nbf), ..parent() };
        let now = crate::tokens::seconds();
        for (nbf, counts) in [(now, true), (now + 5, true), (now + 3600, false), (i64::MAX, false)] {
            let token = app.state.tokens.sign(TokenKind::Access, &at(nbf)).await.unwrap();
            assert_eq!(part(&token, 1)["nbf"], nbf);
            assert_eq!(ask(&app, &token, asked()).await.status == 200, counts, "{nbf}");
        }
    }
}
