//! Pages of lists as registries have them (distribution specification, "Listing Tags"): `n`, `last`, and `Link`.

use axum::http::{HeaderValue, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::refusal::malformed;
use crate::problem::Problem;

/// Items of a page at most.
pub const MOST: usize = 1000;
/// Bytes of `last` at most.
const LONGEST: usize = 1024;

/// Which page is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Items at most.
    pub n: usize,
    /// The last item before it.
    pub last: Option<String>,
}

impl PageRequest {
    /// Reads the query. More than a page may have is no error: there is less on it, and a link to the next.
    ///
    /// # Errors
    /// 400 where `n` is no number, or `last` is too long.
    pub fn of(uri: &Uri) -> Result<Self, Problem> {
        let pairs: Vec<(String, String)> =
            serde_html_form::from_str(uri.query().unwrap_or_default())
                .map_err(|error| malformed(format!("The query cannot be read: {error}.")))?;
        let of = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value)
        };
        let n = match of("n").map(String::as_str) {
            None | Some("") => MOST,
            Some(n) => number(n)?,
        };
        let last = of("last").filter(|last| !last.is_empty()).cloned();
        if last.as_ref().is_some_and(|last| last.len() > LONGEST) {
            return Err(malformed("last is no item of a list: it is too long."));
        }
        Ok(Self { n, last })
    }

    /// The items of the page, and the last of them where there are more behind it.
    pub fn take<T: AsRef<str>>(
        &self,
        mut items: impl Iterator<Item = T>,
    ) -> (Vec<T>, Option<String>) {
        let page: Vec<T> = items.by_ref().take(self.n).collect();
        let last = page.last().map(|item| item.as_ref().to_owned());
        let more = last.is_some() && items.next().is_some();
        (page, last.filter(|_| more))
    }

    /// The header `Link` to the page behind this item (RFC 8288).
    #[must_use]
    pub fn link(&self, path: &str, last: &str) -> Option<HeaderValue> {
        let last = utf8_percent_encode(last, NON_ALPHANUMERIC);
        let link = format!("<{path}?last={last}&n={}>; rel=\"next\"", self.n);
        HeaderValue::from_str(&link).ok()
    }
}

fn number(text: &str) -> Result<usize, Problem> {
    let wrong = || {
        malformed(format!(
            "n must be a number from 0 to {MOST}, and is {text:.20?}."
        ))
    };
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    // What is too large for a number is too large for a page.
    Ok(text.parse().unwrap_or(MOST).min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Option<(usize, Option<String>)> {
        let page = PageRequest::of(&format!("/v2/_catalog?{query}").parse().unwrap()).ok()?;
        Some((page.n, page.last))
    }

    #[test]
    fn a_page_has_a_thousand_items_at_most() {
        let last = |text: &str| Some(text.to_owned());
        for (query, expected) in [
            ("", Some((1000, None))),
            ("n=", Some((1000, None))),
            ("n=5&last=a%2Fb", Some((5, last("a/b")))),
            ("n=0", Some((0, None))),
            ("n=1000", Some((1000, None))),
            ("n=1001", Some((1000, None))),
            ("n=99999999999999999999999", Some((1000, None))),
            ("n=-1", None),
            ("n=x", None),
            ("n=1.5", None),
            ("n=+1", None),
        ] {
            assert_eq!(page(query), expected, "{query}");
        }
        assert_eq!(page(&format!("last={}", "x".repeat(LONGEST + 1))), None);
    }

    #[test]
    fn a_link_leads_to_the_next_page_and_ends_with_the_last() {
        let request = PageRequest { n: 2, last: None };
        let (page, more) = request.take(["a", "b/c", "d"].into_iter());
        assert_eq!((page, more.as_deref()), (vec!["a", "b/c"], Some("b/c")));
        let link = request.link("/v2/_catalog", "b/c").unwrap();
        assert_eq!(link, "</v2/_catalog?last=b%2Fc&n=2>; rel=\"next\"");
        let (page, more) = request.take(["a", "b"].into_iter());
        assert_eq!((page.len(), more), (2, None));
        let none = PageRequest { n: 0, last: None };
        assert_eq!(none.take(["a"].into_iter()), (vec![], None));
    }
}
