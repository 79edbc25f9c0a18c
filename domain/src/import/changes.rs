//! What an import would change: the list that a dry run answers with.

use std::collections::BTreeMap;

use time::OffsetDateTime;

/// What would become of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeAction {
    /// It is new.
    Added,
    /// Some of its fields differ.
    Updated,
    /// It is gone.
    Removed,
}

/// What a change is of, in the order of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// When the manifest was made.
    Dates,
    /// The upstream consumer.
    UpstreamConsumer,
    /// The CA that verified the manifest.
    Ca,
    /// Where the owner's content is.
    Cdn,
    /// A CDN in the manifest.
    ManifestCdn,
    /// An upstream entitlement.
    Entitlement,
    /// An upstream pool.
    Pool,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// Text.
    Text(String),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// An instant.
    Time(OffsetDateTime),
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it is now.
    pub before: Option<FieldValue>,
    /// What it would be. Where both are none the values are not to be shown.
    pub after: Option<FieldValue>,
}

/// What would change of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What would become of it.
    pub action: ChangeAction,
    /// What it is.
    pub kind: ChangeKind,
    /// Which one.
    pub id: String,
    /// The fields that differ.
    pub fields: Vec<FieldChange>,
}

/// Named fields of a thing, for a comparison.
pub type Fields = Vec<(&'static str, Option<FieldValue>)>;

/// The changes of one import: the first thousand of each kind as they are, the rest as a number, so
/// that the answer to a manifest of any size can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    kept: BTreeMap<ChangeKind, Vec<Change>>,
    left_out: u64,
}

impl ChangeAction {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Updated => "UPDATED",
            Self::Removed => "REMOVED",
        }
    }
}

impl ChangeKind {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dates => "DATES",
            Self::UpstreamConsumer => "UPSTREAM_CONSUMER",
            Self::Ca => "CA",
            Self::Cdn => "CDN",
            Self::ManifestCdn => "MANIFEST_CDN",
            Self::Entitlement => "ENTITLEMENT",
            Self::Pool => "POOL",
        }
    }
}

impl FieldChange {
    /// A field whose values are not to be shown.
    #[must_use]
    pub const fn hidden(name: &'static str) -> Self {
        Self {
            name,
            before: None,
            after: None,
        }
    }
}

impl Change {
    /// What became of a thing between two looks at it; nothing where it is the same, or was never
    /// there. Fields are compared by their names.
    #[must_use]
    pub fn between(
        kind: ChangeKind,
        id: &str,
        before: Option<Fields>,
        after: Option<Fields>,
    ) -> Option<Self> {
        let action = match (&before, &after) {
            (None, None) => return None,
            (None, Some(_)) => ChangeAction::Added,
            (Some(_), None) => ChangeAction::Removed,
            (Some(_), Some(_)) => ChangeAction::Updated,
        };
        let fields = differing(before.unwrap_or_default(), after.unwrap_or_default());
        let id = id.to_owned();
        let change = Self {
            action,
            kind,
            id,
            fields,
        };
        (action != ChangeAction::Updated || !change.fields.is_empty()).then_some(change)
    }
}

fn differing(before: Fields, after: Fields) -> Vec<FieldChange> {
    let mut both: Vec<FieldChange> = Vec::new();
    for (name, before) in before {
        both.push(FieldChange {
            name,
            before,
            after: None,
        });
    }
    for (name, after) in after {
        match both.iter_mut().find(|field| field.name == name) {
            Some(field) => field.after = after,
            None => both.push(FieldChange {
                name,
                before: None,
                after,
            }),
        }
    }
    both.retain(|field| field.before != field.after);
    both
}

impl Changes {
    /// Changes of one kind that are kept.
    pub const MOST: usize = 1000;

    /// How many more of this kind would be kept.
    #[must_use]
    pub fn room(&self, kind: ChangeKind) -> usize {
        Self::MOST - self.kept.get(&kind).map_or(0, Vec::len)
    }

    /// Adds one.
    pub fn push(&mut self, change: Change) {
        if self.room(change.kind) == 0 {
            self.left_out += 1;
        } else {
            self.kept.entry(change.kind).or_default().push(change);
        }
    }

    /// Adds what became of a thing between two looks at it, as [`Change::between`] tells.
    pub fn compare(
        &mut self,
        kind: ChangeKind,
        id: &str,
        before: Option<Fields>,
        after: Option<Fields>,
    ) {
        if let Some(change) = Change::between(kind, id, before, after) {
            self.push(change);
        }
    }

    /// Those of a batch that there is room for; the others are counted, and need not be looked at.
    pub fn listed<'a, T>(&mut self, kind: ChangeKind, batch: &'a [T]) -> &'a [T] {
        let (listed, rest) = batch.split_at(batch.len().min(self.room(kind)));
        self.left_out += rest.len() as u64;
        listed
    }

    /// Adds all of another list.
    pub fn append(&mut self, other: Self) {
        self.left_out += other.left_out;
        for change in other.kept.into_values().flatten() {
            self.push(change);
        }
    }

    /// How many were left out.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The list, by kind.
    #[must_use]
    pub fn into_list(self) -> Vec<Change> {
        self.kept.into_values().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(quantity: i64, label: Option<&str>) -> Fields {
        let label = label.map(|label| FieldValue::Text(label.to_owned()));
        vec![
            ("quantity", Some(FieldValue::Number(quantity))),
            ("label", label),
        ]
    }

    fn change(before: Option<Fields>, after: Option<Fields>) -> Option<Change> {
        Change::between(ChangeKind::Pool, "p", before, after)
    }

    #[test]
    fn only_what_differs_is_told() {
        let changed = change(Some(fields(1, None)), Some(fields(1, Some("a")))).unwrap();
        assert_eq!(changed.action, ChangeAction::Updated);
        assert_eq!(changed.fields.len(), 1);
        assert_eq!(
            (changed.fields[0].name, &changed.fields[0].before),
            ("label", &None)
        );
        assert_eq!(change(Some(fields(1, None)), Some(fields(1, None))), None);
        assert_eq!(change(None, None), None);
        let added = change(None, Some(fields(2, None))).unwrap();
        assert_eq!((added.action, added.fields.len()), (ChangeAction::Added, 1));
        let removed = change(Some(fields(2, Some("a"))), None).unwrap();
        assert_eq!(
            (removed.action, removed.fields.len()),
            (ChangeAction::Removed, 2)
        );
        // Without a field that differs it is still gone.
        assert!(change(Some(Vec::new()), None).is_some());
    }

    #[test]
    fn a_thousand_of_each_kind_are_kept_and_the_rest_counted() {
        let mut changes = Changes::default();
        for _ in 0..1500 {
            changes.push(change(None, Some(fields(1, None))).unwrap());
        }
        assert!(changes.listed(ChangeKind::Pool, &[0; 7]).is_empty());
        let ca = Change::between(ChangeKind::Ca, "ca.crt", None, Some(Vec::new()));
        let mut all = Changes::default();
        all.append(changes);
        all.push(ca.unwrap());
        assert_eq!((all.left_out(), all.room(ChangeKind::Ca)), (507, 999));
        let list = all.into_list();
        assert_eq!((list.len(), list[0].kind), (1001, ChangeKind::Ca));
    }
}
