//! How many uploads are here at once, since each may take as much disk as a manifest may have bytes,
//! and how many imports run: one owner's must not keep the others out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use axum::http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use portolan_domain::ids::OwnerKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// A number of places; cheap to clone.
#[derive(Clone)]
pub struct Reception {
    all: Arc<Semaphore>,
    by_owner: Arc<Mutex<HashMap<OwnerKey, Weak<Semaphore>>>>,
    per_owner: usize,
}

/// A place, until it is dropped.
pub struct Place {
    _all: OwnedSemaphorePermit,
    _owner: OwnedSemaphorePermit,
}

impl Reception {
    /// This many places, and so many of them for one owner.
    #[must_use]
    pub fn new(places: usize, per_owner: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(places)),
            by_owner: Arc::default(),
            per_owner,
        }
    }

    /// Waits for a place; none once the service ends.
    pub async fn enter(&self, owner: &OwnerKey) -> Option<Place> {
        // The owner's first: who waits for it holds no place that another owner could have.
        let of_owner = self.of_owner(owner).acquire_owned().await.ok()?;
        let all = self.all.clone().acquire_owned().await.ok()?;
        Some(Place {
            _all: all,
            _owner: of_owner,
        })
    }

    fn of_owner(&self, owner: &OwnerKey) -> Arc<Semaphore> {
        let mut by_owner = self.by_owner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = by_owner.get(owner).and_then(Weak::upgrade) {
            return places;
        }
        by_owner.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(self.per_owner));
        by_owner.insert(owner.clone(), Arc::downgrade(&places));
        places
    }
}

/// No place became free in time.
#[must_use]
pub fn busy() -> Problem {
    let detail = "More imports run or arrive than import.concurrent and import.receiving allow. Nothing was \
         changed. Try again soon.";
    let title = "The service is busy";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", title, detail)
        .header(RETRY_AFTER, HeaderValue::from_static("10"))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_owner_leaves_places_to_the_others() {
        let reception = Reception::new(3, 2);
        let (one, other): (OwnerKey, OwnerKey) = ("a".parse().unwrap(), "b".parse().unwrap());
        let now = |owner| reception.enter(owner).now_or_never().flatten();
        let (first, second) = (now(&one), now(&one));
        assert!(first.is_some() && second.is_some());
        assert!(now(&one).is_none(), "two are all that one owner gets");
        let third = now(&other);
        assert!(third.is_some());
        assert!(now(&other).is_none(), "three are all there are");
        drop(first);
        assert!(now(&one).is_some());
        drop((second, third));
        let _again = now(&one);
        assert_eq!(
            reception.by_owner.lock().unwrap().len(),
            1,
            "who left is forgotten"
        );
    }
}
