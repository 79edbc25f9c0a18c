//! One entry of a feed's lists, read without memory for what is known already.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor},
};

use super::{MappingFeed, named};

/// `true` or `false`, or a text that says so.
pub fn truth<'de, D: Deserializer<'de>>(json: D) -> Result<bool, D::Error> {
    json.deserialize_any(Truth)
}

struct Truth;

impl Visitor<'_> for Truth {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<bool, E> {
        Ok(truth)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<bool, E> {
        if text.eq_ignore_ascii_case("true") {
            Ok(true)
        } else if text.eq_ignore_ascii_case("false") {
            Ok(false)
        } else {
            Err(E::custom("auth_required must be true or false"))
        }
    }
}

/// `{"repository":"a/b","auth_required":true}`, ten million times: its place, and no memory for what is known.
pub struct Entry<'a>(pub &'a mut MappingFeed);

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = u32;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<u32, D::Error> {
        json.deserialize_map(self)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Field {
    Repository,
    AuthRequired,
    #[serde(other)]
    Other,
}

impl<'de> Visitor<'de> for Entry<'_> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{\"repository\",\"auth_required\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u32, A::Error> {
        let (mut is_named, mut needs_token) = (false, None);
        while let Some(field) = map.next_key::<Field>()? {
            match field {
                Field::Repository => {
                    map.next_value_seed(Name(&mut self.0.name))?;
                    is_named = true;
                }
                Field::AuthRequired => needs_token = Some(map.next_value_seed(Truth)?),
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if !is_named {
            return Err(A::Error::missing_field("repository"));
        }
        named("a repository's name", &self.0.name)?;
        let needs_token = needs_token.ok_or_else(|| A::Error::missing_field("auth_required"))?;
        Ok(self.0.place(needs_token))
    }
}

impl<'de> DeserializeSeed<'de> for Truth {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_any(self)
    }
}

/// A text, written over the one before.
struct Name<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a repository's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<(), E> {
        name.clone_into(self.0);
        Ok(())
    }
}
