//! The schema: it comes up, goes down and comes up again, and its rows are what the entities say.

use portolan_migrations::{Migrator, MigratorTrait};
use portolan_storage::both_engines;
use sea_orm::Database;

both_engines! {
    async fn goes_down_and_comes_up_again(database: TestDatabase) {
        let connection = Database::connect(&database.settings.url).await.unwrap();
        Migrator::down(&connection, None).await.unwrap();
        Migrator::up(&connection, None).await.unwrap();
        assert_eq!(Migrator::get_pending_migrations(&connection).await.unwrap().len(), 0);
    }
}
