//! The OpenAPI document: the read side's calls, merged with others of the same origin.
//!
//! What any call may answer is added here, so that no call forgets it: 500 and 503 of engines, and 408 and 413 where
//! a body is read.

use hindsight_schemas::problem::{MEDIA_TYPE, Problem, ProblemItem};
use hindsight_schemas::reason::Reason;
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, OpenApi as Document, PathItem, Ref, ResponseBuilder};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hindsight",
        description = "Recordings and audit events: written once, kept, shown.",
        license(name = "Apache-2.0")
    ),
    components(schemas(Problem, ProblemItem)),
    paths(
        crate::access::login::login,
        crate::access::login::logout,
        crate::access::login::me,
        crate::access::tickets::ticket,
        crate::sessions::list::list,
        crate::sessions::one,
        crate::sessions::case::case,
        crate::replays::manifest::manifest,
        crate::replays::events::events,
        crate::replays::frames::frame,
        crate::replays::markers::markers,
        crate::audit::list::list,
        crate::audit::one::one,
        crate::keys::list,
        crate::sql::statement::statement
    )
)]
struct Contract;

/// The document of the read side and of what is beside it.
pub fn openapi(beside: Document) -> Document {
    let mut document = Contract::openapi();
    document.merge(beside);
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let with_body: &[Reason] = match operation.request_body {
            Some(_) => &[Reason::SlowBody, Reason::TooLarge],
            None => &[],
        };
        for reason in [Reason::Internal, Reason::EngineAway].iter().chain(with_body) {
            may_answer(operation, *reason);
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post].into_iter().flatten()
}

fn may_answer(operation: &mut Operation, reason: Reason) {
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let response = ResponseBuilder::new()
        .description(reason.title_en())
        .content(MEDIA_TYPE, problem)
        .build();
    let responses = &mut operation.responses.responses;
    responses
        .entry(reason.status().to_string())
        .or_insert_with(|| response.into());
}
