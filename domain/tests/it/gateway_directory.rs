//! Who may pull what, from memory: against the plain rules, for random feeds.

use std::collections::{BTreeMap, BTreeSet};

use portolan_domain::gateway::{
    Access, ChangedHolder, ChangedRepository, Changes, Directory, Scope, Subject, granted,
};
use proptest::prelude::*;

fn repository(number: u32, name: &str, auth_required: bool) -> ChangedRepository {
    ChangedRepository {
        number,
        name: name.to_owned(),
        listed: true,
        auth_required,
    }
}

fn holder(name: &str, numbers: &[u32]) -> ChangedHolder {
    (name.to_owned(), Some(numbers.iter().copied().collect()))
}

fn alice() -> Subject {
    Subject::User("alice".into())
}

/// Alice has `a/closed`, the host `h1` has `b/closed`, everybody has `open`.
fn directory() -> Directory {
    Directory::default().with(Changes {
        generation: 1,
        repositories: vec![
            repository(7, "open", false),
            repository(0, "b/closed", true),
            repository(3, "a/closed", true),
        ],
        users: vec![holder("alice", &[3, 7, 99]), holder("bob", &[])],
        hosts: vec![holder("h1", &[0])],
    })
}

fn names(directory: &Directory, subject: &Subject, after: Option<&str>) -> Vec<String> {
    directory
        .names(subject, after)
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn somebody_has_what_is_open_and_what_is_his() {
    let directory = directory();
    let host = Subject::Host("h1".into());
    for (subject, has) in [
        (Subject::Anybody, &["open"][..]),
        (alice(), &["a/closed", "open"]),
        (Subject::User("bob".into()), &["open"]),
        (Subject::User("nobody".into()), &["open"]),
        (host.clone(), &["b/closed", "open"]),
        // A host's uuid is no user's name.
        (Subject::User("h1".into()), &["open"]),
    ] {
        assert_eq!(names(&directory, &subject, None), has, "{subject:?}");
        for name in ["a/closed", "b/closed", "open", "gone", "", "OPEN", "open/"] {
            assert_eq!(
                directory.may_pull(&subject, name),
                has.contains(&name),
                "{subject:?} {name}"
            );
        }
    }
    assert_eq!(names(&directory, &alice(), Some("a/closed")), ["open"]);
    assert_eq!(names(&directory, &alice(), Some("a")), ["a/closed", "open"]);
    assert_eq!(names(&directory, &alice(), Some("open")), [""; 0]);
    assert!(directory.is_open("open") && !directory.is_open("a/closed"));
}

#[test]
fn a_change_makes_another_directory_and_leaves_this_one() {
    let before = directory();
    let after = before.with(Changes {
        generation: 2,
        repositories: vec![
            repository(7, "open", true),
            ChangedRepository {
                listed: false,
                ..repository(3, "a/closed", true)
            },
        ],
        users: vec![("alice".to_owned(), None)],
        hosts: vec![],
    });
    assert_eq!((before.generation(), after.generation()), (1, 2));
    assert_eq!(names(&before, &alice(), None), ["a/closed", "open"]);
    assert_eq!(names(&after, &alice(), None), [""; 0]);
    assert!(after.may_pull(&Subject::Host("h1".into()), "b/closed"));
    assert_eq!(
        (before.of_user("alice").is_some(), after.of_user("alice")),
        (true, None)
    );
}

#[test]
fn names_become_numbers_only_where_a_token_is_needed() {
    let directory = directory();
    let numbers = directory.numbers(["b/closed", "open", "gone", "a/closed"]);
    assert_eq!(numbers.iter().collect::<Vec<_>>(), [0, 3]);
}

#[test]
fn a_token_lets_pull_what_is_asked_and_may_be_had() {
    let directory = directory();
    let of = |subject: &Subject, scopes: &str| {
        let access = granted(Scope::read(scopes), &directory, subject);
        access
            .into_iter()
            .map(|one| format!("{}:{}:{}", one.kind, one.name, one.actions.join(",")))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let asked = "repository:a/closed:pull,push repository:b/closed:pull repository:open:*";
    assert_eq!(
        of(&alice(), asked),
        "repository:a/closed:pull repository:open:pull"
    );
    assert_eq!(of(&Subject::Anybody, asked), "repository:open:pull");
    for nothing in [
        "repository:a/closed:push",
        "repository:a/closed:delete",
        "repository:a/closed:",
        "registry:catalog:*",
        "repository:gone:pull",
        "user:open:pull",
        "",
    ] {
        assert_eq!(of(&alice(), nothing), "", "{nothing}");
    }
    assert_eq!(
        of(&alice(), "repository:open:pull repository:open:pull,push"),
        "repository:open:pull"
    );
    assert!(Access::to_pull("a").lets_pull("a"));
    assert!(!Access::to_pull("a").lets_pull("a/b"));
    let other = Access {
        kind: "registry".to_owned(),
        ..Access::to_pull("a")
    };
    assert!(!other.lets_pull("a"));
}

/// What the feeds said, in the plainest form.
#[derive(Default)]
struct Plain {
    repositories: BTreeMap<u32, (String, bool, bool)>,
    users: BTreeMap<String, BTreeSet<u32>>,
}

impl Plain {
    fn take(&mut self, changes: &Changes) {
        for one in &changes.repositories {
            let row = (one.name.clone(), one.listed, one.auth_required);
            self.repositories.insert(one.number, row);
        }
        for (name, set) in &changes.users {
            match set {
                Some(set) => drop(self.users.insert(name.clone(), set.iter().collect())),
                None => drop(self.users.remove(name)),
            }
        }
    }

    fn names(&self, user: &str, after: Option<&str>) -> Vec<String> {
        let none = BTreeSet::new();
        let held = self.users.get(user).unwrap_or(&none);
        let mut names: Vec<String> = self
            .repositories
            .iter()
            .filter(|(number, (name, listed, auth))| {
                *listed
                    && (!auth || held.contains(number))
                    && after.is_none_or(|after| name.as_str() > after)
            })
            .map(|(_, (name, ..))| name.clone())
            .collect();
        names.sort_unstable();
        names
    }
}

/// A repository's name says its number, as in the database, where both are unique.
fn changes() -> impl Strategy<Value = Changes> {
    let repository =
        (0_u32..12, any::<bool>(), any::<bool>()).prop_map(|(number, listed, auth)| {
            ChangedRepository {
                number,
                name: format!("r{}/{number}", number * 7 % 5),
                listed,
                auth_required: auth,
            }
        });
    let repositories = prop::collection::btree_map(0_u32..12, repository, 0..8).prop_map(|all| {
        let mut seen = BTreeSet::new();
        all.into_values()
            .filter(|one| seen.insert(one.number))
            .collect()
    });
    let held = prop::option::of(prop::collection::vec(0_u32..14, 0..10));
    let users = prop::collection::btree_map("[a-c]", held, 0..3).prop_map(|users| {
        let user = |(name, held): (String, Option<Vec<u32>>)| {
            (name, held.map(|held| held.into_iter().collect()))
        };
        users.into_iter().map(user).collect()
    });
    (repositories, users).prop_map(|(repositories, users)| Changes {
        generation: 1,
        repositories,
        users,
        hosts: vec![],
    })
}

proptest! {
    #[test]
    fn it_says_what_the_feeds_said(feeds in prop::collection::vec(changes(), 1..6), after in prop::option::of("r[0-4]/[0-9]{1,2}")) {
        let (mut plain, mut directory) = (Plain::default(), Directory::default());
        for feed in feeds {
            plain.take(&feed);
            directory = directory.with(feed);
        }
        for user in ["a", "b", "c", "d"] {
            let subject = Subject::User(user.into());
            let expected = plain.names(user, after.as_deref());
            prop_assert_eq!(names(&directory, &subject, after.as_deref()), expected);
            let all = plain.names(user, None);
            for (name, ..) in plain.repositories.values() {
                prop_assert_eq!(directory.may_pull(&subject, name), all.contains(name));
            }
        }
    }
}
