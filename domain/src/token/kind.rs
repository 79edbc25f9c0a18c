//! Kinds of tokens, told apart by their header, and the algorithms that sign them.

/// What a token is for. Each kind has keys of its own, and none is taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Parents and children of `token_subset` (RFC 9068's `at+jwt`).
    Access,
    /// The same as flat-manager makes and reads them: HS256.
    FlatManager,
    /// What a content server asks of who wants a ref.
    RefToken,
    /// What a container registry reads.
    Registry,
}

/// How a token is signed (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenAlgorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// HMAC with SHA-256: whoever verifies could sign, too.
    Hs256,
}

impl TokenKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [
        Self::Access,
        Self::FlatManager,
        Self::RefToken,
        Self::Registry,
    ];

    /// The name of the purpose that its keys have.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::FlatManager => "flat-manager",
            Self::RefToken => "ref-token",
            Self::Registry => "registry",
        }
    }

    /// Reads the kind's name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The header parameter `typ` (RFC 8725, section 3.11).
    #[must_use]
    pub const fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::RefToken => "ref+jwt",
            Self::FlatManager | Self::Registry => "JWT",
        }
    }

    /// Whether a header with this `typ` is of this kind. It is a media type: its case and the prefix
    /// `application/` do not count (RFC 7515, section 4.1.9).
    #[must_use]
    pub fn has_typ(self, typ: Option<&str>) -> bool {
        let Some(typ) = typ else {
            return self == Self::FlatManager;
        };
        let bare = match typ.split_at_checked("application/".len()) {
            Some((prefix, bare)) if prefix.eq_ignore_ascii_case("application/") => bare,
            _ => typ,
        };
        bare.eq_ignore_ascii_case(self.typ())
    }

    /// Whether keys of this kind may have this algorithm. Who verifies a shared secret could sign with
    /// it, so that only flat-manager, which knows nothing else, has one. Registries verify no Ed25519, and one
    /// does not even start where a certificate has such a key.
    #[must_use]
    pub fn allows(self, algorithm: TokenAlgorithm) -> bool {
        match self {
            Self::FlatManager => algorithm == TokenAlgorithm::Hs256,
            Self::Registry => matches!(algorithm, TokenAlgorithm::Es256 | TokenAlgorithm::Rs256),
            Self::Access | Self::RefToken => algorithm != TokenAlgorithm::Hs256,
        }
    }
}

impl TokenAlgorithm {
    /// All algorithms, the default first.
    pub const ALL: [Self; 4] = [Self::Es256, Self::EdDsa, Self::Rs256, Self::Hs256];

    /// The header parameter `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
        }
    }

    /// Reads the algorithm's name. Case counts (RFC 7515, section 4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}
