//! Who may pull which repositories, as the content system says it:
//! `{"users":[{"alice":[{"repository":"a/b","auth_required":true}]}]}`. Ten thousand users with a thousand each are
//! half a gigabyte of JSON, so it is read as it comes, and a name is kept once.

mod entry;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    io::Read,
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use thiserror::Error;

use self::entry::Entry;
use super::NumberSet;

/// Bytes of a repository's or a user's name at most.
const LONGEST: usize = 255;

/// A feed that is none.
#[derive(Debug, Error)]
pub enum FeedError {
    /// It cannot be read, or is not what is expected.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

/// What a feed says: repositories, each once, and who has which, by their places in that list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MappingFeed {
    /// The repositories that it names, and whether each needs a token.
    pub repositories: Vec<(String, bool)>,
    /// Who has which, by place.
    pub holders: BTreeMap<String, NumberSet>,
    places: HashMap<String, u32>,
    /// The name that is being read: it needs no memory of its own where it was there before.
    name: String,
}

/// A repository of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FedRepository {
    /// Its name.
    pub repository: String,
    /// Whether pulling it needs a token. Content systems send it as a text, too: `"true"`.
    #[serde(deserialize_with = "entry::truth")]
    pub auth_required: bool,
}

impl MappingFeed {
    /// Reads a feed whose one list is under this key: `users` or `hosts`.
    ///
    /// # Errors
    /// [`FeedError`] says where it is no feed.
    pub fn read(json: impl Read, key: &'static str) -> Result<Self, FeedError> {
        let mut feed = Self::default();
        let mut json = serde_json::Deserializer::from_reader(json);
        Whole(&mut feed, key).deserialize(&mut json)?;
        json.end()?;
        Ok(feed)
    }

    /// The place of the repository whose name was read.
    fn place(&mut self, needs_token: bool) -> u32 {
        if let Some(place) = self.places.get(&self.name).copied() {
            // Told in two ways: the one that lets fewer in counts.
            if let Some((_, auth_required)) = self.repositories.get_mut(place as usize) {
                *auth_required |= needs_token;
            }
            return place;
        }
        let place = u32::try_from(self.repositories.len()).unwrap_or(u32::MAX);
        self.places.insert(self.name.clone(), place);
        self.repositories.push((self.name.clone(), needs_token));
        place
    }
}

/// Whether a name can be one: printable, without white space, not too long.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = |letter: char| !letter.is_control() && !letter.is_whitespace();
    (1..=LONGEST).contains(&text.len()) && text.chars().all(plain)
}

/// Refuses what can be no name.
fn named<E: serde::de::Error>(what: &str, text: &str) -> Result<(), E> {
    if is_name(text) {
        return Ok(());
    }
    let cut: String = text.chars().take(50).collect();
    Err(E::custom(format_args!(
        "{what} must have 1 to {LONGEST} bytes, no white space and no control characters, and {cut:?} has not"
    )))
}

/// The object around the list.
struct Whole<'a>(&'a mut MappingFeed, &'static str);

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the one field {}", self.1)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut is_there = false;
        while let Some(key) = map.next_key::<String>()? {
            if key != self.1 || is_there {
                return Err(A::Error::custom(format_args!(
                    "expected the one field {}, once",
                    self.1
                )));
            }
            is_there = true;
            map.next_value_seed(Holders(&mut *self.0))?;
        }
        if is_there {
            Ok(())
        } else {
            Err(A::Error::missing_field(self.1))
        }
    }
}

/// The list of objects, and each object of holders.
struct Holders<'a>(&'a mut MappingFeed);

impl<'de> DeserializeSeed<'de> for Holders<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Holders<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects, each with a name and its list of repositories")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Named(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

/// `{"alice":[…]}`.
struct Named<'a>(&'a mut MappingFeed);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Named<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a name and its list of repositories")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(holder) = map.next_key::<String>()? {
            named("a name", &holder)?;
            let mut places = Vec::new();
            map.next_value_seed(Held(&mut *self.0, &mut places))?;
            let before = self.0.holders.insert(holder, places.into_iter().collect());
            if before.is_some() {
                return Err(A::Error::custom("a name is there twice"));
            }
        }
        Ok(())
    }
}

/// One holder's repositories.
struct Held<'a>(&'a mut MappingFeed, &'a mut Vec<u32>);

impl<'de> DeserializeSeed<'de> for Held<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Held<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of {\"repository\",\"auth_required\"}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(place) = list.next_element_seed(Entry(&mut *self.0))? {
            self.1.push(place);
        }
        Ok(())
    }
}
