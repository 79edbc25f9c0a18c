//! Scopes as clients send them, key ids as registries know them, and sets of repositories.

use std::collections::BTreeSet;

use portolan_domain::{
    digest::Sha256Digest,
    gateway::{Action, MappingFeed, NumberSet, Resource, Scope, libtrust_kid, rfc7638_thumbprint},
};

fn read(parameter: &str) -> Vec<(Resource, Vec<&'static str>)> {
    let words = |scope: &Scope| {
        let known = ["*", "delete", "pull", "push"];
        let has = |word: &&&str| scope.actions.contains(&Action::of(word));
        known.iter().filter(has).copied().collect()
    };
    Scope::read(parameter)
        .map(|scope| (scope.resource.clone(), words(&scope)))
        .collect()
}

fn repository(name: &str) -> Resource {
    Resource::Repository(name.to_owned())
}

#[test]
fn a_scope_is_split_at_its_first_and_last_colon() {
    for (text, name, actions) in [
        ("repository:a/b:pull", "a/b", &["pull"][..]),
        ("repository:a/b:pull,push", "a/b", &["pull", "push"]),
        ("repository:a/b:*", "a/b", &["*"]),
        ("repository:host:5000/a/b:pull", "host:5000/a/b", &["pull"]),
        ("repository(plugin):a/b:pull", "a/b", &["pull"]),
        ("repository:a/b:", "a/b", &[]),
    ] {
        assert_eq!(read(text), [(repository(name), actions.to_vec())], "{text}");
    }
    assert_eq!(read("registry:catalog:*"), [(Resource::Catalog, vec!["*"])]);
}

#[test]
fn dockers_form_has_several_with_spaces_between_them() {
    let both = read("repository:a/b:pull  repository:c:pull,push");
    assert_eq!(
        both,
        [
            (repository("a/b"), vec!["pull"]),
            (repository("c"), vec!["pull", "push"])
        ]
    );
}

#[test]
fn what_is_no_scope_is_left_out_and_what_nobody_knows_is_no_repository() {
    for text in [
        "",
        " ",
        "repository",
        "repository:a",
        "repository::pull",
        "::",
    ] {
        assert_eq!(read(text), [], "{text:?}");
    }
    for text in ["registry:other:*", "user:a/b:pull", "REPOSITORY:a/b:pull"] {
        let [(resource, _)] = &read(text)[..] else {
            panic!("{text}")
        };
        assert!(matches!(resource, Resource::Other { .. }), "{text}");
    }
    let scope = Scope::read("repository:a:fly").next().unwrap();
    assert_eq!(
        scope.actions,
        BTreeSet::from([Action::Other("fly".to_owned())])
    );
}

#[test]
fn libtrusts_key_id_is_that_of_another_implementation() {
    // Python: base64.b32encode(hashlib.sha256(bytes(range(91))).digest()[:30]), in groups of four.
    let der: Vec<u8> = (0..91).collect();
    let kid = "LDJJ:IWNS:CMFC:4FIS:KLKA:ROK6:NWWE:ETCW:IBRO:XEI4:Y5SE:BS4S";
    assert_eq!(libtrust_kid(Sha256Digest::of(&der)), kid);
}

#[test]
fn the_thumbprint_is_that_of_rfc_7638() {
    // Section 3.1: NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs.
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
             tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI\
             SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let digest = rfc7638_thumbprint(&[("e", "AQAB"), ("kty", "RSA"), ("n", n)]);
    assert_eq!(
        digest.to_string(),
        "3736cbb1787cb8309c77ee8c3705c5e16ffb9e859715901f1e4c59b11182f57b"
    );
}

#[test]
fn a_set_of_numbers_holds_what_was_put_into_it() {
    let numbers = [0, 1, 127, 128, 300, 16_384, 100_000, u32::MAX - 1, u32::MAX];
    let set: NumberSet = numbers.iter().rev().copied().chain([300]).collect();
    assert_eq!(set.iter().collect::<Vec<_>>(), numbers);
    for number in numbers {
        assert!(set.contains(number), "{number}");
    }
    for number in [2, 126, 129, 16_383, 99_999, u32::MAX - 2] {
        assert!(!set.contains(number), "{number}");
    }
    assert_eq!(NumberSet::from_bytes(set.as_bytes()), Some(set.clone()));
    let none = NumberSet::default();
    assert_eq!((none.as_bytes().len(), none.iter().count()), (0, 0));
    // A thousand out of a hundred thousand are two bytes each at most.
    let many: NumberSet = (0..1000).map(|n| n * 100).collect();
    assert!(many.as_bytes().len() <= 2000, "{}", many.as_bytes().len());
}

#[test]
fn bytes_that_are_no_set_are_refused() {
    for bytes in [
        &[0x80][..],
        &[1, 0x80],
        &[0xff, 0xff, 0xff, 0xff, 0x1f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0],
        &[0xff, 0xff, 0xff, 0xff, 0x0f, 1],
    ] {
        assert_eq!(NumberSet::from_bytes(bytes), None, "{bytes:?}");
    }
}

#[test]
fn a_feed_keeps_a_name_once_and_holders_by_its_place() {
    let json = r#"{"users":[{"alice":[{"repository":"a/b","auth_required":true},{"repository":"c","auth_required":false}]},
                            {"bob":[{"repository":"c","auth_required":false}],"carol":[]}]}"#;
    let feed = MappingFeed::read(json.as_bytes(), "users").unwrap();
    assert_eq!(
        feed.repositories,
        [("a/b".to_owned(), true), ("c".to_owned(), false)]
    );
    let held: Vec<(&str, Vec<u32>)> = feed
        .holders
        .iter()
        .map(|(name, set)| (name.as_str(), set.iter().collect()))
        .collect();
    assert_eq!(
        held,
        [("alice", vec![0, 1]), ("bob", vec![1]), ("carol", vec![])]
    );
    // Whoever says that a token is needed counts.
    let twice = r#"{"users":[{"a":[{"repository":"c","auth_required":"False"}],"b":[{"repository":"c","auth_required":"true"}]}]}"#;
    let twice = MappingFeed::read(twice.as_bytes(), "users").unwrap();
    assert_eq!(twice.repositories, [("c".to_owned(), true)]);
    let none = MappingFeed::read(&br#"{"hosts":[]}"#[..], "hosts").unwrap();
    assert!(none.holders.is_empty() && none.repositories.is_empty());
}

#[test]
fn what_is_no_feed_is_refused_by_its_place() {
    let long = format!(r#"{{"users":[{{"{}":[]}}]}}"#, "a".repeat(256));
    for json in [
        "",
        "[]",
        "{}",
        r#"{"hosts":[]}"#,
        r#"{"users":{}}"#,
        r#"{"users":[[]]}"#,
        r#"{"users":[],"users":[]}"#,
        r#"{"users":[{"a":[]},{"a":[]}]}"#,
        r#"{"users":[{"a":[],"a":[]}]}"#,
        r#"{"users":[{"":[]}]}"#,
        r#"{"users":[{"a b":[]}]}"#,
        r#"{"users":[{"a":{}}]}"#,
        r#"{"users":[{"a":[{"repository":"b"}]}]}"#,
        r#"{"users":[{"a":[{"repository":"","auth_required":true}]}]}"#,
        r#"{"users":[{"a":[{"repository":"b\u0000","auth_required":true}]}]}"#,
        r#"{"users":[{"a":[{"repository":"b","auth_required":"yes"}]}]}"#,
        r#"{"users":[]} x"#,
        &long,
    ] {
        let refused = MappingFeed::read(json.as_bytes(), "users");
        assert!(refused.is_err(), "{json} was taken");
    }
    let said = MappingFeed::read(&b"{\"users\":[{\"a b\":[]}]}"[..], "users");
    let said = said.unwrap_err().to_string();
    assert!(
        said.contains("\"a b\"") && said.contains("line 1"),
        "{said}"
    );
}
