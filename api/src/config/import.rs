//! `[import]`: who is trusted, and how much a manifest may hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use portolan_domain::{
    cdn_url::HttpCdn,
    ids::{CaFilename, OwnerKey},
    limits::Limits,
    trust::{AnchorSettings, ForcedSignature},
};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[import]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportConfig {
    /// The directory of upstream CAs, `*.crt` and `*.pem`; it is watched.
    pub upstream_ca_dir: Option<PathBuf>,
    /// Settings of files in that directory.
    pub anchors: BTreeMap<CaFilename, AnchorConfig>,
    /// Lets `force` count for signatures too. Off: whoever turns it on trusts every uploader.
    pub allow_forced_signature: bool,
    /// Allows CDN URLs with plain `http`.
    pub allow_http_cdn: bool,
    /// How much a manifest may hold.
    pub limits: Limits,
    /// Imports at once; more wait up to 30 s.
    pub concurrent: usize,
    /// Uploads that are received at once; more wait up to 30 s. Each may take as much disk as
    /// `limits.upload_bytes` says.
    pub receiving: usize,
    /// Uploads of one owner that are received at once.
    pub receiving_per_owner: usize,
    /// Uploads of each owner's last imports that are kept, sealed, so that they can be restored.
    pub keep_uploads: u64,
    /// Where uploads wait while they are read, as files without a name.
    pub spool_dir: Option<PathBuf>,
}

/// `[import.anchors."<file name>"]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnchorConfig {
    /// The anchor verifies no archive without `scheme.json`.
    pub require_scheme: bool,
    /// The owners whose manifests it verifies; left out: all.
    pub owners: Option<BTreeSet<OwnerKey>>,
}

impl Default for ImportConfig {
    fn default() -> Self {
        Self {
            upstream_ca_dir: None,
            anchors: BTreeMap::new(),
            allow_forced_signature: false,
            allow_http_cdn: false,
            limits: Limits::default(),
            concurrent: 2,
            receiving: 128,
            receiving_per_owner: 8,
            keep_uploads: 10,
            spool_dir: None,
        }
    }
}

impl ImportConfig {
    pub(super) fn resolve(&mut self, data_dir: &Path) -> Result<(), ConfigError> {
        for (key, value) in [
            ("import.concurrent", self.concurrent),
            ("import.receiving", self.receiving),
            ("import.receiving_per_owner", self.receiving_per_owner),
        ] {
            if value == 0 {
                let why = "must be at least 1".to_owned();
                return Err(ConfigError::Invalid { key, why });
            }
        }
        if let Some(directory) = &self.upstream_ca_dir {
            if !directory.is_dir() {
                return Err(ConfigError::Invalid {
                    key: "import.upstream_ca_dir",
                    why: format!("{} is no directory", directory.display()),
                });
            }
        } else {
            // Made with the data directory, so that there is a place to put a CA into.
            self.upstream_ca_dir = Some(data_dir.join("upstream-cas"));
        }
        self.spool_dir
            .get_or_insert_with(|| data_dir.join("uploads"));
        Ok(())
    }

    /// The settings of a file in the directory.
    #[must_use]
    pub fn anchor_settings(&self, filename: &CaFilename) -> AnchorSettings {
        let config = self.anchors.get(filename).cloned().unwrap_or_default();
        AnchorSettings {
            require_scheme: config.require_scheme,
            owners: config.owners,
        }
    }

    /// Whether plain `http` may be a CDN.
    #[must_use]
    pub fn http_cdn(&self) -> HttpCdn {
        if self.allow_http_cdn {
            HttpCdn::Allowed
        } else {
            HttpCdn::Refused
        }
    }

    /// Whether signatures may be forced.
    #[must_use]
    pub fn forced_signature(&self) -> ForcedSignature {
        if self.allow_forced_signature {
            ForcedSignature::Allowed
        } else {
            ForcedSignature::Refused
        }
    }
}
