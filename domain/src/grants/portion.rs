//! How allowed refs are cut into tokens: one collection a token, one end for all of its refs, and no token
//! that a header of a request could not carry.

use std::collections::BTreeMap;

use super::grant::{Permission, Wanted};
use crate::{
    ids::{CollectionId, RefName, UserName},
    token::{Claims, CollectionRef},
};

/// Refs of a token at most.
pub const MOST_REFS: usize = 200;
/// Bytes of a token at most.
const MOST_BYTES: usize = 8 << 10;
/// What header and signature take of that: the longest signature is that of an RSA key of 8192 bits.
const AROUND: usize = 2 << 10;
/// Bytes of claims at most: base64 makes four of three.
const MOST_CLAIMS: usize = (MOST_BYTES - AROUND) / 4 * 3;

/// What all tokens of one answer have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefTokenTerms {
    /// Who issues them.
    pub iss: String,
    /// Whom they are for.
    pub user: UserName,
    /// Where they count; everywhere where it is none.
    pub aud: Option<String>,
    /// When they are issued, in seconds since 1970.
    pub now: i64,
    /// When they end at the latest, in seconds since 1970.
    pub exp: i64,
}

/// The refs of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portion {
    /// Their collection.
    pub collection: CollectionId,
    /// The refs: 1 to [`MOST_REFS`].
    pub refs: Vec<RefName>,
    /// When the token ends, in seconds since 1970.
    pub exp: i64,
}

impl RefTokenTerms {
    /// When a token that rests on this permission ends; none where it has no whole second left. Seconds are
    /// cut downwards: a token never outlives what it rests on.
    #[must_use]
    pub fn end(&self, permission: Permission) -> Option<i64> {
        let end = match permission {
            Permission::Always => self.exp,
            Permission::Until(until) => self.exp.min(until.unix_timestamp()),
            Permission::Ended | Permission::Never => return None,
        };
        (end > self.now).then_some(end)
    }

    /// The claims of a token. Whom it is for is public, and cannot be forged.
    #[must_use]
    pub fn claims(&self, portion: &Portion, jti: String) -> Claims {
        let refs = portion.refs.iter();
        let refs = refs.map(|name| entry(&portion.collection, name)).collect();
        self.claims_for(refs, portion.exp, jti)
    }

    fn claims_for(&self, refs: Vec<CollectionRef>, exp: i64, jti: String) -> Claims {
        Claims {
            sub: self.user.to_string(),
            exp,
            jti: Some(jti),
            iss: Some(self.iss.clone()),
            iat: Some(self.now),
            nbf: Some(self.now),
            aud: self.aud.clone(),
            refs: Some(refs),
            user: Some(self.user.to_string()),
            ..Claims::default()
        }
    }

    /// Bytes that are left for refs.
    fn room(&self) -> usize {
        let jti = "00000000-0000-0000-0000-000000000000".to_owned();
        let bare = self.claims_for(Vec::new(), self.exp, jti);
        MOST_CLAIMS.saturating_sub(json_size(&bare.for_ref_token()))
    }
}

/// Cuts refs, each with the end of its permission, into tokens. Those that end alike come together: one
/// whose grant ends in a minute must not shorten the others.
#[must_use]
pub fn portions(
    terms: &RefTokenTerms,
    allowed: impl IntoIterator<Item = (Wanted, i64)>,
) -> Vec<Portion> {
    let mut alike: BTreeMap<(CollectionId, i64), Vec<RefName>> = BTreeMap::new();
    for (wanted, end) in allowed {
        let key = (wanted.collection, end);
        alike.entry(key).or_default().push(wanted.name);
    }
    let room = terms.room();
    let mut portions = Vec::new();
    for ((collection, exp), refs) in alike {
        let pieces = cut(&collection, refs, room).into_iter();
        portions.extend(pieces.map(|refs| Portion {
            collection: collection.clone(),
            refs,
            exp,
        }));
    }
    portions
}

fn cut(collection: &CollectionId, refs: Vec<RefName>, room: usize) -> Vec<Vec<RefName>> {
    let mut pieces: Vec<Vec<RefName>> = Vec::new();
    let mut left = 0;
    for name in refs {
        // With the comma before it.
        let size = json_size(&entry(collection, &name)) + 1;
        match pieces.last_mut() {
            Some(piece) if piece.len() < MOST_REFS && size <= left => {
                piece.push(name);
                left -= size;
            }
            _ => {
                pieces.push(vec![name]);
                left = room.saturating_sub(size);
            }
        }
    }
    pieces
}

fn json_size(value: &impl serde::Serialize) -> usize {
    // Texts and numbers always become JSON.
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}

fn entry(collection: &CollectionId, name: &RefName) -> CollectionRef {
    CollectionRef {
        collection_id: collection.to_string(),
        name: name.to_string(),
    }
}
