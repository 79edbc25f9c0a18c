//! SHA-256 as a value: of uploads, certificates and public keys.

use std::{fmt, io, str::FromStr};

use openssl::sha::Sha256;
use thiserror::Error;

/// A SHA-256 digest, shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest([u8; 32]);

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a SHA-256 digest is 64 hexadecimal digits")]
pub struct InvalidDigest;

impl Sha256Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        // Not in one call, which looks the algorithm up each time: that takes longer than a short text.
        let mut hasher = Sha256::new();
        hasher.update(bytes);
        Self(hasher.finish())
    }

    /// A digest that was computed elsewhere; none where it is not 32 bytes long.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256Digest {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidDigest);
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| InvalidDigest)?;
        }
        Ok(Self(bytes))
    }
}

/// Digests what is written to it; wraps a writer so that copying and hashing are one pass.
pub struct DigestWriter<W> {
    inner: W,
    hasher: Sha256,
    length: u64,
}

impl<W> DigestWriter<W> {
    /// A writer that passes everything on to `inner`.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            length: 0,
        }
    }

    /// The wrapped writer, the digest and the number of bytes written.
    pub fn finish(self) -> (W, Sha256Digest, u64) {
        (self.inner, Sha256Digest(self.hasher.finish()), self.length)
    }
}

impl<W: io::Write> io::Write for DigestWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn writing_in_pieces_digests_the_whole() {
        let mut writer = DigestWriter::new(Vec::new());
        writer.write_all(b"abc").unwrap();
        writer.write_all(b"def").unwrap();
        let (bytes, digest, length) = writer.finish();
        assert_eq!((bytes.as_slice(), length), (b"abcdef".as_slice(), 6));
        assert_eq!(digest, Sha256Digest::of(b"abcdef"));
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!("xyz".parse::<Sha256Digest>(), Err(InvalidDigest));
    }
}
