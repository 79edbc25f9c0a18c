//! Buckets by a clock that the test moves, and the addresses that count as one.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    thread,
    time::{Duration, Instant},
};

use super::{TokenBuckets, address_key};

const SECOND: Duration = Duration::from_secs(1);

/// Three tokens, one back in two seconds.
fn buckets() -> TokenBuckets<&'static str> {
    TokenBuckets::new(NonZeroU32::new(3).unwrap(), 2 * SECOND, 1000)
}

#[test]
fn a_bucket_gives_its_tokens_and_then_says_when() {
    let (buckets, start) = (buckets(), Instant::now());
    for _ in 0..3 {
        assert_eq!(buckets.take("a", start), Ok(()));
    }
    assert_eq!(buckets.take("a", start), Err(2 * SECOND));
    assert_eq!(buckets.take("a", start + SECOND), Err(SECOND));
    assert_eq!(buckets.take("b", start), Ok(()), "others have their own");
    assert_eq!(buckets.take("a", start + 2 * SECOND), Ok(()));
    assert_eq!(buckets.take("a", start + 2 * SECOND), Err(2 * SECOND));
}

#[test]
fn a_bucket_is_never_more_than_full() {
    let (buckets, start) = (buckets(), Instant::now());
    assert_eq!(buckets.take("a", start), Ok(()));
    let later = start + 1000 * SECOND;
    buckets.give_back(&"a", later);
    buckets.give_back(&"a", later);
    for _ in 0..3 {
        assert_eq!(buckets.take("a", later), Ok(()));
    }
    assert_eq!(buckets.take("a", later), Err(2 * SECOND));
}

#[test]
fn a_token_that_is_given_back_counts_at_once() {
    let (buckets, start) = (buckets(), Instant::now());
    buckets.give_back(&"a", start);
    for _ in 0..3 {
        assert_eq!(buckets.take("a", start), Ok(()));
    }
    buckets.give_back(&"a", start);
    assert_eq!(buckets.take("a", start), Ok(()));
    assert_eq!(buckets.take("a", start), Err(2 * SECOND));
}

#[test]
fn an_instant_from_before_takes_no_more_than_there_is() {
    let (buckets, start) = (buckets(), Instant::now());
    let later = start + 100 * SECOND;
    for _ in 0..3 {
        assert_eq!(buckets.take("a", later), Ok(()));
    }
    assert_eq!(buckets.take("a", start), Err(102 * SECOND));
}

#[test]
fn at_the_same_time_no_more_are_taken_than_there_are() {
    let (buckets, now) = (buckets(), Instant::now());
    let taken = thread::scope(|scope| {
        let one = || (0..100).filter(|_| buckets.take("a", now).is_ok()).count();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .sum::<usize>()
    });
    assert_eq!(taken, 3);
}

#[test]
fn keys_have_an_end_and_whoever_goes_on_is_not_forgotten() {
    let capacity = NonZeroU32::new(2).unwrap();
    let (buckets, now) = (
        TokenBuckets::new(capacity, 1000 * SECOND, 100),
        Instant::now(),
    );
    for other in 0..10_000_u32 {
        assert_eq!(
            buckets.take(other, now),
            Ok(()),
            "a new key has a full bucket"
        );
        let taken = buckets.take(u32::MAX, now);
        assert_eq!(taken.is_ok(), other < 2, "after {other} others");
    }
    // The first others are forgotten, so theirs are full.
    assert_eq!(buckets.take(0, now), Ok(()));
    assert_eq!(buckets.take(0, now), Ok(()));
    assert!(buckets.take(0, now).is_err());
}

#[test]
fn extremes_neither_panic_nor_lock_out() {
    let (start, most) = (Instant::now(), NonZeroU32::MAX);
    for (capacity, interval) in [
        (NonZeroU32::MIN, Duration::ZERO),
        (most, Duration::from_nanos(1)),
        (most, Duration::MAX),
        (NonZeroU32::MIN, Duration::MAX),
    ] {
        let buckets = TokenBuckets::new(capacity, interval, 10);
        assert_eq!(buckets.take("a", start), Ok(()), "{capacity} {interval:?}");
        let _ = buckets.take("a", start);
        buckets.give_back(&"a", start);
        assert_eq!(buckets.take("a", start), Ok(()), "{capacity} {interval:?}");
    }
}

#[test]
fn of_ipv6_a_network_counts_as_one_and_ipv4_inside_it_as_ipv4() {
    let key = |text: &str| address_key(text.parse::<IpAddr>().unwrap()).to_string();
    for (address, expected) in [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"),
        ("2001:db8:1:3::", "2001:db8:1:3::"),
        ("::1", "::"),
    ] {
        assert_eq!(key(address), expected);
    }
}
