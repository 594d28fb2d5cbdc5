//! Replays: manifest, events, frames, markers, and what is missing in them.

pub(crate) mod events;
pub(crate) mod frames;
mod gaps;
pub(crate) mod manifest;
pub(crate) mod markers;

use std::sync::Arc;

use hindsight_engines::segments::Manifest;
use hindsight_schemas::ids::{ProjectId, SessionId};

use crate::Reader;
use crate::access::Caller;
use crate::found::not_found;
use crate::sessions::{SessionFacts, find, session_id};
use hindsight_schemas::problem::Refusal;

/// The session that a path names.
struct Whose {
    project: ProjectId,
    session: SessionId,
    facts: SessionFacts,
}

async fn whose(
    reader: &Reader,
    caller: &Caller,
    project: Option<&str>,
    session: &str,
) -> Result<Whose, Refusal> {
    let projects = caller.projects(project)?;
    let session = session_id(session)?;
    let facts = find(reader, &projects, session).await?;
    let project = facts
        .project
        .parse()
        .map_err(|_| not_found("session", "会话", session))?;
    Ok(Whose {
        project,
        session,
        facts,
    })
}

/// What the session consists of.
async fn whole(reader: &Reader, of: &Whose) -> Result<Manifest, Refusal> {
    let manifest = reader.replays.manifest(&of.project, of.session).await?;
    manifest.ok_or_else(|| not_found("replay of session", "会话回放", of.session))
}

/// The manifest of the session that a path names.
async fn replay(
    reader: &Reader,
    caller: &Caller,
    project: Option<&str>,
    session: &str,
) -> Result<Arc<Manifest>, Refusal> {
    let of = whose(reader, caller, project, session).await?;
    whole(reader, &of).await.map(Arc::new)
}
