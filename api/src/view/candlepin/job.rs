//! Candlepin's `AsyncJobStatusDTO`.

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::time::SecondsUtc;

/// What is known of a job.
#[derive(Debug)]
pub struct JobFacts {
    /// Its id.
    pub id: String,
    /// What it does, such as `ImportJob`.
    pub key: String,
    /// The same for people, such as `Import Manifest`.
    pub name: String,
    /// One of Candlepin's own words: CREATED, QUEUED, RUNNING, FINISHED, FAILED or CANCELED.
    pub state: &'static str,
    /// How often it was begun, and may be.
    pub attempts: (u32, u32),
    /// Who asked for it.
    pub principal: Option<String>,
    /// When it was made.
    pub created: OffsetDateTime,
    /// When it last changed.
    pub updated: OffsetDateTime,
    /// When it began.
    pub started: Option<OffsetDateTime>,
    /// When it ended.
    pub ended: Option<OffsetDateTime>,
    /// What it gave, in Candlepin's shape where there is one.
    pub result_data: Option<Value>,
}

/// The status of a job. Candlepin's cluster has more to say (`group`, `origin`, `executor`); here nodes
/// are alike, so these are null.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AsyncJobStatus {
    created: SecondsUtc,
    updated: SecondsUtc,
    id: String,
    key: String,
    name: String,
    group: (),
    origin: (),
    executor: (),
    principal: Option<String>,
    state: &'static str,
    previous_state: (),
    start_time: Option<SecondsUtc>,
    end_time: Option<SecondsUtc>,
    attempts: u32,
    max_attempts: u32,
    /// At the root: Candlepin's clients put its prefix before it themselves.
    status_path: String,
    result_data: Option<Value>,
}

impl From<JobFacts> for AsyncJobStatus {
    fn from(job: JobFacts) -> Self {
        Self {
            created: SecondsUtc(job.created),
            updated: SecondsUtc(job.updated),
            status_path: format!("/jobs/{}", job.id),
            id: job.id,
            key: job.key,
            name: job.name,
            group: (),
            origin: (),
            executor: (),
            principal: job.principal,
            state: job.state,
            previous_state: (),
            attempts: job.attempts.0,
            max_attempts: job.attempts.1,
            start_time: job.started.map(SecondsUtc),
            end_time: job.ended.map(SecondsUtc),
            result_data: job.result_data,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn is_what_candlepins_clients_poll() {
        let at = datetime!(2026-03-01 12:00:00.5 UTC);
        let job = JobFacts {
            id: "j1".to_owned(),
            key: "ImportJob".to_owned(),
            name: "Import Manifest".to_owned(),
            state: "FINISHED",
            attempts: (1, 10),
            principal: Some("admin".to_owned()),
            created: at,
            updated: at,
            started: Some(at),
            ended: None,
            result_data: Some(json!({"status": "SUCCESS"})),
        };
        let shown = serde_json::to_value(AsyncJobStatus::from(job)).unwrap();
        let expected = json!({
            "created": "2026-03-01T12:00:00+0000", "updated": "2026-03-01T12:00:00+0000",
            "id": "j1", "key": "ImportJob", "name": "Import Manifest", "group": null,
            "origin": null, "executor": null, "principal": "admin", "state": "FINISHED",
            "previousState": null, "startTime": "2026-03-01T12:00:00+0000", "endTime": null,
            "attempts": 1, "maxAttempts": 10, "statusPath": "/jobs/j1",
            "resultData": {"status": "SUCCESS"},
        });
        assert_eq!(shown, expected);
    }
}
