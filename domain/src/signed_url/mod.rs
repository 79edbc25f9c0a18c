//! URLs that a CDN believes without asking: a path and a time, signed with a key that it shares with us.
//! One file for each kind of CDN, since each wants its signature written in its own way.

mod akamai;
mod bunny;
mod cloudflare;
mod cloudfront;
mod encode;
mod fastly;
mod nginx;
mod path;
mod profile;
mod signer;
mod terms;

pub use self::{
    path::{ContentPath, InvalidPath, PathPrefix},
    profile::{
        InvalidProfile, SigningAllow, SigningHash, SigningKind, SigningProfile, SigningSecret,
    },
    signer::{Cookie, SignedPrefix, SigningError, UrlSigner},
    terms::{InvalidTerms, Terms},
};
