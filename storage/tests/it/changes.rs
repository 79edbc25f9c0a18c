//! A model of the promise that memory gives: never older than what this node acknowledged, elsewhere at most a
//! second. Nodes with the real [`Changes`] commit, ask and hear of each other over a feed that is cut, late,
//! reordered and repetitive, and start again; each answer from memory is held against the log of commits.

use std::collections::HashMap;

use portolan_domain::ids::OwnerKey;
use portolan_storage::Changes;
use proptest::{collection::vec, prelude::*, sample::Index};

/// For how long a beat is believed, in milliseconds, as the service has it.
const BELIEVED: u64 = 700;
/// What is promised of other nodes.
const SECOND: u64 = 1000;
const NODES: usize = 3;
const OWNERS: usize = 3;

/// What happens, after so many milliseconds.
#[derive(Debug, Clone)]
enum Step {
    /// A node changes an owner and acknowledges it.
    Commit(usize, usize),
    /// A node is asked, and answers.
    Read(usize, usize),
    /// A node asks the database, and hears its answer only later.
    BeginRead(usize, usize),
    EndRead(usize),
    /// The feed delivers some of what is on its way, in any order, some of it twice.
    Deliver(usize, Vec<Index>, bool),
    /// A beat: all that was on its way before it has come then. Where the feed was cut, it is opened anew.
    Beat(usize),
    /// The feed is gone, and what was on its way with it. The node has yet to find out.
    Cut(usize),
    /// Somebody announces what has not happened.
    Rumour(usize, usize),
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (node, owner) = (0..NODES, 0..OWNERS);
    prop_oneof![
        4 => (node.clone(), owner.clone()).prop_map(|(n, o)| Step::Commit(n, o)),
        8 => (node.clone(), owner.clone()).prop_map(|(n, o)| Step::Read(n, o)),
        2 => (node.clone(), owner.clone()).prop_map(|(n, o)| Step::BeginRead(n, o)),
        2 => node.clone().prop_map(Step::EndRead),
        3 => (node.clone(), vec(any::<Index>(), 0..4), any::<bool>())
            .prop_map(|(n, which, twice)| Step::Deliver(n, which, twice)),
        6 => node.clone().prop_map(Step::Beat),
        1 => node.clone().prop_map(Step::Cut),
        1 => (node.clone(), owner).prop_map(|(n, o)| Step::Rumour(n, o)),
        1 => node.prop_map(Step::Restart),
    ]
}

#[derive(Default)]
struct Node {
    changes: Changes,
    /// What was asked, as of which position: the version of the owner.
    memory: HashMap<usize, (u64, u64)>,
    asking: Option<(usize, u64, u64)>,
    on_its_way: Vec<usize>,
    listens: bool,
    beat: Option<u64>,
    acknowledged: HashMap<usize, u64>,
}

#[derive(Default)]
struct World {
    now: u64,
    /// When each version of each owner was committed.
    log: HashMap<usize, Vec<u64>>,
    nodes: Vec<Node>,
    from_memory: usize,
}

fn key(owner: usize) -> OwnerKey {
    format!("owner-{owner}").parse().unwrap()
}

impl World {
    fn version(&self, owner: usize) -> u64 {
        self.log.get(&owner).map_or(0, |log| log.len() as u64)
    }

    /// The version that everybody must know of: committed more than a second ago.
    fn known_to_all(&self, owner: usize) -> u64 {
        let log = self.log.get(&owner).map_or(&[][..], Vec::as_slice);
        log.iter().filter(|at| **at + SECOND < self.now).count() as u64
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Commit(node, owner) => {
                self.log.entry(*owner).or_default().push(self.now);
                let version = self.version(*owner);
                for each in self.nodes.iter_mut().filter(|node| node.listens) {
                    each.on_its_way.push(*owner);
                }
                let node = &mut self.nodes[*node];
                node.changes.owner_changed(&key(*owner));
                node.acknowledged.insert(*owner, version);
            }
            Step::Read(node, owner) => self.read(*node, *owner),
            Step::BeginRead(node, owner) => {
                let version = self.version(*owner);
                let node = &mut self.nodes[*node];
                node.asking = Some((*owner, version, node.changes.position()));
            }
            Step::EndRead(node) => {
                let node = &mut self.nodes[*node];
                if let Some((owner, version, position)) = node.asking.take() {
                    node.memory.insert(owner, (version, position));
                }
            }
            Step::Deliver(node, which, twice) => {
                let node = &mut self.nodes[*node];
                for index in which {
                    if node.on_its_way.is_empty() {
                        break;
                    }
                    let at = index.index(node.on_its_way.len());
                    let owner = node.on_its_way[at];
                    node.changes.owner_changed(&key(owner));
                    if !twice {
                        node.on_its_way.swap_remove(at);
                    }
                }
            }
            Step::Beat(node) => self.beat(*node),
            Step::Cut(node) => {
                let node = &mut self.nodes[*node];
                node.listens = false;
                node.on_its_way.clear();
            }
            Step::Rumour(node, owner) => self.nodes[*node].changes.owner_changed(&key(*owner)),
            Step::Restart(node) => {
                let node = &mut self.nodes[*node];
                let acknowledged = std::mem::take(&mut node.acknowledged);
                *node = Node {
                    acknowledged,
                    ..Node::default()
                };
            }
        }
    }

    fn beat(&mut self, node: usize) {
        let now = self.now;
        let node = &mut self.nodes[node];
        if node.listens {
            for owner in node.on_its_way.drain(..) {
                node.changes.owner_changed(&key(owner));
            }
        } else {
            node.listens = true;
            node.changes.unsure();
        }
        node.beat = Some(now);
    }

    fn read(&mut self, at: usize, owner: usize) {
        let (now, version) = (self.now, self.version(owner));
        let known_to_all = self.known_to_all(owner);
        let node = &mut self.nodes[at];
        let is_heard = node.beat.is_some_and(|beat| now - beat < BELIEVED);
        let known = node.memory.get(&owner).copied();
        let known = known.filter(|(_, position)| node.changes.covers(&key(owner), *position));
        let known = known.filter(|(_, position)| node.changes.is_sure(*position));
        if let Some((answered, _)) = known.filter(|_| is_heard) {
            let own = node.acknowledged.get(&owner).copied().unwrap_or_default();
            assert!(answered >= own, "older than what node {at} acknowledged");
            assert!(
                answered >= known_to_all,
                "node {at} is more than a second behind"
            );
            self.from_memory += 1;
        } else {
            let position = node.changes.position();
            node.memory.insert(owner, (version, position));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn memory_keeps_its_promise(steps in vec((0..300_u64, step()), 1..200)) {
        let mut world = World {
            nodes: (0..NODES).map(|_| Node::default()).collect(),
            ..World::default()
        };
        for (later, step) in &steps {
            world.now += later;
            world.take(step);
        }
    }
}

#[test]
fn memory_answers_in_the_model_at_all() {
    let mut world = World {
        nodes: vec![Node::default()],
        ..World::default()
    };
    for step in [Step::Beat(0), Step::Read(0, 0), Step::Read(0, 0)] {
        world.take(&step);
    }
    assert_eq!(world.from_memory, 1);
}

#[test]
fn a_flood_of_owners_makes_all_old_and_takes_no_more_memory() {
    let changes = Changes::default();
    let position = changes.position();
    for owner in 0..100_001 {
        changes.owner_changed(&key(owner));
    }
    assert!(!changes.covers_all(position));
    assert!(!changes.covers(&key(0), position));
    assert!(changes.covers(&key(0), changes.position()));
}
