//! URLs that a CDN believes, signed for whoever may have them: what `POST /signed_urls`, the command line
//! and `cdn_info?path=` share.

mod ask;
mod owner;

pub use self::{
    ask::{Ask, MOST_PATHS, SignError, Signed, SignedUrl, SigningCookie, What, sign},
    owner::{OwnerSigner, Signers},
};
