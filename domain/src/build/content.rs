//! The files inside a manifest that is made here.

use openssl::{
    pkey::{PKey, Private},
    rsa::Rsa,
    x509::extension::KeyUsage,
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, macros::format_description};

use super::{
    Authority, BuildError, Description, EntitlementDescription, Validity,
    certificate::{Request, certify, serial},
};

/// A file of the inner archive: its path and its content.
pub(super) type File = (String, Vec<u8>);

/// Makes the files one after the other.
pub(super) struct Content<'a> {
    description: &'a Description,
    ca: &'a Authority,
    created: OffsetDateTime,
    shared_key: PKey<Private>,
}

impl<'a> Content<'a> {
    pub fn new(
        description: &'a Description,
        ca: &'a Authority,
        now: OffsetDateTime,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            description,
            ca,
            created: description.created.unwrap_or(now),
            shared_key: PKey::from_rsa(Rsa::generate(2048)?)?,
        })
    }

    /// The small files.
    pub fn headers(&self) -> Result<Vec<File>, BuildError> {
        let described = self.description;
        let meta = json!({
            "version": env!("CARGO_PKG_VERSION"), "created": candlepin_time(self.created),
            "principalName": "portolan", "webAppPrefix": null,
            "cdnLabel": described.cdn_label, "cdnUrl": described.cdn_url,
        });
        let owner =
            json!({"id": described.id("owner", 0), "key": "upstream", "displayName": "Upstream"});
        let consumer = json!({
            "uuid": described.uuid(), "name": described.consumer_name, "owner": owner,
            "contentAccessMode": described.content_access_mode,
            "type": {"id": "1", "label": "satellite", "manifest": true},
            "urlWeb": "portolan.example.com/manage", "urlApi": "https://portolan.example.com/candlepin",
        });
        let mut files = vec![
            file("export/meta.json", &meta),
            file("export/consumer.json", &consumer),
        ];
        for label in ["system", "satellite"] {
            let content = json!({"id": label, "label": label, "manifest": label == "satellite"});
            files.push(file(
                &format!("export/consumer_types/{label}.json"),
                &content,
            ));
        }
        for (at, cdn) in described.cdns.iter().enumerate() {
            let id = described.id(&cdn.label, u32::try_from(at).unwrap_or_default());
            let content = json!({"id": id, "label": cdn.label, "name": cdn.name, "url": cdn.url});
            let path = format!("export/content_delivery_network/{at}.json");
            files.push(file(&path, &content));
        }
        let validity = self.default_validity();
        let (number, identity) = self.certificate(&described.uuid(), "identity", validity)?;
        files.push(file(
            &format!("export/upstream_consumer/{number}.json"),
            &identity,
        ));
        Ok(files)
    }

    /// The files of one entitlement.
    pub fn entitlement(
        &self,
        number: u32,
        described: &EntitlementDescription,
    ) -> Result<Vec<File>, BuildError> {
        let made = |kind: &str| self.description.id(kind, number);
        let id = described.id.clone().unwrap_or_else(|| made("entitlement"));
        let default = self.default_validity();
        let validity = Validity {
            from: described.starts_at.unwrap_or(default.from),
            until: described.ends_at.unwrap_or(default.until),
        };
        let mut files = Vec::new();
        let mut certificates = Vec::new();
        if described.certificate {
            let name = described.common_name.as_ref().unwrap_or(&id);
            let (serial, certificate) = self.certificate(name, &id, validity)?;
            let text = |field: &str| certificate[field].as_str().unwrap_or_default().to_owned();
            let pem = text("cert") + &text("key");
            let path = format!("export/entitlement_certificates/{serial}.pem");
            files.push((path, pem.into_bytes()));
            certificates.push(certificate);
        }
        let (starts, ends) = (
            candlepin_time(validity.from),
            candlepin_time(validity.until),
        );
        let product = described.product_id.clone();
        let product = product.unwrap_or_else(|| format!("{}", 900_000 + number % 100));
        let pool = json!({
            "id": described.pool_id.clone().unwrap_or_else(|| made("pool")),
            "productId": product, "productName": format!("Product {product}"), "quantity": 100,
            "startDate": starts, "endDate": ends, "attributes": [], "branding": [],
            "contractNumber": "10000", "accountNumber": "5550001", "orderNumber": "70000",
            "providedProducts": [], "derivedProvidedProducts": [], "stackId": null,
        });
        let content = json!({
            "id": id, "quantity": described.quantity, "startDate": starts, "endDate": ends,
            "certificates": certificates, "pool": pool,
        });
        files.push(file(&format!("export/entitlements/{id}.json"), &content));
        Ok(files)
    }

    /// `{id,key,cert,serial{…}}` of a new certificate, with its serial number.
    fn certificate(
        &self,
        common_name: &str,
        what: &str,
        validity: Validity,
    ) -> Result<(u64, Value), BuildError> {
        let key = if self.description.own_keys {
            PKey::from_rsa(Rsa::generate(2048)?)?
        } else {
            self.shared_key.clone()
        };
        let serial = serial(&format!(
            "{} {what} {}",
            self.description.seed, validity.until
        ));
        let mut usage = KeyUsage::new();
        usage.digital_signature().key_encipherment();
        let request = Request {
            subject: &[("O", "upstream"), ("CN", common_name)],
            serial,
            validity,
            ca: None,
            usage,
            more: Vec::new(),
        };
        let certificate = certify(&request, &key, Some(self.ca))?;
        let mut cert = String::from_utf8_lossy(&certificate.to_pem()?).into_owned();
        cert.push_str(&self.entitlement_data(what));
        let key = String::from_utf8_lossy(&key.private_key_to_pem_pkcs8()?).into_owned();
        let number = u64::from_be_bytes(serial);
        let content = json!({
            "id": self.description.id(what, 0), "key": key, "cert": cert,
            "serial": {"id": number, "serial": number, "expiration": candlepin_time(validity.until),
                       "revoked": false, "collected": false},
        });
        Ok((number, content))
    }

    /// The blocks behind a version 3 certificate. Their content is opaque to everybody here, so it
    /// is made up; what matters is that it comes back byte for byte.
    fn entitlement_data(&self, what: &str) -> String {
        let wanted = self.description.entitlement_data_bytes;
        if wanted == 0 {
            return String::new();
        }
        let mut data = Vec::with_capacity(wanted + 32);
        let mut block = crate::digest::Sha256Digest::of(what.as_bytes());
        while data.len() < wanted {
            data.extend_from_slice(block.as_bytes());
            block = crate::digest::Sha256Digest::of(block.as_bytes());
        }
        let pem = |label: &str, bytes: &[u8]| {
            let text = openssl::base64::encode_block(bytes);
            let lines: Vec<_> = text
                .as_bytes()
                .chunks(64)
                .map(String::from_utf8_lossy)
                .collect();
            let lines = lines.join("\n");
            format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
        };
        let (data, signature) = data.split_at(wanted.saturating_sub(256).max(wanted / 2));
        pem("ENTITLEMENT DATA", data) + &pem("RSA SIGNATURE", signature)
    }

    fn default_validity(&self) -> Validity {
        Validity {
            from: self.created - Duration::days(1),
            until: self.created + Duration::days(365),
        }
    }

    /// One file per product that the entitlements name.
    pub fn product(&self, id: &str) -> File {
        let content = json!({
            "id": id, "name": format!("Product {id}"), "attributes": [], "productContent": [],
            "updated": candlepin_time(self.created),
        });
        file(&format!("export/products/{id}.json"), &content)
    }
}

fn file(path: &str, content: &Value) -> File {
    (path.to_owned(), content.to_string().into_bytes())
}

/// `2017-11-21T16:01:05.324+0000`, as Candlepin writes times.
pub(crate) fn candlepin_time(at: OffsetDateTime) -> String {
    let form = format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]+0000"
    );
    at.to_offset(time::UtcOffset::UTC)
        .format(&form)
        .unwrap_or_default()
}
