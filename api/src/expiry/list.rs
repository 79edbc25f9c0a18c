//! A page of what ends, soonest first, over all kinds.

use std::cmp::Ordering;

use portolan_domain::trust::Certificate;
use portolan_storage::{EndingCertificate, ExpiryFilter, ExpiryPlace, Page, StorageError};

use super::{Expiration, Expirations};

impl Expirations {
    /// What ends within the filter's time, what has ended included.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn page(
        &self,
        filter: &ExpiryFilter<'_>,
        limit: u64,
    ) -> Result<Page<Expiration>, StorageError> {
        // One too many of each kind shows whether there is more.
        let stored = self.store.ending_certificates(filter, limit + 1).await?;
        let mut found: Vec<Found> = stored.into_iter().map(Found::Stored).collect();
        let held = self.held_here(filter.owners).await?;
        let behind = |place: &ExpiryPlace| {
            place.not_after <= filter.until
                && filter.after.is_none_or(|after| is_behind(place, after))
        };
        found.extend(
            held.into_iter()
                .filter(|one| behind(&one.place))
                .map(Found::Held),
        );
        // Stable: within a kind the order is the source's, since databases have their own of texts.
        found.sort_by_key(|one| (one.place().not_after, one.place().kind));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let read = move || found.into_iter().map(Found::read).collect();
        let items = match tokio::task::spawn_blocking(read).await {
            Ok(items) => items,
            // Whoever catches panics of requests catches this one too.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Err(StorageError::timed_out()),
            },
        };
        Ok(Page { items, more })
    }
}

fn is_behind(place: &ExpiryPlace, after: &ExpiryPlace) -> bool {
    let order = (place.not_after, place.kind).cmp(&(after.not_after, after.kind));
    order.then_with(|| place.key.cmp(&after.key)) == Ordering::Greater
}

enum Found {
    Stored(EndingCertificate),
    Held(Expiration),
}

impl Found {
    fn place(&self) -> &ExpiryPlace {
        match self {
            Self::Stored(stored) => &stored.place,
            Self::Held(held) => &held.place,
        }
    }

    /// Reads the subject, which is kept nowhere but in the certificate.
    fn read(self) -> Expiration {
        match self {
            Self::Held(held) => held,
            Self::Stored(stored) => {
                let certificate = stored
                    .cert
                    .map(|cert| Certificate::from_pem(cert.as_bytes()));
                let certificate = certificate.and_then(Result::ok);
                Expiration {
                    id: stored.place.key.clone(),
                    place: stored.place,
                    owner: Some(stored.owner),
                    serial: stored.serial,
                    subject: certificate.map(|certificate| certificate.subject()),
                }
            }
        }
    }
}
