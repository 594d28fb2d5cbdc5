//! The edge's part of the OpenAPI document.

use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

#[derive(OpenApi)]
#[openapi(
    paths(
        crate::recordings::post,
        crate::foreign::rrweb::post,
        crate::foreign::posthog::snapshots::post,
        crate::audit::post,
        crate::config::get,
        crate::sdk::loader,
        crate::sdk::file
    ),
    components(schemas(hindsight_schemas::problem::Problem, hindsight_schemas::problem::ProblemItem)),
    modifiers(&Bearer),
    tags((name = "writing", description = "recordings and audit events in"))
)]
struct Writing;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", scheme);
    }
}

/// Paths and schemas of 'Writing', to be merged with those of the read side.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Writing::openapi()
}
