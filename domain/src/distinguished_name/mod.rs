//! The subject of a client certificate as one text: what an operator writes down, and what it is
//! compared with. Two names that differ never have one text, else one client could pass for another.

mod parse;
mod value;

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use x509_parser::{prelude::FromDer, x509::X509Name};

use self::value::{Value, dotted, type_name};

/// Bytes of a name's text at most.
const LONGEST: usize = 4096;

/// A distinguished name in its canonical text (RFC 4514): `CN=edge-1,OU=Proxies,O=Example`.
///
/// The last part of the certificate's name stands first. Parts with several values keep them, sorted.
/// Letters keep their case, and names are equal where their texts are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DistinguishedName {
    text: String,
    common_name: Option<String>,
}

/// Why a text or a certificate holds no such name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// There is nothing.
    #[error("the name is empty")]
    Empty,
    /// It is too long.
    #[error("the name has over {LONGEST} bytes")]
    TooLong,
    /// A part without `=`.
    #[error("a part of the name is not TYPE=VALUE")]
    NotAPart,
    /// A type that is neither known nor an OID.
    #[error(
        "{0:?} is no known type; use CN, O, OU, C, L, ST, STREET, DC, UID, serialNumber, \
         emailAddress, or an OID such as 2.5.4.3"
    )]
    Type(String),
    /// A character that must be escaped.
    #[error("{0:?} must be written as \\{hex}", hex = Escaped(*.0))]
    Unescaped(char),
    /// A backslash before neither a special character nor two hexadecimal digits.
    #[error("a backslash stands before neither a special character nor two hexadecimal digits")]
    Escape,
    /// A value that is no UTF-8, or a `#` value that is no DER.
    #[error("a value of the name cannot be read")]
    Value,
    /// A certificate's name that is no proper DER.
    #[error("the certificate's name cannot be read")]
    Der,
}

/// The hexadecimal digits of a character's bytes, with backslashes between them.
struct Escaped(char);

impl fmt::Display for Escaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; 4];
        let bytes = self.0.encode_utf8(&mut buffer).bytes();
        let hex: Vec<String> = bytes.map(|byte| format!("{byte:02X}")).collect();
        f.write_str(&hex.join("\\"))
    }
}

/// One attribute: the type as it is written, and its value.
type Attribute = (String, Value);

impl DistinguishedName {
    /// The subject of a certificate.
    ///
    /// # Errors
    /// [`InvalidName`] where it is empty or cannot be read.
    pub fn from_certificate(
        certificate: &x509_parser::certificate::X509Certificate<'_>,
    ) -> Result<Self, InvalidName> {
        Self::from_name(certificate.subject())
    }

    /// A name in DER, nothing behind it.
    ///
    /// # Errors
    /// [`InvalidName`] where it is empty or cannot be read.
    pub fn from_der(der: &[u8]) -> Result<Self, InvalidName> {
        match X509Name::from_der(der) {
            Ok(([], name)) => Self::from_name(&name),
            _ => Err(InvalidName::Der),
        }
    }

    fn from_name(name: &X509Name<'_>) -> Result<Self, InvalidName> {
        let mut parts = Vec::new();
        for part in name.iter_rdn() {
            let mut attributes = Vec::new();
            for attribute in part.iter() {
                let kind = dotted(attribute.attr_type().as_bytes()).ok_or(InvalidName::Der)?;
                let value = Value::read(attribute.attr_value()).ok_or(InvalidName::Der)?;
                attributes.push((type_name(kind), value));
            }
            parts.push(attributes);
        }
        // RFC 4514, 2.1: the text begins with the last part.
        parts.reverse();
        Self::canonical(&parts)
    }

    fn canonical(parts: &[Vec<Attribute>]) -> Result<Self, InvalidName> {
        let mut texts = Vec::new();
        for part in parts {
            if part.is_empty() {
                return Err(InvalidName::NotAPart);
            }
            let mut attributes: Vec<String> = part
                .iter()
                .map(|(kind, value)| format!("{kind}={value}"))
                .collect();
            attributes.sort();
            texts.push(attributes.join("+"));
        }
        let text = texts.join(",");
        let mut names = parts.iter().flatten().filter(|(kind, _)| kind == "CN");
        let common_name = match (names.next(), names.next()) {
            (Some((_, Value::Text(name))), None) => Some(name.clone()),
            _ => None,
        };
        match text.len() {
            0 => Err(InvalidName::Empty),
            1..=LONGEST => Ok(Self { text, common_name }),
            _ => Err(InvalidName::TooLong),
        }
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The one common name; none where there are several or none.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl From<DistinguishedName> for String {
    fn from(name: DistinguishedName) -> Self {
        name.text
    }
}

impl TryFrom<String> for DistinguishedName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}
