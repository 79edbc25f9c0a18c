//! What an import brings beside entitlements: CDNs of the owner, files that are kept, warnings.

use portolan_domain::import::{ImportStatus, Warning, WarningCode, Warnings};
use portolan_storage::{KeptFile, both_engines, testing::TestDatabase};

use crate::{
    raw::{Raw, hexadecimal},
    support::{Case, TIMINGS, cdn, create_owners, id, url},
};

both_engines! {
    async fn cdns_are_replaced_and_only_the_owners(database: TestDatabase) {
        create_owners(&database.store, &["acme", "other"]).await;
        let raw = Raw::of(&database).await;
        raw.run(OPERATORS).await;
        let mut case = Case::of("acme");
        case.header.cdns =
            vec![cdn("a", "https://A.example.com:443/x/"), cdn("b", "https://b.example.com")];
        case.import(&database.store).await.unwrap();
        let mut other = Case::of("other");
        other.header.cdns = vec![cdn("a", "https://other.example.com")];
        other.import(&database.store).await.unwrap();

        case = case.a_day_later();
        case.header.cdns =
            vec![cdn("c", "https://c.example.com"), cdn("operators", "https://not.example.com")];
        case.import(&database.store).await.unwrap();
        assert_eq!(cdns(&raw).await, [
            "- operators https://operators.example.com",
            "acme c https://c.example.com",
            "acme operators https://not.example.com",
            "other a https://other.example.com",
        ]);
        case = case.a_day_later();
        case.header.cdns.clear();
        case.import(&database.store).await.unwrap();
        assert_eq!(cdns(&raw).await.len(), 2);
    }

    async fn of_two_cdns_with_one_label_the_first_counts(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let mut case = Case::of("acme");
        case.header.cdns =
            vec![cdn("a", "https://1.example.com/"), cdn("a", "https://2.example.com")];
        case.import(&database.store).await.unwrap();
        let raw = Raw::of(&database).await;
        assert_eq!(cdns(&raw).await, ["acme a https://1.example.com/"]);
        let normalized = raw.column::<String>("SELECT normalized_url FROM cdns").await;
        assert_eq!(normalized, ["https://1.example.com"]);
    }

    async fn a_label_that_nobody_knows_is_a_warning(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let mut case = Case::of("acme");
        case.header.cdn_label = Some(id("nobody's"));
        let record = case.import(&database.store).await.unwrap();
        assert_eq!(codes(&record.warnings), [WarningCode::CdnLabelUnknown]);
        assert!(record.warnings[0].detail.contains("nobody's"), "{:?}", record.warnings);
        assert_eq!(record.status, ImportStatus::Success);

        case.header.cdns = vec![cdn("nobody's", "https://a.example.com")];
        let record = case.a_day_later().import(&database.store).await.unwrap();
        assert_eq!(record.warnings, [], "the manifest itself knows it");
    }

    async fn a_label_beside_a_url_or_of_the_operator_is_no_warning(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let mut case = Case::of("acme");
        case.header.cdn_label = Some(id("operators"));
        case.draft.cdn_url = Some(url("https://given.example.com"));
        assert_eq!(case.import(&database.store).await.unwrap().warnings, []);
        case.draft.cdn_url = None;
        let unknown = case.a_day_later().import(&database.store).await.unwrap();
        assert_eq!(codes(&unknown.warnings), [WarningCode::CdnLabelUnknown]);
        Raw::of(&database).await.run(OPERATORS).await;
        let known = case.a_day_later().a_day_later().import(&database.store).await.unwrap();
        assert_eq!(known.warnings, []);
    }

    async fn warnings_decide_the_status_and_are_kept(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let case = Case::of("acme");
        let ended = WarningCode::EntitlementEnded;
        let ended = Warning::of(ended, Some(id("e1")), "vorüber".to_owned());
        let rounded = Warning::of(WarningCode::SerialRounded, Some(id("e2")), String::new());
        for (number, (list, status)) in [
            (vec![rounded.clone()], ImportStatus::Success),
            (vec![rounded, ended], ImportStatus::SuccessWithWarning),
        ].into_iter().enumerate() {
            let case = if number == 0 { case.clone() } else { case.a_day_later() };
            let mut warnings = Warnings::default();
            list.iter().cloned().for_each(|warning| warnings.push(warning));
            let open = case.open(&database.store).await.unwrap();
            let record = open.finish(&case.verification, warnings, || TIMINGS).await.unwrap();
            assert_eq!((record.status, &record.warnings), (status, &list));
            let stored = database.store.current_import(&case.owner).await.unwrap().unwrap();
            assert_eq!((stored.status, stored.warnings), (status, list));
        }
    }

    async fn kept_files_are_replaced_byte_for_byte(database: TestDatabase) {
        create_owners(&database.store, &["acme", "other"]).await;
        let mut case = Case::of("acme");
        case.files = vec![file("products/1.json", b"one"), file("products/2.json", b"two")];
        case.import(&database.store).await.unwrap();
        let mut other = Case::of("other");
        other.files = vec![file("products/1.json", b"other")];
        other.import(&database.store).await.unwrap();

        let open = case.a_day_later();
        let mut import = open.open(&database.store).await.unwrap();
        import.keep(vec![file("products/2.json", b"\0\xff\r\n")]).await.unwrap();
        import.keep(vec![file("consumer_types/ä.json", b"")]).await.unwrap();
        open.finish(import).await.unwrap();
        assert_eq!(files(&database, "acme").await, [
            ("consumer_types/ä.json".to_owned(), String::new()),
            ("products/2.json".to_owned(), "00ff0d0a".to_owned()),
        ]);

        let none = open.a_day_later();
        let import = none.open(&database.store).await.unwrap();
        none.finish(import).await.unwrap();
        assert_eq!(files(&database, "acme").await, []);
        assert_eq!(files(&database, "other").await.len(), 1, "another owner's stay");
    }

    async fn each_import_raises_the_owners_generation(database: TestDatabase) {
        create_owners(&database.store, &["acme", "other"]).await;
        let raw = Raw::of(&database).await;
        let generations = "SELECT generation FROM owners ORDER BY key";
        assert_eq!(raw.column::<i64>(generations).await, [0, 0]);
        Case::of("acme").import(&database.store).await.unwrap();
        Case::of("acme").a_day_later().import(&database.store).await.unwrap();
        assert_eq!(raw.column::<i64>(generations).await, [2, 0]);
    }
}

const OPERATORS: &str = "INSERT INTO cdns (owner_id, label, url, normalized_url) VALUES \
     (NULL, 'operators', 'https://operators.example.com', 'https://operators.example.com')";

fn file(path: &str, content: &[u8]) -> KeptFile {
    KeptFile {
        path: path.to_owned(),
        content: content.to_vec(),
    }
}

fn codes(warnings: &[Warning]) -> Vec<WarningCode> {
    warnings.iter().map(|warning| warning.code).collect()
}

/// Owner, label and URL of every CDN.
async fn cdns(raw: &Raw) -> Vec<String> {
    let sql = "SELECT coalesce(key, '-') || ' ' || label || ' ' || url FROM cdns \
               LEFT JOIN owners ON owners.id = owner_id";
    let mut found = raw.column::<String>(sql).await;
    found.sort();
    found
}

/// Path and content of an owner's kept files.
async fn files(database: &TestDatabase, owner: &str) -> Vec<(String, String)> {
    let raw = Raw::of(database).await;
    let of_owner = format!(
        "FROM manifest_files WHERE owner_id = (SELECT id FROM owners WHERE key = '{owner}') \
         ORDER BY path"
    );
    let paths = raw
        .column::<String>(&format!("SELECT path {of_owner}"))
        .await;
    let contents = raw
        .column::<Vec<u8>>(&format!("SELECT content {of_owner}"))
        .await;
    let shown = contents.iter().map(|bytes| hexadecimal(bytes));
    paths.into_iter().zip(shown).collect()
}
