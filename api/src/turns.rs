//! Whose turn it is to ask the database for something: once for all who ask for the same. The turns are a fixed
//! number, so that a flood of questions takes no memory; two different questions share one now and then.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::Arc,
};

use tokio::sync::Mutex;

/// A fixed number of turns.
pub struct Turns {
    turns: Vec<Arc<Mutex<()>>>,
    hasher: RandomState,
}

impl Turns {
    /// So many, at least one.
    pub fn new(number: usize) -> Self {
        Self {
            turns: (0..number.max(1)).map(|_| Arc::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// The turn to ask this.
    pub fn of(&self, question: &impl Hash) -> Arc<Mutex<()>> {
        let number = self.turns.len() as u64;
        let turn = usize::try_from(self.hasher.hash_one(question) % number);
        self.turns[turn.unwrap_or_default()].clone()
    }
}
