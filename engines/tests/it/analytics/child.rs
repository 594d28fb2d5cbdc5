//! Starts the child of the example `clickhouse-child`, which cargo builds beside the tests.

use std::path::{Path, PathBuf};

use hindsight_engines::analytics::chdb::{ChildCommand, Supervisor, SupervisorOptions};
use hindsight_engines::analytics::{HttpAnalytics, HttpOptions};

/// A supervised child on a folder of its own, and a client of it.
pub(crate) struct Running {
    pub(crate) supervisor: Supervisor,
    pub(crate) engine: HttpAnalytics,
}

/// `HINDSIGHT_LIBCHDB`, else where `make libchdb` puts it.
fn library() -> PathBuf {
    let named = std::env::var_os("HINDSIGHT_LIBCHDB").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    let path = named.unwrap_or_else(|| {
        cache
            .unwrap_or_else(home)
            .join("hindsight/libchdb/package/libchdb.so")
    });
    assert!(
        path.is_file(),
        "{} is missing: `make libchdb` fetches it",
        path.display()
    );
    path
}

/// The program that runs the child.
fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("the test binary has a path");
    let target = tests
        .parent()
        .and_then(Path::parent)
        .expect("it lies in <target>/<profile>/deps");
    let program = target.join("examples/clickhouse-child");
    assert!(
        program.is_file(),
        "{} is missing: `cargo build --example clickhouse-child`",
        program.display()
    );
    program
}

pub(crate) fn options(data_dir: &Path) -> SupervisorOptions {
    SupervisorOptions::new(ChildCommand {
        program: program(),
        arguments: vec![data_dir.into(), library().into()],
        environment: vec![],
    })
}

/// Starts a child and makes its tables.
pub(crate) async fn start(data_dir: &Path) -> Running {
    use hindsight_engines::analytics::Analytics;
    let supervisor = Supervisor::start(options(data_dir))
        .await
        .expect("the child starts");
    let engine = HttpAnalytics::new(supervisor.endpoint(), HttpOptions::default());
    engine.migrate(1).await.expect("migrations run");
    Running { supervisor, engine }
}
