//! Passwords of the gateway's own users: Argon2id (RFC 9106), as slow as it is meant to be, on threads of its own.

use std::sync::LazyLock;

use argon2::{
    Argon2,
    password_hash::{self, PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

/// Bytes of a password at most.
const LONGEST: usize = 1024;

/// A password's hash (PHC form).
pub struct HashedPassword(String);

impl HashedPassword {
    /// The text that is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Hashes a new password. It takes tens of milliseconds.
///
/// # Errors
/// In words, where it is empty or too long, or there is no chance to be had.
pub fn hash_password(password: &str) -> Result<HashedPassword, String> {
    if password.is_empty() || password.len() > LONGEST {
        return Err(format!("a password must have 1 to {LONGEST} bytes"));
    }
    hash(password).map_err(|error| error.to_string())
}

fn hash(password: &str) -> password_hash::Result<HashedPassword> {
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes())?;
    Ok(HashedPassword(hash.to_string()))
}

/// What an unknown user's password is compared with, so that nobody can tell by the time whether there is such a user.
static NOBODYS: LazyLock<Option<HashedPassword>> = LazyLock::new(|| hash("nobody's").ok());

/// Whether a password is the one with this hash. It takes tens of milliseconds, whether there is a hash or not.
#[must_use]
pub fn is_right(password: &str, stored: Option<&str>) -> bool {
    if password.len() > LONGEST {
        return false;
    }
    let nobodys = NOBODYS.as_ref().map(HashedPassword::as_str);
    let Some(Ok(hash)) = stored.or(nobodys).map(PasswordHash::new) else {
        return false;
    };
    let verified = Argon2::default().verify_password(password.as_bytes(), &hash);
    verified.is_ok() && stored.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_right_where_it_was_hashed() {
        let hash = hash_password("correct horse").unwrap();
        assert!(
            hash.as_str().starts_with("$argon2id$v=19$m="),
            "{}",
            hash.as_str()
        );
        assert!(is_right("correct horse", Some(hash.as_str())));
        assert!(!is_right("correct horse ", Some(hash.as_str())));
        assert!(!is_right("nobody's", None));
        assert!(!is_right("", Some(hash.as_str())) && !is_right("x", Some("no hash")));
        assert_ne!(
            hash.as_str(),
            hash_password("correct horse").unwrap().as_str()
        );
    }

    #[test]
    fn a_password_that_is_none_is_refused() {
        assert!(hash_password("").is_err());
        assert!(hash_password(&"x".repeat(LONGEST + 1)).is_err());
        assert!(hash_password(&"x".repeat(LONGEST)).is_ok());
    }
}
