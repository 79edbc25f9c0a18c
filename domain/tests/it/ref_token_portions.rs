//! How refs are cut into tokens: by collection, by end, by number and by size.

use std::collections::BTreeSet;

use portolan_domain::{
    grants::{MOST_REFS, Permission, RefTokenTerms, Wanted, portions},
    ids::RefName,
};
use proptest::prelude::*;
use time::{Duration, OffsetDateTime};

const NOW: i64 = 1_795_000_000;

fn terms(user: &str) -> RefTokenTerms {
    RefTokenTerms {
        iss: "https://portolan.example.com".to_owned(),
        user: user.parse().unwrap(),
        aud: None,
        now: NOW,
        exp: NOW + 600,
    }
}

fn wanted(collection: &str, name: &str) -> Wanted {
    Wanted {
        collection: collection.parse().unwrap(),
        name: name.parse().unwrap(),
    }
}

/// Bytes of a token with these claims, with the longest header and signature that there are.
fn size(terms: &RefTokenTerms, portion: &portolan_domain::grants::Portion) -> usize {
    let claims = terms.claims(portion, "0".repeat(36));
    let json = serde_json::to_vec(&claims.for_ref_token()).unwrap();
    json.len().div_ceil(3) * 4 + 200 + 1366
}

#[test]
fn a_token_never_outlives_what_it_rests_on() {
    let terms = terms("alice");
    let at = |end: i64| OffsetDateTime::from_unix_timestamp(end).unwrap();
    for (permission, end) in [
        (Permission::Always, Some(NOW + 600)),
        (Permission::Until(at(NOW + 900)), Some(NOW + 600)),
        (Permission::Until(at(NOW + 60)), Some(NOW + 60)),
        (
            Permission::Until(at(NOW + 60) + Duration::milliseconds(999)),
            Some(NOW + 60),
        ),
        (
            Permission::Until(at(NOW) + Duration::milliseconds(999)),
            None,
        ),
        (Permission::Until(at(NOW - 5)), None),
        (Permission::Ended, None),
        (Permission::Never, None),
    ] {
        assert_eq!(terms.end(permission), end, "{permission:?}");
    }
}

#[test]
fn refs_are_cut_by_collection_and_end() {
    let allowed = [
        (wanted("org.a.Stable", "app/x"), NOW + 600),
        (wanted("org.b.Stable", "app/x"), NOW + 600),
        (wanted("org.a.Stable", "app/y"), NOW + 60),
        (wanted("org.a.Stable", "app/z"), NOW + 600),
    ];
    let terms = terms("alice");
    let cut = portions(&terms, allowed);
    let shown: Vec<_> = cut
        .iter()
        .map(|portion| {
            let refs: Vec<&str> = portion.refs.iter().map(RefName::as_str).collect();
            (portion.collection.as_str(), portion.exp - NOW, refs)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("org.a.Stable", 60, vec!["app/y"]),
            ("org.a.Stable", 600, vec!["app/x", "app/z"]),
            ("org.b.Stable", 600, vec!["app/x"]),
        ]
    );
    let claims = terms.claims(&cut[1], "id".to_owned());
    let json = serde_json::to_value(claims.for_ref_token()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "iss": "https://portolan.example.com", "sub": "alice", "user": "alice", "jti": "id",
            "iat": NOW, "nbf": NOW, "exp": NOW + 600,
            "refs": [
                { "collectionId": "org.a.Stable", "ref": "app/x" },
                { "collectionId": "org.a.Stable", "ref": "app/z" },
            ],
        })
    );
    assert_eq!(portions(&terms, []), []);
}

#[test]
fn no_token_has_more_than_two_hundred_refs() {
    for count in [1, MOST_REFS, MOST_REFS + 1, 1000] {
        let refs = (0..count).map(|n| (wanted("o.a", &format!("{n}")), NOW + 600));
        let cut = portions(&terms("a"), refs);
        let counts = cut.iter().map(|portion| portion.refs.len());
        assert!(counts.clone().all(|of_one| of_one <= MOST_REFS), "{count}");
        assert_eq!(counts.sum::<usize>(), count);
    }
}

proptest! {
    /// Every ref is in exactly one token, and no token is too long for a header.
    #[test]
    fn nothing_is_lost_and_nothing_is_too_long(
        lengths in proptest::collection::vec(1_usize..500, 1..60),
        user in "[a-z\"\\\\ä]{1,100}",
    ) {
        let name = |(n, length): (usize, &usize)| format!("{n}/{}", "r".repeat(*length));
        let names: BTreeSet<String> = lengths.iter().enumerate().map(name).collect();
        let terms = terms(&user);
        let allowed = names.iter().map(|name| (wanted("org.example.Stable", name), NOW + 600));
        let cut = portions(&terms, allowed);
        let mut seen = Vec::new();
        for portion in &cut {
            prop_assert!(!portion.refs.is_empty() && portion.refs.len() <= MOST_REFS);
            prop_assert!(size(&terms, portion) <= 8192);
            seen.extend(portion.refs.iter().map(ToString::to_string));
        }
        prop_assert_eq!(seen.len(), names.len());
        prop_assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), names);
    }
}
