//! Which sessions were erased, asked before a body is read.
//!
//! A miss costs nothing but work: lanes drop late data of an erased session, too.

use async_trait::async_trait;
use hindsight_schemas::ids::{ProjectId, SessionId};

/// Knows the erased sessions. Asked once a request: answer from memory, and bound the wait.
#[async_trait]
pub trait ErasedSessions: Send + Sync {
    /// Whether a session was erased.
    async fn is_erased(&self, project: &ProjectId, session_id: SessionId) -> bool;
}

/// Where nothing was ever erased.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoneErased;

#[async_trait]
impl ErasedSessions for NoneErased {
    async fn is_erased(&self, _: &ProjectId, _: SessionId) -> bool {
        false
    }
}
