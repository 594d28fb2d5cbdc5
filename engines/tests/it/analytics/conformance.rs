//! The seam's conformance suite against the embedded engine.

use hindsight_engines::analytics::conformance;

use super::child;

/// One child for all checks, one after the other: each makes a database of its own, and a start takes a second.
#[tokio::test]
async fn the_embedded_engine_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let running = child::start(dir.path()).await;
    conformance::check_all(&running.engine).await;
    running.supervisor.stop().await;
}
