//! The rules of `token_subset`, one by one, with the claim that a refusal names.

use portolan_domain::token::{
    Claims, CollectionRef, Scope, Subset, TokenKind, narrow, narrow_flat_manager,
};

const NOW: i64 = 1_800_000_000;

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn a_ref(name: &str) -> CollectionRef {
    CollectionRef {
        collection_id: "org.cool.Apps".to_owned(),
        name: name.to_owned(),
    }
}

fn parent() -> Claims {
    Claims {
        sub: "build".to_owned(),
        exp: NOW + 3600,
        name: Some("parent".to_owned()),
        jti: Some("parents-id".to_owned()),
        scope: vec![Scope::Build, Scope::Upload],
        prefixes: texts(&["org.cool", "org.other.App"]),
        apps: texts(&["net.single.App"]),
        repos: texts(&["stable", "beta"]),
        branches: texts(&["stable"]),
        token_type: Some("app".to_owned()),
        ..Claims::default()
    }
}

fn asked() -> Subset {
    Subset {
        name: "child".to_owned(),
        sub: "build/7".to_owned(),
        scope: vec![Scope::Upload],
        duration: 60,
        ..Subset::default()
    }
}

/// The claims that are refused.
fn failed(parent: &Claims, asked: &Subset) -> Vec<&'static str> {
    let refused = narrow(parent, asked, NOW).err().unwrap_or_default();
    refused.iter().map(|failed| failed.claim).collect()
}

fn with(change: impl FnOnce(&mut Subset)) -> Subset {
    let mut subset = asked();
    change(&mut subset);
    subset
}

#[test]
fn what_is_left_out_is_inherited() {
    let child = narrow(&parent(), &asked(), NOW).unwrap();
    let expected = Claims {
        sub: "build/7".to_owned(),
        exp: NOW + 60,
        name: Some("parent/child".to_owned()),
        scope: vec![Scope::Upload],
        ..parent()
    };
    assert_eq!(child, expected);
}

#[test]
fn a_child_ends_no_later_than_its_parent() {
    for (duration, fits) in [
        (3600, true),
        (3601, false),
        (i64::MAX, false),
        (0, true),
        (-1, true),
        (i64::MIN, true),
    ] {
        let refused = failed(&parent(), &with(|asked| asked.duration = duration));
        assert_eq!(refused.is_empty(), fits, "{duration}: {refused:?}");
    }
    let child = narrow(&parent(), &with(|asked| asked.duration = -5), NOW).unwrap();
    assert_eq!(child.exp, NOW);
}

#[test]
fn a_sub_is_the_parents_or_below_it_at_a_slash() {
    for (sub, fits) in [
        ("build", true),
        ("build/1", true),
        ("build/1/x", true),
        ("builder", false),
        ("", false),
        ("Build", false),
        ("other", false),
    ] {
        let refused = failed(&parent(), &with(|asked| asked.sub = sub.to_owned()));
        let expected: &[&str] = if fits { &[] } else { &["sub"] };
        assert_eq!(refused, expected, "{sub}");
    }
    let management = Claims {
        sub: String::new(),
        ..parent()
    };
    assert_eq!(failed(&management, &asked()), ["sub"]);
    assert!(failed(&management, &with(|asked| asked.sub = String::new())).is_empty());
}

#[test]
fn scopes_are_the_parents_and_known() {
    let of = |scope: Vec<Scope>| with(|asked| asked.scope = scope);
    assert!(failed(&parent(), &of(vec![])).is_empty());
    assert_eq!(failed(&parent(), &of(vec![Scope::Publish])), ["scope"]);
    // flat-manager takes all words that it does not know for one.
    let odd = Scope::from("odd".to_owned());
    let odd_parent = Claims {
        scope: vec![odd.clone()],
        ..parent()
    };
    assert_eq!(failed(&odd_parent, &of(vec![odd])), ["scope"]);
    let other = Scope::from("other".to_owned());
    assert_eq!(failed(&odd_parent, &of(vec![other])), ["scope"]);
}

#[test]
fn prefixes_grow_at_dots() {
    let of = |list: &[&str]| with(|asked| asked.prefixes = Some(texts(list)));
    for list in [&["org.cool"][..], &["org.cool.Game", "org.other.App"]] {
        assert!(failed(&parent(), &of(list)).is_empty(), "{list:?}");
    }
    for list in [
        &[][..],
        &[""],
        &["org"],
        &["org.cooler"],
        &["org.cool", "com"],
    ] {
        assert_eq!(failed(&parent(), &of(list)), ["prefixes"], "{list:?}");
    }
    let all = Claims {
        prefixes: texts(&[""]),
        ..parent()
    };
    assert!(failed(&all, &of(&["com", ""])).is_empty());
    assert_eq!(failed(&all, &of(&[])), ["prefixes"]);
    // Any to flat-manager, none at our edges: nothing may be added, and nothing is lost.
    let any = Claims {
        prefixes: vec![],
        ..parent()
    };
    assert!(failed(&any, &of(&[])).is_empty());
    assert_eq!(failed(&any, &of(&["org.cool"])), ["prefixes"]);
}

#[test]
fn apps_and_repos_are_the_parents_and_an_empty_list_is_none() {
    assert!(failed(&parent(), &with(|asked| asked.apps = Some(vec![]))).is_empty());
    assert!(failed(&parent(), &with(|asked| asked.repos = Some(vec![]))).is_empty());
    for app in ["", "net.single", "net.single.App.More", "org.cool"] {
        let asked = with(|asked| asked.apps = Some(texts(&[app])));
        assert_eq!(failed(&parent(), &asked), ["apps"], "{app}");
    }
    for repo in ["", "nightly"] {
        let asked = with(|asked| asked.repos = Some(texts(&[repo])));
        assert_eq!(failed(&parent(), &asked), ["repos"], "{repo}");
    }
    let all = Claims {
        repos: texts(&[""]),
        ..parent()
    };
    let asked = with(|asked| asked.repos = Some(texts(&["nightly", ""])));
    assert!(failed(&all, &asked).is_empty());
    let none = Claims {
        repos: vec![],
        ..parent()
    };
    assert_eq!(failed(&none, &asked), ["repos"]);
}

#[test]
fn branches_are_any_where_the_list_is_empty() {
    let of = |list: &[&str]| with(|asked| asked.branches = Some(texts(list)));
    for list in [&[][..], &[""], &["beta"], &["stable", "beta"]] {
        assert_eq!(failed(&parent(), &of(list)), ["branches"], "{list:?}");
    }
    assert!(failed(&parent(), &of(&["stable"])).is_empty());
    let any = Claims {
        branches: vec![],
        ..parent()
    };
    for list in [&[][..], &[""], &["beta"]] {
        assert!(failed(&any, &of(list)).is_empty(), "{list:?}");
    }
    let all = Claims {
        branches: texts(&[""]),
        ..parent()
    };
    assert!(failed(&all, &of(&["beta", ""])).is_empty());
    assert_eq!(failed(&all, &of(&[])), ["branches"]);
}

#[test]
fn refs_user_and_audience_are_added_and_never_changed() {
    let with_refs = Claims {
        refs: Some(vec![a_ref("a"), a_ref("b")]),
        user: Some("alice".to_owned()),
        aud: Some("stable".to_owned()),
        ..parent()
    };
    let of = |refs: &[&str]| {
        let refs = refs.iter().map(|name| a_ref(name)).collect();
        with(|asked| asked.refs = Some(refs))
    };
    for refs in [&[][..], &["a"], &["b", "a"]] {
        assert!(failed(&with_refs, &of(refs)).is_empty(), "{refs:?}");
        assert!(failed(&parent(), &of(refs)).is_empty(), "{refs:?}");
    }
    assert_eq!(failed(&with_refs, &of(&["a", "c"])), ["refs"]);
    let other = with(|asked| {
        asked.user = Some("bob".to_owned());
        asked.aud = Some(String::new());
    });
    assert_eq!(failed(&with_refs, &other), ["user", "aud"]);
    assert!(failed(&parent(), &other).is_empty());
    let child = narrow(&with_refs, &asked(), NOW).unwrap();
    assert_eq!(child.refs, with_refs.refs);
    assert_eq!((child.user, child.aud), (with_refs.user, with_refs.aud));
}

#[test]
fn every_claim_that_fails_is_named_with_its_reason() {
    let asked = Subset {
        name: String::new(),
        sub: "other\nline".to_owned(),
        scope: vec![Scope::Jobs],
        duration: 1 << 40,
        prefixes: Some(texts(&["com"])),
        apps: Some(texts(&["com.App"])),
        repos: Some(texts(&[&"x".repeat(5000)])),
        branches: Some(texts(&["beta"])),
        ..Subset::default()
    };
    let refused = narrow(&parent(), &asked, NOW).unwrap_err();
    let claims: Vec<&str> = refused.iter().map(|failed| failed.claim).collect();
    let all = [
        "duration", "sub", "scope", "prefixes", "apps", "repos", "branches",
    ];
    assert_eq!(claims, all);
    for failed in refused {
        assert!(
            !failed.reason.contains('\n') && failed.reason.len() < 400,
            "{failed:?}"
        );
    }
}

#[test]
fn flat_managers_children_rest_on_nothing_that_it_does_not_read() {
    assert!(narrow_flat_manager(&parent(), &asked(), NOW).is_ok());
    let refused = |parent: &Claims, asked: &Subset| {
        let refused = narrow_flat_manager(parent, asked, NOW)
            .err()
            .unwrap_or_default();
        refused
            .iter()
            .map(|failed| failed.claim)
            .collect::<Vec<_>>()
    };
    let restricted = Claims {
        refs: Some(vec![]),
        user: Some("alice".to_owned()),
        aud: Some("stable".to_owned()),
        ..parent()
    };
    assert_eq!(refused(&restricted, &asked()), ["refs", "user", "aud"]);
    let asked = with(|asked| {
        asked.refs = Some(vec![]);
        asked.user = Some("alice".to_owned());
        asked.aud = Some("stable".to_owned());
    });
    assert_eq!(refused(&parent(), &asked), ["refs", "user", "aud"]);
    // Each is named once, whatever else is wrong with it.
    let other = with(|asked| asked.user = Some("bob".to_owned()));
    assert_eq!(refused(&restricted, &other), ["user", "refs", "aud"]);
}

#[test]
fn claims_are_written_as_each_kind_of_reader_names_them() {
    let claims = Claims {
        refs: Some(vec![a_ref("app/org.cool.Game/x86_64/stable")]),
        user: Some("alice".to_owned()),
        iat: Some(NOW),
        ..parent()
    };
    let written = serde_json::to_value(claims.for_flat_manager()).unwrap();
    let expected = serde_json::json!({
        "sub": "build", "exp": NOW + 3600, "name": "parent", "jti": "parents-id",
        "scope": ["build", "upload"], "prefixes": ["org.cool", "org.other.App"],
        "apps": ["net.single.App"], "repos": ["stable", "beta"], "branches": ["stable"],
        "token_type": "app",
    });
    assert_eq!(written, expected);
    let written = serde_json::to_value(claims.for_ref_token()).unwrap();
    let expected = serde_json::json!({
        "sub": "build", "user": "alice", "exp": NOW + 3600, "iat": NOW, "jti": "parents-id",
        "refs": [{"collectionId": "org.cool.Apps", "ref": "app/org.cool.Game/x86_64/stable"}],
    });
    assert_eq!(written, expected);
    let again: Claims = serde_json::from_value(serde_json::to_value(&claims).unwrap()).unwrap();
    assert_eq!(again, claims);
    let foreign = r#"{"sub":"build","exp":1,"scope":["odd","build"],"more":{"x":1}}"#;
    let read: Claims = serde_json::from_str(foreign).unwrap();
    assert_eq!(read.scope, [Scope::Unknown("odd".to_owned()), Scope::Build]);
}

#[test]
fn a_type_is_of_one_purpose() {
    for (typ, kinds) in [
        (None, &[TokenKind::FlatManager][..]),
        (Some("JWT"), &[TokenKind::FlatManager, TokenKind::Registry]),
        (Some("jwt"), &[TokenKind::FlatManager, TokenKind::Registry]),
        (Some("at+jwt"), &[TokenKind::Access]),
        (Some("application/at+jwt"), &[TokenKind::Access]),
        (Some("Ref+JWT"), &[TokenKind::RefToken]),
        (Some(""), &[]),
        (Some("at+jwt "), &[]),
        (Some("application/"), &[]),
    ] {
        let of: Vec<TokenKind> = TokenKind::ALL
            .into_iter()
            .filter(|kind| kind.has_typ(typ))
            .collect();
        assert_eq!(of, kinds, "{typ:?}");
    }
}
