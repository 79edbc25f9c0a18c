//! What handlers share.

use std::sync::Arc;

use portolan_storage::Store;

use crate::{
    anchors::AnchorStore,
    audit::Audit,
    auth::{ClientCaStore, Gate, Keyring, oauth::Nonces},
    cache::EntitlementCache,
    clock::Clock,
    config::Config,
    export::{Exporter, SigningCas},
    import::Importer,
    pulse::Pulse,
};

/// The state of the running service; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// What it remembers.
    pub store: Store,
    /// Whether the database is there, and credentials are as they were.
    pub pulse: Pulse,
    /// Who calls.
    pub keyring: Keyring,
    /// Whose client certificates have a subject.
    pub client_cas: ClientCaStore,
    /// How often they may try.
    pub gate: Gate,
    /// Which signed requests were here before.
    pub nonces: Arc<Nonces>,
    /// What they did, beside what they changed.
    pub audit: Audit,
    /// Who is trusted.
    pub anchors: AnchorStore,
    /// Imports.
    pub importer: Importer,
    /// Exports.
    pub exporter: Exporter,
    /// The CAs that sign them.
    pub signing: SigningCas,
    /// Answers of `cdn_info`.
    pub cache: EntitlementCache,
    /// The time.
    pub clock: Clock,
    /// How it is set.
    pub config: Arc<Config>,
}

impl AppState {
    /// Puts the parts together. Nothing runs yet.
    ///
    /// # Errors
    /// Where the upload directory cannot be made.
    pub fn new(store: Store, config: Config, clock: Clock) -> std::io::Result<Self> {
        let anchors = AnchorStore::new(store.clone(), &config.import);
        let importer = Importer::new(
            store.clone(),
            anchors.clone(),
            &config.import,
            clock.clone(),
        )?;
        let signing = SigningCas::new(store.clone(), clock.clone());
        let exporter = Exporter::new(
            store.clone(),
            signing.clone(),
            importer.spool().clone(),
            (&config.export, &config.import),
            clock.clone(),
        );
        let pulse = Pulse::default();
        Ok(Self {
            keyring: Keyring::new(store.clone(), pulse.clone()),
            pulse: pulse.clone(),
            gate: Gate::new(&config.access),
            nonces: Arc::default(),
            audit: Audit::new(store.clone(), clock.clone()),
            cache: EntitlementCache::new(
                store.clone(),
                anchors.clone(),
                clock.clone(),
                pulse.clone(),
            ),
            client_cas: ClientCaStore::new(&config.http),
            config: Arc::new(config),
            importer,
            exporter,
            signing,
            anchors,
            store,
            clock,
        })
    }
}
