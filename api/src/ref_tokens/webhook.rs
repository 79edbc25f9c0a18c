//! The organisation's own system as the authority: asked over TLS with a signed question, once for all who
//! want to know the same. Only what was asked counts of its answer, so that an answer to another question,
//! replayed or not, grants nothing that was not wanted, and it is remembered for as long as it says.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use moka::sync::Cache;
use portolan_domain::{grants::Wanted, ids::UserName};
use reqwest::{Response, header::CACHE_CONTROL};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use super::answers::{Answers, Freshness};
use crate::{
    clock::Clock,
    config::AuthorityWebhookConfig,
    webhook::{SignedClient, Undelivered, silent},
};

/// Bytes of an answer at most.
const LARGEST: usize = 1 << 20;
/// Users whose questions stand in line at most; beyond that, some are asked twice.
const MOST_TURNS: u64 = 10_000;
/// For how long a user's questions are not asked again after one that was not answered.
const PAUSE: Duration = Duration::from_secs(1);

/// An answer that does not count.
#[derive(Debug, Error)]
enum NoAnswer {
    #[error(transparent)]
    Undelivered(#[from] Undelivered),
    #[error("its answer has more than {LARGEST} bytes")]
    TooLarge,
    #[error("its answer is not {{\"allowed\":[…]}}: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("it was asked a moment ago, and did not answer")]
    Paused,
}

/// The turn of a user's questions: when the last one was not answered.
type Turn = Arc<Mutex<Option<Instant>>>;

/// The system that is asked.
pub struct WebhookAuthority {
    client: SignedClient,
    clock: Clock,
    timeout: Duration,
    answers: Answers,
    turns: Cache<UserName, Turn>,
}

#[derive(Deserialize)]
struct Answer {
    allowed: Vec<Allowed>,
}

/// A ref, as it was asked; or its name, where only one of that name was.
#[derive(Deserialize)]
#[serde(untagged)]
enum Allowed {
    Name(String),
    Ref {
        #[serde(rename = "collectionId")]
        collection_id: String,
        #[serde(rename = "ref")]
        name: String,
    },
}

impl WebhookAuthority {
    /// The system as it is set.
    ///
    /// # Errors
    /// Where the settings cannot be used.
    pub fn new(config: &AuthorityWebhookConfig, clock: Clock) -> io::Result<Self> {
        let (url, key) = config.target().map_err(io::Error::other)?;
        Ok(Self {
            client: SignedClient::new(url, key, config.timeout())?,
            clock,
            timeout: config.timeout(),
            answers: Answers::new(config),
            turns: Cache::new(MOST_TURNS),
        })
    }

    /// Which of these refs a user may have. What nobody could say is left out.
    pub async fn ask(&self, user: &UserName, wanted: &BTreeSet<Wanted>) -> BTreeMap<Wanted, bool> {
        let mut known = self.remembered(user, wanted, Freshness::Fresh);
        if known.len() == wanted.len() {
            return known;
        }
        let turn = self.turns.get_with(user.clone(), Turn::default);
        // Whoever holds it is answered, or gives up, within the time of an answer.
        let Ok(mut failed) = tokio::time::timeout(self.timeout, turn.lock()).await else {
            return self.last_answers(user, wanted, known);
        };
        // Somebody may have asked the same meanwhile.
        known.extend(self.remembered(user, wanted, Freshness::Fresh));
        let missing: BTreeSet<Wanted> = wanted
            .iter()
            .filter(|one| !known.contains_key(one))
            .cloned()
            .collect();
        if missing.is_empty() {
            return known;
        }
        match self.ask_once(user, &missing, &mut failed).await {
            Ok(answered) => {
                known.extend(answered);
                known
            }
            Err(error) => {
                tracing::warn!(%error, "the authority gave no answer (tokens.webhook)");
                self.last_answers(user, wanted, known)
            }
        }
    }

    async fn ask_once(
        &self,
        user: &UserName,
        missing: &BTreeSet<Wanted>,
        failed: &mut MutexGuard<'_, Option<Instant>>,
    ) -> Result<BTreeMap<Wanted, bool>, NoAnswer> {
        // Those who waited while it did not answer must not wait for as long again, one after the other.
        if failed.is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(NoAnswer::Paused);
        }
        let answered = self.post(user, missing).await;
        **failed = answered.is_err().then(Instant::now);
        answered
    }

    async fn post(
        &self,
        user: &UserName,
        missing: &BTreeSet<Wanted>,
    ) -> Result<BTreeMap<Wanted, bool>, NoAnswer> {
        let shown = |one: &Wanted| json!({ "collectionId": one.collection, "ref": one.name });
        let refs: Vec<_> = missing.iter().map(shown).collect();
        let body = json!({ "user": user, "refs": refs }).to_string();
        let (id, now) = (Uuid::new_v4().to_string(), self.clock.now());
        let response = self.client.post(&id, now, &body).await?;
        let caching = response.headers().get_all(CACHE_CONTROL).iter();
        let caching: Vec<_> = caching.filter_map(|value| value.to_str().ok()).collect();
        let caching = caching.join(", ");
        let answer: Answer = serde_json::from_slice(&read(response).await?)?;
        let allowed = among(missing, answer.allowed);
        let verdict = |one: &Wanted| (one.clone(), allowed.contains(one));
        let verdicts: BTreeMap<_, _> = missing.iter().map(verdict).collect();
        self.answers.remember(user, &verdicts, &caching, now);
        Ok(verdicts)
    }

    fn remembered(
        &self,
        user: &UserName,
        wanted: &BTreeSet<Wanted>,
        freshness: Freshness,
    ) -> BTreeMap<Wanted, bool> {
        self.answers.of(user, wanted, freshness, self.clock.now())
    }

    /// What was said last, where nothing newer is known.
    fn last_answers(
        &self,
        user: &UserName,
        wanted: &BTreeSet<Wanted>,
        known: BTreeMap<Wanted, bool>,
    ) -> BTreeMap<Wanted, bool> {
        let mut answers = self.remembered(user, wanted, Freshness::Stale);
        answers.extend(known);
        answers
    }
}

/// Reads a body of bounded size; the client bounds its time.
async fn read(mut response: Response) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| silent(&error))? {
        if body.len() + chunk.len() > LARGEST {
            return Err(NoAnswer::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What was asked and is allowed. A bare name that two collections have says nothing.
fn among(asked: &BTreeSet<Wanted>, allowed: Vec<Allowed>) -> BTreeSet<Wanted> {
    let find = |allowed: Allowed| match allowed {
        Allowed::Ref {
            collection_id,
            name,
        } => asked
            .iter()
            .find(|one| one.collection.as_str() == collection_id && one.name.as_str() == name),
        Allowed::Name(name) => {
            let mut of_name = asked.iter().filter(|one| one.name.as_str() == name);
            of_name.next().filter(|_| of_name.next().is_none())
        }
    };
    allowed.into_iter().filter_map(find).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(collection: &str, name: &str) -> Wanted {
        Wanted {
            collection: collection.parse().unwrap(),
            name: name.parse().unwrap(),
        }
    }

    #[test]
    fn only_what_was_asked_is_allowed() {
        let asked = BTreeSet::from([
            wanted("org.a.Stable", "app/x"),
            wanted("org.b.Stable", "app/x"),
            wanted("org.b.Stable", "app/y"),
        ]);
        let allowed = |json: serde_json::Value| -> Vec<String> {
            let answer: Answer = serde_json::from_value(json).unwrap();
            let allowed = among(&asked, answer.allowed).into_iter();
            allowed
                .map(|one| format!("{} {}", one.collection, one.name))
                .collect()
        };
        assert_eq!(
            allowed(json!({ "allowed": ["app/x", "app/y", "app/z", "*"] })),
            ["org.b.Stable app/y"]
        );
        let exact = json!({ "collectionId": "org.a.Stable", "ref": "app/x", "more": 1 });
        let foreign = json!({ "collectionId": "org.c.Stable", "ref": "app/y" });
        assert_eq!(
            allowed(json!({ "allowed": [exact, foreign] })),
            ["org.a.Stable app/x"]
        );
        assert!(serde_json::from_value::<Answer>(json!({ "allowed": true })).is_err());
    }
}
