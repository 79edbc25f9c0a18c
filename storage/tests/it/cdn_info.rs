//! What a proxy asks: the certificate byte for byte, and where content is, whoever says so.

use portolan_domain::{
    cdn_url::DEFAULT_CDN_URL, manifest::IssuedCertificate, secret::PrivateKeyPem,
};
use portolan_storage::{CdnAnswer, EntitlementAnswer, both_engines, testing::TestDatabase};

use crate::{
    raw::Raw,
    support::{Case, NOW, cdn, certificate, create_owners, entitlement, id, url, verified_by},
};

both_engines! {
    async fn certificate_and_key_come_back_byte_for_byte(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let mut case = Case::of("acme");
        for (number, (cert, key)) in TEXTS.into_iter().enumerate() {
            let mut entitlement = entitlement(&format!("e{number}"), "p");
            entitlement.certificate = Some(issued(cert, key));
            case.entitlements.push(entitlement);
        }
        case.import(&database.store).await.unwrap();
        for (number, (cert, key)) in TEXTS.into_iter().enumerate() {
            let stored = answer(&database, &format!("e{number}")).await.certificate.unwrap();
            let wanted = issued(cert, key);
            assert_eq!(stored.cert.as_bytes(), cert.as_bytes());
            assert_eq!(stored.key, wanted.key);
            assert_eq!(stored.serial, wanted.serial);
            assert_eq!(stored.not_before, wanted.not_before);
            assert_eq!(stored.not_after, wanted.not_after);
        }
    }

    async fn an_answer_names_owner_pool_consumer_and_ca(database: TestDatabase) {
        create_owners(&database.store, &["acme", "other"]).await;
        Case::of("acme").with(entitlement("e1", "p1")).import(&database.store).await.unwrap();
        Case::of("other").with(entitlement("e2", "p1")).import(&database.store).await.unwrap();
        let answer = answer(&database, "e2").await;
        assert_eq!((answer.id, answer.owner.key.as_str()), (Some(id("e2")), "other"));
        assert_eq!((answer.pool_id.as_deref(), answer.upstream_id.as_deref()), (Some("p1"), Some("e2")));
        assert_eq!(answer.owner.consumer_uuid, "consumer-of-other");
        let ca = answer.owner.ca.as_ref().unwrap();
        assert_eq!((ca.sha256, ca.spki_sha256), (verified_by().sha256, verified_by().spki_sha256));
        assert_eq!(answer.certificate.unwrap().cert, certificate("e2").cert);
    }

    async fn what_is_not_there_is_none(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let mut bare = entitlement("bare", "p");
        bare.certificate = None;
        let mut keyless = entitlement("keyless", "p");
        keyless.certificate.as_mut().unwrap().key = None;
        Case::of("acme").with(bare).with(keyless).import(&database.store).await.unwrap();
        assert_eq!(answer(&database, "bare").await.certificate, None);
        assert_eq!(answer(&database, "keyless").await.certificate.unwrap().key, None);
        for unknown in ["unknown", "BARE", "p"] {
            assert_eq!(database.store.entitlement_answer(&id(unknown), NOW).await.unwrap(), None);
        }
    }

    async fn a_manifest_that_names_no_cdn_has_the_default(database: TestDatabase) {
        let answer = import(&database, one()).await;
        assert_eq!(answer, at(DEFAULT_CDN_URL, None));
    }

    async fn a_given_url_counts_over_the_manifests_and_both_over_the_label(database: TestDatabase) {
        let mut case = one();
        case.header.cdn_label = Some(id("mirror"));
        case.header.cdns = vec![cdn("mirror", "https://label.example.com")];
        let (followed, label) = ("https://label.example.com", Some("mirror"));
        assert_eq!(import(&database, case.clone()).await, at(followed, label));
        case = case.a_day_later();
        let in_manifest = "https://Manifest.example.com:443/";
        case.header.cdn_url = Some(url(in_manifest));
        assert_eq!(import(&database, case.clone()).await, at(in_manifest, label));
        case = case.a_day_later();
        case.draft.cdn_url = Some(url("https://given.example.com"));
        assert_eq!(import(&database, case).await, at("https://given.example.com", label));
    }

    async fn a_label_is_followed_once_somebody_creates_it(database: TestDatabase) {
        let mut case = one();
        case.header.cdn_label = Some(id("later"));
        let label = Some("later");
        assert_eq!(import(&database, case).await, at(DEFAULT_CDN_URL, label));
        operators(&database, "later", "https://later.example.com", None).await;
        assert_eq!(answer(&database, "e1").await.owner.cdn, at("https://later.example.com", label));
        let raw = Raw::of(&database).await;
        raw.run("UPDATE cdns SET url = 'https://moved.example.com'").await;
        raw.run(CDNS_CHANGED).await;
        assert_eq!(answer(&database, "e1").await.owner.cdn, at("https://moved.example.com", label));
    }

    async fn the_operators_cdn_counts_over_the_manifests(database: TestDatabase) {
        let mut case = one();
        case.header.cdn_label = Some(id("mirror"));
        case.header.cdns = vec![cdn("mirror", "https://manifest.example.com")];
        import(&database, case).await;
        let its = "https://operator.example.com";
        operators(&database, "mirror", its, Some("its certificate")).await;
        let wanted = CdnAnswer {
            certificate: Some("its certificate".to_owned()),
            ..at(its, Some("mirror"))
        };
        assert_eq!(answer(&database, "e1").await.owner.cdn, wanted);
        let shown = database.store.upstream_consumer(&id("acme")).await.unwrap().unwrap();
        assert_eq!(shown.cdn, wanted);
    }

    async fn the_operators_certificate_is_found_by_normalized_url(database: TestDatabase) {
        let mut case = one();
        case.header.cdn_url = Some(url("https://CDN.example.com:443/"));
        import(&database, case).await;
        let elsewhere = "https://cdn.example.com:8443";
        operators(&database, "1 other", elsewhere, Some("another port's")).await;
        operators(&database, "2 bare", "https://cdn.example.com", None).await;
        assert_eq!(answer(&database, "e1").await.owner.cdn.certificate, None);
        operators(&database, "3 right", "https://cdn.example.com", Some("the right one")).await;
        let cdn = answer(&database, "e1").await.owner.cdn.clone();
        assert_eq!(cdn.url, "https://CDN.example.com:443/");
        assert_eq!(cdn.certificate.as_deref(), Some("the right one"));
    }

    async fn the_labels_certificate_counts_over_the_urls(database: TestDatabase) {
        let mut case = one();
        case.header.cdn_label = Some(id("z label"));
        case.header.cdn_url = Some(url("https://cdn.example.com"));
        import(&database, case).await;
        operators(&database, "a url", "https://cdn.example.com", Some("the URL's")).await;
        assert_eq!(answer(&database, "e1").await.owner.cdn.certificate.as_deref(), Some("the URL's"));
        operators(&database, "z label", "https://elsewhere.example.com", Some("the label's")).await;
        let cdn = answer(&database, "e1").await.owner.cdn.clone();
        assert_eq!(cdn.certificate.as_deref(), Some("the label's"));
        assert_eq!(cdn.url, "https://cdn.example.com", "the given URL counts over the label's");
    }

    async fn the_longest_url_is_stored(database: TestDatabase) {
        // Normalized, each of these characters is nine, in an order that does not compress.
        let random = |n: u32| n.wrapping_mul(2_654_435_761) % 20_011;
        let character = |n| char::from_u32(0x4e00 + random(n)).unwrap();
        let path: String = (0..670).map(character).collect();
        let longest = format!("https://cdn.example.com/{path}");
        let mut case = one();
        case.header.cdn_label = Some(id("mirror"));
        case.header.cdns = vec![cdn("mirror", &longest)];
        assert_eq!(import(&database, case).await, at(&longest, Some("mirror")));
    }

    async fn a_tenants_cdn_redirects_nobody_else(database: TestDatabase) {
        let mut case = one();
        case.header.cdn_label = Some(id("mirror"));
        import(&database, case).await;
        create_owners(&database.store, &["other"]).await;
        let mut other = Case::of("other");
        other.header.cdns = vec![cdn("mirror", "https://evil.example.com")];
        other.import(&database.store).await.unwrap();
        let raw = Raw::of(&database).await;
        raw.run("UPDATE cdns SET certificate = 'x'").await;
        raw.run("UPDATE cdns SET normalized_url = 'https://cdn.redhat.com'").await;
        raw.run(CDNS_CHANGED).await;
        assert_eq!(answer(&database, "e1").await.owner.cdn, at(DEFAULT_CDN_URL, Some("mirror")));
    }
}

/// What clients need every byte of.
const TEXTS: [(&str, &str); 5] = [
    (
        "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n\
         -----BEGIN ENTITLEMENT DATA-----\neJw=\n-----END ENTITLEMENT DATA-----\n\
         -----BEGIN RSA SIGNATURE-----\nUw==\n-----END RSA SIGNATURE-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nQQ==\n-----END RSA PRIVATE KEY-----\n",
    ),
    ("no newline at the end", "nor here"),
    ("\r\nCRLF\r\n\r\n", "\r\nkey\r\n"),
    ("Ünïcode \u{feff}\u{1f511} \t trailing  ", "clé privée"),
    ("", ""),
];

fn issued(cert: &str, key: &str) -> IssuedCertificate {
    IssuedCertificate {
        cert: cert.to_owned(),
        key: Some(PrivateKeyPem::new(key.to_owned())),
        ..certificate("any")
    }
}

fn one() -> Case {
    Case::of("acme").with(entitlement("e1", "p1"))
}

fn at(url: &str, label: Option<&str>) -> CdnAnswer {
    CdnAnswer {
        url: url.to_owned(),
        label: label.map(str::to_owned),
        certificate: None,
    }
}

/// Imports for the owner, which is created at first, and tells where content is then.
async fn import(database: &TestDatabase, case: Case) -> CdnAnswer {
    if database.store.owner(&case.owner).await.is_err() {
        create_owners(&database.store, &[case.owner.as_str()]).await;
    }
    case.import(&database.store).await.unwrap();
    answer(database, "e1").await.owner.cdn.clone()
}

async fn answer(database: &TestDatabase, name: &str) -> EntitlementAnswer {
    let found = database.store.entitlement_answer(&id(name), NOW).await;
    found.unwrap().unwrap()
}

/// The operator creates a CDN.
async fn operators(database: &TestDatabase, label: &str, at: &str, certificate: Option<&str>) {
    let certificate = certificate.map_or("NULL".to_owned(), |text| {
        let quoted = text.replace('\'', "''");
        format!("'{quoted}'")
    });
    let sql = format!(
        "INSERT INTO cdns (owner_id, label, url, normalized_url, certificate) \
         VALUES (NULL, '{label}', '{at}', '{}', {certificate})",
        url(at).normalized()
    );
    let raw = Raw::of(database).await;
    raw.run(&sql).await;
    raw.run(CDNS_CHANGED).await;
}

/// What the verbs that change a CDN do, too: an owner's answer is remembered until then.
const CDNS_CHANGED: &str = "UPDATE generations SET value = value + 1 WHERE name = 'cdns'";
