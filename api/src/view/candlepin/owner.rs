//! Candlepin's `OwnerDTO`. What it says of autobind, service levels and parents has no counterpart
//! here, and stands as in an owner of Candlepin's that never used it.

use serde::Serialize;

use super::{consumer::UpstreamConsumer, time::SecondsUtc};

/// A tenant.
#[expect(
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "names and types are Candlepin's"
)]
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    created: SecondsUtc,
    updated: SecondsUtc,
    id: String,
    key: String,
    display_name: String,
    parent_owner: (),
    content_prefix: (),
    default_service_level: (),
    log_level: (),
    /// The upstream consumer's: an import sets the owner's in Candlepin, too.
    content_access_mode: Option<String>,
    content_access_mode_list: Option<String>,
    autobind_disabled: bool,
    autobind_hypervisor_disabled: bool,
    last_refreshed: (),
    anonymous: bool,
    claimed: bool,
    claimant_owner: (),
    upstream_consumer: Option<UpstreamConsumer>,
    href: String,
}

impl Owner {
    /// An owner of these facts.
    #[must_use]
    pub fn of(
        (id, key, display_name): (String, String, String),
        created: time::OffsetDateTime,
        upstream_consumer: Option<UpstreamConsumer>,
    ) -> Self {
        let mode = upstream_consumer.as_ref();
        let mode = mode.and_then(|consumer| consumer.content_access_mode().map(str::to_owned));
        Self {
            created: SecondsUtc(created),
            updated: SecondsUtc(created),
            id,
            href: format!("/owners/{key}"),
            key,
            display_name,
            parent_owner: (),
            content_prefix: (),
            default_service_level: (),
            log_level: (),
            content_access_mode_list: mode.clone(),
            content_access_mode: mode,
            autobind_disabled: false,
            autobind_hypervisor_disabled: false,
            last_refreshed: (),
            anonymous: false,
            claimed: false,
            claimant_owner: (),
            upstream_consumer,
        }
    }
}
