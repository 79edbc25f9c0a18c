//! What the tests share: owners, and imports built in code, without an archive or a clock.

use portolan_domain::{
    cdn_url::{CdnUrl, HttpCdn},
    conflict::{Conflict, Forced},
    digest::Sha256Digest,
    ids::OwnerKey,
    import::Warnings,
    manifest::{
        ConsumerType, Entitlement, IssuedCertificate, ManifestCdn, ManifestHeader, Pool,
        UpstreamConsumer,
    },
    secret::PrivateKeyPem,
    trust::{SignatureAlgorithm, Verification, VerifiedBy},
};
use portolan_storage::{
    Actor, Draft, ImportRecord, ImportTransaction, Keep, KeptFile, PrincipalKind, StorageError,
    Store, Timings, Upload,
};
use time::{OffsetDateTime, macros::datetime};

/// The instant of every call: finer than what PostgreSQL keeps.
pub const NOW: OffsetDateTime = datetime!(2026-03-01 12:00:00.123456789 UTC);
/// Who asks for everything.
pub fn by() -> Actor {
    Actor {
        kind: PrincipalKind::ApiKey,
        name: "ci".to_owned(),
        address: Some([192, 0, 2, 7].into()),
        request_id: Some("request-1".to_owned()),
        at: NOW,
    }
}

/// When a manifest was made, unless a test says otherwise; finer too.
pub const CREATED: OffsetDateTime = datetime!(2026-02-01 08:30:00.250000999 UTC);

pub const TIMINGS: Timings = Timings {
    receive_ms: 1,
    verify_ms: 2,
    parse_ms: 3,
    store_ms: 4,
};

/// Any id or key that is read from text.
pub fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

pub fn url(text: &str) -> CdnUrl {
    CdnUrl::parse(text, HttpCdn::Refused).unwrap()
}

pub fn cdn(label: &str, at: &str) -> ManifestCdn {
    ManifestCdn {
        label: id(label),
        name: Some(format!("CDN {label}")),
        url: url(at),
    }
}

pub async fn create_owners(store: &Store, keys: &[&str]) {
    for key in keys {
        let key: OwnerKey = id(key);
        store.create_owner(&key, key.as_str(), &by()).await.unwrap();
    }
}

/// A text of a private key's shape, another one for every `of`.
pub fn private_key(of: &str) -> String {
    let body = key_lines(of).join("\n");
    format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n")
}

/// The lines of that key that nobody may find in a database.
pub fn key_lines(of: &str) -> Vec<String> {
    let line = |n| Sha256Digest::of(format!("{of} {n}").as_bytes()).to_string();
    (0..4).map(line).collect()
}

pub fn certificate(of: &str) -> IssuedCertificate {
    IssuedCertificate {
        cert: format!("-----BEGIN CERTIFICATE-----\n{of}\n-----END CERTIFICATE-----\n"),
        key: Some(PrivateKeyPem::new(private_key(of))),
        serial: "9182736455463728190".to_owned(),
        not_before: datetime!(2025-01-01 00:00 UTC),
        not_after: datetime!(2027-01-01 00:00 UTC),
    }
}

pub fn entitlement(name: &str, pool: &str) -> Entitlement {
    Entitlement {
        id: id(name),
        quantity: 1,
        starts_at: Some(datetime!(2025-01-01 00:00:00.5 UTC)),
        ends_at: Some(datetime!(2027-01-01 00:00 UTC)),
        certificate: Some(certificate(name)),
        pool: Pool {
            id: id(pool),
            product_id: Some("RH00001".to_owned()),
            product_name: Some("Übersicht".to_owned()),
            contract_number: None,
            account_number: Some("42".to_owned()),
            order_number: None,
            quantity: 10,
            // Finer than what PostgreSQL keeps, as some servers write it.
            starts_at: Some(datetime!(2025-01-01 00:00:00.123456789 UTC)),
            ends_at: Some(datetime!(2027-01-01 00:00 UTC)),
            details: None,
        },
    }
}

/// All that one import is made of.
#[derive(Clone)]
pub struct Case {
    pub owner: OwnerKey,
    pub header: ManifestHeader,
    pub draft: Draft,
    pub verification: Verification,
    pub entitlements: Vec<Entitlement>,
    pub files: Vec<KeptFile>,
}

impl Case {
    /// An import for this owner, of a consumer of its own, without entitlements.
    pub fn of(owner: &str) -> Self {
        Self {
            owner: id(owner),
            header: header(&format!("consumer-of-{owner}")),
            draft: draft(),
            verification: Verification::Verified(verified_by()),
            entitlements: Vec::new(),
            files: Vec::new(),
        }
    }

    pub fn with(mut self, entitlement: Entitlement) -> Self {
        self.entitlements.push(entitlement);
        self
    }

    pub fn made_at(mut self, created: OffsetDateTime) -> Self {
        self.header.created = created;
        self
    }

    pub fn of_consumer(mut self, uuid: &str) -> Self {
        self.header.consumer.uuid = id(uuid);
        self
    }

    pub fn forcing(mut self, conflicts: &[Conflict]) -> Self {
        let words = conflicts.iter().map(|conflict| conflict.as_str());
        self.draft.forced = Forced::parse(words).unwrap();
        self
    }

    /// The same manifest, made a day later: newer, so that nothing stands against it.
    pub fn a_day_later(&self) -> Self {
        let created = self.header.created + time::Duration::DAY;
        self.clone().made_at(created)
    }

    pub async fn open(&self, store: &Store) -> Result<ImportTransaction, StorageError> {
        let (header, draft) = (self.header.clone(), self.draft.clone());
        store.begin_import(&self.owner, header, draft).await
    }

    pub async fn finish(&self, open: ImportTransaction) -> Result<ImportRecord, StorageError> {
        open.finish(&self.verification, Warnings::default(), || TIMINGS)
            .await
    }

    /// The whole import: its entitlements in batches of 500.
    pub async fn import(&self, store: &Store) -> Result<ImportRecord, StorageError> {
        let mut open = self.open(store).await?;
        for batch in self.entitlements.chunks(500) {
            open.add(batch.to_vec()).await?;
        }
        open.keep(self.files.clone()).await?;
        // A whole transaction is in it.
        Box::pin(self.finish(open)).await
    }
}

fn header(uuid: &str) -> ManifestHeader {
    ManifestHeader {
        created: CREATED,
        generated_by: Some("admin@example.com".to_owned()),
        cdn_url: None,
        cdn_label: None,
        consumer: UpstreamConsumer {
            uuid: id(uuid),
            name: Some("Satellit Köln".to_owned()),
            consumer_type: ConsumerType {
                id: Some("5".to_owned()),
                label: Some("satellite".to_owned()),
                manifest: Some(true),
            },
            owner_id: Some("upstream-owner".to_owned()),
            content_access_mode: Some("entitlement".to_owned()),
            web_url: Some("access.example.com/management".to_owned()),
            api_url: Some("https://api.example.com/candlepin".to_owned()),
            identity: Some(certificate(uuid)),
        },
        cdns: Vec::new(),
    }
}

fn draft() -> Draft {
    Draft {
        upload: Upload {
            file_name: Some("manifest.zip".to_owned()),
            sha256: Sha256Digest::of(b"the upload"),
            size: 4_294_967_297,
            uploaded_by: "api-key:ci".to_owned(),
        },
        forced: Forced::default(),
        cdn_url: None,
        dry_run: false,
        keep: Keep::Nothing,
        restores: None,
        job: None,
        by: by(),
    }
}

pub fn verified_by() -> VerifiedBy {
    VerifiedBy {
        filename: id("candlepin ca.pem"),
        sha256: Sha256Digest::of(b"certificate"),
        spki_sha256: Sha256Digest::of(b"public key"),
        pem: "-----BEGIN CERTIFICATE-----\nca\n-----END CERTIFICATE-----\n".to_owned(),
        algorithm: SignatureAlgorithm::MlDsa65,
    }
}

/// What stood against a refused import.
pub fn conflicts(refused: Result<ImportRecord, StorageError>) -> Vec<Conflict> {
    match refused {
        Err(StorageError::Conflicts(conflicts)) => conflicts,
        other => panic!("conflicts were expected, not {other:?}"),
    }
}
