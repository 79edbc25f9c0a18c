//! Why a request signed with OAuth is refused, in words that the operator of a client can act on.
//! None of them holds a signature, a secret, or a part of the header that could be one.

use std::time::Duration;

use thiserror::Error;

use super::request::WINDOW;

/// A refusal. Its texts have neither a capital nor a full stop.
#[derive(Debug, Error)]
pub enum OAuthError {
    /// The header is not OAuth 1.0a as it is taken here.
    #[error("the OAuth header {0}")]
    Header(#[from] HeaderFault),
    /// Nothing tells which URL the client signed.
    #[error(
        "which URL was signed cannot be known: set http.public_url to the URL that clients use, or let them send the request target in absolute form"
    )]
    NoUrl,
    /// The URL cannot be brought into the form that is signed.
    #[error("the URL cannot be signed: {0}")]
    Url(&'static str),
    /// The timestamp is outside of the window, so its nonce is not remembered any more, or not yet.
    #[error(
        "oauth_timestamp is more than {WINDOW} seconds from this service's clock, where it was {now}: set the clocks right"
    )]
    Timestamp {
        /// The service's clock, in seconds since 1970.
        now: i64,
    },
    /// It was signed with another secret, or something else was signed.
    #[error("the signature is not that of {method} {url} by this consumer's secret")]
    Signature {
        /// The method that should have been signed.
        method: String,
        /// The URL that should have been signed, without its query.
        url: String,
    },
    /// The request was here before.
    #[error("oauth_nonce was used before with this oauth_timestamp: sign every request anew")]
    Replayed,
    /// One consumer has sent as much as may be remembered of one.
    #[error("the consumer sent more requests than can be told from replays: send fewer")]
    ConsumerFull {
        /// When there is room again.
        retry_after: Duration,
    },
    /// All consumers have sent as much as may be remembered.
    #[error("more signed requests came than can be told from replays: try again later")]
    Full {
        /// When there is room again.
        retry_after: Duration,
    },
    /// The library failed; the request may be right.
    #[error("the signature could not be computed")]
    OpenSsl(#[from] openssl::error::ErrorStack),
}

/// What is wrong with a header, as a predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeaderFault {
    /// Another scheme.
    #[error("does not begin with OAuth and a blank")]
    Scheme,
    /// Something between the commas is no parameter.
    #[error(r#"is not a list of name="value", with a comma between two"#)]
    NotAList,
    /// A parameter that is none of OAuth's, or not one of a two-legged request.
    #[error("has a parameter that is not known here; those of two-legged OAuth 1.0a are")]
    Unknown,
    /// A parameter stands twice.
    #[error("has {0} twice")]
    Twice(&'static str),
    /// A parameter is not there.
    #[error("has no {0}")]
    Missing(&'static str),
    /// A value is nothing that percent-encoding yields.
    #[error("has a value of {0} that is not percent-encoded UTF-8")]
    Encoding(&'static str),
    /// A value is empty.
    #[error("has an empty {0}")]
    Empty(&'static str),
    /// A value is longer than anybody needs.
    #[error("has a value of {0} of more than 255 bytes")]
    TooLong(&'static str),
    /// A value that cannot be stored, or would deceive who reads it in a log.
    #[error("has a control character in {0}")]
    Control(&'static str),
    /// Another signature method, of which some are no protection.
    #[error("must have HMAC-SHA1 or HMAC-SHA256 as its oauth_signature_method")]
    Method,
    /// Another version.
    #[error("must have 1.0 as its oauth_version, or none")]
    Version,
    /// A token: the request is made for a user, of whom this service knows none.
    #[error("has an oauth_token; only two-legged requests, which have none, are taken")]
    Token,
    /// No instant.
    #[error("must have a positive whole number as its oauth_timestamp, in seconds since 1970")]
    Timestamp,
}
