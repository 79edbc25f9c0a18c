//! The outbox: which events become messages, and that nobody takes a message that another one has.

use std::collections::BTreeSet;

use portolan_storage::{
    Event, OutboxEvents, OutboxMessage, Outcome, Postponed, Store, both_engines,
};
use serde_json::{Value, json};
use time::Duration;

use crate::support::{NOW, by, id};

const ALL: OutboxEvents = OutboxEvents {
    imports: true,
    expiry: true,
    revocations: true,
};

fn of_acme(action: &'static str) -> Event {
    by().did(action).of_owner(&id("acme"))
}

async fn claim(store: &Store, after: Duration) -> Vec<OutboxMessage> {
    let claimed = store
        .claim_messages(NOW + after, Duration::MINUTE, 100)
        .await;
    claimed.unwrap()
}

both_engines! {
    async fn revocations_are_told_and_their_refusals_are_not(database: TestDatabase) {
        let store = database.store.clone().with_outbox(ALL);
        let revoked = by().did("credential.revoke").on("k");
        let events = vec![
            of_acme("entitlement.revoke").on("e1").revoking(1),
            of_acme("entitlement.revoke").on("e2").revoking(1).ended(Outcome::Refused),
            of_acme("entitlement.register").revoking(40),
            of_acme("entitlement.register").on("e3"),
            // One for each owner that it was bound to.
            revoked.clone().of_owner(&id("acme")),
            revoked.of_owner(&id("other")),
            of_acme("owner.update").on("acme"),
        ];
        store.record_events(events.clone()).await.unwrap();
        let read = |message: &OutboxMessage| serde_json::from_str::<Value>(&message.body).unwrap();
        let messages: Vec<Value> = claim(&store, Duration::ZERO).await.iter().map(read).collect();
        let told: BTreeSet<String> = messages.iter().map(|message| {
            assert_eq!(message["timestamp"], "2026-03-01T12:00:00.123Z");
            format!("{} {}", message["type"].as_str().unwrap(), message["data"])
        }).collect();
        let one = json!({ "ownerKey": "acme", "entitlementId": "e1", "count": 1 });
        let many = json!({ "ownerKey": "acme", "entitlementId": null, "count": 40 });
        assert_eq!(told, BTreeSet::from([
            format!("credential.revoked {}", json!({ "name": "k" })),
            format!("entitlement.revoked {one}"),
            format!("entitlement.revoked {many}"),
        ]));
        // Whoever wants no news of them gets none.
        let imports = OutboxEvents { revocations: false, ..ALL };
        database.store.clone().with_outbox(imports).record_events(events.clone()).await.unwrap();
        database.store.record_events(events).await.unwrap();
        assert_eq!(claim(&store, Duration::ZERO).await, []);
    }

    async fn a_message_is_one_takers_until_its_lease_ends(database: TestDatabase) {
        let store = database.store.clone().with_outbox(ALL);
        for number in 0..40 {
            let event = of_acme("entitlement.revoke").on(format!("e{number}")).revoking(1);
            store.record_events(vec![event]).await.unwrap();
        }
        let takers = (0..4).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.claim_messages(NOW, Duration::MINUTE, 10).await.unwrap() })
        });
        let mut taken = Vec::new();
        for taker in takers.collect::<Vec<_>>() {
            taken.extend(taker.await.unwrap());
        }
        // Who came while another one took the first ones may have got fewer.
        taken.extend(claim(&store, Duration::ZERO).await);
        let ids: BTreeSet<_> = taken.iter().map(|message| message.id).collect();
        assert_eq!((taken.len(), ids.len()), (40, 40));
        assert!(taken.iter().all(|message| message.attempt == 1));

        let again = claim(&store, Duration::MINUTE).await;
        assert_eq!(again.len(), 40);
        assert!(again.iter().all(|message| message.attempt == 2));
        // The first taker is late: the message is another's by now.
        let message = &again[0];
        let late = Postponed { id: message.id, attempt: 1, until: NOW };
        store.settle_messages(&[], &[late]).await.unwrap();
        assert_eq!(claim(&store, Duration::MINUTE).await, []);
        let later = Postponed { attempt: 2, until: NOW + Duration::HOUR, ..late };
        let gone: Vec<_> = again[1..].iter().map(|message| message.id).collect();
        store.settle_messages(&gone, &[later]).await.unwrap();
        assert_eq!(claim(&store, Duration::MINUTE * 59).await, []);
        let left = claim(&store, Duration::HOUR).await;
        assert_eq!((left.len(), left[0].id, left[0].attempt), (1, message.id, 3));
    }
}
