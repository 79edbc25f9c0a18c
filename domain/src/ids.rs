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

/// One segment of a URL's path that is nothing else there: `objects` and `deltas` stand behind the name.
fn is_repo_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let is_taken = ["objects", "deltas"]
        .iter()
        .any(|taken| text.eq_ignore_ascii_case(taken));
    (1..=255).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('.')
        && !is_taken
}

/// `ostree_validate_collection_id`: the name of a D-Bus interface, two elements at least.
fn is_collection(text: &str) -> bool {
    let is_element = |element: &str| {
        let word = element
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_');
        word && element.bytes().next().is_some_and(|b| !b.is_ascii_digit())
    };
    text.len() <= 255 && text.contains('.') && text.split('.').all(is_element)
}

/// `ostree_validate_rev`: fragments of `-._A-Za-z0-9` with slashes between them, none of which leads
/// elsewhere in a file system.
fn is_ref(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let is_fragment = |fragment: &str| {
        let leads_away = fragment == "." || fragment == "..";
        !fragment.is_empty() && fragment.bytes().all(allowed) && !leads_away
    };
    text.len() <= 512 && text.split('/').all(is_fragment)
}

/// A checksum as OSTree writes it.
fn is_checksum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
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
id!(
    /// The name of an OSTree repository: the segment before `objects/` or `deltas/` in its URLs.
    RepoName, "a repository's name", "1 to 255 of A-Z a-z 0-9 . _ -, no leading dot, neither objects nor deltas", is_repo_name
);
id!(
    /// The id of an OSTree collection, such as `org.example.Stable`.
    CollectionId, "a collection id", "a name such as org.example.Stable", is_collection
);
id!(
    /// A ref of an OSTree repository, such as `app/org.example.Game/x86_64/stable`.
    RefName, "a ref", "fragments of A-Z a-z 0-9 . _ - with slashes between them, at most 512 bytes", is_ref
);
id!(
    /// A commit of an OSTree repository: its SHA-256 checksum.
    CommitId, "a commit", "64 lower-case hexadecimal digits", is_checksum
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
        for good in [
            "alice",
            "alice@example.com",
            "auth0|7",
            "a/b",
            "Zoë",
            "...",
            " a",
        ] {
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

    #[test]
    fn ids_of_ostree_are_what_ostree_takes() {
        for good in ["stable", "flathub-beta", "Repo_1.2"] {
            assert!(good.parse::<RepoName>().is_ok(), "{good}");
        }
        for bad in ["", ".repo", "a/b", "objects", "Deltas", "a b", "a%41", "ä"] {
            assert!(bad.parse::<RepoName>().is_err(), "{bad:?} was taken");
        }
        assert!("org.example._Stable9".parse::<CollectionId>().is_ok());
        for bad in ["", "org", "org.", "org..b", "org.1b", "org.a-b", "org.a/b"] {
            assert!(bad.parse::<CollectionId>().is_err(), "{bad:?} was taken");
        }
        for good in ["main", "app/org.example.Game/x86_64/stable", "a/.b/-c"] {
            assert!(good.parse::<RefName>().is_ok(), "{good}");
        }
        for bad in [
            "", "/a", "a/", "a//b", "a/../b", "a/./b", "a,b", "a b", "a\nb", "a*",
        ] {
            assert!(bad.parse::<RefName>().is_err(), "{bad:?} was taken");
        }
        assert!("0f".repeat(32).parse::<CommitId>().is_ok());
        for bad in [
            "0f".repeat(31),
            "0F".repeat(32),
            "0g".repeat(32),
            "0f".repeat(33),
        ] {
            assert!(bad.parse::<CommitId>().is_err(), "{bad:?} was taken");
        }
    }
}
