//! Names of client certificates: what operators may write, and that no two names have one text.

use portolan_domain::distinguished_name::{DistinguishedName, InvalidName};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

/// A name's parts in the order of the certificate: type (OID in DER), string type, text.
type Name = Vec<Vec<(&'static [u8], u8, String)>>;

const CN: &[u8] = &[0x55, 4, 3];
const O: &[u8] = &[0x55, 4, 10];
const UID: &[u8] = &[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1];
const UNNAMED: &[u8] = &[0x2a, 3, 0x84, 0];
const UTF8: u8 = 12;
const PRINTABLE: u8 = 19;
const BMP: u8 = 30;
const OCTETS: u8 = 4;

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut der = vec![tag];
    match (length[0], content.len()) {
        (0, 0..128) => der.push(length[1]),
        (0, _) => der.extend([0x81, length[1]]),
        _ => der.extend([0x82, length[0], length[1]]),
    }
    der.extend(content);
    der
}

fn der(name: &Name) -> Vec<u8> {
    let attribute = |(oid, tag, text): &(&[u8], u8, String)| {
        let bytes = match *tag {
            BMP => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            _ => text.as_bytes().to_vec(),
        };
        tlv(0x30, &[tlv(6, oid), tlv(*tag, &bytes)].concat())
    };
    let parts = name.iter().map(|part| {
        let attributes: Vec<_> = part.iter().map(attribute).collect();
        tlv(0x31, &attributes.concat())
    });
    tlv(0x30, &parts.collect::<Vec<_>>().concat())
}

fn read(name: &Name) -> Result<DistinguishedName, InvalidName> {
    DistinguishedName::from_der(&der(name))
}

fn parse(text: &str) -> Result<DistinguishedName, InvalidName> {
    text.parse()
}

fn one(text: &str) -> Name {
    vec![vec![(CN, UTF8, text.to_owned())]]
}

#[test]
fn what_operators_and_proxies_write_is_one_name() {
    let canonical = "CN=edge-1,OU=Proxies+UID=7,O=A\\, B";
    for text in [
        canonical,
        "cn=edge-1,ou=Proxies+uid=7,o=A\\, B",
        " CN = edge-1 , UID=7 + OU = Proxies ,O= A\\2C B ",
        "2.5.4.3=edge-1,0.9.2342.19200300.100.1.1=7+2.5.4.11=Proxies,O=A\\2c\\20B",
        "CN=#0C06656467652D31,OU=Proxies+UID=#130137,O=A\\, B",
        "CN=\\65\\64\\67\\65-1,OU=Proxies+UID=7,O=A\\,\\ B",
    ] {
        let name = parse(text).unwrap();
        assert_eq!(name.as_str(), canonical, "{text}");
        assert_eq!(name.common_name(), Some("edge-1"), "{text}");
    }
    assert_eq!(parse("CN=L\\C3\\BCbeck").unwrap().as_str(), "CN=Lübeck");
    assert_eq!(parse("CN=a=b").unwrap().common_name(), Some("a=b"));
    assert_eq!(parse("CN=").unwrap().common_name(), Some(""));
}

#[test]
fn what_is_ambiguous_or_a_mistake_is_refused() {
    for (text, why) in [
        ("", InvalidName::Empty),
        ("  ", InvalidName::Empty),
        ("edge-1", InvalidName::NotAPart),
        ("CN=a,", InvalidName::NotAPart),
        ("CN=a,,O=b", InvalidName::Type(",O".to_owned())),
        ("CN=a+", InvalidName::NotAPart),
        ("/CN=a", InvalidName::Type("/CN".to_owned())),
        ("XY=a", InvalidName::Type("XY".to_owned())),
        ("3.1=a", InvalidName::Type("3.1".to_owned())),
        ("1.40=a", InvalidName::Type("1.40".to_owned())),
        ("2.05=a", InvalidName::Type("2.05".to_owned())),
        ("CN=\"a\"", InvalidName::Unescaped('"')),
        ("CN=a;O=b", InvalidName::Unescaped(';')),
        ("CN=a\nO=b", InvalidName::Unescaped('\n')),
        ("CN=a\\", InvalidName::Escape),
        ("CN=a\\x", InvalidName::Escape),
        ("CN=a\\4", InvalidName::Escape),
        ("CN=\\ff", InvalidName::Value),
        ("CN=#0c", InvalidName::Value),
        ("CN=#", InvalidName::Value),
        ("CN=#0c0161ff", InvalidName::Value),
    ] {
        assert_eq!(parse(text), Err(why), "{text:?}");
    }
    assert_eq!(
        parse(&format!("CN={}", "x".repeat(5000))),
        Err(InvalidName::TooLong)
    );
}

#[test]
fn a_certificates_name_is_escaped_where_it_could_mislead() {
    for (text, canonical) in [
        ("a,O=Example", "CN=a\\,O=Example"),
        ("a+UID=1", "CN=a\\+UID=1"),
        ("admin\0", "CN=admin\\00"),
        ("a\nb", "CN=a\\0Ab"),
        ("\u{9b}", "CN=\\C2\\9B"),
        (" a ", "CN=\\ a\\ "),
        ("#0c0161", "CN=\\#0c0161"),
        ("a\\", "CN=a\\\\"),
    ] {
        let name = read(&one(text)).unwrap();
        assert_eq!(name.as_str(), canonical);
        assert_eq!(name.common_name(), Some(text));
    }
}

#[test]
fn only_a_single_common_name_is_one() {
    let cn = |tag, text: &str| (CN, tag, text.to_owned());
    let name = |parts: Name| read(&parts).unwrap();
    let two = name(vec![vec![cn(UTF8, "a")], vec![cn(UTF8, "b")]]);
    assert_eq!((two.as_str(), two.common_name()), ("CN=b,CN=a", None));
    let together = name(vec![vec![cn(UTF8, "b"), cn(UTF8, "a")]]);
    assert_eq!(
        (together.as_str(), together.common_name()),
        ("CN=a+CN=b", None)
    );
    let octets = name(vec![vec![cn(OCTETS, "a")]]);
    assert_eq!(
        (octets.as_str(), octets.common_name()),
        ("CN=#040161", None)
    );
    let none = name(vec![vec![(O, UTF8, "a".to_owned())]]);
    assert_eq!(none.common_name(), None);
    assert_eq!(name(vec![vec![cn(BMP, "é")]]), name(one("é")));
    assert_eq!(read(&vec![]), Err(InvalidName::Empty));
    assert_eq!(read(&vec![vec![]]).ok(), None);
}

#[test]
fn an_oid_with_a_longer_encoding_is_no_other_oid() {
    let padded: &[u8] = &[0x55, 4, 0x80, 3];
    let unended: &[u8] = &[0x55, 4, 0x83];
    for oid in [padded, unended, &[]] {
        assert!(
            read(&vec![vec![(oid, UTF8, "a".to_owned())]]).is_err(),
            "{oid:?}"
        );
    }
    let high = read(&vec![vec![(&[0x88, 0x37], UTF8, "a".to_owned())]]).unwrap();
    assert_eq!(high.as_str(), "2.999=a");
    assert_eq!(parse("2.999=a"), Ok(high));
}

fn names() -> impl Strategy<Value = Name> {
    let oid = prop_oneof![Just(CN), Just(O), Just(UID), Just(UNNAMED)];
    let tag = prop_oneof![Just(UTF8), Just(PRINTABLE), Just(BMP), Just(OCTETS)];
    let text = "[aA1,+=#;<>\"\\\\ \\x00\\x1fé€ 0c]{0,5}";
    let attribute = (oid, tag, text);
    let part = proptest::collection::vec(attribute, 1..3);
    proptest::collection::vec(part, 1..4)
}

/// What a name is, apart from how it was encoded.
fn meaning(name: &Name) -> Vec<Vec<(&'static [u8], bool, String)>> {
    let part = |part: &Vec<(&'static [u8], u8, String)>| {
        let attributes = part.iter().map(|(oid, tag, text)| {
            let is_text = match *tag {
                OCTETS => false,
                PRINTABLE => text.is_ascii(),
                _ => true,
            };
            // What is not read as text keeps its string type.
            let kept = if is_text {
                text.clone()
            } else {
                format!("{tag} {text}")
            };
            (*oid, is_text, kept)
        });
        let mut attributes: Vec<_> = attributes.collect();
        attributes.sort();
        attributes
    };
    name.iter().map(part).collect()
}

proptest! {
    #[test]
    fn a_text_is_read_back_as_its_name(name in names()) {
        let read = read(&name).unwrap();
        prop_assert_eq!(parse(read.as_str()), Ok(read));
    }

    #[test]
    fn two_names_have_two_texts(one in names(), other in names()) {
        let same = meaning(&one) == meaning(&other);
        prop_assert_eq!(read(&one) == read(&other), same, "{:?} {:?}", read(&one), read(&other));
    }

    #[test]
    fn whatever_is_written_has_one_canonical_text(text in "([cC][nN]|O|UID|2\\.5)? ?=? ?[a1,+=#;\\\\ \\x00é]{0,8}(,|\\+)?(O=b)?") {
        if let Ok(name) = parse(&text) {
            prop_assert_eq!(parse(name.as_str()), Ok(name.clone()));
            prop_assert!(!name.as_str().contains(char::is_control));
        }
    }

    #[test]
    fn bytes_are_read_or_refused(der in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(name) = DistinguishedName::from_der(&der) {
            prop_assert_eq!(parse(name.as_str()), Ok(name));
        }
    }
}
