//! JSON has one reading too, in every kind of file: no key twice, no deeper than 64, nothing behind
//! it. Also in files that are only kept.

use crate::{
    support::{ENTITLEMENT, base, content, content_error, unsigned},
    zips::{Entry, zip},
};

/// Every kind of file that is read or kept, with a content that is taken.
const FILES: [(&str, &str); 8] = [
    ("export/meta.json", r#"{"created":1}"#),
    ("export/consumer.json", r#"{"uuid":"u"}"#),
    ("export/upstream_consumer/1.json", r#"{"id":"1"}"#),
    ("export/content_delivery_network/1.json", r#"{"label":"l"}"#),
    ("export/entitlements/e.json", ENTITLEMENT),
    ("export/consumer_types/1.json", r#"{"id":"1"}"#),
    ("export/products/1.json", r#"{"id":"1"}"#),
    ("export/distributor_version/1.json", r#"{"id":"1"}"#),
];

fn upload(name: &str, json: impl AsRef<[u8]>) -> Vec<u8> {
    let mut entries = base();
    entries.push(Entry::stored(
        "export/entitlements/other.json",
        ENTITLEMENT.replace("e1", "e9"),
    ));
    entries.retain(|entry| entry.central.name != name.as_bytes());
    entries.push(Entry::stored(name, json));
    unsigned(&zip(&entries))
}

/// `json` with one more field at its end.
fn plus(json: &str, field: &str) -> String {
    format!("{},{field}}}", json.strip_suffix('}').unwrap())
}

/// Asserts that every kind of file is refused when `change` was made to it.
#[track_caller]
fn refused_everywhere(change: impl Fn(&str) -> Vec<u8>, why: &str) {
    for (name, json) in FILES {
        let error = content_error(&upload(name, change(json)));
        assert_eq!(error.entry.as_deref(), Some(name));
        assert!(error.reason.contains(why), "{name}: {}", error.reason);
    }
}

#[test]
fn the_plain_files_are_taken() {
    for (name, json) in FILES {
        assert!(content(&upload(name, json)).is_ok(), "{name}");
        let spaced = format!(" \r\n\t{json}\n");
        assert!(content(&upload(name, spaced)).is_ok(), "{name}");
    }
}

#[test]
fn a_key_twice_is_refused() {
    refused_everywhere(|json| plus(json, r#""x":1,"x":1"#).into(), "key x twice");
    refused_everywhere(
        |json| plus(json, r#""x":[{"y":{"z":1,"\u007a":2}}]"#).into(),
        "key z twice",
    );
    let twice = r#"{"id":"e1","id":"e2","pool":{"id":"p1"}}"#;
    let error = content_error(&upload("export/entitlements/e.json", twice));
    assert!(error.reason.contains("key id twice"), "{error}");
}

#[test]
fn deep_nesting_is_refused() {
    let nested = |json: &str, depth: usize| {
        let deep = format!(r#""x":{}{}"#, "[".repeat(depth), "]".repeat(depth));
        plus(json, &deep).into_bytes()
    };
    refused_everywhere(|json| nested(json, 64), "deeper than 64");
    for (name, json) in FILES {
        assert!(content(&upload(name, nested(json, 63))).is_ok(), "{name}");
    }
}

#[test]
fn what_is_no_json_is_refused() {
    refused_everywhere(|_| Vec::new(), "EOF");
    refused_everywhere(|json| format!("{json}{json}").into(), "trailing characters");
    refused_everywhere(|json| json[..json.len() - 1].into(), "EOF");
    refused_everywhere(
        |json| [json.as_bytes(), b"\0"].concat(),
        "trailing characters",
    );
    refused_everywhere(
        |json| [b"\xEF\xBB\xBF", json.as_bytes()].concat(),
        "expected value",
    );
    refused_everywhere(|json| plus(json, "\"\u{1}\":1").into(), "control character");
    let not_utf8 = |json: &str| [&json.as_bytes()[..json.len() - 1], b",\"\xFF\":1}"].concat();
    refused_everywhere(not_utf8, "invalid unicode");
}

#[test]
fn a_field_of_another_kind_is_refused_where_it_is_used() {
    for (name, json, why) in [
        (
            "export/meta.json",
            r#"{"created":1,"cdnUrl":7}"#,
            "another type",
        ),
        ("export/consumer.json", r#"{"uuid":7}"#, "another type"),
        ("export/entitlements/e.json", r#"{"id":7}"#, "another type"),
        (
            "export/entitlements/e.json",
            r#"{"id":"e","pool":"p"}"#,
            "another type",
        ),
        (
            "export/entitlements/e.json",
            r#"{"id":"e","certificates":"c"}"#,
            "another type",
        ),
    ] {
        let error = content_error(&upload(name, json));
        assert_eq!(error.entry.as_deref(), Some(name));
        assert!(error.reason.contains(why), "{json}: {}", error.reason);
    }
}
