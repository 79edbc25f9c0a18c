//! The instance's own signing keys: sealed, one of each purpose and algorithm, and kept through a
//! rotation of the master key.

use portolan_domain::secret::PrivateKeyPem;
use portolan_storage::{
    MasterKey, NewSigningKey, SigningPurpose::Manifest, StorageError, Store, both_engines,
};
use time::macros::datetime;

use crate::{
    raw::{Raw, places_of},
    support::{by, key_lines, private_key},
};

fn key(kid: &str, algorithm: &'static str) -> NewSigningKey {
    NewSigningKey {
        kid: kid.to_owned(),
        algorithm,
        public_pem: format!("certificate of {kid}"),
        not_after: datetime!(2036-01-01 0:00 UTC),
        key: PrivateKeyPem::new(private_key(kid)),
    }
}

async fn kids(store: &Store) -> Vec<String> {
    let mut kids: Vec<_> = store
        .signing_keys(Manifest)
        .await
        .unwrap()
        .into_iter()
        .map(|k| k.kid)
        .collect();
    kids.sort();
    kids
}

both_engines! {
    async fn a_key_is_sealed_and_opens_after_a_rotation(database: TestDatabase) {
        let store = &database.store;
        store.add_signing_keys(Manifest, vec![key("a", "RSA")], &by()).await.unwrap();
        let contents = Raw::of(&database).await.everything().await;
        for line in key_lines("a") {
            assert_eq!(places_of(&contents, &line), Vec::<String>::new());
        }
        store.rotate_master_key(&by()).await.unwrap();
        let master = MasterKey::read(&database.folder.path().join("master.key")).unwrap();
        let fresh = Store::connect(&database.settings, master).await.unwrap();
        assert_eq!(fresh.signing_secret(Manifest, "a").await.unwrap().expose(), private_key("a"));
        let unknown = fresh.signing_secret(Manifest, "b").await;
        assert!(matches!(unknown, Err(StorageError::NotFound { .. })), "{unknown:?}");
        // Under another name it does not open.
        Raw::of(&database).await.run("UPDATE signing_keys SET kid = 'b'").await;
        let moved = fresh.signing_secret(Manifest, "b").await;
        assert!(matches!(moved, Err(StorageError::Corrupt { .. })), "{moved:?}");
    }

    async fn of_two_nodes_that_make_keys_one_wins_whole(database: TestDatabase) {
        let store = &database.store;
        let add = |node: &str| {
            let keys = vec![key(&format!("{node}-rsa"), "RSA"), key(&format!("{node}-pq"), "ML-DSA")];
            async move { store.add_signing_keys(Manifest, keys, &by()).await }
        };
        let (one, other) = tokio::join!(add("one"), add("other"));
        one.unwrap();
        other.unwrap();
        let kids = kids(store).await;
        assert!(kids == ["one-pq", "one-rsa"] || kids == ["other-pq", "other-rsa"], "{kids:?}");
        assert_eq!(Raw::of(&database).await.count("signing_keys").await, 2);
        // One that no longer signs leaves its place to the next.
        let retire = "UPDATE signing_keys SET state = 'retired' WHERE algorithm = 'RSA'";
        Raw::of(&database).await.run(retire).await;
        store.add_signing_keys(Manifest, vec![key("next", "RSA")], &by()).await.unwrap();
        assert_eq!(self::kids(store).await.len(), 2);
    }
}
