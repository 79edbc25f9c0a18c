//! Reads a name as operators and proxies write it (RFC 4514, 3).

use std::str::FromStr;

use x509_parser::asn1_rs::{Any, FromDer};

use super::{
    DistinguishedName, InvalidName,
    value::{Value, known_type},
};

/// What people and proxies write: spaces around separators, escapes as they like, types in any case.
impl FromStr for DistinguishedName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.trim_matches(' ').is_empty() {
            return Err(InvalidName::Empty);
        }
        let mut parts = vec![Vec::new()];
        let mut rest = text;
        loop {
            let (kind, behind) = rest.split_once('=').ok_or(InvalidName::NotAPart)?;
            let (value, separator, behind) = value(behind.trim_start_matches(' '))?;
            if let Some(part) = parts.last_mut() {
                part.push((known_type(kind.trim_matches(' '))?, value));
            }
            match separator {
                Some(',') => parts.push(Vec::new()),
                Some(_) => {}
                None => return Self::canonical(&parts),
            }
            rest = behind;
        }
    }
}

/// Reads a value up to the separator behind it.
fn value(text: &str) -> Result<(Value, Option<char>, &str), InvalidName> {
    if let Some(hex) = text.strip_prefix('#') {
        let end = hex.find([',', '+']).unwrap_or(hex.len());
        let der = bytes_of(hex[..end].trim_end_matches(' ')).ok_or(InvalidName::Value)?;
        let value = match Any::from_der(&der) {
            Ok(([], value)) => Value::read(&value),
            _ => None,
        };
        let mut behind = hex[end..].chars();
        let separator = behind.next();
        return Ok((value.ok_or(InvalidName::Value)?, separator, behind.as_str()));
    }
    let mut bytes = Vec::new();
    // Spaces at the end count only where they are escaped.
    let mut counting = 0;
    let mut letters = text.chars();
    let mut separator = None;
    while let Some(letter) = letters.next() {
        match letter {
            ',' | '+' => {
                separator = Some(letter);
                break;
            }
            '\\' => {
                let (escaped, behind) = unescape(letters.as_str())?;
                bytes.extend_from_slice(&escaped);
                letters = behind.chars();
            }
            '"' | ';' | '<' | '>' => return Err(InvalidName::Unescaped(letter)),
            letter if letter.is_control() => return Err(InvalidName::Unescaped(letter)),
            letter => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        if letter != ' ' {
            counting = bytes.len();
        }
    }
    bytes.truncate(counting);
    let value = String::from_utf8(bytes).map_err(|_| InvalidName::Value)?;
    Ok((Value::Text(value), separator, letters.as_str()))
}

/// What stands behind a backslash: a special character, or the two digits of a byte.
fn unescape(text: &str) -> Result<(Vec<u8>, &str), InvalidName> {
    if let Some(special) = text.chars().next().filter(|c| "\\\"+,;<> #=".contains(*c)) {
        return Ok((
            special.to_string().into_bytes(),
            &text[special.len_utf8()..],
        ));
    }
    let digits = text.get(..2).ok_or(InvalidName::Escape)?;
    Ok((bytes_of(digits).ok_or(InvalidName::Escape)?, &text[2..]))
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| !digits.is_empty() && digits.len() % 2 == 0)?;
    let pairs = digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] << 4 | pair[1]));
    pairs.collect::<Result<_, _>>().ok()
}
