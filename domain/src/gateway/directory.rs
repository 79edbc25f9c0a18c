//! Who may pull what, in memory, for every request: repositories sorted by name, and each holder's numbers.
//! A directory never changes. A feed makes another one of it, which shares what stayed the same, so that whoever
//! reads sees all of a feed or nothing.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
    iter::Peekable,
    slice,
    sync::Arc,
};

use super::NumberSet;

/// A number that no listed repository has.
const UNLISTED: u32 = u32::MAX;

/// A repository as it is from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedRepository {
    /// Its number, by which holders have it. It never changes.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Whether it is there; else nobody may have it.
    pub listed: bool,
    /// Whether pulling it needs a token.
    pub auth_required: bool,
}

/// A holder, and all that is his from now on; nothing is known of him any more where there is no set.
pub type ChangedHolder = (String, Option<NumberSet>);

/// What is another way than before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// How often the directory had changed then.
    pub generation: i64,
    /// Repositories.
    pub repositories: Vec<ChangedRepository>,
    /// Users, by name.
    pub users: Vec<ChangedHolder>,
    /// Hosts, by uuid.
    pub hosts: Vec<ChangedHolder>,
}

/// On whose behalf something is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Nobody in particular: what needs no token.
    Anybody,
    /// A user, by name.
    User(Arc<str>),
    /// A host, by its consumer's uuid.
    Host(Arc<str>),
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    generation: i64,
    repositories: Arc<Repositories>,
    users: Holders,
    hosts: Holders,
}

type Holders = Arc<HashMap<Arc<str>, NumberSet>>;

#[derive(Debug, Default)]
struct Repositories {
    /// Those that are listed, by name.
    sorted: Vec<Repository>,
    /// By number, the place in `sorted`.
    places: Vec<u32>,
    /// The places of those that need no token.
    open: Vec<u32>,
}

#[derive(Debug, Clone)]
struct Repository {
    name: Arc<str>,
    number: u32,
    auth_required: bool,
}

impl Directory {
    /// How often it has changed.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.generation
    }

    /// The directory after these changes.
    #[must_use]
    pub fn with(&self, changes: Changes) -> Self {
        let mut next = self.clone();
        next.generation = changes.generation;
        if !changes.repositories.is_empty() {
            next.repositories = Arc::new(self.repositories.with(changes.repositories));
        }
        replace(&mut next.users, changes.users);
        replace(&mut next.hosts, changes.hosts);
        next
    }

    /// Whether somebody may pull a repository.
    #[must_use]
    pub fn may_pull(&self, subject: &Subject, name: &str) -> bool {
        let Some(repository) = self.repositories.find(name) else {
            return false;
        };
        let held = || {
            self.held(subject)
                .is_some_and(|set| set.contains(repository.number))
        };
        !repository.auth_required || held()
    }

    /// Whether nobody needs a token to pull it.
    #[must_use]
    pub fn is_open(&self, name: &str) -> bool {
        self.may_pull(&Subject::Anybody, name)
    }

    /// The names of what somebody may pull, sorted, from behind this name on. It takes memory for what the
    /// subject holds beyond what is open, and for nothing else.
    pub fn names<'a>(
        &'a self,
        subject: &Subject,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a str> + use<'a> {
        let all = &*self.repositories;
        let first = after.map_or(0, |after| all.first_behind(after));
        let mut held: Vec<u32> = self
            .held(subject)
            .into_iter()
            .flat_map(NumberSet::iter)
            .filter_map(|number| all.place(number))
            .filter(|place| *place >= first)
            .collect();
        held.sort_unstable();
        let open = &all.open[all.open.partition_point(|place| *place < first)..];
        let both = Merged {
            open: open.iter().peekable(),
            held: held.into_iter().peekable(),
        };
        both.filter_map(|place| Some(&*all.at(place)?.name))
    }

    /// The numbers of those among these names that need a token; what is not listed is left out.
    #[must_use]
    pub fn numbers<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> NumberSet {
        let found = names
            .into_iter()
            .filter_map(|name| self.repositories.find(name));
        let closed = found.filter(|repository| repository.auth_required);
        closed.map(|repository| repository.number).collect()
    }

    /// What a user holds; none where nothing is known of him.
    #[must_use]
    pub fn of_user(&self, name: &str) -> Option<&NumberSet> {
        self.users.get(name)
    }

    fn held(&self, subject: &Subject) -> Option<&NumberSet> {
        match subject {
            Subject::Anybody => None,
            Subject::User(name) => self.users.get(name),
            Subject::Host(uuid) => self.hosts.get(uuid),
        }
    }
}

fn replace(holders: &mut Holders, changed: Vec<ChangedHolder>) {
    if changed.is_empty() {
        return;
    }
    let mut next = HashMap::clone(holders);
    for (name, set) in changed {
        match set {
            Some(set) => drop(next.insert(name.into(), set)),
            None => drop(next.remove(&*name)),
        }
    }
    *holders = Arc::new(next);
}

impl Repositories {
    fn with(&self, changed: Vec<ChangedRepository>) -> Self {
        let numbers: HashSet<u32> = changed.iter().map(|one| one.number).collect();
        let kept = self.sorted.iter();
        let kept = kept.filter(|one| !numbers.contains(&one.number));
        let listed = changed.into_iter().filter(|one| one.listed);
        let new = listed.map(|one| Repository {
            name: one.name.into(),
            number: one.number,
            auth_required: one.auth_required,
        });
        let mut sorted: Vec<Repository> = kept.cloned().chain(new).collect();
        sorted.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Self::of(sorted)
    }

    fn of(sorted: Vec<Repository>) -> Self {
        let most = sorted.iter().map(|one| one.number as usize + 1).max();
        let mut places = vec![UNLISTED; most.unwrap_or(0)];
        let mut open = Vec::new();
        for (place, one) in (0_u32..).zip(&sorted) {
            places[one.number as usize] = place;
            if !one.auth_required {
                open.push(place);
            }
        }
        Self {
            sorted,
            places,
            open,
        }
    }

    fn find(&self, name: &str) -> Option<&Repository> {
        let place = self.sorted.binary_search_by(|one| (*one.name).cmp(name));
        self.sorted.get(place.ok()?)
    }

    fn first_behind(&self, name: &str) -> u32 {
        let first = self.sorted.partition_point(|one| &*one.name <= name);
        u32::try_from(first).unwrap_or(UNLISTED)
    }

    fn place(&self, number: u32) -> Option<u32> {
        let place = *self.places.get(number as usize)?;
        (place != UNLISTED).then_some(place)
    }

    fn at(&self, place: u32) -> Option<&Repository> {
        self.sorted.get(place as usize)
    }
}

/// Two ascending lists as one, each number once.
struct Merged<'a> {
    open: Peekable<slice::Iter<'a, u32>>,
    held: Peekable<std::vec::IntoIter<u32>>,
}

impl Iterator for Merged<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let order = match (self.open.peek(), self.held.peek()) {
            (Some(open), Some(held)) => (*open).cmp(held),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => self.open.next().copied(),
            Ordering::Greater => self.held.next(),
            Ordering::Equal => {
                self.held.next();
                self.open.next().copied()
            }
        }
    }
}
