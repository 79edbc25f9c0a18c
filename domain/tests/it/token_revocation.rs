//! What a revocation hits, and for how long it matters.

use portolan_domain::token::{Claims, Revocation, RevocationSet, Revoked, RevokedName};
use time::{Duration, OffsetDateTime, macros::datetime};

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00:00.500 UTC);

fn name(text: &str) -> RevokedName {
    text.to_owned().try_into().unwrap()
}

fn revocation(what: Revoked) -> Revocation {
    Revocation {
        what,
        at: NOW,
        expires_at: None,
    }
}

fn set(what: Revoked) -> RevocationSet {
    let mut set = RevocationSet::default();
    set.learn(revocation(what), NOW);
    set
}

fn issued(seconds_ago: i64) -> Claims {
    Claims {
        sub: "build/1".to_owned(),
        user: Some("alice".to_owned()),
        jti: Some("child".to_owned()),
        root_jti: Some("parent".to_owned()),
        iat: Some(NOW.unix_timestamp() - seconds_ago),
        ..Claims::default()
    }
}

#[test]
fn an_id_hits_its_token_and_those_whose_first_parent_it_is() {
    for (jti, hit) in [
        ("child", true),
        ("parent", true),
        ("chil", false),
        ("", false),
    ] {
        assert_eq!(set(Revoked::Jti(name(jti))).hits(&issued(0)), hit, "{jti}");
    }
    let without = Claims {
        jti: None,
        root_jti: None,
        ..issued(0)
    };
    assert!(!set(Revoked::Jti(name(""))).hits(&without));
}

#[test]
fn a_subject_and_a_user_hit_exactly_what_was_issued_until_now() {
    for what in [Revoked::Sub(name("build/1")), Revoked::User(name("alice"))] {
        let set = set(what);
        assert!(set.hits(&issued(0)), "in the same second");
        assert!(set.hits(&issued(60)));
        assert!(!set.hits(&issued(-1)));
        let undated = Claims {
            iat: None,
            ..issued(0)
        };
        assert!(set.hits(&undated));
    }
    for what in [
        Revoked::Sub(name("build")),
        Revoked::Sub(name("alice")),
        Revoked::User(name("Alice")),
        Revoked::User(name("build/1")),
    ] {
        assert!(!set(what.clone()).hits(&issued(60)), "{what:?}");
    }
}

#[test]
fn all_that_was_issued_before_an_instant_is_hit() {
    let whole = set(Revoked::IssuedBefore(datetime!(2026-11-22 12:00 UTC)));
    assert!(!whole.hits(&issued(0)));
    assert!(whole.hits(&issued(1)));
    assert!(set(Revoked::IssuedBefore(NOW)).hits(&issued(0)));
    let absurd = Claims {
        iat: Some(i64::MIN),
        ..issued(0)
    };
    assert!(whole.hits(&absurd));
}

#[test]
fn what_was_revoked_stays_so() {
    let mut set = set(Revoked::Sub(name("build/1")));
    let older = Revocation {
        at: NOW - Duration::HOUR,
        ..revocation(Revoked::Sub(name("build/1")))
    };
    set.learn(older, NOW);
    assert!(set.hits(&issued(0)), "an older one takes nothing back");
    set.learn(revocation(Revoked::IssuedBefore(NOW + Duration::HOUR)), NOW);
    assert!(
        set.subs(None).is_empty(),
        "all that it hits is hit otherwise"
    );
    set.learn(revocation(Revoked::IssuedBefore(NOW - Duration::HOUR)), NOW);
    assert!(set.hits(&issued(0)));
}

#[test]
fn an_id_is_forgotten_when_its_tokens_have_ended() {
    let mut set = RevocationSet::default();
    let end = NOW + Duration::HOUR;
    let ending = |expires_at| Revocation {
        expires_at,
        ..revocation(Revoked::Jti(name("child")))
    };
    set.learn(ending(Some(end)), NOW);
    set.learn(ending(Some(end - Duration::MINUTE)), NOW);
    set.forget(end - Duration::SECOND);
    assert!(set.hits(&issued(0)), "the later end counts");
    assert_eq!(set.jtis(None, end - Duration::SECOND).len(), 1);
    assert_eq!(set.jtis(None, end), []);
    set.forget(end);
    assert!(!set.hits(&issued(0)));
    set.learn(ending(Some(end)), NOW);
    set.learn(ending(None), NOW);
    set.forget(end + Duration::WEEK);
    assert!(set.hits(&issued(0)), "nobody knows when it ends");
}

#[test]
fn a_list_can_begin_where_the_last_one_ended() {
    let mut set = set(Revoked::Jti(name("b")));
    let later = NOW + Duration::MINUTE;
    set.learn(revocation(Revoked::Jti(name("c"))), later);
    set.learn(revocation(Revoked::Jti(name("a"))), later);
    // Heard again: it is no news.
    set.learn(revocation(Revoked::Jti(name("b"))), later);
    let names = |since| {
        let found = set.jtis(since, later).into_iter();
        found.map(|(jti, _)| jti.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["a", "b", "c"]);
    assert_eq!(names(Some(later)), ["a", "c"]);
}

#[test]
fn a_name_is_short_and_printable() {
    for good in ["", "build/1", "ä b", &"x".repeat(1024)] {
        assert!(RevokedName::try_from(good.to_owned()).is_ok(), "{good}");
    }
    for bad in ["a\0", "a\n", &"x".repeat(1025)] {
        assert!(RevokedName::try_from(bad.to_owned()).is_err(), "{bad:?}");
    }
}
