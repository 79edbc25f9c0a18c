//! Why no anchor verified a manifest: which were tried, what each lacked, and what to do now.

use std::fmt;

use crate::conflict::Conflict;

/// One anchor that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriedAnchor {
    /// Its file name.
    pub filename: String,
    /// Why it did not verify the manifest.
    pub reason: String,
}

/// A manifest that nothing here trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// [`Conflict::SignatureConflict`] or [`Conflict::UntrustedSigningCertificate`].
    pub conflict: Conflict,
    /// What is wrong.
    pub reason: String,
    /// The anchors, by file name.
    pub tried: Vec<TriedAnchor>,
    /// Whether the caller forced this conflict where that does not count.
    pub forced_in_vain: bool,
}

impl Refusal {
    pub(super) fn signature(reason: impl Into<String>, tried: Vec<TriedAnchor>) -> Self {
        let (conflict, reason) = (Conflict::SignatureConflict, reason.into());
        Self {
            conflict,
            reason,
            tried,
            forced_in_vain: false,
        }
    }

    pub(super) fn untrusted(reason: impl Into<String>, tried: Vec<TriedAnchor>) -> Self {
        let (conflict, reason) = (Conflict::UntrustedSigningCertificate, reason.into());
        Self {
            conflict,
            reason,
            tried,
            forced_in_vain: false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        if self.tried.is_empty() {
            f.write_str(" No upstream CA is installed.")?;
        } else {
            // A store may hold hundreds; the first ones are enough to see what is going on.
            const SHOWN: usize = 20;
            f.write_str(" Tried: ")?;
            for (at, tried) in self.tried.iter().take(SHOWN).enumerate() {
                let separator = if at == 0 { "" } else { "; " };
                write!(f, "{separator}{} ({})", tried.filename, tried.reason)?;
            }
            if self.tried.len() > SHOWN {
                write!(f, "; and {} more", self.tried.len() - SHOWN)?;
            }
            f.write_str(".")?;
        }
        f.write_str(
            " If you trust whoever made this manifest, install the CA that signs its manifests: \
             put its certificate into the upstream CA directory, POST it to /upstream_cas, \
             or run portolan ca add FILE.",
        )?;
        if self.forced_in_vain {
            f.write_str(
                " Forcing a signature does not count here: import.allow_forced_signature is off.",
            )?;
        }
        Ok(())
    }
}
