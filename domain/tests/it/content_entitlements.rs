//! Entitlements, pools and the files kept for an export: quirks of old releases are taken, ids are
//! not.

use portolan_domain::{
    cdn_url::HttpCdn,
    import::{Warning, WarningCode},
    manifest::{Entitlement, ParseError},
};
use serde_json::{Value, json};
use time::macros::datetime;

use crate::{
    support::{ENTITLEMENT, base, content, content_error, export_with, unsigned},
    zips::{Entry, zip},
};

fn upload(json: &(impl ToString + ?Sized)) -> Vec<u8> {
    unsigned(&export_with(Entry::stored(
        "export/entitlements/e.json",
        json.to_string(),
    )))
}

#[track_caller]
fn entitlement(json: &Value) -> (Entitlement, Vec<Warning>) {
    content(&upload(json)).unwrap().entitlements.remove(0)
}

#[track_caller]
fn reason(json: &(impl ToString + ?Sized)) -> String {
    let error = content_error(&upload(json));
    assert_eq!(error.entry.as_deref(), Some("export/entitlements/e.json"));
    error.reason
}

#[test]
fn a_whole_entitlement_is_read() {
    let (found, _) = entitlement(&json!({
        "id": "e1", "quantity": 7, "href": "/entitlements/e1", "consumer": null,
        "startDate": "2026-01-01T00:00:00.000+0000", "endDate": "2027-01-01T00:00:00.000+0000",
        "pool": {"id": "p1", "productId": "69", "productName": "RHEL", "contractNumber": "1",
            "accountNumber": "2", "orderNumber": "3", "quantity": -1,
            "startDate": 1_767_225_600_000_i64, "endDate": "2028-01-01T00:00:00Z",
            "providedProducts": [{"productId": "479"}], "branding": [], "stackId": null},
    }));
    assert_eq!((found.id.as_str(), found.quantity), ("e1", 7));
    assert_eq!(found.starts_at, Some(datetime!(2026-01-01 0:00 UTC)));
    assert_eq!(found.ends_at, Some(datetime!(2027-01-01 0:00 UTC)));
    let pool = found.pool;
    assert_eq!((pool.id.as_str(), pool.quantity), ("p1", -1));
    assert_eq!(pool.product_id.as_deref(), Some("69"));
    assert_eq!(pool.product_name.as_deref(), Some("RHEL"));
    assert_eq!(pool.contract_number.as_deref(), Some("1"));
    assert_eq!(pool.account_number.as_deref(), Some("2"));
    assert_eq!(pool.order_number.as_deref(), Some("3"));
    assert_eq!(pool.starts_at, Some(datetime!(2026-01-01 0:00 UTC)));
    assert_eq!(pool.ends_at, Some(datetime!(2028-01-01 0:00 UTC)));
}

#[test]
fn any_field_may_be_null() {
    let (found, _) = entitlement(&json!({
        "id": "e1", "quantity": null, "startDate": null, "endDate": null, "certificates": null,
        "pool": {"id": "p1", "productId": null, "productName": null, "contractNumber": null,
            "accountNumber": null, "orderNumber": null, "quantity": null, "startDate": null,
            "endDate": null, "attributes": null, "providedProducts": null, "branding": null},
    }));
    assert_eq!(
        (found.quantity, found.starts_at, found.ends_at),
        (1, None, None)
    );
    assert_eq!((found.pool.product_id, found.pool.quantity), (None, 1));
}

#[test]
fn numbers_may_be_text_and_text_numbers() {
    let (found, _) = entitlement(&json!({"id": "e1", "quantity": "12",
        "pool": {"id": "p1", "productId": 69, "accountNumber": 5_550_001, "quantity": "unlimited"}}));
    assert_eq!((found.quantity, found.pool.quantity), (12, 1));
    assert_eq!(found.pool.product_id.as_deref(), Some("69"));
    assert_eq!(found.pool.account_number.as_deref(), Some("5550001"));
}

#[test]
fn attributes_may_be_a_list_or_a_map() {
    for attributes in [
        json!([{"name": "a", "value": null}]),
        json!({"a": "b"}),
        json!(null),
    ] {
        let pool = json!({"id": "p1", "attributes": attributes, "productAttributes": attributes});
        entitlement(&json!({"id": "e1", "attributes": attributes, "pool": pool}));
    }
}

#[test]
fn an_entitlement_that_ended_is_a_warning() {
    let code_of = |json: Value| {
        let (_, warnings) = entitlement(&json);
        let codes: Vec<_> = warnings.iter().map(|warning| warning.code).collect();
        codes.contains(&WarningCode::EntitlementEnded)
    };
    assert!(code_of(
        json!({"id": "e1", "endDate": "2026-11-22T11:59:59Z", "pool": {"id": "p"}})
    ));
    assert!(!code_of(
        json!({"id": "e1", "endDate": "2026-11-22T12:00:00Z", "pool": {"id": "p"}})
    ));
    // Without an end of its own, the pool's counts.
    assert!(code_of(
        json!({"id": "e1", "pool": {"id": "p", "endDate": "2020-01-01T00:00:00Z"}})
    ));
    assert!(!code_of(json!({"id": "e1", "pool": {"id": "p"}})));
}

#[test]
fn a_warning_names_the_entitlement_and_changes_the_status() {
    let (_, warnings) = entitlement(&json!({"id": "e1", "endDate": 0, "pool": {"id": "p"}}));
    let [ended, lacking] = &warnings[..] else {
        panic!("two warnings were expected: {warnings:?}");
    };
    assert_eq!(ended.detail, "it ended on 1970-01-01T00:00:00Z");
    assert_eq!(lacking.code, WarningCode::EntitlementWithoutCertificate);
    for warning in [ended, lacking] {
        assert_eq!(warning.entitlement_id.as_ref().unwrap().as_str(), "e1");
        assert!(warning.code.changes_status());
    }
}

#[test]
fn ids_that_are_no_words_are_refused() {
    let long = "x".repeat(65);
    let rule = "must be 1 to 64 of A-Z a-z 0-9 _ -";
    for bad in ["", "a b", "a/b", "../a", "a,b", "ä", &long] {
        let why = reason(&json!({"id": bad, "pool": {"id": "p1"}}));
        assert_eq!(why, format!("the field id: an entitlement id {rule}"));
        let why = reason(&json!({"id": "e1", "pool": {"id": bad}}));
        assert_eq!(why, format!("the field pool.id: a pool id {rule}"));
    }
    entitlement(&json!({"id": &long[..64], "pool": {"id": "A-z_0"}}));
}

#[test]
fn an_entitlement_needs_its_id_and_its_pools() {
    for missing in [
        json!({"pool": {"id": "p"}}),
        json!({"id": null, "pool": {"id": "p"}}),
    ] {
        assert_eq!(reason(&missing), "the field id is missing");
    }
    for missing in [json!({"id": "e"}), json!({"id": "e", "pool": null})] {
        assert_eq!(reason(&missing), "the field pool is missing");
    }
    for missing in [
        json!({"id": "e", "pool": {}}),
        json!({"id": "e", "pool": {"id": null}}),
    ] {
        assert_eq!(reason(&missing), "the field pool.id is missing");
    }
}

#[test]
fn an_entitlement_id_twice_is_refused() {
    let mut entries = base();
    entries.push(Entry::stored("export/entitlements/a.json", ENTITLEMENT));
    entries.push(Entry::stored("export/entitlements/b.json", ENTITLEMENT));
    let error = content_error(&unsigned(&zip(&entries)));
    assert_eq!(error.entry.as_deref(), Some("export/entitlements/b.json"));
    assert_eq!(error.reason, "the entitlement id e1 is there twice");
}

#[test]
fn several_entitlements_may_share_a_pool() {
    let mut entries = base();
    entries.push(Entry::stored("export/entitlements/a.json", ENTITLEMENT));
    let second = ENTITLEMENT.replace("e1", "e2");
    entries.push(Entry::stored("export/entitlements/b.json", second));
    let ids: Vec<_> = content(&unsigned(&zip(&entries))).unwrap().entitlements;
    let ids: Vec<_> = ids.iter().map(|(found, _)| found.id.as_str()).collect();
    assert_eq!(ids, ["e1", "e2"]);
}

#[test]
fn files_for_an_export_are_kept_as_they_came() {
    let product = r#"{ "id":"69", "productContent":[{"enabled":"false","content":{"id":1}}] }"#;
    let distributor = r#"{"name":"sat","capabilities":[{"name":"cores"}]}"#;
    let mut entries = base();
    entries.push(Entry::stored("export/entitlements/e.json", ENTITLEMENT));
    entries.push(Entry::deflated("export/products/69.json", product));
    entries.push(Entry::stored(
        "export/distributor_version/sat.json",
        distributor,
    ));
    // Old releases wrote products as certificates, too.
    entries.push(Entry::stored("export/products/69.pem", "no { json"));
    let content = content(&unsigned(&zip(&entries))).unwrap();
    let kept: Vec<_> = content
        .kept
        .iter()
        .map(|(path, json)| (path.as_str(), json.as_slice()))
        .collect();
    assert_eq!(kept[0].0, "consumer_types/system.json");
    assert_eq!(kept[1], ("products/69.json", product.as_bytes()));
    assert_eq!(
        kept[2],
        ("distributor_version/sat.json", distributor.as_bytes())
    );
    assert_eq!(kept[3], ("products/69.pem", &b"no { json"[..]));
}

#[test]
fn unknown_files_are_skipped() {
    let plain = content(&unsigned(&zip(&base()))).unwrap();
    let mut entries = base();
    for name in [
        "export/rules/rules.js",
        "export/rules2/rules.js",
        "export/entitlement_certificates/1.pem",
        "export/content_access_certificates/1.pem",
        "export/new_things/deep/er/x.json",
        "export/entitlements/more/x.json",
        "export/entitlements/x.json.bak",
        "export/unknown.json",
        "elsewhere/meta.json",
        "meta.json",
    ] {
        entries.push(Entry::deflated(name, "\u{0}not { json"));
    }
    assert_eq!(content(&unsigned(&zip(&entries))).unwrap(), plain);
}

#[test]
fn the_order_of_files_does_not_matter() {
    let mut entries = base();
    entries.insert(0, Entry::stored("export/entitlements/e.json", ENTITLEMENT));
    entries.insert(0, Entry::stored("export/products/1.json", "{}"));
    entries.reverse();
    let found = content(&unsigned(&zip(&entries))).unwrap();
    assert_eq!(found.entitlements.len(), 1);
    assert_eq!(found.kept.len(), 2);
}

#[test]
fn what_the_taker_refuses_ends_the_pass() {
    let archive = crate::support::open(&upload(ENTITLEMENT)).unwrap();
    let forced = portolan_domain::conflict::Forced::parse(["SIGNATURE_CONFLICT"]).unwrap();
    let allowed = portolan_domain::trust::ForcedSignature::Allowed;
    let none = portolan_domain::trust::TrustAnchors::default();
    let now = crate::support::NOW;
    let verified = archive.verify(&none, &crate::support::owner(), now, (allowed, &forced));
    let parsed = verified.ok().unwrap().parse(HttpCdn::Refused);
    let mut seen = 0;
    let ended = parsed.ok().unwrap().items::<Stopped>(now, |_| {
        seen += 1;
        Err(Stopped)
    });
    assert!(ended.is_err());
    assert_eq!(seen, 1);
}

struct Stopped;

impl From<ParseError> for Stopped {
    fn from(error: ParseError) -> Self {
        panic!("the content was blamed: {error}")
    }
}
