//! Upstream CAs in the database: a name is taken once, and settings come back as they went in.

use std::collections::BTreeSet;

use portolan_domain::trust::AnchorSettings;
use portolan_storage::{StorageError, StoredCa, both_engines};

use crate::support::{by, id};

both_engines! {
    async fn settings_come_back_as_they_went_in(database: TestDatabase) {
        let (store, none, two) = (&database.store, BTreeSet::new(), [id("a"), id("b")]);
        let cas = [
            ca("1 all.pem", false, None),
            ca("2 scheme.crt", true, None),
            ca("3 nobody.pem", false, Some(none)),
            ca("4 Ähre.pem", true, Some(two.into())),
        ];
        for ca in cas.iter().rev() {
            store.add_upstream_ca(ca, &by()).await.unwrap();
        }
        assert_eq!(store.upstream_cas().await.unwrap(), cas);
    }

    async fn a_name_is_taken_once(database: TestDatabase) {
        let (store, first) = (&database.store, ca("ca.pem", true, None));
        store.add_upstream_ca(&first, &by()).await.unwrap();
        let second = StoredCa { pem: "another".to_owned(), ..ca("ca.pem", false, None) };
        let taken = store.add_upstream_ca(&second, &by()).await.unwrap_err();
        assert!(
            matches!(&taken, StorageError::Taken { what: "upstream CA", name } if name == "ca.pem"),
            "{taken:?}"
        );
        assert_eq!(store.upstream_cas().await.unwrap(), [first]);
    }

    async fn removing_says_whether_there_was_one(database: TestDatabase) {
        let store = &database.store;
        let (gone, stays) = (ca("gone.pem", false, None), ca("stays.pem", false, None));
        store.add_upstream_ca(&gone, &by()).await.unwrap();
        store.add_upstream_ca(&stays, &by()).await.unwrap();
        assert!(store.remove_upstream_ca(&gone.filename, &by()).await.unwrap());
        assert!(!store.remove_upstream_ca(&gone.filename, &by()).await.unwrap());
        assert_eq!(store.upstream_cas().await.unwrap(), [stays]);
        store.add_upstream_ca(&gone, &by()).await.unwrap();
    }
}

fn ca(
    filename: &str,
    require_scheme: bool,
    owners: Option<BTreeSet<portolan_domain::ids::OwnerKey>>,
) -> StoredCa {
    StoredCa {
        filename: id(filename),
        pem: format!("-----BEGIN CERTIFICATE-----\r\n{filename}\r\n-----END CERTIFICATE-----"),
        settings: AnchorSettings {
            require_scheme,
            owners,
        },
    }
}
