//! Looks at a CDN as a proxy would: who is there, with which certificates, and does it answer.
//!
//! It is the one place where the service connects to a URL that somebody gave it. So it goes where
//! `cdn.check_allow` lets it, to the addresses that were looked at, follows nothing, and reads little.

mod addresses;
mod report;
mod request;
mod target;
mod tls;

use std::{sync::Arc, time::Instant};

use portolan_storage::Cdn;
use tokio::{
    net::TcpStream,
    sync::Semaphore,
    time::{Instant as Deadline, timeout_at},
};

use self::{addresses::connect, request::ask, target::Target, tls::Roots};
pub use self::{
    report::{CdnCheck, CheckedCertificate},
    target::CheckPath,
};
use crate::{anchors::AnchorStore, clock::Clock, config::CdnConfig};

/// Checks that run at once; more are refused.
pub const MOST_AT_ONCE: usize = 4;

/// Checks CDNs; cheap to clone.
#[derive(Clone)]
pub struct CdnChecker {
    config: Arc<CdnConfig>,
    anchors: AnchorStore,
    clock: Clock,
    places: Arc<Semaphore>,
}

/// Why there was no check.
#[derive(Debug)]
pub enum CheckRefusal {
    /// The setting does not allow it; this is why.
    NotAllowed(String),
    /// As many checks run as may.
    Busy,
    /// What is stored, or OpenSSL, failed.
    Internal(String),
}

/// Why a check ended before its end.
enum Stop {
    Refused(CheckRefusal),
    /// The CDN is not as it should be, in words for the report.
    Failed(String),
}

impl From<CheckRefusal> for Stop {
    fn from(refusal: CheckRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl CdnChecker {
    /// A checker with these settings.
    #[must_use]
    pub fn new(config: &CdnConfig, anchors: AnchorStore, clock: Clock) -> Self {
        Self {
            config: Arc::new(config.clone()),
            anchors,
            clock,
            places: Arc::new(Semaphore::new(MOST_AT_ONCE)),
        }
    }

    /// Checks a CDN and asks it for one path. What is wrong there is in the report.
    ///
    /// # Errors
    /// [`CheckRefusal`], where nothing was connected to.
    pub async fn check(&self, cdn: &Cdn, path: &CheckPath) -> Result<CdnCheck, CheckRefusal> {
        let started = Instant::now();
        let target = Target::of(cdn, path)?;
        if !self
            .config
            .check_allow
            .names_host(&target.host, target.port)
        {
            let what = format!("cdn.check_allow does not name {}", target.authority());
            return Err(CheckRefusal::NotAllowed(what));
        }
        let _place = self.places.try_acquire().map_err(|_| CheckRefusal::Busy)?;
        let mut report = CdnCheck::new(cdn, path);
        let deadline = Deadline::now() + self.config.check_timeout();
        // What is known when time is up is in the report by then.
        let look = self.look(cdn, &target, deadline, &mut report);
        match timeout_at(deadline, look).await {
            Ok(Ok(())) => {}
            Ok(Err(Stop::Refused(refusal))) => return Err(refusal),
            Ok(Err(Stop::Failed(why))) => report.error = Some(why),
            Err(_) => report.error = Some(self.too_slow(&report)),
        }
        report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(report)
    }

    async fn look(
        &self,
        cdn: &Cdn,
        target: &Target,
        deadline: Deadline,
        report: &mut CdnCheck,
    ) -> Result<(), Stop> {
        let allowed = addresses::of(target, &self.config.check_allow).await?;
        let connection = connect(&allowed, deadline, &mut report.address).await?;
        report.connected = true;
        if !target.is_https {
            return ask(connection, target, report).await;
        }
        self.look_over_tls(connection, cdn, target, report).await
    }

    async fn look_over_tls(
        &self,
        connection: TcpStream,
        cdn: &Cdn,
        target: &Target,
        report: &mut CdnCheck,
    ) -> Result<(), Stop> {
        let now = self.clock.now();
        let anchors = self.anchors.current();
        let roots = Roots::of(cdn.certificate.as_deref(), &anchors);
        let roots = roots.await.map_err(CheckRefusal::Internal)?;
        let mut stream = tls::prepare(connection, target, roots, now)
            .map_err(|error| CheckRefusal::Internal(error.to_string()))?;
        let done = stream.handshake().await;
        stream.tell(report, now);
        done.map_err(Stop::Failed)?;
        ask(stream.into_inner(), target, report).await
    }

    /// What to say when time is up.
    fn too_slow(&self, report: &CdnCheck) -> String {
        let step = match (&report.address, report.connected, &report.tls_version) {
            (None, ..) => "the name was not looked up",
            (_, false, _) => "nobody took the connection",
            (_, _, None) if report.is_https() => "the TLS handshake did not end",
            _ if report.status.is_none() => "no answer came",
            _ => "the answer did not end",
        };
        format!(
            "{step} within {} seconds",
            self.config.check_timeout_seconds
        )
    }
}
