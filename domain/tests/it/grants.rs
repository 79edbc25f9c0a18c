//! Grants: what a pattern matches and what not, for how long, and what a line of a batch may say.

use std::collections::BTreeSet;

use portolan_domain::{
    grants::{
        Grant, GrantEntry, GrantLine, InvalidEntry, InvalidPattern, Permission, RefPattern,
        RefProof, Unproven, Wanted, decide,
    },
    lines::FromLine,
    token::{Claims, CollectionRef},
};
use proptest::prelude::*;
use time::{Duration, OffsetDateTime, macros::datetime};

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
const COLLECTION: &str = "org.example.Stable";

fn wanted(collection: &str, name: &str) -> Wanted {
    Wanted {
        collection: collection.parse().unwrap(),
        name: name.parse().unwrap(),
    }
}

fn grant(pattern: &str, until: Option<OffsetDateTime>) -> Grant {
    Grant {
        collection: COLLECTION.parse().unwrap(),
        pattern: pattern.parse().unwrap(),
        until,
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let pattern: RefPattern = pattern.parse().unwrap();
    pattern.matches(&name.parse().unwrap())
}

#[test]
fn a_star_is_exactly_one_whole_segment() {
    let pattern = "app/org.cool.Game/*/stable";
    assert!(matches(pattern, "app/org.cool.Game/x86_64/stable"));
    assert!(matches("*/*/*/*", "app/org.cool.Game/x86_64/stable"));
    assert!(matches("main", "main"));
    for name in [
        "app/org.cool.Game/stable",
        "app/org.cool.Game/x86_64/extra/stable",
        "app/org.cool.Game/x86_64/stable/more",
        "app/org.cool.Game/x86_64/beta",
        "app/org.cool.GameX/x86_64/stable",
        "app/org.cool.game/x86_64/stable",
        "runtime/org.cool.Game/x86_64/stable",
        "x/app/org.cool.Game/x86_64/stable",
    ] {
        assert!(!matches(pattern, name), "{name}");
    }
    assert!(!matches("*", "app/x"), "not everything");
    assert!(!matches("app.org", "app/org"));
}

#[test]
fn a_star_within_a_segment_is_refused_and_so_is_what_is_no_ref() {
    for text in [
        "app/org.cool.*/x86_64/stable",
        "**",
        "app/**",
        "a/*b",
        "a/b*/c",
    ] {
        let refused = text.parse::<RefPattern>().unwrap_err();
        assert_eq!(refused, InvalidPattern::PartOfSegment, "{text}");
    }
    for text in [
        "", "/", "a/", "/a", "a//b", "a/../b", "./a", "a b", "a\n", "a%2fb", "a?", "[a]", "a/ä",
    ] {
        let refused = text.parse::<RefPattern>().unwrap_err();
        assert_eq!(refused, InvalidPattern::NoRef, "{text:?}");
    }
    let long = format!("a/{}", "b".repeat(511));
    assert_eq!(long.parse::<RefPattern>(), Err(InvalidPattern::TooLong));
}

#[test]
fn the_longest_grant_decides() {
    let one = wanted(COLLECTION, "app/a/x86_64/stable");
    let at = |minutes: i64| NOW + Duration::minutes(minutes);
    let cases = [
        (vec![], Permission::Never),
        (vec![grant("app/b/*/stable", None)], Permission::Never),
        (vec![grant("app/a/*/*", Some(NOW))], Permission::Ended),
        (
            vec![grant("app/a/*/*", Some(at(5)))],
            Permission::Until(at(5)),
        ),
        (
            vec![
                grant("app/a/*/*", Some(at(-5))),
                grant("*/a/*/*", Some(at(9))),
                grant("*/*/*/*", Some(at(5))),
            ],
            Permission::Until(at(9)),
        ),
        (
            vec![grant("app/a/*/*", Some(at(5))), grant("*/a/*/stable", None)],
            Permission::Always,
        ),
    ];
    for (grants, decided) in cases {
        assert_eq!(decide(&grants, &one, NOW), decided);
        assert_eq!(decide(grants.iter().rev(), &one, NOW), decided);
    }
    let other = wanted("org.example.Beta", "app/a/x86_64/stable");
    let all = [grant("*/*/*/*", None)];
    assert_eq!(decide(&all, &other, NOW), Permission::Never);
}

#[test]
fn of_a_pattern_with_two_ends_nobody_could_say_which_counts() {
    let entry = |refs: &[&str], until| GrantEntry {
        collection: COLLECTION.parse().unwrap(),
        refs: refs.iter().map(|name| name.parse().unwrap()).collect(),
        until,
    };
    let both = vec![entry(&["a", "b"], None), entry(&["b"], Some(NOW))];
    let refused = GrantEntry::all(both).unwrap_err();
    assert!(matches!(refused, InvalidEntry::Twice { .. }), "{refused}");
    let same = vec![entry(&["a", "b"], None), entry(&["b"], None)];
    assert_eq!(GrantEntry::all(same).unwrap().len(), 2);
    let none = GrantEntry::all(vec![entry(&[], None)]);
    assert_eq!(none, Err(InvalidEntry::Empty));
    let far = datetime!(9999-12-31 23:00 -2);
    assert_eq!(
        GrantEntry::all(vec![entry(&["a"], Some(far))]),
        Err(InvalidEntry::Until)
    );
    assert_eq!(GrantEntry::all(Vec::new()), Ok(BTreeSet::new()));
}

#[test]
fn a_line_is_a_user_with_refs() {
    let read = |rest: &str| {
        let line = format!("{{\"user\":\"alice\",\"collectionId\":\"{COLLECTION}\",{rest}}}");
        GrantLine::from_line(line.as_bytes()).map(|line| line.grants)
    };
    let until = r#""refs":["a","b/*","a"],"until":"2026-12-01T00:00:00+02:00""#;
    let read_until = read(until).unwrap();
    let end = Some(datetime!(2026-11-30 22:00 UTC));
    assert_eq!(
        read_until,
        BTreeSet::from([grant("a", end), grant("b/*", end)])
    );
    let for_ever = read(r#""refs":["a"],"until":null"#).unwrap();
    assert_eq!(for_ever, BTreeSet::from([grant("a", None)]));
    for (bad, why) in [
        (r#""refs":[]"#, "refs is empty"),
        (r#""refs":["a*"]"#, "one whole segment"),
        (r#""refs":"a""#, "invalid type"),
        (r#""refs":["a"],"until":"soon""#, ""),
        (r#""refs":["a"],"until":1700000000"#, "invalid type"),
        (r#""refs":["a"],"untill":null"#, "unknown field"),
        (r#""until":null"#, "missing field `refs`"),
    ] {
        let said = read(bad).unwrap_err().to_string();
        assert!(said.contains(why), "{bad}: {said}");
    }
    assert!(GrantLine::from_line(b"[\"alice\",\"org.a.B\",[\"a\"],null]").is_err());
}

#[test]
fn a_proof_is_of_the_ref_the_user_and_the_audience() {
    let claims = Claims {
        user: Some("alice".to_owned()),
        refs: Some(vec![CollectionRef {
            collection_id: COLLECTION.to_owned(),
            name: "app/a".to_owned(),
        }]),
        ..Claims::default()
    };
    let proof = RefProof {
        collection: COLLECTION.parse().unwrap(),
        name: "app/a".parse().unwrap(),
        user: None,
        aud: None,
    };
    assert_eq!(proof.check(&claims), Ok(()));
    let with = |user: Option<&str>, aud: Option<&str>| RefProof {
        user: user.map(str::to_owned),
        aud: aud.map(str::to_owned),
        ..proof.clone()
    };
    assert_eq!(with(Some("alice"), Some("stable")).check(&claims), Ok(()));
    assert_eq!(with(Some("bob"), None).check(&claims), Err(Unproven::User));
    let other = RefProof {
        name: "app/b".parse().unwrap(),
        ..proof.clone()
    };
    assert!(matches!(other.check(&claims), Err(Unproven::Ref { .. })));
    let other = RefProof {
        collection: "org.example.Beta".parse().unwrap(),
        ..proof.clone()
    };
    assert!(matches!(other.check(&claims), Err(Unproven::Ref { .. })));
    // All refs is what a parent of token_subset may have; a ref token names its own.
    let all = Claims {
        refs: None,
        ..claims.clone()
    };
    assert!(matches!(proof.check(&all), Err(Unproven::Ref { .. })));
    let bound = Claims {
        aud: Some("stable".to_owned()),
        ..claims
    };
    let elsewhere = Err(Unproven::Audience("stable".to_owned()));
    assert_eq!(proof.check(&bound), elsewhere);
    assert_eq!(with(None, Some("beta")).check(&bound), elsewhere);
    assert_eq!(with(None, Some("stable")).check(&bound), Ok(()));
}

proptest! {
    /// What matches has the same segments, but for those that are a star.
    #[test]
    fn a_pattern_matches_what_it_shows(
        name in proptest::collection::vec("[a-c.]{0,1}[a-c_-]{1,3}", 1..5),
        stars in proptest::collection::vec(any::<bool>(), 5),
        other in proptest::collection::vec("[a-c_-]{1,3}", 1..5),
    ) {
        let segment = |(segment, star): (&String, &bool)| {
            if *star { "*".to_owned() } else { segment.clone() }
        };
        let pattern: Vec<String> = name.iter().zip(&stars).map(segment).collect();
        prop_assert!(matches(&pattern.join("/"), &name.join("/")));
        let same = pattern.len() == other.len()
            && pattern.iter().zip(&other).all(|(wanted, given)| wanted == "*" || wanted == given);
        prop_assert_eq!(matches(&pattern.join("/"), &other.join("/")), same);
    }

    /// Whatever is read as a pattern says nothing but refs and whole stars.
    #[test]
    fn nothing_else_is_a_pattern(text in "[a*/. \\\\%?]{0,8}") {
        if let Ok(pattern) = text.parse::<RefPattern>() {
            let filled = pattern.as_str().replace('*', "a");
            prop_assert!(pattern.matches(&filled.parse().unwrap()));
        }
    }
}
