//! What each entry of a manifest's inner archive is, by its name.

/// What an archive entry is to a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Meta,
    Consumer,
    Identity,
    Cdn,
    Entitlement,
    ConsumerType,
    Product,
    ProductText,
    Distributor,
    Unknown,
}

impl Role {
    #[expect(
        clippy::case_sensitive_file_extension_comparisons,
        reason = "entries are known by their exact names"
    )]
    pub(super) fn of(name: &str) -> Self {
        match name {
            "export/meta.json" => return Self::Meta,
            "export/consumer.json" => return Self::Consumer,
            _ => {}
        }
        let path: Vec<&str> = name.split('/').collect();
        match path[..] {
            // Old releases wrote products as certificates, too: kept, like their JSON.
            ["export", "products", file] if file.ends_with(".pem") => Self::ProductText,
            ["export", folder, file] if file.ends_with(".json") => match folder {
                "upstream_consumer" => Self::Identity,
                "content_delivery_network" => Self::Cdn,
                "entitlements" => Self::Entitlement,
                "consumer_types" => Self::ConsumerType,
                "products" => Self::Product,
                "distributor_version" => Self::Distributor,
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }
}
