//! `export/scheme.json`: how an archive says it is signed. A hint, never an instruction.

use serde::Deserialize;

use super::certificate::Certificate;
use crate::manifest::json;

/// What `scheme.json` says: `{name, certificate, signature_algorithm, key_algorithm}`.
#[derive(Debug, Clone)]
pub struct SigningScheme {
    /// The certificate whose key is said to have signed (base64 of DER in the file).
    pub certificate: Certificate,
    /// The algorithm's name as written.
    pub signature_algorithm: String,
    /// The key algorithm's name as written, where it is given.
    pub key_algorithm: Option<String>,
}

#[derive(Deserialize)]
struct SchemeFile {
    certificate: String,
    signature_algorithm: String,
    #[serde(default)]
    key_algorithm: Option<String>,
}

impl SigningScheme {
    /// Reads the file; the error is text for people, naming the field.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file: SchemeFile = json::parse(bytes).map_err(|error| json::reason(&error))?;
        let base64: String = file.certificate.split_ascii_whitespace().collect();
        let der = openssl::base64::decode_block(&base64)
            .map_err(|_| "the field certificate is not base64".to_owned())?;
        let certificate = Certificate::from_der(&der)
            .map_err(|error| format!("the field certificate {error}"))?;
        let SchemeFile {
            signature_algorithm,
            key_algorithm,
            ..
        } = file;
        Ok(Self {
            certificate,
            signature_algorithm,
            key_algorithm,
        })
    }
}
