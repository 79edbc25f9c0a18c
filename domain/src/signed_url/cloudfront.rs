//! Amazon `CloudFront`: a policy, signed with the private key of a key pair whose public key is there. The
//! canned policy is left out of the URL, since it says nothing that the URL does not.

use std::fmt::Write;

use openssl::{
    base64,
    hash::MessageDigest,
    nid::Nid,
    pkey::{Id, PKey, Private},
    sign::Signer,
};

use super::{
    Cookie, InvalidProfile, SigningError, SigningHash, SigningKind, SigningProfile, Terms,
};

pub(super) struct Key {
    private: PKey<Private>,
    pair_id: String,
    hash: SigningHash,
}

/// A signature, and what it is sent with.
pub(super) struct Signed<'a> {
    key: &'a Key,
    signature: String,
    policy: Policy,
}

enum Policy {
    /// Until when.
    Canned(i64),
    /// All of it, encoded.
    Custom(String),
}

impl Key {
    pub fn of(profile: &SigningProfile) -> Result<Self, InvalidProfile> {
        let refused = InvalidProfile::Secret {
            kind: SigningKind::CloudFront,
            rule: "a private key, PEM, without a passphrase: RSA of 2048 bits, or ECDSA on P-256",
        };
        let pem = profile.secret.expose().as_bytes();
        // Without a callback OpenSSL asks a terminal for the passphrase.
        let private = PKey::private_key_from_pem_callback(pem, |_| Ok(0)).ok();
        let private = private.filter(is_taken).ok_or(refused)?;
        Ok(Self {
            private,
            pair_id: profile.key_id.clone().ok_or(InvalidProfile::KeyId)?,
            hash: profile.hash.unwrap_or(SigningHash::Sha1),
        })
    }

    /// Signs one file's URL: by the canned policy, where that can say everything.
    pub fn of_file(&self, url: &str, terms: &Terms) -> Result<Signed<'_>, SigningError> {
        let statement = statement(url, terms);
        let policy = if terms.ip.is_none() && terms.not_before.is_none() {
            Policy::Canned(terms.expires)
        } else {
            Policy::Custom(encode(statement.as_bytes()))
        };
        self.signed(&statement, policy)
    }

    /// Signs everything below a folder's URL.
    pub fn below(&self, folder: &str, terms: &Terms) -> Result<Signed<'_>, SigningError> {
        let statement = statement(&format!("{folder}*"), terms);
        self.signed(&statement, Policy::Custom(encode(statement.as_bytes())))
    }

    fn signed(&self, statement: &str, policy: Policy) -> Result<Signed<'_>, SigningError> {
        let digest = match self.hash {
            SigningHash::Sha1 => MessageDigest::sha1(),
            SigningHash::Sha256 => MessageDigest::sha256(),
        };
        let signature =
            Signer::new(digest, &self.private)?.sign_oneshot_to_vec(statement.as_bytes())?;
        Ok(Signed {
            key: self,
            signature: encode(&signature),
            policy,
        })
    }
}

/// Whether `CloudFront` takes keys like this one.
fn is_taken(key: &PKey<Private>) -> bool {
    match key.id() {
        Id::RSA => key.bits() == 2048,
        Id::EC => key
            .ec_key()
            .is_ok_and(|key| key.group().curve_name() == Some(Nid::X9_62_PRIME256V1)),
        _ => false,
    }
}

/// The policy, without white space: `CloudFront` makes the canned one by itself, so each byte counts.
/// A URL here has no character that JSON escapes.
fn statement(resource: &str, terms: &Terms) -> String {
    let mut condition = format!(r#""DateLessThan":{{"AWS:EpochTime":{}}}"#, terms.expires);
    // Writing into a text never fails.
    if let Some(start) = terms.not_before {
        let _ = write!(
            condition,
            r#","DateGreaterThan":{{"AWS:EpochTime":{start}}}"#
        );
    }
    if let Some(ip) = terms.ip {
        let _ = write!(condition, r#","IpAddress":{{"AWS:SourceIp":"{ip}/32"}}"#);
    }
    format!(r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{{condition}}}}}]}}"#)
}

/// base64 with `CloudFront`'s own replacements for what a query takes for something else.
fn encode(bytes: &[u8]) -> String {
    let replaced = |c| match c {
        '+' => '-',
        '=' => '_',
        '/' => '~',
        other => other,
    };
    base64::encode_block(bytes).chars().map(replaced).collect()
}

impl Signed<'_> {
    /// Names and values, in the order in which `CloudFront` documents them.
    fn parts(&self) -> Vec<(&'static str, &'static str, String)> {
        let policy = match &self.policy {
            Policy::Canned(expires) => ("Expires", "CloudFront-Expires", expires.to_string()),
            Policy::Custom(policy) => ("Policy", "CloudFront-Policy", policy.clone()),
        };
        let signature = self.signature.clone();
        let pair_id = self.key.pair_id.clone();
        let mut parts = vec![
            policy,
            ("Signature", "CloudFront-Signature", signature),
            ("Key-Pair-Id", "CloudFront-Key-Pair-Id", pair_id),
        ];
        if self.key.hash == SigningHash::Sha256 {
            let name = "CloudFront-Hash-Algorithm";
            parts.push(("Hash-Algorithm", name, "SHA256".to_owned()));
        }
        parts
    }

    pub fn query(&self) -> String {
        let parts = self.parts().into_iter();
        let parts = parts.map(|(name, _, value)| format!("{name}={value}"));
        parts.collect::<Vec<_>>().join("&")
    }

    pub fn cookies(&self) -> Vec<Cookie> {
        let parts = self.parts().into_iter();
        parts
            .map(|(_, name, value)| Cookie { name, value })
            .collect()
    }
}
