//! Replays: manifest, events, frames, markers, and what is missing in them.

pub(crate) mod events;
pub(crate) mod frames;
mod gaps;
pub(crate) mod manifest;
pub(crate) mod markers;

use std::sync::Arc;

use hindsight_engines::segments::Manifest;
use hindsight_schemas::ids::ProjectId;

use crate::Reader;
use crate::access::Caller;
use crate::found::not_found;
use crate::sessions::{SessionFacts, find, session_id};
use hindsight_schemas::problem::Refusal;

/// The facts and the manifest of the session that a path names.
async fn replay(
    reader: &Reader,
    caller: &Caller,
    project: Option<&str>,
    session: &str,
) -> Result<(SessionFacts, Arc<Manifest>), Refusal> {
    let projects = caller.projects(project)?;
    let id = session_id(session)?;
    let facts = find(reader, &projects, id).await?;
    let project: ProjectId = facts
        .project
        .parse()
        .map_err(|_| not_found("session", "会话", id))?;
    let manifest = reader.replays.manifest(&project, id).await?;
    let manifest = manifest.ok_or_else(|| not_found("replay of session", "会话回放", id))?;
    Ok((facts, Arc::new(manifest)))
}
