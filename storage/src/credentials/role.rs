//! What a credential is for.

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything.
    Admin,
    /// Imports and what belongs to them, for one owner or all.
    Manager,
    /// Reads what a content proxy needs.
    Proxy,
    /// Makes tokens and grants.
    Issuer,
    /// Reads everything but key material.
    Auditor,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [
        Self::Admin,
        Self::Manager,
        Self::Proxy,
        Self::Issuer,
        Self::Auditor,
    ];

    /// The role's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Proxy => "proxy",
            Self::Issuer => "issuer",
            Self::Auditor => "auditor",
        }
    }

    /// Reads a role's name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}
