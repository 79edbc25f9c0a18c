//! All routes, their document, and the layers around them.

use axum::{Extension, Router, extract::DefaultBodyLimit, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    audit::record_refusals,
    extract::{Dialect, Json},
    problem::{finish, not_found, wrong_method},
    routes,
    state::AppState,
    time_limit::within_time,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Portolan",
        description = "Imports signed subscription manifests and answers, at request time, where \
                       content is, with which certificate, and who may have it.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This service.")),
    security(("api_key" = [])),
    modifiers(&Schemes),
    tags(
        (name = "entitlements", description = "What content proxies ask."),
        (name = "imports", description = "Manifests coming in."),
        (name = "jobs", description = "Imports that run without their client."),
        (name = "exports", description = "Manifests going out, and the CAs that sign them."),
        (name = "owners", description = "The tenants."),
        (name = "CDNs", description = "Where content is."),
        (name = "repositories", description = "OSTree repositories: which ref a commit is of."),
        (name = "edges", description = "What CDNs and proxies ask before they hand out a file."),
        (name = "container gateway", description = "Who may pull what of a registry, and pulling it."),
        (name = "upstream CAs", description = "Who is trusted to sign manifests."),
        (name = "grants", description = "Which user may have which refs."),
        (name = "tokens", description = "Tokens, and the keys that verify them."),
        (name = "audit", description = "Who did what."),
        (name = "monitoring", description = "What ends soon, and figures."),
        (name = "service", description = "The service itself."),
    )
)]
struct Document;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("ptl_…")
            .description(Some("An API key, made with `portolan key create`."));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::Http(scheme.build()));
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "A token, made with `portolan token create` or by flat-manager.",
            ));
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        let registry = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A token of the container gateway's, from `/container_gateway/v2/token`.",
            ));
        components.add_security_scheme("registry", SecurityScheme::Http(registry.build()));
        let login = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("A user of the container gateway's, with a password."));
        components.add_security_scheme("registry_login", SecurityScheme::Http(login.build()));
    }
}

/// The document as it is served.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    tag = "service",
    security(()),
    responses((status = 200, body = Object, description = "This document."))
)]
async fn get_openapi() -> Json<openapi::OpenApi> {
    Json(document())
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(routes::service::router())
        .merge(routes::owners::router())
        .merge(routes::imports::router())
        .merge(routes::jobs::router())
        .merge(routes::exports::router())
        .merge(routes::upstream_consumers::router())
        .merge(routes::upstream_cas::router())
        .merge(routes::cdns::router())
        .merge(routes::owner_cdn::router())
        .merge(routes::signed_urls::router())
        .merge(routes::entitlements::router())
        .merge(routes::repos::router())
        .merge(routes::grants::router())
        .merge(routes::ref_tokens::router())
        .merge(routes::tokens::router())
        .merge(routes::oauth::router())
        .merge(routes::revocations::router())
        .merge(routes::well_known::router())
        .merge(routes::edge::router())
        .nest("/container_gateway", routes::gateway::router())
        .merge(routes::audit::router())
        .merge(routes::expirations::router())
        .merge(routes::metrics::router())
        .routes(routes!(get_openapi))
}

/// The OpenAPI document. It needs no database and no configuration.
#[must_use]
pub fn document() -> openapi::OpenApi {
    named(routes().into_openapi())
}

/// A path's rest is `{*rest}` to the router; a document's reader knows `{rest}` alone.
fn named(mut document: openapi::OpenApi) -> openapi::OpenApi {
    let paths = std::mem::take(&mut document.paths.paths).into_iter();
    document.paths.paths = paths
        .map(|(path, item)| (path.replace("{*", "{"), item))
        .collect();
    document
}

/// The whole service: every route at the root and again under each compatible prefix.
pub fn router(state: AppState) -> Router {
    let (routes, document) = routes().split_for_parts();
    let mut service = Router::new();
    for prefix in &state.config.http.compat_prefixes {
        let spoken = Extension(Dialect::Candlepin);
        service = service.nest(prefix, routes.clone().layer(spoken));
    }
    let docs = SwaggerUi::new("/docs").url("/docs/openapi.json", named(document));
    layered(service.merge(routes).merge(docs), state)
}

/// The container gateway's routes at the root, for its own listener.
pub fn gateway_router(state: AppState) -> Router {
    let (routes, _) = routes::gateway::router().split_for_parts();
    layered(routes, state)
}

/// What is around all routes.
fn layered(routes: Router<AppState>, state: AppState) -> Router {
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        // Each route that takes a body limits it itself: an upload is far beyond the default.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(state.clone(), within_time))
        .layer(middleware::from_fn_with_state(
            state.audit.clone(),
            record_refusals,
        ))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn_with_state(
            state.metrics.http().clone(),
            finish,
        ))
        .with_state(state)
}
