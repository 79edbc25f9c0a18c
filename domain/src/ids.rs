//! Names and ids as types, so that no id of one kind is taken for another and none is unchecked.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind} must be {rule}")]
pub struct InvalidId {
    kind: &'static str,
    rule: &'static str,
}

/// Letters, digits, `_` and `-`: what a Candlepin id is made of.
fn is_word(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Any printable text: it is shown and compared, never used as a path.
fn is_label(text: &str) -> bool {
    (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// Any name, but for the two that clients take out of a URL's path.
fn is_user(text: &str) -> bool {
    is_label(text) && text.len() <= 255 && !matches!(text, "." | "..")
}

/// One path segment that no file system or URL reads as anything but a name.
fn is_file_name(text: &str) -> bool {
    // No file system takes a name of more bytes.
    is_label(text) && text.len() <= 255 && !text.starts_with('.') && !text.contains(['/', '\\'])
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidId { kind: $kind, rule: $rule })
                }
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

id!(
    /// The key of an owner (a tenant).
    OwnerKey, "an owner key", "1 to 255 of A-Z a-z 0-9 _ -", |t| is_word(t, 255)
);
id!(
    /// A user, as the authorization server calls him: compared, and never split, folded or looked into.
    UserName, "a user", "1 to 255 bytes of printable characters, neither . nor ..", is_user
);
id!(
    /// The id of an entitlement, upstream or downstream: one namespace over all owners.
    EntitlementId, "an entitlement id", "1 to 64 of A-Z a-z 0-9 _ -", |t| is_word(t, 64)
);
id!(
    /// The id that the upstream server gave a pool.
    PoolId, "a pool id", "1 to 64 of A-Z a-z 0-9 _ -", |t| is_word(t, 64)
);
id!(
    /// The uuid of an upstream consumer: `uuid` of `consumer.json`.
    ConsumerUuid, "a consumer uuid", "1 to 64 of A-Z a-z 0-9 _ -", |t| is_word(t, 64)
);
id!(
    /// The label of a CDN: `cdnLabel` of `meta.json`, `label` of a CDN.
    CdnLabel, "a CDN label", "1 to 255 printable characters", is_label
);
id!(
    /// The file name of an upstream CA, which is its name everywhere.
    CaFilename, "a CA file name", "1 to 255 bytes of printable characters, no slash, no leading dot", is_file_name
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entitlement_id_is_a_word_of_at_most_64() {
        assert!(
            "8a85f98444de1da50144e6d3a7be0e5f"
                .parse::<EntitlementId>()
                .is_ok()
        );
        assert!("a".repeat(64).parse::<EntitlementId>().is_ok());
        for bad in ["", &"a".repeat(65), "a/b", "a,O", "ä", "a b", "a\0"] {
            assert!(bad.parse::<EntitlementId>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_user_is_any_name_that_a_path_can_hold() {
        for good in ["alice", "alice@example.com", "auth0|7", "a/b", "Zoë", "...", " a"] {
            assert!(good.parse::<UserName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a\nb", "a\0", &"ä".repeat(128)] {
            assert!(bad.parse::<UserName>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_ca_file_name_is_no_path() {
        assert!("redhat uep.pem".parse::<CaFilename>().is_ok());
        for bad in ["", ".hidden", "..", "a/b.crt", "a\\b.crt", "a\nb.crt"] {
            assert!(bad.parse::<CaFilename>().is_err(), "{bad:?} was taken");
        }
    }
}
