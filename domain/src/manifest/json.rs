//! JSON (RFC 8259) as a manifest may hold it: no key twice, no deeper than 64, whole entries only.
//!
//! Parsers disagree about a key that stands twice, and deep nesting kills the ones that recurse,
//! so both are refused before anything is taken from the text.

use std::{
    collections::HashSet,
    fmt,
    hash::{BuildHasher, RandomState},
};

use serde::{
    Deserialize,
    de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};

/// How deep arrays and objects may nest.
const DEEPEST: usize = 64;

/// Parses a whole JSON text.
///
/// Files of a manifest are objects: an array of the fields in their order, which the parser would
/// take for one, is refused.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    check(bytes)?;
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(serde_json::Error::custom("it is no object"));
    }
    serde_json::from_slice(bytes)
}

/// What is wrong with a text, in words that never quote its values: they may be private keys, and
/// megabytes long.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("invalid type") || text.starts_with("invalid value") {
        let (line, column) = (error.line(), error.column());
        return format!(
            "a value has another type than is expected, at line {line} column {column}"
        );
    }
    text.chars().take(300).collect()
}

/// Checks a whole JSON text that is kept as it came.
pub(crate) fn check(bytes: &[u8]) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Strict { depth: 0 }.deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Walks a value without keeping it.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > DEEPEST {
            return Err(E::custom(format_args!(
                "it is nested deeper than {DEEPEST}"
            )));
        }
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        // No text that anybody writes holds one, and PostgreSQL cannot store it.
        if text.contains('\0') {
            return Err(E::custom("it holds a text with a NUL character"));
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        // Hashes under a random key in place of the keys: an object of 16 MiB has millions of them.
        let hasher = RandomState::new();
        let mut keys: HashSet<u64> = HashSet::new();
        while let Some(key) = fields.next_key::<String>()? {
            fields.next_value_seed(inner)?;
            if !keys.insert(hasher.hash_one(&key)) {
                let shown: String = key.escape_debug().take(60).collect();
                return Err(A::Error::custom(format_args!(
                    "it has the key {shown} twice"
                )));
            }
        }
        Ok(())
    }
}

/// A field that may be null, where null is the same as absent.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_twice_is_refused_at_any_depth() {
        assert!(check(br#"{"a":{"b":1},"c":[{"b":1},{"b":2}]}"#).is_ok());
        for bad in [r#"{"a":1,"a":1}"#, r#"[{"x":{"a":1,"\u0061":2}}]"#] {
            let why = check(bad.as_bytes()).unwrap_err().to_string();
            assert!(why.contains("key a twice"), "{bad}: {why}");
        }
    }

    #[test]
    fn nesting_ends_at_64() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(nested(64).as_bytes()).is_ok());
        assert!(check(nested(65).as_bytes()).is_err());
        assert!(check("[".repeat(100_000).as_bytes()).is_err());
        assert!(check(r#"{"a":"#.repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_nul_in_a_text_is_refused() {
        let why = check(br#"{"a":["x\u0000y"]}"#).unwrap_err().to_string();
        assert!(why.contains("NUL"), "{why}");
    }

    #[test]
    fn a_reason_never_quotes_a_value() {
        let error = parse::<HashSet<u8>>(br#"{"a":1}"#).unwrap_err();
        assert!(reason(&error).contains("another type"), "{error}");
        let error = serde_json::from_str::<u8>("\"-----BEGIN PRIVATE KEY-----\"").unwrap_err();
        assert!(!reason(&error).contains("PRIVATE"), "{error}");
    }

    #[test]
    fn nothing_may_follow() {
        assert!(check(b"{} ").is_ok());
        for bad in ["", "{} {}", "{},", "{\"a\":1} x", "\u{feff}{}"] {
            assert!(check(bad.as_bytes()).is_err(), "{bad:?} was taken");
        }
    }
}
