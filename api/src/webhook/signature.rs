//! Signatures of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, in base64.

use openssl::{base64, error::ErrorStack, hash::MessageDigest, pkey::PKey, sign::Signer};
use zeroize::Zeroizing;

/// Bytes of a secret at least, as Standard Webhooks asks for.
const SHORTEST: usize = 24;

/// The secret that the receiver shares.
#[derive(Clone)]
pub struct SigningKey(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// Reads a secret: `whsec_` and base64, else the text's own bytes.
    ///
    /// # Errors
    /// What is wrong with it, without the secret.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let bytes = match text.strip_prefix("whsec_") {
            Some(encoded) => base64::decode_block(encoded)
                .map_err(|_| "must be base64 behind whsec_, with its = at the end"),
            None => Ok(text.as_bytes().to_vec()),
        };
        let bytes = Zeroizing::new(bytes?);
        if bytes.len() < SHORTEST {
            return Err("must be 24 bytes or more: openssl rand -base64 32 makes one");
        }
        Ok(Self(bytes))
    }

    /// The header `webhook-signature` of a message.
    ///
    /// # Errors
    /// Where OpenSSL fails.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> Result<String, ErrorStack> {
        let key = PKey::hmac(&self.0)?;
        let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
        signer.update(format!("{id}.{timestamp}.{body}").as_bytes())?;
        let signature = base64::encode_block(&signer.sign_to_vec()?);
        Ok(format!("v1,{signature}"))
    }
}

#[cfg(test)]
mod tests {
    use super::SigningKey;

    #[test]
    fn the_vector_of_standard_webhooks_is_signed_alike() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = "{\"test\": 2432232314}";
        let signed = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(
            signed.unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_short_or_broken_secret_is_refused_and_none_is_shown() {
        for bad in [
            "",
            "short",
            "whsec_",
            "whsec_c2hvcnQ=",
            "whsec_***",
            "0123456789abcdef0123456",
        ] {
            assert!(SigningKey::parse(bad).is_err(), "{bad}");
        }
        let key = SigningKey::parse("0123456789abcdef01234567").unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey");
    }
}
