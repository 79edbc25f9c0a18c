//! The operator's CDNs, and owners that are pointed elsewhere: who follows what, and that everybody is
//! told of a change.

use portolan_domain::{
    build::{Authority, KeyKind, Validity},
    cdn_url::DEFAULT_CDN_URL,
    ids::{CdnLabel, OwnerKey},
    trust::CertificateBundle,
};
use portolan_storage::{
    CdnChange, CdnSetting, CdnSource, NewCdn, StorageError, both_engines, testing::TestDatabase,
};
use time::macros::datetime;

use crate::{
    raw::Raw,
    support::{Case, NOW, by, cdn, create_owners, entitlement, id, url},
};

both_engines! {
    async fn a_cdn_comes_back_as_it_went_in_and_changes_field_by_field(database: TestDatabase) {
        let store = &database.store;
        let label: CdnLabel = id("Spiegel / Ähre");
        let new = NewCdn { certificate: Some(bundle()), ..new("Spiegel / Ähre", "https://a.example") };
        let created = store.create_cdn(&new, &by()).await.unwrap();
        assert_eq!(store.cdn(&label).await.unwrap(), created);
        assert_eq!(created.certificate.as_deref(), Some(bundle().as_pem()));
        let again = store.create_cdn(&new, &by()).await.unwrap_err();
        assert!(matches!(again, StorageError::Taken { what: "CDN", .. }), "{again:?}");

        let moved = CdnChange { url: Some(url("https://b.example")), ..CdnChange::default() };
        let moved = store.update_cdn(&label, &moved, &by()).await.unwrap();
        assert_eq!((moved.url.as_str(), &moved.certificate), ("https://b.example", &created.certificate));
        let bare = CdnChange { certificate: Some(None), name: Some(None), ..CdnChange::default() };
        let bare = store.update_cdn(&label, &bare, &by()).await.unwrap();
        assert_eq!((bare.url.as_str(), bare.name, bare.certificate), ("https://b.example", None, None));

        assert!(store.delete_cdn(&label, &by()).await.unwrap());
        assert!(!store.delete_cdn(&label, &by()).await.unwrap());
        for gone in [
            store.cdn(&label).await.unwrap_err(),
            store.update_cdn(&label, &CdnChange::default(), &by()).await.unwrap_err(),
        ] {
            assert!(matches!(gone, StorageError::NotFound { what: "CDN", .. }), "{gone:?}");
        }
    }

    async fn an_owners_cdns_are_not_the_operators(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let mut case = Case::of("acme");
        case.header.cdns = vec![cdn("mirror", "https://manifest.example.com")];
        case.import(store).await.unwrap();
        assert!(store.cdns(None, 9).await.unwrap().items.is_empty());
        assert!(store.cdn(&id("mirror")).await.is_err());
        store.create_cdn(&new("mirror", "https://operator.example.com"), &by()).await.unwrap();
        store.create_cdn(&new("another", "https://another.example.com"), &by()).await.unwrap();
        case.a_day_later().import(store).await.unwrap();
        let page = store.cdns(None, 1).await.unwrap();
        assert_eq!((page.items[0].label.as_str(), page.more), ("another", true));
        let page = store.cdns(Some("another"), 1).await.unwrap();
        assert_eq!((page.items[0].url.as_str(), page.more), ("https://operator.example.com", false));
    }

    async fn a_change_of_a_cdn_is_told_to_every_node(database: TestDatabase) {
        let store = &database.store;
        let raw = Raw::of(&database).await;
        let generation = async || {
            raw.column::<i64>("SELECT value FROM generations WHERE name = 'cdns'").await[0]
        };
        assert_eq!(generation().await, 0);
        store.create_cdn(&new("mirror", "https://a.example"), &by()).await.unwrap();
        assert_eq!(generation().await, 1);
        store.update_cdn(&id("mirror"), &CdnChange::default(), &by()).await.unwrap();
        assert_eq!(generation().await, 2);
        store.delete_cdn(&id("mirror"), &by()).await.unwrap();
        assert_eq!(generation().await, 3);
        store.delete_cdn(&id("mirror"), &by()).await.unwrap();
        assert_eq!(generation().await, 3, "nothing was changed");
        let actions = "SELECT action FROM audit_log WHERE action LIKE 'cdn.%' ORDER BY id";
        let actions = raw.column::<String>(actions).await;
        assert_eq!(actions, ["cdn.create", "cdn.update", "cdn.delete"]);
    }

    async fn an_owners_setting_counts_over_its_import_and_is_kept(database: TestDatabase) {
        let (store, acme) = (&database.store, id::<OwnerKey>("acme"));
        create_owners(store, &["acme"]).await;
        assert_eq!(now(&database).await, (DEFAULT_CDN_URL.to_owned(), None, CdnSource::Default));
        let own = CdnSetting::Url(url("https://Own.example.com:443/"));
        store.set_owner_cdn(&acme, &own, &by()).await.unwrap();
        let set = ("https://Own.example.com:443/".to_owned(), None, CdnSource::Owner);
        assert_eq!(now(&database).await, set, "before the first import");

        let mut case = Case::of("acme").with(entitlement("e1", "p1"));
        case.header.cdn_label = Some(id("mirror"));
        case.header.cdns = vec![cdn("mirror", "https://manifest.example.com")];
        case.import(store).await.unwrap();
        assert_eq!(now(&database).await, set, "the import's label is not beside the setting's URL");
        let answer = store.entitlement_answer(&id("e1"), NOW).await.unwrap().unwrap();
        assert_eq!((&answer.owner.cdn.url, answer.owner.cdn.label.as_deref()), (&set.0, None));
        let shown = store.upstream_consumer(&acme).await.unwrap().unwrap();
        assert_eq!(shown.cdn.url, set.0);
        // As an undo does: the setting is the owner's.
        let raw = Raw::of(&database).await;
        raw.run("DELETE FROM upstream_consumers").await;
        assert_eq!(now(&database).await, set);
        case.clone().a_day_later().import(store).await.unwrap();
        assert_eq!(now(&database).await, set);

        store.reset_owner_cdn(&acme, &by()).await.unwrap();
        let imported = ("https://manifest.example.com".to_owned(), Some("mirror".to_owned()));
        let expected = (imported.0, imported.1, CdnSource::Import);
        assert_eq!(now(&database).await, expected);
        assert_eq!(store.owner_cdn(&acme).await.unwrap().manifest_cdns[0].label, "mirror");
    }

    async fn every_setting_bumps_its_owners_generation_alone(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme", "other"]).await;
        let raw = Raw::of(&database).await;
        let generations = async || {
            raw.column::<i64>("SELECT generation FROM owners ORDER BY key").await
        };
        let own = CdnSetting::Url(url("https://own.example.com"));
        store.set_owner_cdn(&id("acme"), &own, &by()).await.unwrap();
        assert_eq!(generations().await, [1, 0]);
        store.reset_owner_cdn(&id("acme"), &by()).await.unwrap();
        assert_eq!(generations().await, [2, 0]);
        store.reset_owner_cdn(&id("acme"), &by()).await.unwrap();
        assert_eq!(generations().await, [2, 0], "there was nothing to reset");
        store.set_owner_cdn(&id("acme"), &own, &by()).await.unwrap();
        Case::of("acme").import(store).await.unwrap();
        assert_eq!(generations().await, [4, 0]);
    }

    async fn a_setting_names_a_label_that_is_known(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme", "other"]).await;
        let mut case = Case::of("other");
        case.header.cdns = vec![cdn("others", "https://others.example.com")];
        case.import(store).await.unwrap();
        let set = async |owner: &str, label: &str| {
            store.set_owner_cdn(&id(owner), &CdnSetting::Label(id(label)), &by()).await
        };
        for unknown in ["nobodys", "others"] {
            let refused = set("acme", unknown).await.unwrap_err();
            assert!(matches!(refused, StorageError::NotFound { what: "CDN", .. }), "{refused:?}");
        }
        set("other", "others").await.unwrap();
        store.create_cdn(&new("mirror", "https://mirror.example.com"), &by()).await.unwrap();
        set("acme", "mirror").await.unwrap();
        let nobody = set("nobody", "mirror").await.unwrap_err();
        assert!(matches!(nobody, StorageError::NotFound { what: "owner", .. }), "{nobody:?}");
        assert_eq!(now(&database).await.0, "https://mirror.example.com");
    }

    async fn of_deleting_a_cdn_and_pointing_somebody_at_it_one_is_refused(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let (acme, who) = (id("acme"), by());
        let (label, follow) = (id("mirror"), CdnSetting::Label(id("mirror")));
        for _ in 0..20 {
            store.create_cdn(&new("mirror", "https://mirror.example.com"), &who).await.unwrap();
            let (deleted, set) = tokio::join!(
                store.delete_cdn(&label, &who),
                store.set_owner_cdn(&acme, &follow, &who)
            );
            assert_ne!(deleted.is_ok(), set.is_ok(), "{deleted:?} {set:?}");
            store.reset_owner_cdn(&acme, &who).await.unwrap();
            store.delete_cdn(&label, &who).await.unwrap();
        }
    }

    async fn a_cdn_that_is_followed_is_not_deleted(database: TestDatabase) {
        let store = &database.store;
        let owners = ["a", "b", "c", "d", "e", "f", "acme"];
        create_owners(store, &owners).await;
        store.create_cdn(&new("mirror", "https://mirror.example.com"), &by()).await.unwrap();
        let mut case = Case::of("acme");
        case.header.cdn_label = Some(id("mirror"));
        case.import(store).await.unwrap();
        let refusal = async || match store.delete_cdn(&id("mirror"), &by()).await {
            Err(StorageError::InUse { by, .. }) => by,
            other => panic!("{other:?}"),
        };
        assert!(refusal().await.starts_with("acme follow"));
        // A setting of its own frees the label that the import named.
        let own = CdnSetting::Url(url("https://own.example.com"));
        store.set_owner_cdn(&id("acme"), &own, &by()).await.unwrap();
        let follow = CdnSetting::Label(id("mirror"));
        for owner in &owners[..6] {
            store.set_owner_cdn(&id(owner), &follow, &by()).await.unwrap();
        }
        assert!(refusal().await.starts_with("a, b, c, d, e and others follow"));
        for owner in &owners[..6] {
            store.reset_owner_cdn(&id(owner), &by()).await.unwrap();
        }
        assert!(store.delete_cdn(&id("mirror"), &by()).await.unwrap());
    }
}

fn new(label: &str, at: &str) -> NewCdn {
    NewCdn {
        label: id(label),
        name: Some("a name".to_owned()),
        url: url(at),
        certificate: None,
        signing: None,
    }
}

fn bundle() -> CertificateBundle {
    static PEM: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let validity = Validity {
            from: datetime!(2020-01-01 0:00 UTC),
            until: datetime!(2040-01-01 0:00 UTC),
        };
        let ca = Authority::self_signed("CDN CA", KeyKind::P256, validity).unwrap();
        ca.certificate_pem().unwrap()
    });
    CertificateBundle::parse(PEM.as_bytes()).unwrap()
}

/// Where acme's content is, by which label, and who says so.
async fn now(database: &TestDatabase) -> (String, Option<String>, CdnSource) {
    let owner = database.store.owner_cdn(&id("acme")).await.unwrap();
    (owner.cdn.url, owner.cdn.label, owner.source)
}
