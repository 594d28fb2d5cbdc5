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
use crate::problem::ApiError;
use crate::sessions::{SessionFacts, find, session_id};

/// The facts and the manifest of the session that a path names.
async fn replay(
    reader: &Reader,
    caller: &Caller,
    project: Option<&str>,
    session: &str,
) -> Result<(SessionFacts, Arc<Manifest>), ApiError> {
    let projects = caller.projects(project)?;
    let id = session_id(session)?;
    let facts = find(reader, &projects, id).await?;
    let project: ProjectId = facts
        .project
        .parse()
        .map_err(|_| ApiError::not_found("session", id))?;
    let manifest = reader.replays.manifest(&project, id).await?;
    let manifest = manifest.ok_or_else(|| ApiError::not_found("replay of session", id))?;
    Ok((facts, Arc::new(manifest)))
}
