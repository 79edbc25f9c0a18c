//! `portolan demo`: the main job once, end to end, on a fresh embedded database.

use std::{io, net::SocketAddr, path::Path};

use clap::Args;
use indicatif::ProgressBar;
use portolan_domain::build::{
    Authority, Description, EntitlementDescription, KeyKind, ManifestSigner, Validity,
    write_manifest,
};
use portolan_storage::{Identity, NewCredential, Role};
use time::Duration;
use tokio::{net::TcpListener, sync::oneshot};

use super::{
    context::Context,
    error::{CliError, print_line},
    key::generate,
    remote::Remote,
};
use crate::{config::Config, server};

/// The demo's options.
#[derive(Args)]
pub struct DemoArgs {
    /// End after the demonstration instead of leaving the server running
    #[arg(long)]
    once: bool,
}

const OWNER: &str = "acme";
const ENTITLEMENT: &str = "8a85f98444de1da50144e6d3a7be0e5f";
const CA: &str = "demo-ca.crt";

/// Runs the demo.
pub async fn run(outer: &Context, args: &DemoArgs) -> Result<(), CliError> {
    let folder = tempfile::Builder::new()
        .prefix("portolan-demo-")
        .tempdir()?;
    let context = fresh_context(outer, folder.path())?;
    let state = context.state().await?;
    let admin = generate()?;
    let key = NewCredential {
        name: "demo",
        role: Role::Admin,
        owners: &[],
        identity: Identity::ApiKey {
            sha256: admin.sha256(),
        },
        expires_at: None,
    };
    state
        .store
        .create_credential(&key, &context.actor())
        .await?;
    let listener = listen(context.config.http.address()?).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let once = args.once;
    let stop_signal = async move {
        tokio::select! {
            () = server::stop_signal() => {}
            // The sender is dropped without a word where the server shall go on.
            Ok(()) = stopped => {}
        }
    };
    let serving = tokio::spawn(server::serve(state, listener, stop_signal));
    step("1", &format!("a server on a fresh database: {url}"))?;
    let manifest = folder.path().join("manifest.zip");
    let shown = show(&context, &url, admin.expose(), &manifest).await;
    if once || shown.is_err() {
        let _ = stop.send(());
    } else {
        how_to_go_on(&url, admin.expose(), &manifest)?;
    }
    let ended = serving
        .await
        .map_err(|error| CliError::new(error.to_string()))?;
    shown?;
    Ok(ended?)
}

fn fresh_context(outer: &Context, folder: &Path) -> Result<Context, CliError> {
    let config = Config::for_directory(folder, Some(&outer.config.http.listen))?;
    Ok(Context::new(folder.to_owned(), config, outer.json))
}

/// The usual port, or a free one where that is taken.
async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    match server::listen(address).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            server::listen(SocketAddr::new(address.ip(), 0)).await
        }
        other => other,
    }
}

fn step(number: &str, text: &str) -> Result<(), CliError> {
    print_line(&format!("[{number}] {text}"))
}

async fn show(context: &Context, url: &str, key: &str, manifest: &Path) -> Result<(), CliError> {
    let ca_pem = make_manifest(context, manifest)?;
    step(
        "2",
        &format!(
            "a demo CA, and a manifest that it signed: {}",
            manifest.display()
        ),
    )?;
    let remote = Remote::new(url, key);
    remote.create_owner(OWNER, "ACME Corporation").await?;
    remote.create_upstream_ca(CA, &ca_pem).await?;
    step(
        "3",
        &format!("an owner {OWNER}, and the CA trusted as {CA}"),
    )?;
    let record = remote
        .import(manifest, OWNER, &[], &ProgressBar::hidden())
        .await?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let (status, counts) = (text(&record["status"]), &record["counts"]["added"]);
    let by = text(&record["verification"]["caFilename"]);
    let algorithm = text(&record["verification"]["algorithm"]);
    step(
        "4",
        &format!("imported: {status}, {counts} entitlements, verified by {by} with {algorithm}"),
    )?;
    let mut info = remote.cdn_info(ENTITLEMENT).await?;
    step(
        "5",
        &format!("GET {url}/entitlements/{ENTITLEMENT}/cdn_info answers"),
    )?;
    // A terminal's history is no place for a key, not even a demo's.
    for field in ["cert", "key"] {
        let text = info["upstreamCertificate"][field]
            .as_str()
            .unwrap_or_default();
        let first = text.lines().next().unwrap_or_default().to_owned();
        info["upstreamCertificate"][field] = format!("{first} … ({} bytes)", text.len()).into();
    }
    let pem = info["caCertificate"]["pem"]
        .as_str()
        .unwrap_or_default()
        .len();
    info["caCertificate"]["pem"] = format!("… ({pem} bytes)").into();
    print_line(&format!("{info:#}"))
}

/// Makes the demo's CA and manifest, and returns the CA's certificate.
fn make_manifest(context: &Context, path: &Path) -> Result<String, CliError> {
    let now = context.clock.now();
    let validity = Validity {
        from: now - Duration::days(1),
        until: now + Duration::days(3650),
    };
    let ca = Authority::self_signed("Portolan demo CA", KeyKind::Rsa(2048), validity)?;
    let named = EntitlementDescription {
        id: Some(ENTITLEMENT.to_owned()),
        ..EntitlementDescription::default()
    };
    let description = Description {
        consumer_name: "acme-mirror".to_owned(),
        cdn_url: Some("https://cdn.example.com:8443".to_owned()),
        entitlements: vec![named],
        generate: 2,
        ..Description::default()
    };
    let signer = ManifestSigner::legacy(&ca);
    let out = std::fs::File::create(path)?;
    write_manifest(
        &description,
        (&ca, &signer),
        &[],
        now,
        (out, tempfile::tempfile()?),
    )?;
    Ok(ca.certificate_pem()?)
}

fn how_to_go_on(url: &str, key: &str, manifest: &Path) -> Result<(), CliError> {
    let manifest = manifest.display();
    print_line(&format!(
        "\nThe server goes on; Ctrl-C ends it and removes its folder. Try:\n
  export KEY={key}
  curl -H \"Authorization: Bearer $KEY\" {url}/entitlements/{ENTITLEMENT}/cdn_info
  curl -H \"Authorization: Bearer $KEY\" {url}/entitlements/{ENTITLEMENT}/upstream_cert
  curl -H \"Authorization: Bearer $KEY\" {url}/owners/{OWNER}/imports
  curl -H \"Authorization: Bearer $KEY\" -F file=@{manifest} {url}/owners/{OWNER}/imports
  curl -H \"Authorization: Bearer $KEY\" -F file=@{manifest} '{url}/owners/{OWNER}/imports?force=MANIFEST_SAME'
\nThe fourth is refused, since that manifest is here already; the fifth forces it.
All routes, to read and try: {url}/docs"
    ))
}
