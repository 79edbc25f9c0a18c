//! Whatever a child may, its parent may: random parents and requests against what verifiers say, which
//! is written here a second time, as those verifiers read claims.

use portolan_domain::token::{Claims, CollectionRef, Scope, Subset, narrow, narrow_flat_manager};
use proptest::{
    option,
    prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_oneof, proptest},
    sample::{select, subsequence},
};

const NOW: i64 = 1_800_000_000;
const SUBS: [&str; 5] = ["", "build", "build/1", "build/1/x", "builder"];
const APPS: [&str; 6] = [
    "org.a",
    "org.a.B",
    "org.a.B.C",
    "org.ab",
    "net.x.Y",
    "com.z.W",
];
const PREFIXES: [&str; 5] = ["", "org", "org.a", "org.a.B", "net.x"];
const REPOS: [&str; 3] = ["", "stable", "beta"];
const BRANCHES: [&str; 3] = ["", "stable", "beta"];
const USERS: [&str; 2] = ["alice", "bob"];
const REFS: [&str; 3] = ["app/a", "app/b", "app/c"];

/// What somebody tries to do with a token, where and when.
#[derive(Debug)]
struct Attempt {
    sub: &'static str,
    scope: Scope,
    app: &'static str,
    repo: &'static str,
    branch: &'static str,
    the_ref: CollectionRef,
    user: &'static str,
    at: i64,
}

fn attempts() -> Vec<Attempt> {
    let mut all = Vec::new();
    for (n, sub) in SUBS.into_iter().enumerate() {
        for scope in [Scope::Build, Scope::Download, Scope::from("odd".to_owned())] {
            for app in APPS {
                for repo in ["stable", "beta", "other"] {
                    for branch in ["stable", "beta", "other"] {
                        all.push(Attempt {
                            sub,
                            scope: scope.clone(),
                            app,
                            repo,
                            branch,
                            the_ref: a_ref(REFS[(all.len() + n) % REFS.len()]),
                            user: USERS[all.len() % 2],
                            at: NOW + [0, 30, 90, 4000][all.len() % 4],
                        });
                    }
                }
            }
        }
    }
    all
}

/// How flat-manager 0.5.3 reads claims; branches as those verifiers do that read them.
fn flat_manager_allows(claims: &Claims, attempt: &Attempt) -> bool {
    let below =
        |id: &str, above: &str, at: &str| id == above || id.starts_with(&format!("{above}{at}"));
    let app = claims.prefixes.is_empty()
        || claims.apps.iter().any(|app| app == attempt.app)
        || claims
            .prefixes
            .iter()
            .any(|prefix| prefix.is_empty() || below(attempt.app, prefix, "."));
    let unknown = |scope: &Scope| matches!(scope, Scope::Unknown(_));
    let scope = claims
        .scope
        .iter()
        .any(|scope| *scope == attempt.scope || (unknown(scope) && unknown(&attempt.scope)));
    attempt.at < claims.exp
        && below(attempt.sub, &claims.sub, "/")
        && scope
        && app
        && claims
            .repos
            .iter()
            .any(|repo| repo.is_empty() || repo == attempt.repo)
        && (claims.branches.is_empty()
            || claims
                .branches
                .iter()
                .any(|one| one.is_empty() || one == attempt.branch))
}

/// How our edges read them: a token without prefixes and apps is for no app, and refs, users and
/// audiences count.
fn edge_allows(claims: &Claims, attempt: &Attempt) -> bool {
    let no_app = claims.prefixes.is_empty() && !claims.apps.iter().any(|app| app == attempt.app);
    !no_app
        && flat_manager_allows(claims, attempt)
        && claims
            .refs
            .as_ref()
            .is_none_or(|refs| refs.contains(&attempt.the_ref))
        && claims.user.as_ref().is_none_or(|user| user == attempt.user)
        && claims.aud.as_ref().is_none_or(|aud| aud == attempt.repo)
}

fn a_ref(name: &str) -> CollectionRef {
    CollectionRef {
        collection_id: "c".to_owned(),
        name: name.to_owned(),
    }
}

fn list(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let owned = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
    subsequence(of.to_vec(), 0..=2).prop_map(owned)
}

fn scopes(least: usize) -> impl Strategy<Value = Vec<Scope>> {
    let words = ["build", "download", "odd"].map(|word| Scope::from(word.to_owned()));
    subsequence(words.to_vec(), least..=3)
}

fn refs() -> impl Strategy<Value = Option<Vec<CollectionRef>>> {
    option::weighted(0.4, subsequence(REFS.map(a_ref).to_vec(), 0..=2))
}

fn one(of: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    option::weighted(0.3, select(of).prop_map(str::to_owned))
}

fn parents() -> impl Strategy<Value = Claims> {
    let lists = (list(&PREFIXES), list(&APPS), list(&REPOS), list(&BRANCHES));
    let rest = (
        select(&SUBS[..]),
        60..100_i64,
        scopes(2),
        refs(),
        one(&USERS),
        one(&REPOS),
    );
    (lists, rest).prop_map(|((prefixes, apps, repos, branches), rest)| {
        let (sub, seconds, scope, refs, user, aud) = rest;
        Claims {
            sub: sub.to_owned(),
            exp: NOW + seconds,
            scope,
            prefixes,
            apps,
            repos,
            branches,
            refs,
            user,
            aud,
            ..Claims::default()
        }
    })
}

fn requests() -> impl Strategy<Value = Subset> {
    let lists = (
        option::weighted(0.4, list(&PREFIXES)),
        option::weighted(0.4, list(&APPS)),
        option::weighted(0.4, list(&REPOS)),
        option::weighted(0.4, list(&BRANCHES)),
    );
    let duration = prop_oneof![4 => 0..110_i64, 1 => any::<i64>(), 1 => Just(-5)];
    let rest = (
        select(&SUBS[..]),
        duration,
        scopes(0),
        refs(),
        one(&USERS),
        one(&REPOS),
    );
    (lists, rest).prop_map(|((prefixes, apps, repos, branches), rest)| {
        let (sub, duration, scope, refs, user, aud) = rest;
        Subset {
            name: "child".to_owned(),
            sub: sub.to_owned(),
            scope,
            duration,
            prefixes,
            apps,
            repos,
            branches,
            refs,
            user,
            aud,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_child_may_its_parent_may(parent in parents(), asked in requests()) {
        if let Ok(child) = narrow(&parent, &asked, NOW) {
            for attempt in attempts() {
                prop_assert!(
                    !edge_allows(&child, &attempt) || edge_allows(&parent, &attempt),
                    "at an edge: {attempt:?}"
                );
                prop_assert!(
                    !flat_manager_allows(&child, &attempt) || flat_manager_allows(&parent, &attempt),
                    "in flat-manager: {attempt:?}"
                );
            }
        }
    }

    #[test]
    fn what_flat_manager_does_not_read_widens_nothing(parent in parents(), asked in requests()) {
        if let Ok(child) = narrow_flat_manager(&parent, &asked, NOW) {
            // What is left of it once it was written for flat-manager.
            let written = serde_json::to_value(child.for_flat_manager()).unwrap();
            let child: Claims = serde_json::from_value(written).unwrap();
            for attempt in attempts() {
                prop_assert!(!edge_allows(&child, &attempt) || edge_allows(&parent, &attempt));
                prop_assert!(
                    !flat_manager_allows(&child, &attempt) || flat_manager_allows(&parent, &attempt)
                );
            }
        }
    }

    #[test]
    fn a_grandchild_may_no_more_than_the_first_parent(
        parent in parents(), asked in requests(), again in requests(),
    ) {
        let child = narrow(&parent, &asked, NOW);
        if let Some(grandchild) = child.ok().and_then(|child| narrow(&child, &again, NOW).ok()) {
            for attempt in attempts() {
                prop_assert!(!edge_allows(&grandchild, &attempt) || edge_allows(&parent, &attempt));
            }
        }
    }

    #[test]
    fn the_same_again_is_always_given(parent in parents()) {
        let known = parent.scope.iter().filter(|scope| scope.is_known());
        let asked = Subset {
            sub: parent.sub.clone(),
            scope: known.cloned().collect(),
            duration: parent.exp - NOW,
            prefixes: Some(parent.prefixes.clone()),
            apps: Some(parent.apps.clone()),
            repos: Some(parent.repos.clone()),
            branches: Some(parent.branches.clone()),
            refs: parent.refs.clone(),
            user: parent.user.clone(),
            aud: parent.aud.clone(),
            name: String::new(),
        };
        prop_assert!(narrow(&parent, &asked, NOW).is_ok());
    }
}
