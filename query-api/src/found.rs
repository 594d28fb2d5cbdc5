//! What is said where an id is found nowhere, or in several projects.

use hindsight_schemas::problem::Refusal;
use hindsight_schemas::reason::Reason;

/// Nothing has this id.
pub(crate) fn not_found(en: &str, zh: &str, id: impl std::fmt::Display) -> Refusal {
    Refusal::new(
        Reason::NotFound,
        format!("there is no {en} {id} in your projects"),
        format!("您的项目中没有{zh} {id}"),
    )
}

/// Several of the caller's projects have it.
pub(crate) fn ambiguous(projects: &[&str]) -> Refusal {
    let names = projects.join(", ");
    Refusal::new(
        Reason::Ambiguous,
        format!("say project= one of {names}"),
        format!("请用 project= 指定其一：{names}"),
    )
}
