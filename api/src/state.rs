//! What handlers share.

use std::{ops::Deref, sync::Arc};

use portolan_storage::Store;

use crate::{
    anchors::AnchorStore,
    audit::Audit,
    auth::{ClientCaStore, Gate, Keyring, oauth::Nonces},
    cache::EntitlementCache,
    cdn_check::CdnChecker,
    clock::Clock,
    config::Config,
    edge::Edges,
    expiry::Expirations,
    export::{Exporter, SigningCas},
    gateway::Gateway,
    import::Importer,
    jobs::Jobs,
    metrics::{Metrics, Node, WorkFigures},
    pulse::Pulse,
    ref_tokens::Authority,
    tokens::{Revocations, Tokens},
    webhook::Webhook,
};

/// The state of the running service. Each request has it several times over, so that a copy must cost nothing.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

/// What it is made of.
pub struct Parts {
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
    /// Imports that run without their client.
    pub jobs: Jobs,
    /// Exports.
    pub exporter: Exporter,
    /// The CAs that sign them.
    pub signing: SigningCas,
    /// Signs and verifies tokens.
    pub tokens: Tokens,
    /// Says who may have which ref.
    pub authority: Authority,
    /// Answers of `cdn_info`.
    pub cache: EntitlementCache,
    /// Repositories and commits, as edges ask for them.
    pub edges: Edges,
    /// The container gateway.
    pub gateway: Gateway,
    /// Looks at CDNs.
    pub cdn_checker: CdnChecker,
    /// What ends when.
    pub expirations: Expirations,
    /// What Prometheus reads.
    pub metrics: Metrics,
    /// Who is told of what happens; none where it is not set.
    pub webhook: Option<Webhook>,
    /// The time.
    pub clock: Clock,
    /// How it is set.
    pub config: Arc<Config>,
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl AppState {
    /// Puts the parts together. Nothing runs yet.
    ///
    /// # Errors
    /// Where the upload directory cannot be made, or the webhook's settings cannot be used.
    pub fn new(store: Store, config: Config, clock: Clock) -> std::io::Result<Self> {
        let store = store.with_outbox(config.webhook.outbox());
        let anchors = AnchorStore::new(store.clone(), &config.import);
        let work = WorkFigures::default();
        let importer = Importer::new(
            store.clone(),
            anchors.clone(),
            &config.import,
            (clock.clone(), work.clone()),
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
        let cache = EntitlementCache::new(
            store.clone(),
            anchors.clone(),
            clock.clone(),
            pulse.clone(),
            &config.cache,
        );
        let jobs = Jobs::new(&store, &importer, &clock, (&config, &work));
        let tokens = Tokens::new(
            store.clone(),
            clock.clone(),
            (config.issuer(), config.gateway.kid_format),
            (Revocations::new(store.clone(), clock.clone()), work.clone()),
        );
        let gate = Gate::new(&config.access);
        let gateway = Gateway::new(&store, &config, &clock, (&tokens, &gate))?;
        let expirations = Expirations::new(store.clone(), anchors.clone());
        Ok(Self(Arc::new(Parts {
            keyring: Keyring::new(store.clone(), pulse.clone(), config.cache.stale_if_error()),
            edges: Edges::new(store.clone(), pulse.clone()),
            pulse: pulse.clone(),
            gate,
            gateway,
            nonces: Arc::default(),
            audit: Audit::new(store.clone(), clock.clone()),
            authority: Authority::new(&config.tokens, store.clone(), clock.clone())?,
            tokens,
            jobs,
            cdn_checker: CdnChecker::new(&config.cdn, anchors.clone(), clock.clone()),
            client_cas: ClientCaStore::new(
                "http.client_ca_file",
                config.http.client_ca_file.clone(),
            ),
            webhook: Webhook::new(&config.webhook)?,
            metrics: Metrics::new(
                expirations.clone(),
                Node::new(cache.clone(), pulse.clone(), store.clone()),
                &work,
            ),
            expirations,
            cache,
            config: Arc::new(config),
            importer,
            exporter,
            signing,
            anchors,
            store,
            clock,
        })))
    }
}
