//! What tests need: a fresh database of either engine. PostgreSQL is a real one, whose maintenance
//! database `PORTOLAN_TEST_POSTGRES` names (`make test` starts one): a template is migrated once per
//! test program and copied for each test.

#![expect(
    clippy::expect_used,
    reason = "a test without its database must stop at once, and say why"
)]

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{DatabaseSettings, Engine, MasterKey, Store};

/// A fresh, migrated database with a master key of its own.
#[derive(Clone)]
pub struct TestDatabase {
    /// The store.
    pub store: Store,
    /// Where the database is, for a second connection or another process.
    pub settings: DatabaseSettings,
    /// A folder that lives as long as the database; it holds `master.key`.
    pub folder: Arc<TempDir>,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl TestDatabase {
    /// A fresh database of this engine.
    ///
    /// # Panics
    /// Where there is none to be had.
    pub async fn new(engine: Engine) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        let url = match engine {
            Engine::Sqlite => format!("sqlite://{}/test.db", folder.path().display()),
            Engine::Postgres => copy_of_template().await,
        };
        let (settings, key) = (
            DatabaseSettings::of_url(url, 5),
            folder.path().join("master.key"),
        );
        let master = MasterKey::create(&key).expect("a master key");
        let store = Store::connect(&settings, master)
            .await
            .expect("the database connects");
        store.migrate().await.expect("the schema migrates");
        Self {
            store,
            settings,
            folder,
        }
    }
}

/// The URL of the maintenance database.
fn maintenance_url() -> String {
    std::env::var("PORTOLAN_TEST_POSTGRES").expect(
        "PORTOLAN_TEST_POSTGRES names no PostgreSQL: run `make test`, which starts one, or \
         `scripts/with-postgres cargo test …`",
    )
}

/// The same server, another database.
fn with_name(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("a URL with a database name");
    format!("{server}/{name}")
}

/// The schema, without an instance's secrets: each test proves a master key of its own.
async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let url = maintenance_url();
            let name = format!("template_{}", std::process::id());
            let maintenance = Database::connect(&url).await.expect("PostgreSQL answers");
            let create = format!("CREATE DATABASE {name}");
            maintenance
                .execute_unprepared(&create)
                .await
                .expect("a template");
            let template = DatabaseSettings::of_url(with_name(&url, &name), 1);
            let template = crate::engine::connect(&template)
                .await
                .expect("the template");
            crate::store::migrate_schema(&template)
                .await
                .expect("the schema migrates");
            template.close().await.expect("the template is left alone");
            maintenance.close().await.expect("the connection closes");
            name
        })
        .await
}

async fn copy_of_template() -> String {
    let (url, template) = (maintenance_url(), template().await);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{}_{number}", std::process::id());
    let maintenance = Database::connect(&url).await.expect("PostgreSQL answers");
    let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
    maintenance
        .execute_unprepared(&create)
        .await
        .expect("a copy of the template");
    maintenance.close().await.expect("the connection closes");
    with_name(&url, &name)
}

/// Makes two tests of one body, one on each engine. The body gets a fresh [`TestDatabase`].
#[macro_export]
macro_rules! both_engines {
    ($(async fn $name:ident($database:ident: TestDatabase) $body:block)+) => {
        $(mod $name {
            #[allow(unused_imports, reason = "a body uses what its file imports")]
            use super::*;

            async fn body($database: $crate::testing::TestDatabase) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                body($crate::testing::TestDatabase::new($crate::Engine::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                body($crate::testing::TestDatabase::new($crate::Engine::Postgres).await).await;
            }
        })+
    };
}
