//! Values whose type differs between releases, read without ever keeping what is not used: a field
//! of 16 MiB must not become a tree of a quarter of a gigabyte.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// Text, number or truth value, as text. Null, arrays and objects are nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Lenient(pub Option<String>);

impl Lenient {
    /// A quantity: one, where there is none to be read.
    pub fn quantity(&self) -> i64 {
        let number = self.0.as_ref().and_then(|text| text.parse().ok());
        number.unwrap_or(1)
    }

    /// A truth value, also as the text "false".
    pub fn truth(&self) -> Option<bool> {
        self.0.as_ref()?.parse().ok()
    }
}

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar)
    }
}

/// The serial number of a certificate: a scalar, or `{id, serial, …}`. A hint alone, since some
/// tools rounded it to 53 bits.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct SerialHint(pub Option<String>);

impl<'de> Deserialize<'de> for SerialHint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hint;
        impl<'de> Visitor<'de> for Hint {
            type Value = Lenient;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a serial number")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Lenient, A::Error> {
                let (mut serial, mut id) = (Lenient::default(), Lenient::default());
                while let Some(key) = fields.next_key::<String>()? {
                    match key.as_str() {
                        "serial" => serial = fields.next_value()?,
                        "id" => id = fields.next_value()?,
                        _ => _ = fields.next_value::<IgnoredAny>()?,
                    }
                }
                Ok(Lenient(serial.0.or(id.0)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Lenient, E> {
                Scalar.visit_str(text)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Lenient, E> {
                Scalar.visit_u64(number)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Lenient, E> {
                Scalar.visit_i64(number)
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Lenient, E> {
                Scalar.visit_f64(number)
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Lenient, E> {
                Ok(Lenient(None))
            }

            fn visit_unit<E: Error>(self) -> Result<Lenient, E> {
                Ok(Lenient(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Lenient, A::Error> {
                Scalar.visit_seq(items)
            }
        }
        Ok(Self(deserializer.deserialize_any(Hint)?.0))
    }
}

struct Scalar;

impl<'de> Visitor<'de> for Scalar {
    type Value = Lenient;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Lenient, E> {
        Ok(Lenient(Some(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Lenient, E> {
        Ok(Lenient(Some(number.to_string())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Lenient, E> {
        Ok(Lenient(Some(number.to_string())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Lenient, E> {
        Ok(Lenient(Some(number.to_string())))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Lenient, E> {
        Ok(Lenient(Some(truth.to_string())))
    }

    fn visit_unit<E: Error>(self) -> Result<Lenient, E> {
        Ok(Lenient(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Lenient, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Lenient, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Lenient(None))
    }
}

/// The first item that counts, and how many more there are: the rest is never kept.
#[derive(Debug)]
pub(super) struct First<T> {
    pub first: Option<T>,
    pub others: usize,
}

impl<T> Default for First<T> {
    fn default() -> Self {
        let (first, others) = (None, 0);
        Self { first, others }
    }
}

/// Whether an item counts at all.
pub(super) trait Counts {
    fn counts(&self) -> bool;
}

impl<'de, T: Deserialize<'de> + Counts> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(First<T>);
        impl<'de, T: Deserialize<'de> + Counts> Visitor<'de> for Items<T> {
            type Value = First<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<First<T>, A::Error> {
                while let Some(item) = items.next_element::<Option<T>>()? {
                    match item.filter(Counts::counts) {
                        Some(item) if self.0.first.is_none() => self.0.first = Some(item),
                        Some(_) => self.0.others += 1,
                        None => {}
                    }
                }
                Ok(self.0)
            }
        }
        deserializer.deserialize_seq(Items(Self::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lenient(json: &str) -> Option<String> {
        serde_json::from_str::<Lenient>(json).unwrap().0
    }

    #[test]
    fn scalars_are_text_and_the_rest_is_nothing() {
        assert_eq!(lenient("\"a\"").as_deref(), Some("a"));
        assert_eq!(lenient("7").as_deref(), Some("7"));
        assert_eq!(lenient("-7").as_deref(), Some("-7"));
        assert_eq!(lenient("false").as_deref(), Some("false"));
        for nothing in ["null", "[1,[2]]", "{\"a\":{\"b\":1}}"] {
            assert_eq!(lenient(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_serial_is_a_scalar_or_in_an_object() {
        let hint = |json: &str| serde_json::from_str::<SerialHint>(json).unwrap().0;
        assert_eq!(hint("5").as_deref(), Some("5"));
        assert_eq!(
            hint("{\"x\":[1],\"id\":6,\"serial\":5}").as_deref(),
            Some("5")
        );
        assert_eq!(hint("{\"id\":6,\"serial\":null}").as_deref(), Some("6"));
        assert_eq!(hint("null"), None);
        assert_eq!(hint("[1]"), None);
    }
}
