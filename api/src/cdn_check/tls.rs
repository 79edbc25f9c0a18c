//! The TLS side of a check: a handshake that goes on whatever the certificates are, and what was
//! wrong with them. OpenSSL judges, since it is what most proxies judge with.

use std::sync::{Arc, Mutex, PoisonError};

use openssl::{
    error::ErrorStack,
    ssl::{Ssl, SslContext, SslFiletype, SslMethod, SslRef, SslVerifyMode, SslVersion},
    x509::{
        X509, X509StoreContextRef, X509VerifyResult,
        store::{X509Lookup, X509Store, X509StoreBuilder},
        verify::{X509CheckFlags, X509VerifyFlags},
    },
};
use portolan_domain::trust::{Certificate, CertificateBundle, TrustAnchors};
use time::OffsetDateTime;
use tokio::{net::TcpStream, task::spawn_blocking};
use tokio_openssl::SslStream;
use url::Host;

use super::{report::CdnCheck, target::Target};
use crate::server::CleanStream;

/// Certificates of a chain that are told.
const MOST: usize = 16;

/// `X509_V_ERR_HOSTNAME_MISMATCH` and `X509_V_ERR_IP_ADDRESS_MISMATCH` (`x509_vfy.h`).
const OF_NAME: [i32; 2] = [62, 64];

/// What is trusted at a CDN.
pub(super) struct Roots(X509Store);

/// What was wrong, in the order in which it was seen.
type Faults = Arc<Mutex<Vec<Fault>>>;

struct Fault {
    code: X509VerifyResult,
    subject: Option<String>,
}

/// A connection with TLS.
pub(super) struct Checked {
    stream: CleanStream<TcpStream>,
    faults: Faults,
}

impl Roots {
    /// The CDN's own certificates where it has them, else the upstream CAs and the system's.
    pub async fn of(own: Option<&str>, anchors: &TrustAnchors) -> Result<Self, String> {
        let of_system = own.is_none();
        let certificates: Vec<Certificate> = match own {
            Some(pem) => CertificateBundle::parse(pem.as_bytes())
                .map_err(|error| format!("the stored certificate {error}"))?
                .certificates()
                .to_vec(),
            None => anchors.iter().map(|a| a.certificate.clone()).collect(),
        };
        // The system's are read from its disk.
        let built = spawn_blocking(move || build(&certificates, of_system)).await;
        built.map_err(|error| error.to_string())?.map(Self)
    }
}

fn build(certificates: &[Certificate], of_system: bool) -> Result<X509Store, String> {
    let words = |error: ErrorStack| error.to_string();
    let mut store = X509StoreBuilder::new().map_err(words)?;
    for certificate in certificates {
        let der = certificate.to_der().map_err(|error| error.to_string())?;
        let x509 = X509::from_der(&der).map_err(words)?;
        store.add_cert(x509).map_err(words)?;
    }
    if of_system {
        add_system(&mut store);
    }
    Ok(store.build())
}

/// OpenSSL that is built in does not know where this system keeps its CAs.
fn add_system(store: &mut X509StoreBuilder) {
    let found = openssl_probe::probe();
    let mut done = Ok(());
    if let Some(file) = &found.cert_file {
        let lookup = store.add_lookup(X509Lookup::file());
        done = lookup.and_then(|lookup| lookup.load_cert_file(file, SslFiletype::PEM));
    }
    for directory in found.cert_dir.iter().filter_map(|d| d.to_str()) {
        let lookup = store.add_lookup(X509Lookup::hash_dir());
        let added = lookup.and_then(|lookup| lookup.add_dir(directory, SslFiletype::PEM));
        done = done.and(added);
    }
    if let Err(error) = done {
        tracing::warn!(%error, "the system's CAs cannot be read");
    }
}

/// Makes a session that trusts these roots, as of this instant.
pub(super) fn prepare(
    connection: TcpStream,
    target: &Target,
    roots: Roots,
    at: OffsetDateTime,
) -> Result<Checked, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    context.set_cert_store(roots.0);
    context.set_alpn_protos(b"\x08http/1.1")?;
    let faults = Faults::default();
    let noted = faults.clone();
    // The handshake goes on, so that all that is wrong is told. Nothing secret is sent.
    context.set_verify_callback(SslVerifyMode::PEER, move |fine, context| {
        if !fine {
            note(&noted, context);
        }
        true
    });
    let mut ssl = Ssl::new(&context.build())?;
    let parameters = ssl.param_mut();
    parameters.set_time(at.unix_timestamp());
    // A certificate that an operator trusts is trusted, whoever issued it.
    parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    parameters.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
    match &target.host {
        Host::Domain(name) => parameters.set_host(name)?,
        Host::Ipv4(address) => parameters.set_ip((*address).into())?,
        Host::Ipv6(address) => parameters.set_ip((*address).into())?,
    }
    // Only names go into SNI (RFC 6066, 3).
    if let Host::Domain(name) = &target.host {
        ssl.set_hostname(name.strip_suffix('.').unwrap_or(name))?;
    }
    let stream = CleanStream::new(SslStream::new(ssl, connection)?);
    Ok(Checked { stream, faults })
}

fn note(faults: &Faults, context: &X509StoreContextRef) {
    let der = context.current_cert().and_then(|c| c.to_der().ok());
    let certificate = der.and_then(|der| Certificate::from_der(&der).ok());
    let fault = Fault {
        code: context.error(),
        subject: certificate.map(|certificate| certificate.subject()),
    };
    let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
    faults.push(fault);
}

impl Fault {
    /// Whether the certificate is another host's; all else is about trust.
    fn is_of_name(&self) -> bool {
        OF_NAME.contains(&self.code.as_raw())
    }
}

impl Checked {
    /// Does the handshake; says why it failed.
    pub async fn handshake(&mut self) -> Result<(), String> {
        let done = self.stream.connect().await;
        done.map_err(|error| format!("the TLS handshake failed: {error}"))
    }

    /// Tells what the other side showed, also where the handshake failed after that.
    pub fn tell(&self, report: &mut CdnCheck, at: OffsetDateTime) {
        let ssl = self.stream.ssl();
        if ssl.is_init_finished() {
            report.tls_version = Some(ssl.version_str().to_owned());
        }
        let chain = chain(ssl);
        if chain.is_empty() {
            return;
        }
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let untrusted = faults.iter().find(|fault| !fault.is_of_name());
        report.trusted = Some(untrusted.is_none());
        report.trust_error = untrusted.map(|fault| {
            let what = fault.code.error_string();
            let subject = fault.subject.as_deref();
            subject.map_or_else(|| what.to_owned(), |subject| format!("{what}: {subject}"))
        });
        report.hostname_matches = Some(!faults.iter().any(Fault::is_of_name));
        report.show(&chain, at);
    }

    /// The stream, for the request.
    pub fn into_inner(self) -> CleanStream<TcpStream> {
        self.stream
    }
}

/// What the other side showed, its own first.
fn chain(ssl: &SslRef) -> Vec<Certificate> {
    let shown = ssl.peer_cert_chain().into_iter().flatten().take(MOST);
    let shown = shown.filter_map(|certificate| certificate.to_der().ok());
    shown
        .filter_map(|der| Certificate::from_der(&der).ok())
        .collect()
}
