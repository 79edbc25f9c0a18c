//! What a token's holder may do: flat-manager's words.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A word of the claim `scope`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// To list all jobs.
    Jobs,
    /// To make, list and commit builds.
    Build,
    /// To upload into builds.
    Upload,
    /// To publish builds.
    Publish,
    /// To upload deltas.
    Generate,
    /// To download.
    Download,
    /// To publish an app again.
    Republish,
    /// To change the state of a build's check.
    ReviewCheck,
    /// To list and revoke tokens.
    TokenManagement,
    /// A word that nobody here knows. It allows nothing, and no child gets it: flat-manager takes all
    /// unknown words for the same one.
    Unknown(String),
}

impl Scope {
    /// All words that are known.
    pub const KNOWN: [Self; 9] = [
        Self::Jobs,
        Self::Build,
        Self::Upload,
        Self::Publish,
        Self::Generate,
        Self::Download,
        Self::Republish,
        Self::ReviewCheck,
        Self::TokenManagement,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Jobs => "jobs",
            Self::Build => "build",
            Self::Upload => "upload",
            Self::Publish => "publish",
            Self::Generate => "generate",
            Self::Download => "download",
            Self::Republish => "republish",
            Self::ReviewCheck => "reviewcheck",
            Self::TokenManagement => "tokenmanagement",
            Self::Unknown(word) => word,
        }
    }

    /// Whether the word means something here.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }
}

impl From<String> for Scope {
    fn from(word: String) -> Self {
        let known = Self::KNOWN.into_iter().find(|scope| scope.as_str() == word);
        known.unwrap_or(Self::Unknown(word))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
