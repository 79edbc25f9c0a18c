//! How a child is cut out of its parent: whatever the child may, the parent may.
//!
//! Two verifiers read the same claims differently. flat-manager takes `prefixes: []` for all apps, our
//! edges for none; `branches: []` is all branches to both. So a list that is empty counts as narrower
//! only where no reading makes it wider.

use super::{
    claims::{Claims, CollectionRef},
    scope::Scope,
};

/// What is asked for. A list that is absent is inherited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subset {
    /// What the child is called, below its parent's name.
    pub name: String,
    /// What it is about.
    pub sub: String,
    /// What may be done with it.
    pub scope: Vec<Scope>,
    /// For how many seconds it counts; less than none is none.
    pub duration: i64,
    /// Prefixes of app ids.
    pub prefixes: Option<Vec<String>>,
    /// App ids.
    pub apps: Option<Vec<String>>,
    /// Repositories.
    pub repos: Option<Vec<String>>,
    /// Branches.
    pub branches: Option<Vec<String>>,
    /// Refs.
    pub refs: Option<Vec<CollectionRef>>,
    /// The user whom it is given.
    pub user: Option<String>,
    /// Where it counts.
    pub aud: Option<String>,
}

/// A claim for which the parent is not enough, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedClaim {
    /// The claim, as the request names it.
    pub claim: &'static str,
    /// Why.
    pub reason: String,
}

/// The claims of a child, with the parent's `jti` and `root_jti`.
///
/// # Errors
/// Every claim for which the parent is not enough.
pub fn narrow(parent: &Claims, asked: &Subset, now: i64) -> Result<Claims, Vec<FailedClaim>> {
    let failed = failures(parent, asked, now);
    if failed.is_empty() {
        Ok(child(parent, asked, now))
    } else {
        Err(failed)
    }
}

/// The same of a parent that flat-manager reads. A child is refused, too, where it would rest on a claim
/// that flat-manager does not read: what was cut off there would be whole again.
///
/// # Errors
/// Every claim for which the parent is not enough, or which flat-manager does not read.
pub fn narrow_flat_manager(
    parent: &Claims,
    asked: &Subset,
    now: i64,
) -> Result<Claims, Vec<FailedClaim>> {
    let mut failed = failures(parent, asked, now);
    for (claim, is_used) in [
        ("refs", parent.refs.is_some() || asked.refs.is_some()),
        ("user", parent.user.is_some() || asked.user.is_some()),
        ("aud", parent.aud.is_some() || asked.aud.is_some()),
    ] {
        if is_used && failed.iter().all(|failed| failed.claim != claim) {
            let reason = "flat-manager does not read this claim, and would take the child for a \
                          wider one; use a parent of another algorithm";
            failed.push(refused(claim, reason));
        }
    }
    if failed.is_empty() {
        Ok(child(parent, asked, now))
    } else {
        Err(failed)
    }
}

fn child(parent: &Claims, asked: &Subset, now: i64) -> Claims {
    let list = |asked: &Option<Vec<String>>, inherited: &Vec<String>| {
        asked.as_ref().unwrap_or(inherited).clone()
    };
    let parents_name = parent.name.as_deref().unwrap_or_default();
    Claims {
        sub: asked.sub.clone(),
        exp: now.saturating_add(asked.duration.max(0)),
        name: Some(format!("{parents_name}/{}", asked.name)),
        jti: parent.jti.clone(),
        scope: asked.scope.clone(),
        prefixes: list(&asked.prefixes, &parent.prefixes),
        apps: list(&asked.apps, &parent.apps),
        repos: list(&asked.repos, &parent.repos),
        branches: list(&asked.branches, &parent.branches),
        token_type: parent.token_type.clone(),
        iss: None,
        iat: None,
        nbf: None,
        aud: asked.aud.as_ref().or(parent.aud.as_ref()).cloned(),
        refs: asked.refs.as_ref().or(parent.refs.as_ref()).cloned(),
        user: asked.user.as_ref().or(parent.user.as_ref()).cloned(),
        root_jti: parent.root_jti.clone(),
    }
}

fn failures(parent: &Claims, asked: &Subset, now: i64) -> Vec<FailedClaim> {
    let checks = [
        duration(parent, asked.duration, now),
        sub(&parent.sub, &asked.sub),
        scope(&parent.scope, &asked.scope),
        prefixes(&parent.prefixes, asked.prefixes.as_deref()),
        members("apps", &parent.apps, asked.apps.as_deref()),
        repos(&parent.repos, asked.repos.as_deref()),
        branches(&parent.branches, asked.branches.as_deref()),
        refs(parent.refs.as_deref(), asked.refs.as_deref()),
        fixed("user", parent.user.as_deref(), asked.user.as_deref()),
        fixed("aud", parent.aud.as_deref(), asked.aud.as_deref()),
    ];
    checks.into_iter().flatten().collect()
}

fn duration(parent: &Claims, asked: i64, now: i64) -> Option<FailedClaim> {
    let fits = now
        .checked_add(asked.max(0))
        .is_some_and(|exp| exp <= parent.exp);
    let left = parent.exp.saturating_sub(now);
    (!fits).then(|| {
        let reason = format!("{asked} s is longer than the parent lasts, which is {left} s");
        refused("duration", &reason)
    })
}

fn sub(parent: &str, asked: &str) -> Option<FailedClaim> {
    (!is_below(asked, parent, '/')).then(|| {
        let reason = format!(
            "{} is neither the parent's {} nor below it at a /",
            shown(asked),
            shown(parent)
        );
        refused("sub", &reason)
    })
}

fn scope(parent: &[Scope], asked: &[Scope]) -> Option<FailedClaim> {
    if let Some(unknown) = asked.iter().find(|scope| !scope.is_known()) {
        let reason = format!("{} is no known scope", shown(unknown.as_str()));
        return Some(refused("scope", &reason));
    }
    let wider = asked.iter().find(|scope| !parent.contains(scope))?;
    Some(not_the_parents("scope", wider.as_str()))
}

fn prefixes(parent: &[String], asked: Option<&[String]>) -> Option<FailedClaim> {
    let asked = asked?;
    if asked.is_empty() && !parent.is_empty() {
        return Some(any("prefixes"));
    }
    let covers = |prefix: &str, wanted: &str| prefix.is_empty() || is_below(wanted, prefix, '.');
    let wider = asked
        .iter()
        .find(|wanted| !parent.iter().any(|prefix| covers(prefix, wanted)))?;
    let reason = format!(
        "{} is neither one of the parent's nor below one at a dot",
        shown(wider)
    );
    Some(refused("prefixes", &reason))
}

fn repos(parent: &[String], asked: Option<&[String]>) -> Option<FailedClaim> {
    members("repos", parent, asked).filter(|_| !allows_all(parent))
}

fn branches(parent: &[String], asked: Option<&[String]>) -> Option<FailedClaim> {
    let asked = asked?;
    if parent.is_empty() {
        return None;
    }
    if asked.is_empty() {
        return Some(any("branches"));
    }
    members("branches", parent, Some(asked)).filter(|_| !allows_all(parent))
}

fn refs(parent: Option<&[CollectionRef]>, asked: Option<&[CollectionRef]>) -> Option<FailedClaim> {
    let (parent, asked) = (parent?, asked?);
    let wider = asked.iter().find(|wanted| !parent.contains(wanted))?;
    let what = format!("{} of {}", wider.name, wider.collection_id);
    Some(not_the_parents("refs", &what))
}

fn members(
    claim: &'static str,
    parent: &[String],
    asked: Option<&[String]>,
) -> Option<FailedClaim> {
    let wider = asked?.iter().find(|wanted| !parent.contains(wanted))?;
    Some(not_the_parents(claim, wider))
}

fn fixed(claim: &'static str, parent: Option<&str>, asked: Option<&str>) -> Option<FailedClaim> {
    let (parent, asked) = (parent?, asked?);
    (parent != asked).then(|| {
        let reason = format!("it is {} in the parent, and cannot change", shown(parent));
        refused(claim, &reason)
    })
}

/// Whether `name` is `above`, or below it at this separator: `build/1` is below `build`, and `builder` is
/// not.
fn is_below(name: &str, above: &str, separator: char) -> bool {
    let rest = name.strip_prefix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
}

fn allows_all(list: &[String]) -> bool {
    list.iter().any(String::is_empty)
}

fn any(claim: &'static str) -> FailedClaim {
    let reason = "an empty list means any, which is more than the parent has; leave the list out to \
                  inherit it";
    refused(claim, reason)
}

fn not_the_parents(claim: &'static str, wider: &str) -> FailedClaim {
    refused(claim, &format!("{} is not the parent's", shown(wider)))
}

fn refused(claim: &'static str, reason: &str) -> FailedClaim {
    FailedClaim {
        claim,
        reason: reason.to_owned(),
    }
}

/// A value of the caller's as an answer and a log may carry it: short, and on one line.
fn shown(value: &str) -> String {
    const MOST: usize = 100;
    let cut: String = value.chars().take(MOST).collect();
    let more = if cut.len() < value.len() { "…" } else { "" };
    format!("{cut:?}{more}")
}
