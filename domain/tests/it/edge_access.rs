//! From a commit and a token to a decision.

use std::collections::BTreeSet;

use portolan_domain::{
    edge::{Need, NotEnough, check_access, need},
    ids::{CollectionId, RefName, RepoName},
    repo::{CommitFacts, RepoSettings, TokenType},
    token::{Claims, CollectionRef, Scope, TokenKind},
};

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn settings(required: &[i64]) -> RepoSettings {
    RepoSettings {
        collection: id("org.example.Stable"),
        require_auth_for_token_types: required.iter().map(|n| (*n).try_into().unwrap()).collect(),
        default_token_type: TokenType::try_from(1).unwrap(),
    }
}

fn facts(token_type: Option<i64>) -> CommitFacts {
    CommitFacts {
        token_type: token_type.map(|number| number.try_into().unwrap()),
        refs: refs(&["app/org.example.Game/x86_64/stable"]),
    }
}

fn refs(names: &[&str]) -> BTreeSet<RefName> {
    names.iter().map(|name| id(name)).collect()
}

#[test]
fn a_commit_needs_what_its_type_says() {
    let is_token = |need: Need<'_>| matches!(need, Need::Token(..));
    assert!(
        is_token(need(&settings(&[1]), Some(&facts(None)))),
        "the default"
    );
    assert!(is_token(need(&settings(&[0, 1]), Some(&facts(Some(0))))));
    assert_eq!(need(&settings(&[1]), Some(&facts(Some(0)))), Need::Nothing);
    assert_eq!(need(&settings(&[2]), Some(&facts(None))), Need::Nothing);
    assert_eq!(need(&settings(&[2]), None), Need::Unknown);
    assert_eq!(need(&settings(&[]), None), Need::Nothing);
}

const GAME: &str = "app/org.example.Game/x86_64/stable";

fn check(kind: TokenKind, claims: &Claims, names: &[&str]) -> Result<(), NotEnough> {
    let (repo, collection): (RepoName, CollectionId) = (id("stable"), id("org.example.Stable"));
    check_access((kind, claims), (&repo, &collection), &refs(names))
}

fn listed(collection: &str, name: &str) -> Vec<CollectionRef> {
    vec![CollectionRef {
        collection_id: collection.to_owned(),
        name: name.to_owned(),
    }]
}

#[test]
fn a_ref_token_is_for_its_refs_of_its_collection() {
    let claims = Claims {
        refs: Some(listed("org.example.Stable", GAME)),
        ..Claims::default()
    };
    let kind = TokenKind::RefToken;
    assert_eq!(check(kind, &claims, &[GAME]), Ok(()), "it implies download");
    assert_eq!(
        check(kind, &claims, &["app/a/b/c", GAME]),
        Ok(()),
        "one is enough"
    );
    assert_eq!(
        check(kind, &claims, &["app/org.example.Game/x86_64/beta"]),
        Err(NotEnough::Ref)
    );
    let other = Claims {
        refs: Some(listed("org.example.Beta", GAME)),
        ..Claims::default()
    };
    assert_eq!(check(kind, &other, &[GAME]), Err(NotEnough::Ref));
    assert_eq!(
        check(kind, &Claims::default(), &[GAME]),
        Err(NotEnough::Ref)
    );
    let stars = Claims {
        refs: Some(listed("org.example.Stable", "app/*/x86_64/stable")),
        ..Claims::default()
    };
    assert_eq!(
        check(kind, &stars, &[GAME]),
        Err(NotEnough::Ref),
        "grants have stars, tokens none"
    );
    let mut aimed = claims.clone();
    aimed.aud = Some("stable".to_owned());
    assert_eq!(check(kind, &aimed, &[GAME]), Ok(()));
    aimed.aud = Some("beta".to_owned());
    assert_eq!(check(kind, &aimed, &[GAME]), Err(NotEnough::Audience));
    // What a ref token says of apps is nobody's word.
    let wide = Claims {
        refs: None,
        ..access()
    };
    assert_eq!(check(kind, &wide, &[GAME]), Err(NotEnough::Ref));
    assert_eq!(
        check(TokenKind::Registry, &claims, &[GAME]),
        Err(NotEnough::Kind)
    );
}

fn access() -> Claims {
    let one = |text: &str| vec![text.to_owned()];
    Claims {
        scope: vec![Scope::Download],
        repos: one("stable"),
        prefixes: one("org.example"),
        branches: one("stable"),
        ..Claims::default()
    }
}

#[test]
fn an_access_token_needs_scope_repository_app_and_branch_together() {
    let all = |change: fn(&mut Claims), names: &[&str]| {
        let mut claims = access();
        change(&mut claims);
        let [one, other] =
            [TokenKind::Access, TokenKind::FlatManager].map(|kind| check(kind, &claims, names));
        assert_eq!(one, other);
        one
    };
    assert_eq!(all(|_| {}, &[GAME]), Ok(()));
    assert_eq!(
        all(|c| c.scope = vec![Scope::Build, Scope::Upload], &[GAME]),
        Err(NotEnough::Scope)
    );
    assert_eq!(
        all(|c| c.repos = vec!["beta".into()], &[GAME]),
        Err(NotEnough::Repo)
    );
    assert_eq!(all(|c| c.repos.clear(), &[GAME]), Err(NotEnough::Repo));
    assert_eq!(all(|c| c.repos = vec![String::new()], &[GAME]), Ok(()));
    assert_eq!(
        all(|c| c.prefixes = vec!["org.exam".into()], &[GAME]),
        Err(NotEnough::Ref)
    );
    assert_eq!(
        all(|c| c.prefixes = vec!["org.example.Game".into()], &[GAME]),
        Ok(())
    );
    assert_eq!(all(|c| c.prefixes = vec![String::new()], &[GAME]), Ok(()));
    assert_eq!(
        all(|c| c.prefixes.clear(), &[GAME]),
        Err(NotEnough::Ref),
        "not flat-manager's any"
    );
    let app = |c: &mut Claims| {
        c.prefixes.clear();
        c.apps = vec!["org.example.Game".into()];
    };
    assert_eq!(all(app, &[GAME]), Ok(()));
    assert_eq!(
        all(app, &["runtime/org.example.Game.Locale/x86_64/stable"]),
        Err(NotEnough::Ref)
    );
    assert_eq!(
        all(|c| c.branches = vec!["beta".into()], &[GAME]),
        Err(NotEnough::Ref)
    );
    assert_eq!(all(|c| c.branches.clear(), &[GAME]), Ok(()));
    assert_eq!(all(|c| c.branches = vec![String::new()], &[GAME]), Ok(()));
    // App and branch of one ref, not each of another.
    let apart = [
        "app/org.example.Game/x86_64/beta",
        "app/org.other.App/x86_64/stable",
    ];
    assert_eq!(all(|_| {}, &apart), Err(NotEnough::Ref));
    // A ref that is no app's: for all apps alone.
    assert_eq!(
        all(|c| c.branches.clear(), &["appstream/x86_64"]),
        Err(NotEnough::Ref)
    );
    let any = |c: &mut Claims| {
        c.branches.clear();
        c.prefixes = vec![String::new()];
    };
    assert_eq!(all(any, &["appstream/x86_64"]), Ok(()));
    assert_eq!(
        all(|c| c.refs = Some(Vec::new()), &[GAME]),
        Err(NotEnough::Ref),
        "narrower still"
    );
    assert_eq!(
        all(
            |c| c.refs = Some(listed("org.example.Stable", GAME)),
            &[GAME]
        ),
        Ok(())
    );
    assert_eq!(
        all(|c| c.aud = Some("beta".into()), &[GAME]),
        Err(NotEnough::Audience)
    );
}
