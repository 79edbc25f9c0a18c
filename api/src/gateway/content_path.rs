//! What a client wants of a repository, read from the path. A name has slashes in it, so the path is read from its end;
//! what is passed on to the registry is written anew from what was read, so that both read the same.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a segment of a path may hold as it is (RFC 3986, `pchar`, less what some programs take for something else).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'@')
    .remove(b'+')
    .remove(b'=');

/// A repository, and what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentPath<'a> {
    /// The repository's name.
    pub name: &'a str,
    /// What is wanted.
    pub target: Target<'a>,
}

/// What is wanted of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A manifest, by tag or digest.
    Manifest(&'a str),
    /// A blob, by digest.
    Blob(&'a str),
    /// The list of tags.
    Tags,
    /// An upload of a blob.
    Upload,
}

impl<'a> ContentPath<'a> {
    /// Reads what stands behind `/v2/`, decoded. None where it is no such path.
    #[must_use]
    pub fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let (name, target) = Self::split(path)?;
        let is_plain = |part: &str| !part.is_empty() && !matches!(part, "." | "..");
        name.split('/')
            .all(is_plain)
            .then_some(Self { name, target })
    }

    fn split(path: &'a str) -> Option<(&'a str, Target<'a>)> {
        if let Some(name) = path.strip_suffix("/tags/list") {
            return Some((name, Target::Tags));
        }
        // Whatever an upload is called.
        if let Some((name, _)) = path.rsplit_once("/blobs/uploads/") {
            return Some((name, Target::Upload));
        }
        if let Some(name) = path.strip_suffix("/blobs/uploads") {
            return Some((name, Target::Upload));
        }
        let (rest, last) = path.rsplit_once('/')?;
        let (name, kind) = rest.rsplit_once('/')?;
        match kind {
            "manifests" if is_reference(last) => Some((name, Target::Manifest(last))),
            "blobs" if is_digest(last) => Some((name, Target::Blob(last))),
            _ => None,
        }
    }

    /// The path at the registry, behind its base.
    #[must_use]
    pub fn written(&self) -> String {
        let encode = |part| utf8_percent_encode(part, SEGMENT).to_string();
        let name: Vec<String> = self.name.split('/').map(encode).collect();
        let name = name.join("/");
        match self.target {
            Target::Manifest(reference) => format!("/v2/{name}/manifests/{}", encode(reference)),
            Target::Blob(digest) => format!("/v2/{name}/blobs/{}", encode(digest)),
            Target::Tags => format!("/v2/{name}/tags/list"),
            Target::Upload => format!("/v2/{name}/blobs/uploads/"),
        }
    }
}

/// A tag or a digest (distribution specification, "Pull").
fn is_reference(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let later = |byte: u8| first(byte) || b".-".contains(&byte);
    let is_tag = (1..=128).contains(&text.len())
        && text.bytes().next().is_some_and(first)
        && text.bytes().all(later);
    is_tag || is_digest(text)
}

/// `algorithm:encoded` (image specification, "Digests").
fn is_digest(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else {
        return false;
    };
    let part =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+._-".contains(&byte);
    let code = |byte: u8| byte.is_ascii_alphanumeric() || b"=_-".contains(&byte);
    !algorithm.is_empty()
        && algorithm.bytes().all(part)
        && (32..=256).contains(&encoded.len())
        && encoded.bytes().all(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_path_is_read_from_its_end() {
        let blob = format!("a/b/blobs/{DIGEST}");
        let by_digest = format!("a/manifests/{DIGEST}");
        for (path, name, target) in [
            ("a/b/manifests/latest", "a/b", Target::Manifest("latest")),
            (
                "a/b/manifests/v1.0-x_y/",
                "a/b",
                Target::Manifest("v1.0-x_y"),
            ),
            (&by_digest, "a", Target::Manifest(DIGEST)),
            (&blob, "a/b", Target::Blob(DIGEST)),
            ("a/tags/list", "a", Target::Tags),
            // Names that look like something else.
            ("a/tags/list/tags/list", "a/tags/list", Target::Tags),
            (
                "a/manifests/b/manifests/c",
                "a/manifests/b",
                Target::Manifest("c"),
            ),
            (
                "host:5000/a/manifests/b",
                "host:5000/a",
                Target::Manifest("b"),
            ),
            ("a/blobs/uploads/", "a", Target::Upload),
            ("a/b/blobs/uploads/3f-2", "a/b", Target::Upload),
        ] {
            assert_eq!(
                ContentPath::of(path),
                Some(ContentPath { name, target }),
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_no_such_path_is_none() {
        for path in [
            "",
            "/",
            "a",
            "a/manifests",
            "manifests/latest",
            "a/manifests/",
            "a/manifests/..",
            "a/manifests/-x",
            "a/manifests/a%2fb",
            "a//manifests/latest",
            "/manifests/latest",
            "../manifests/latest",
            "a/../b/manifests/latest",
            "a/./manifests/latest",
            "a/blobs/latest",
            "a/blobs/sha256:abc",
            "a/blobs/sha256:",
            "/tags/list",
            "tags/list",
            "a/tags",
        ] {
            assert_eq!(ContentPath::of(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_passed_on_is_read_the_same_way() {
        let odd = ContentPath {
            name: "a b/c?d#e%2f",
            target: Target::Manifest("v1"),
        };
        assert_eq!(odd.written(), "/v2/a%20b/c%3Fd%23e%252f/manifests/v1");
        let plain = format!("host:5000/a_b.c-d/blobs/{DIGEST}");
        let path = ContentPath::of(&plain).unwrap();
        assert_eq!(path.written(), format!("/v2/{plain}"));
    }
}
