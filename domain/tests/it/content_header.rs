//! `meta.json`, `consumer.json` and the CDNs: old forms are taken, what is used must be right, and
//! a refusal names the file and the field.

use portolan_domain::manifest::{ContentError, ManifestHeader};
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};

use crate::{
    support::{base, content, content_error, export_with, unsigned},
    zips::{Entry, zip},
};

/// An upload with this file in place of its own.
fn with(name: &str, json: &(impl ToString + ?Sized)) -> Vec<u8> {
    let mut entries = base();
    entries.retain(|entry| entry.central.name != name.as_bytes());
    entries.push(Entry::stored(name, json.to_string()));
    unsigned(&zip(&entries))
}

#[track_caller]
fn meta(json: &Value) -> ManifestHeader {
    content(&with("export/meta.json", json)).unwrap().header
}

#[track_caller]
fn consumer(json: &Value) -> ManifestHeader {
    content(&with("export/consumer.json", json)).unwrap().header
}

/// The reason why this file is refused.
#[track_caller]
fn reason(name: &str, json: &(impl ToString + ?Sized)) -> String {
    let ContentError { entry, reason } = content_error(&with(name, json));
    assert_eq!(entry.as_deref(), Some(name), "{reason}");
    reason
}

#[track_caller]
fn cdn_reason(json: &Value) -> String {
    reason("export/content_delivery_network/edge.json", json)
}

#[test]
fn created_is_read_in_every_form() {
    let exact = datetime!(2017-11-21 16:01:05.324 UTC);
    let whole = datetime!(2017-11-21 16:01:05 UTC);
    let forms: [(Value, OffsetDateTime); 9] = [
        (json!("2017-11-21T16:01:05.324+0000"), exact),
        (json!("2017-11-21T16:01:05.324+00:00"), exact),
        (json!("2017-11-21T16:01:05.324Z"), exact),
        (json!("2017-11-21T16:01:05+0000"), whole),
        (json!("2017-11-21T16:01:05Z"), whole),
        (json!(1_511_280_065_324_i64), exact),
        (json!("2017-11-21T18:01:05.324+0200"), exact),
        (json!("2017-11-21T10:31:05.324-05:30"), exact),
        (json!(0), OffsetDateTime::UNIX_EPOCH),
    ];
    for (form, instant) in forms {
        assert_eq!(meta(&json!({"created": form})).created, instant, "{form}");
    }
}

#[test]
fn a_manifest_without_a_time_is_refused() {
    for missing in [json!({}), json!({"created": null})] {
        assert_eq!(
            reason("export/meta.json", &missing),
            "the field created is missing"
        );
    }
    for bad in [
        json!(""),
        json!("today"),
        json!(true),
        json!({}),
        json!(1.5),
        json!("2017-11-21"),
        json!("2017-02-30T00:00:00Z"),
    ] {
        let why = reason("export/meta.json", &json!({"created": bad}));
        assert!(why.contains("a time that cannot be read"), "{bad}: {why}");
    }
}

#[test]
fn meta_may_be_full_of_nulls_and_unknown_fields() {
    let header = meta(&json!({
        "created": 1, "version": null, "principalName": null, "webAppPrefix": null,
        "cdnLabel": null, "cdnUrl": null, "href": "/meta", "new": {"deep": [1, {}]},
    }));
    assert_eq!(
        (header.generated_by, header.cdn_url, header.cdn_label),
        (None, None, None)
    );
    let header =
        meta(&json!({"created": 1, "principalName": "admin", "cdnLabel": "", "cdnUrl": " "}));
    assert_eq!(header.generated_by.as_deref(), Some("admin"));
    assert_eq!((header.cdn_url, header.cdn_label), (None, None));
}

#[test]
fn the_cdn_url_is_kept_as_given() {
    let header =
        meta(&json!({"created": 1, "cdnUrl": "https://CDN.example.com:443/", "cdnLabel": "edge"}));
    assert_eq!(
        header.cdn_url.unwrap().as_given(),
        "https://CDN.example.com:443/"
    );
    assert_eq!(header.cdn_label.unwrap().as_str(), "edge");
}

#[test]
fn a_bad_cdn_url_is_refused_in_both_places() {
    for (url, why) in [
        ("http://cdn.example.com", "only https is allowed"),
        (
            "https://user:secret@cdn.example.com",
            "user name or password",
        ),
        ("https://cdn.example.com/#x", "has a fragment"),
        ("cdn.example.com", "is not an absolute URL"),
        ("file:///etc/passwd", "only https is allowed"),
        ("https://cdn.example.com/ x", "white space"),
    ] {
        let in_meta = reason("export/meta.json", &json!({"created": 1, "cdnUrl": url}));
        assert!(in_meta.starts_with("the field cdnUrl "), "{in_meta}");
        let in_cdn = cdn_reason(&json!({"label": "edge", "url": url}));
        assert!(in_cdn.starts_with("the field url "), "{in_cdn}");
        for text in [in_meta, in_cdn] {
            assert!(text.contains(why) && !text.contains("secret"), "{text}");
        }
    }
}

#[test]
fn cdns_are_read_and_their_certificates_are_not() {
    let cdn = json!({"id": "1", "label": "edge", "name": null, "url": "https://edge.example.com",
        "certificate": {"key": "unread", "cert": "unread", "serial": 7}});
    let header = content(&with("export/content_delivery_network/any name.json", &cdn))
        .unwrap()
        .header;
    assert_eq!(header.cdns.len(), 1);
    assert_eq!(header.cdns[0].label.as_str(), "edge");
    assert_eq!(header.cdns[0].url.as_given(), "https://edge.example.com");
    let nowhere = json!({"label": "edge", "url": null});
    let header = content(&with("export/content_delivery_network/e.json", &nowhere))
        .unwrap()
        .header;
    assert_eq!(header.cdns, []);
    assert_eq!(
        cdn_reason(&json!({"url": "https://a.example"})),
        "the field label is missing"
    );
    assert!(
        cdn_reason(&json!({"label": "a\nb", "url": "https://a.example"})).contains("a CDN label")
    );
}

#[test]
fn the_whole_consumer_is_read() {
    let header = consumer(&json!({
        "uuid": "8a85f98444de1da50144e6d3a7be0e5f", "name": "sat.example.com",
        "owner": {"id": "o1", "key": "k", "displayName": null, "href": "/owners/k"},
        "type": {"id": "5", "label": "satellite", "manifest": true},
        "contentAccessMode": "org_environment",
        "urlWeb": "access.redhat.com/management/distributors", "urlApi": "https://api.example.com",
    }));
    let found = header.consumer;
    assert_eq!(found.uuid.as_str(), "8a85f98444de1da50144e6d3a7be0e5f");
    assert_eq!(found.name.as_deref(), Some("sat.example.com"));
    assert_eq!(found.owner_id.as_deref(), Some("o1"));
    assert_eq!(found.consumer_type.label.as_deref(), Some("satellite"));
    assert_eq!(found.consumer_type.manifest, Some(true));
    assert_eq!(
        found.content_access_mode.as_deref(),
        Some("org_environment")
    );
    assert_eq!(
        found.web_url.as_deref(),
        Some("access.redhat.com/management/distributors")
    );
    assert_eq!(found.api_url.as_deref(), Some("https://api.example.com"));
}

#[test]
fn a_consumer_may_be_full_of_nulls() {
    let found = consumer(
        &json!({"uuid": "u", "name": null, "owner": null, "type": null,
        "contentAccessMode": null, "urlWeb": null, "urlApi": null}),
    )
    .consumer;
    assert_eq!(
        (found.name, found.owner_id, found.web_url),
        (None, None, None)
    );
    assert_eq!(
        found.consumer_type,
        portolan_domain::manifest::ConsumerType::default()
    );
    let found = consumer(
        &json!({"uuid": "u", "owner": {"id": null}, "type": {"id": null, "label": null, "manifest": null}}),
    );
    assert_eq!(found.consumer.owner_id, None);
}

#[test]
fn a_uuid_is_a_word_of_at_most_64() {
    for missing in [json!({}), json!({"uuid": null})] {
        assert_eq!(
            reason("export/consumer.json", &missing),
            "the field uuid is missing"
        );
    }
    let long = "u".repeat(65);
    for bad in ["", "a b", "../x", "a/b", "ü", &long] {
        let why = reason("export/consumer.json", &json!({"uuid": bad}));
        assert_eq!(
            why,
            "the field uuid: a consumer uuid must be 1 to 64 of A-Z a-z 0-9 _ -"
        );
    }
    consumer(&json!({"uuid": &long[..64]}));
}

#[test]
fn what_a_manifest_needs_is_named_where_it_is_missing() {
    for name in ["export/meta.json", "export/consumer.json"] {
        let mut entries = base();
        entries.retain(|entry| entry.central.name != name.as_bytes());
        let error = content_error(&unsigned(&zip(&entries)));
        assert_eq!(
            (error.entry.as_deref(), error.reason.as_str()),
            (Some(name), "is missing")
        );
    }
    let error = content_error(&unsigned(&zip(&base()[..2])));
    assert_eq!(error.entry.as_deref(), Some("export/consumer_types/"));
    assert_eq!(error.reason, "is missing");
}

#[test]
fn products_need_entitlements() {
    let product = Entry::stored("export/products/1.json", "{}");
    let error = content_error(&unsigned(&export_with(product)));
    assert_eq!(error.entry.as_deref(), Some("export/entitlements/"));
    assert_eq!(error.reason, "is missing, though there are products");
}
