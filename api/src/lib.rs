//! Portolan's HTTP service and command line.
//!
//! # Where things are
//! [`routes`]: one verb, one file, in one order: request, response, `#[utoipa::path]`, handler.
//! [`extract`]: what a handler's signature asks for; who may call is a type there. [`problem`]: every
//! refusal, and the one place where errors become HTTP. [`import`], [`export`], [`registration`], [`repos`],
//! [`grants`] (the last three over a [`batch`] of lines), [`tokens`], [`ref_tokens`], [`edge`], [`gateway`]: the use
//! cases behind the routes and the commands. [`config`]: one file per section. [`cli`]: the commands.

pub mod anchors;
pub mod audit;
pub mod auth;
pub mod batch;
pub mod cache;
pub mod cdn_check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod edge;
pub mod expiry;
pub mod export;
pub mod extract;
pub mod gateway;
pub mod grants;
pub mod hot;
pub mod import;
pub mod jobs;
pub mod limits;
pub mod metrics;
mod patience;
pub mod problem;
pub mod pulse;
pub mod ref_tokens;
pub mod registration;
pub mod repos;
pub mod router;
pub mod routes;
pub mod server;
pub mod signed_urls;
pub mod state;
pub mod telemetry;
pub mod time_limit;
pub mod tokens;
mod turns;
pub mod view;
pub mod webhook;
