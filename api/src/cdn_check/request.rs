//! Asks for one path, and reads no more than is needed to see that it is answered.

use axum::http::{Request, header};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;

use super::{CheckRefusal, Stop, report::CdnCheck, target::Target};

/// Bytes of an answer's head at most, and of its body that are read.
const MOST: usize = 64 << 10;

/// Sends the request; the report has the status as soon as it is known.
pub(super) async fn ask<S>(
    connection: S,
    target: &Target,
    report: &mut CdnCheck,
) -> Result<(), Stop>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed =
        |what: &str, error: &dyn std::fmt::Display| Stop::Failed(format!("{what}: {error}"));
    let request = Request::get(target.path.as_str())
        .header(header::HOST, target.host_header())
        .header(
            header::USER_AGENT,
            concat!("portolan/", env!("CARGO_PKG_VERSION")),
        )
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| CheckRefusal::Internal(error.to_string()))?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MOST)
        .handshake(TokioIo::new(connection))
        .await
        .map_err(|error| failed("no request could be sent", &error))?;
    // It ends with the check, whatever the other side would still say.
    let _driven = AbortOnDropHandle::new(tokio::spawn(connection));
    let answer = sender.send_request(request).await;
    let answer = answer.map_err(|error| failed("no answer in HTTP came", &chain(&error)))?;
    report.status = Some(answer.status().as_u16());
    match Limited::new(answer.into_body(), MOST).collect().await {
        Err(error) if !error.is::<LengthLimitError>() => {
            Err(failed("the answer broke off", &error))
        }
        _ => Ok(()),
    }
}

/// An error with all its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
