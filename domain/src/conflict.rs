//! Conflicts of an import as values: what stands against it, and what the caller forces.

use std::{collections::BTreeSet, fmt, str::FromStr};

use thiserror::Error;

/// What stands against an import. The names are Candlepin's, on the wire and in `force`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conflict {
    /// No anchor verifies the signature.
    SignatureConflict,
    /// The archive names a signing certificate that nothing here trusts.
    UntrustedSigningCertificate,
    /// The manifest was made before the owner's last import.
    ManifestOld,
    /// The manifest was made in the same second as the owner's last import.
    ManifestSame,
    /// The owner's upstream consumer is another one.
    DistributorConflict,
}

/// A word in `force` that names no conflict.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("is not a conflict: give one of {} (or true for MANIFEST_OLD, false for none)", Conflict::ALL.map(Conflict::as_str).join(", "))]
pub struct UnknownConflict;

impl Conflict {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 5] = [
        Self::SignatureConflict,
        Self::UntrustedSigningCertificate,
        Self::ManifestOld,
        Self::ManifestSame,
        Self::DistributorConflict,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignatureConflict => "SIGNATURE_CONFLICT",
            Self::UntrustedSigningCertificate => "UNTRUSTED_SIGNING_CERTIFICATE",
            Self::ManifestOld => "MANIFEST_OLD",
            Self::ManifestSame => "MANIFEST_SAME",
            Self::DistributorConflict => "DISTRIBUTOR_CONFLICT",
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Conflict {
    type Err = UnknownConflict;
    fn from_str(text: &str) -> Result<Self, UnknownConflict> {
        let same = |conflict: &Self| conflict.as_str() == text;
        Self::ALL.into_iter().find(same).ok_or(UnknownConflict)
    }
}

/// The conflicts that a caller forces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forced(BTreeSet<Conflict>);

impl Forced {
    /// Reads the values of `force`: conflict names, or `true` and `false` as old clients send them.
    ///
    /// # Errors
    /// [`UnknownConflict`] for any other word.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownConflict> {
        let mut forced = BTreeSet::new();
        for word in words {
            match word {
                "true" => _ = forced.insert(Conflict::ManifestOld),
                "false" => {}
                name => _ = forced.insert(name.parse()?),
            }
        }
        Ok(Self(forced))
    }

    /// Whether this conflict is forced.
    #[must_use]
    pub fn contains(&self, conflict: Conflict) -> bool {
        self.0.contains(&conflict)
    }

    /// Divides what was found into what still stands and what was forced away.
    #[must_use]
    pub fn divide(&self, found: &[Conflict]) -> (Vec<Conflict>, Vec<Conflict>) {
        found
            .iter()
            .partition(|conflict| !self.contains(**conflict))
    }
}

impl FromIterator<Conflict> for Forced {
    fn from_iter<I: IntoIterator<Item = Conflict>>(conflicts: I) -> Self {
        Self(conflicts.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn force_takes_names_and_the_words_of_old_clients() {
        let forced = Forced::parse(["true", "DISTRIBUTOR_CONFLICT"]).unwrap();
        assert!(forced.contains(Conflict::ManifestOld));
        assert!(!forced.contains(Conflict::ManifestSame));
        assert_eq!(Forced::parse(["false"]), Ok(Forced::default()));
        for bad in ["", "TRUE", "manifest_old", "MANIFEST_OLD,MANIFEST_SAME"] {
            assert_eq!(
                Forced::parse([bad]),
                Err(UnknownConflict),
                "{bad:?} was taken"
            );
        }
    }

    #[test]
    fn only_what_is_named_is_forced() {
        let forced = Forced::parse(["MANIFEST_OLD"]).unwrap();
        let found = [Conflict::ManifestOld, Conflict::DistributorConflict];
        let (standing, away) = forced.divide(&found);
        assert_eq!(standing, [Conflict::DistributorConflict]);
        assert_eq!(away, [Conflict::ManifestOld]);
    }
}
