//! Follows every node's chain from its beginning to its end, and names what does not hold.

use std::{collections::BTreeMap, fmt};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::append::{BEGINNING, hash, mac};
use crate::{
    entity::{audit_log, audit_nodes},
    error::Result,
    store::Store,
};

/// Rows that are read at once.
const BATCH: u64 = 1000;
/// Faults that are reported of one node at most: the first one says the most.
const MOST_FAULTS: usize = 100;

/// What does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFault {
    /// The chain.
    pub node: String,
    /// The first row that it concerns.
    pub sequence: i64,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The row's content does not fit its hash.
    Changed,
    /// Rows are missing from here up to the given one.
    Missing {
        /// The last missing row.
        to: i64,
    },
    /// The row does not follow the one before it.
    Detached,
    /// The chain's recorded end is not its last row, or was not written by a node of this instance.
    End,
    /// The row is not the one that somebody remembers.
    NotExpected,
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            node,
            sequence,
            kind,
        } = self;
        match kind {
            FaultKind::Changed => write!(f, "row {sequence} of node {node} was changed"),
            FaultKind::Missing { to } if to == sequence => {
                write!(f, "row {sequence} of node {node} is missing")
            }
            FaultKind::Missing { to } => {
                write!(f, "rows {sequence} to {to} of node {node} are missing")
            }
            FaultKind::Detached => write!(
                f,
                "row {sequence} of node {node} does not follow the one before it"
            ),
            FaultKind::NotExpected => {
                write!(
                    f,
                    "row {sequence} of node {node} is not the one that was expected"
                )
            }
            FaultKind::End => write!(
                f,
                "the recorded end of node {node}, row {sequence}, is gone or was changed"
            ),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Rows that were read.
    pub rows: u64,
    /// The end of each node's chain: its last row's place and hash. Kept elsewhere, they show later
    /// that an end was cut off together with its record.
    pub ends: BTreeMap<String, (i64, String)>,
    /// What does not hold; empty where all does.
    pub faults: Vec<AuditFault>,
}

/// A chain that is being followed.
struct Chain {
    node: String,
    sequence: i64,
    hash: String,
    /// By which lists are ordered: within a node it grows with the sequence.
    id: i64,
    faults: Vec<AuditFault>,
}

impl Store {
    /// Verifies the audit log, every chain of it.
    ///
    /// # Errors
    /// [`crate::StorageError`] where it cannot be read. What does not hold is in the report.
    pub async fn verify_audit_log(&self) -> Result<AuditReport> {
        let mut report = AuditReport::default();
        // The ends first: rows that are written meanwhile are behind them.
        let mut ends: BTreeMap<String, audit_nodes::Model> = BTreeMap::new();
        for end in audit_nodes::Entity::find().all(&self.database).await? {
            ends.insert(end.node.clone(), end);
        }
        let nodes: Vec<String> = audit_log::Entity::find()
            .select_only()
            .column(audit_log::Column::Node)
            .distinct()
            .into_tuple()
            .all(&self.database)
            .await?;
        // A chain whose recorded end is gone is still followed.
        let named: Vec<String> = ends.keys().cloned().chain(nodes).collect();
        for node in std::collections::BTreeSet::from_iter(named) {
            let chain = self
                .follow(&node, ends.get(&node), &mut report.rows)
                .await?;
            report.ends.insert(node, (chain.sequence, chain.hash));
            report.faults.extend(chain.faults);
        }
        Ok(report)
    }

    /// The hash of one row, if it is there.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn audit_hash(&self, node: &str, sequence: i64) -> Result<Option<String>> {
        let row = audit_log::Entity::find()
            .filter(audit_log::Column::Node.eq(node))
            .filter(audit_log::Column::Sequence.eq(sequence))
            .one(&self.database)
            .await?;
        Ok(row.map(|row| row.hash))
    }

    async fn follow(
        &self,
        node: &str,
        end: Option<&audit_nodes::Model>,
        count: &mut u64,
    ) -> Result<Chain> {
        let key = self.instance_key(&self.database).await?;
        let mut chain = Chain::new(node);
        loop {
            let rows = audit_log::Entity::find()
                .filter(audit_log::Column::Node.eq(node))
                .filter(audit_log::Column::Sequence.gt(chain.sequence))
                .order_by_asc(audit_log::Column::Sequence)
                .limit(BATCH)
                .all(&self.database)
                .await?;
            *count += rows.len() as u64;
            for row in &rows {
                let right = hash(row, &key)?;
                chain.step(row, &right);
                if end.is_some_and(|end| end.sequence == row.sequence && end.hash != row.hash) {
                    chain.fault(row.sequence, FaultKind::End);
                }
            }
            if chain.faults.len() >= MOST_FAULTS {
                return Ok(chain);
            }
            if (rows.len() as u64) < BATCH {
                break;
            }
        }
        match end {
            Some(end) if mac(end, &key)? != end.mac => chain.fault(end.sequence, FaultKind::End),
            Some(end) if end.sequence > chain.sequence => {
                chain.fault(chain.sequence + 1, FaultKind::Missing { to: end.sequence });
            }
            Some(_) => {}
            None => chain.fault(chain.sequence, FaultKind::End),
        }
        chain.faults.dedup();
        Ok(chain)
    }
}

impl Chain {
    fn new(node: &str) -> Self {
        Self {
            node: node.to_owned(),
            sequence: 0,
            hash: BEGINNING.to_owned(),
            id: i64::MIN,
            faults: Vec::new(),
        }
    }

    fn fault(&mut self, sequence: i64, kind: FaultKind) {
        let node = self.node.clone();
        self.faults.push(AuditFault {
            node,
            sequence,
            kind,
        });
    }

    fn step(&mut self, row: &audit_log::Model, right_hash: &str) {
        let expected = self.sequence + 1;
        if row.sequence > expected {
            let to = row.sequence - 1;
            self.fault(expected, FaultKind::Missing { to });
        } else if row.previous_hash != self.hash {
            self.fault(row.sequence, FaultKind::Detached);
        }
        if row.hash != right_hash || row.id <= self.id {
            self.fault(row.sequence, FaultKind::Changed);
        }
        self.id = row.id;
        self.sequence = row.sequence;
        self.hash.clone_from(&row.hash);
    }
}
