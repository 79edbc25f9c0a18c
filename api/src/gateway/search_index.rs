//! Flatpak's index of OCI images: what the registry has, less what its reader may not pull.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::{value::RawValue, value::to_raw_value};

/// The list of images by repository.
const RESULTS: &str = "Results";

/// The index: what nobody here needs to know stays as it is.
pub type Index = BTreeMap<String, Box<RawValue>>;

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(rename = "Name", borrow)]
    name: Cow<'a, str>,
}

/// Where the images are: what Flatpak pulls from.
const REGISTRY: &str = "Registry";

/// The index with those repositories alone; one without a name is nobody's. Where it says that the images are at a
/// registry that `own` knows, they are `here` for its reader. None where it is no index.
#[must_use]
pub fn filtered(
    mut index: Index,
    may_pull: impl Fn(&str) -> bool,
    (own, here): (impl Fn(&str) -> bool, &str),
) -> Option<Index> {
    let said = index.get(REGISTRY);
    let said = said.and_then(|said| serde_json::from_str::<Cow<'_, str>>(said.get()).ok());
    if said.is_some_and(|url| own(&url)) {
        index.insert(REGISTRY.to_owned(), to_raw_value(here).ok()?);
    }
    let results = index.get(RESULTS)?;
    let mut results: Vec<&RawValue> = serde_json::from_str(results.get()).ok()?;
    results.retain(|result| {
        let named = serde_json::from_str::<Named<'_>>(result.get());
        named.is_ok_and(|named| may_pull(&named.name))
    });
    let results = to_raw_value(&results).ok()?;
    index.insert(RESULTS.to_owned(), results);
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_keeps_what_its_reader_may_pull_as_it_was() {
        let json = r#"{"Registry":"https://r","Results":[{"Name":"a/b","Images":[{"Tags":["x"]}]},{"Name":"c"},{"Images":[]},{"Name":"a\/d"}]}"#;
        let index: Index = serde_json::from_str(json).unwrap();
        let kept = filtered(index, |name| name.starts_with("a/"), (|_: &str| false, "")).unwrap();
        let expected = r#"{"Registry":"https://r","Results":[{"Name":"a/b","Images":[{"Tags":["x"]}]},{"Name":"a\/d"}]}"#;
        assert_eq!(serde_json::to_string(&kept).unwrap(), expected);
        let index: Index = serde_json::from_str(json).unwrap();
        let own = (|url: &str| url == "https://r", "https://here");
        let moved = filtered(index, |_| false, own).unwrap();
        assert_eq!(
            serde_json::to_string(&moved).unwrap(),
            r#"{"Registry":"https://here","Results":[]}"#
        );
        for none in [r#"{"Registry":"r"}"#, r#"{"Results":{}}"#] {
            let none: Index = serde_json::from_str(none).unwrap();
            assert!(filtered(none, |_| true, (|_: &str| true, "https://here")).is_none());
        }
    }
}
