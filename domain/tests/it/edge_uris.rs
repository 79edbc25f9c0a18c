//! From a URL to a commit: every trick of paths that is known, and what must hold for all.

use portolan_domain::{
    edge::{InvalidUri, Resource},
    ids::CommitId,
};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

const HEX: &str = "04232a46c5e3bd5a8d10ff2a4a5b67d61ba1f2d3c4b5a6978869504132241506";
/// The same in OSTree's base64.
const NAME: &str = "BCMqRsXjvVqNEP8qSltn1huh8tPEtaaXiGlQQTIkFQY";

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn commit(repo: &str) -> Resource {
    Resource::Commit(Some(id(repo)), Some(id(HEX)))
}

fn unknown(repo: &str) -> Resource {
    Resource::Commit(Some(id(repo)), None)
}

fn object(file: &str) -> String {
    format!("/repo/stable/objects/{}/{file}", &HEX[..2])
}

#[test]
fn a_commit_is_found_in_its_url() {
    let plain = object(&format!("{}.commit", &HEX[2..]));
    for uri in [
        plain.clone(),
        format!("{plain}?a=b/../c"),
        plain.replace("/repo", ""),
        plain.replace("/repo", "/a/b/c"),
        plain.replace("objects", "%6Fbjects"),
        plain.replace(".commit", "%2ecommit"),
        // An origin that folds cases serves the same file.
        plain.replace("objects", "Objects"),
        plain.replace(".commit", ".COMMIT"),
        plain.to_uppercase().replace("REPO/STABLE", "repo/stable"),
    ] {
        assert_eq!(Resource::of_uri(&uri), Ok(commit("stable")), "{uri}");
    }
}

#[test]
fn a_delta_leads_to_the_commit_that_its_name_says() {
    let from = "A".repeat(43);
    let (first, rest) = NAME.split_at(2);
    for below in [
        format!("{first}/{rest}/superblock"),
        format!("{first}/{rest}/0"),
        format!("{first}/{rest}/12"),
        format!("{first}/{rest}"),
        format!("{first}/{rest}.superblock"),
        format!("{first}/{rest}/a/b"),
        format!("AA/{}-{NAME}/superblock", &from[2..]),
        format!("AA/{}-{NAME}/0", &from[2..]),
    ] {
        let uri = format!("/repo/stable/deltas/{below}");
        assert_eq!(Resource::of_uri(&uri), Ok(commit("stable")), "{uri}");
    }
    let plus = "+_".repeat(21) + "8";
    let (first, rest) = plus.split_at(2);
    let uri = format!("/stable/deltas/{first}/{rest}/0");
    let Ok(Resource::Commit(_, Some(found))) = Resource::of_uri(&uri) else {
        panic!("{uri}");
    };
    assert!(found.as_str().starts_with("fbff"), "{found:?}");
    for below in [
        String::new(),
        "index".to_owned(),
        format!("{NAME}/superblock"),
        format!("{}/{}", &NAME[..1], &NAME[1..]),
        // The last character has two bits more than a checksum.
        format!("{}/{}Z/0", &NAME[..2], &NAME[2..42]),
        format!("{}/{}-/0", &NAME[..2], &NAME[2..]),
        format!("{}/{}=/0", &NAME[..2], &NAME[2..]),
        format!("AA/{}-{NAME}-{NAME}/0", &from[2..]),
    ] {
        let uri = format!("/repo/stable/deltas/{below}");
        assert_eq!(Resource::of_uri(&uri), Ok(unknown("stable")), "{uri}");
    }
}

#[test]
fn what_may_be_a_commit_to_somebody_is_one_that_is_unknown() {
    let rest = &HEX[2..];
    for file in [
        format!("{rest}.commit."),
        format!("{rest}.commit%20"),
        format!("{rest}.commit::$DATA"),
        format!("{rest}.commit/"),
        format!("{rest}.commit/x.filez"),
        format!("{rest}.commit.gz"),
        "x.commit".to_owned(),
        format!("x/{rest}.commit"),
    ] {
        let uri = object(&file);
        assert_eq!(Resource::of_uri(&uri), Ok(unknown("stable")), "{uri}");
    }
    let elsewhere = format!("/repo/stable/objects/{HEX}.commit");
    assert_eq!(Resource::of_uri(&elsewhere), Ok(unknown("stable")));
}

#[test]
fn everything_else_is_open() {
    for file in ["x.filez", "x.dirtree", "x.dirmeta", "x.commitmeta"] {
        let file = Resource::of_uri(&object(file));
        assert_eq!(file, Ok(Resource::File(Some(id("stable")))));
    }
    for uri in [
        "/",
        "/repo/stable/summary",
        "/repo/stable/summary.sig",
        "/repo/stable/config",
        "/repo/stable/refs/heads/app/x",
        "/repo/stable/delta-indexes/xx/y.index",
        "/repo/stable/deltas",
        "/repo/stable/objects",
        "/a,b",
        "/a?x=//../;%2f",
    ] {
        assert_eq!(Resource::of_uri(uri), Ok(Resource::Elsewhere), "{uri}");
    }
    // Nobody's repository, which is refused: not open.
    for uri in [
        "/objects/ab/x.commit",
        "/a%20b/objects/ab/x.commit",
        "/.x/deltas/0",
    ] {
        let found = Resource::of_uri(uri);
        assert_eq!(found, Ok(Resource::Commit(None, None)), "{uri}");
    }
}

#[test]
fn what_two_programs_could_read_in_two_ways_is_refused() {
    use InvalidUri as E;
    let end = format!("{}/{}.commit", &HEX[..2], &HEX[2..]);
    for (uri, why) in [
        ("repo/stable", E::NoPath),
        ("", E::NoPath),
        ("http://host/repo/stable", E::NoPath),
        ("//repo/stable", E::Empty),
        ("/repo//stable", E::Empty),
        ("/repo/stable//", E::Empty),
        ("/repo/../stable", E::Dots),
        ("/repo/./stable", E::Dots),
        ("/repo/stable/..", E::Dots),
        ("/repo/%2e%2e/stable", E::Dots),
        ("/repo/.%2E/stable", E::Dots),
        ("/repo/stable%2fobjects", E::Encoded),
        ("/repo/stable%2Fobjects", E::Encoded),
        ("/repo/stable%252fobjects", E::Encoded),
        ("/repo/%25", E::Encoded),
        ("/repo/a%00.commit", E::Encoded),
        ("/repo/a%0d%0aX: y", E::Character),
        ("/repo/a%0d%0aX:y", E::Encoded),
        ("/repo/%7f", E::Encoded),
        ("/repo/%c2%85", E::Encoded),
        ("/repo/%ff", E::Encoded),
        ("/repo/%c0%af", E::Encoded),
        ("/repo/%", E::Escape),
        ("/repo/%2", E::Escape),
        ("/repo/%zz", E::Escape),
        ("/repo/%u002f", E::Escape),
        ("/repo/a;b", E::Delimiter),
        ("/repo/a%3bb", E::Delimiter),
        ("/repo\\stable", E::Delimiter),
        ("/repo/a%5cb", E::Delimiter),
        ("/repo/a%3fb", E::Delimiter),
        ("/repo/a%23b", E::Delimiter),
        ("/repo/a#b", E::Delimiter),
        ("/repo/a?b#c", E::Delimiter),
        ("/repo/a b", E::Character),
        ("/repo/a\tb", E::Character),
        ("/repo/ä", E::Character),
        ("/repo/a?b c", E::Character),
        ("/repo/open,/repo/paid", E::Joined),
        ("/repo/open, /repo/paid", E::Character),
    ] {
        assert_eq!(Resource::of_uri(uri), Err(why), "{uri}");
    }
    for uri in [
        format!("/paid/objects/{end}/open/objects/ab/x.filez"),
        "/paid/deltas/ab/cd/open/objects/ab/x.filez".to_owned(),
        format!("/objects/paid/objects/{end}"),
    ] {
        assert_eq!(Resource::of_uri(&uri), Err(E::Ambiguous), "{uri}");
    }
    let long = format!("/{}", "a".repeat(8192));
    assert_eq!(Resource::of_uri(&long), Err(E::TooLong));
}

proptest! {
    #[test]
    fn a_commit_is_never_open_however_it_is_escaped(escaped in any::<[bool; 128]>(), upper in any::<bool>()) {
        let plain = object(&format!("{}.commit", &HEX[2..]));
        let write = |(at, byte): (usize, u8)| match (byte, escaped[at % 128], upper) {
            (b'/', ..) | (_, false, _) => char::from(byte).to_string(),
            (_, true, true) => format!("%{byte:02X}"),
            (_, true, false) => format!("%{byte:02x}"),
        };
        let uri: String = plain.bytes().enumerate().map(write).collect();
        prop_assert_eq!(Resource::of_uri(&uri), Ok(commit("stable")));
    }

    #[test]
    fn what_is_put_into_a_commits_url_never_opens_it(at in 0_usize..72, put in "[ -~]{1,3}") {
        let plain = object(&format!("{}.commit", &HEX[2..]));
        // Behind `objects/`, before the extension or after it; a question mark cuts off what is no path.
        let below = plain.find("objects/").unwrap() + "objects/".len();
        let at = below + at;
        let at = if at > plain.len() - ".commit".len() { plain.len() } else { at };
        let uri = format!("{}{put}{}", &plain[..at], &plain[at..]);
        let found = Resource::of_uri(&uri);
        let is_open = matches!(found, Ok(Resource::File(_) | Resource::Elsewhere));
        prop_assert!(!is_open || put.contains('?'), "{}", uri);
    }

    #[test]
    fn no_bytes_are_too_much(uri in any::<String>()) {
        let _ = Resource::of_uri(&uri);
    }
}

#[test]
fn a_commit_of_a_commit_id_is_what_base64_says() {
    let _: CommitId = id(HEX);
    let bytes: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&HEX[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let name = openssl::base64::encode_block(&bytes);
    assert_eq!(name.replace('/', "_").trim_end_matches('='), NAME);
}
