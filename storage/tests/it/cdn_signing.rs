//! How URLs of a CDN are signed: the key is sealed, kept while it is not given, and counts for the owners
//! that were named, at that CDN's own URL.

use portolan_domain::signed_url::{InvalidProfile, SigningAllow, SigningKind, SigningSecret};
use portolan_storage::{
    Cdn, CdnChange, CdnSetting, NewCdn, SigningChange, StorageError, Store, both_engines,
};

use crate::{
    raw::{Raw, places_of},
    support::{Case, NOW, by, create_owners, entitlement, id, url},
};

const SECRET: &str = "nobody-finds-this-in-a-database";

fn signing(kind: SigningKind, secret: Option<&str>, allow: &[(&str, &str)]) -> SigningChange {
    let allow = allow.iter().map(|(owner, prefix)| SigningAllow {
        owner: id(owner),
        prefix: id(prefix),
    });
    SigningChange {
        kind,
        key_id: Some("key-1".to_owned()),
        hash: None,
        secret: secret.map(|text| SigningSecret::new(text.to_owned())),
        allow: Some(allow.collect()),
    }
}

fn nginx(secret: Option<&str>, allow: &[(&str, &str)]) -> SigningChange {
    signing(SigningKind::Nginx, secret, allow)
}

async fn create(store: &Store, label: &str, at: &str, signing: Option<SigningChange>) -> Cdn {
    let new = NewCdn {
        label: id(label),
        name: None,
        url: url(at),
        certificate: None,
        signing,
    };
    store.create_cdn(&new, &by()).await.unwrap()
}

async fn change(
    store: &Store,
    label: &str,
    signing: Option<SigningChange>,
) -> Result<Cdn, StorageError> {
    let change = CdnChange {
        signing: Some(signing),
        ..CdnChange::default()
    };
    store.update_cdn(&id(label), &change, &by()).await
}

/// The key that signs for acme where its content is, and below what.
async fn of_acme(store: &Store) -> Option<(String, Vec<String>)> {
    let found = store.owner_answer(&id("acme"), NOW).await.unwrap();
    let signer = found.owner.signer.clone()?;
    let allow = signer.allow.iter().map(|allow| allow.prefix.to_string());
    Some((signer.profile.secret.expose().to_owned(), allow.collect()))
}

both_engines! {
    async fn the_key_is_sealed_and_kept_until_it_is_replaced(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme", "other"]).await;
        let allow = [("other", "/b"), ("acme", "/a/"), ("acme", "/")];
        let cdn = create(store, "m", "https://m.example", Some(nginx(Some(SECRET), &allow))).await;
        let shown = cdn.signing.clone().unwrap();
        let allowed: Vec<_> = shown.allow.iter().map(|a| format!("{}={}", a.owner, a.prefix)).collect();
        assert_eq!(allowed, ["acme=/", "acme=/a", "other=/b"]);
        assert_eq!((shown.kind, shown.key_id.as_deref()), (SigningKind::Nginx, Some("key-1")));
        assert_eq!(store.cdn(&id("m")).await.unwrap(), cdn);
        assert_eq!(store.cdns(None, 9).await.unwrap().items, std::slice::from_ref(&cdn));
        let contents = Raw::of(&database).await.everything().await;
        assert_eq!(places_of(&contents, SECRET), Vec::<String>::new());

        let kept = SigningChange { allow: None, ..nginx(None, &[]) };
        assert_eq!(change(store, "m", Some(kept)).await.unwrap().signing, cdn.signing);
        let signer = store.cdn_signer(&cdn).await.unwrap().unwrap();
        assert_eq!(signer.profile.secret.expose(), SECRET);
        assert_eq!(signer.allow, shown.allow);
        change(store, "m", Some(nginx(Some("next"), &[]))).await.unwrap();
        let signer = store.cdn_signer(&cdn).await.unwrap().unwrap();
        assert_eq!((signer.profile.secret.expose(), signer.allow.len()), ("next", 0));
        // Copied to another CDN it does not open.
        create(store, "n", "https://n.example", Some(nginx(Some("its"), &[]))).await;
        let first = "SELECT secret_sealed FROM signing_profiles ORDER BY cdn_id LIMIT 1";
        let copy = format!("UPDATE signing_profiles SET secret_sealed = ({first})");
        Raw::of(&database).await.run(&copy).await;
        let other = store.cdn(&id("n")).await.unwrap();
        let opened = store.cdn_signer(&other).await;
        assert!(matches!(opened, Err(StorageError::Corrupt { .. })), "{opened:?}");
    }

    async fn what_nothing_can_be_signed_with_changes_nothing(database: TestDatabase) {
        let store = &database.store;
        let cdn = create(store, "m", "https://m.example", Some(nginx(Some(SECRET), &[]))).await;
        let refused = [
            (signing(SigningKind::Bunny, None, &[]), InvalidProfile::NoSecret),
            (signing(SigningKind::Akamai, Some("no hex"), &[]), InvalidProfile::Secret {
                kind: SigningKind::Akamai,
                rule: "the encryption key in hexadecimal, an even number of digits, at most 64",
            }),
        ];
        for (bad, why) in refused {
            let refused = change(store, "m", Some(bad)).await.unwrap_err();
            assert!(matches!(refused, StorageError::CdnSigning(w) if w == why), "{refused:?}");
        }
        let nobody = change(store, "m", Some(nginx(None, &[("nobody", "/")]))).await.unwrap_err();
        assert!(matches!(nobody, StorageError::NotFound { what: "owner", .. }), "{nobody:?}");
        assert_eq!(store.cdn(&id("m")).await.unwrap(), cdn);
        assert_eq!(change(store, "m", None).await.unwrap().signing, None);
        assert_eq!(store.cdn_signer(&cdn).await.unwrap(), None);
        // Twice is once.
        change(store, "m", None).await.unwrap();
        assert_eq!(Raw::of(&database).await.count("signing_profiles").await, 0);
    }

    async fn a_key_signs_for_the_owners_it_is_for_at_its_own_url(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme", "other"]).await;
        Case::of("acme").with(entitlement("e1", "p1")).import(store).await.unwrap();
        let its = "https://cdn.example";
        create(store, "other", its, Some(nginx(Some("other's"), &[("other", "/")]))).await;
        store.set_owner_cdn(&id("acme"), &CdnSetting::Label(id("other")), &by()).await.unwrap();
        assert_eq!(of_acme(store).await, None);
        change(store, "other", Some(nginx(None, &[("acme", "/a"), ("other", "/")]))).await.unwrap();
        let its_own = Some(("other's".to_owned(), vec!["/a".to_owned()]));
        assert_eq!(of_acme(store).await, its_own);
        // By the normalized URL, too.
        store.set_owner_cdn(&id("acme"), &CdnSetting::Url(url("https://CDN.example:443/")), &by()).await.unwrap();
        assert_eq!(of_acme(store).await, its_own);
        store.set_owner_cdn(&id("acme"), &CdnSetting::Url(url("https://cdn.example:8443")), &by()).await.unwrap();
        assert_eq!(of_acme(store).await, None);
    }

    async fn what_is_allowed_goes_with_the_owner_and_the_cdn(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme", "other"]).await;
        let allow = [("acme", "/a"), ("other", "/b")];
        create(store, "m", "https://m.example", Some(nginx(Some(SECRET), &allow))).await;
        store.delete_owner(&id("other"), &by()).await.unwrap();
        assert_eq!(store.cdn(&id("m")).await.unwrap().signing.unwrap().allow.len(), 1);
        store.delete_cdn(&id("m"), &by()).await.unwrap();
        let raw = Raw::of(&database).await;
        assert_eq!((raw.count("signing_profiles").await, raw.count("signing_allows").await), (0, 0));
    }
}
