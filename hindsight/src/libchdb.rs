//! Where the embedded ClickHouse (libchdb.so) lies, and which one it must be.

use std::path::{Path, PathBuf};

use anyhow::Context;
use hindsight_engines::analytics::chdb::ChildCommand;

use crate::failure::Failure;

/// The npm package that carries it.
pub(crate) const PACKAGE: &str = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1";
/// SHA-256 of its libchdb.so.
pub(crate) const SHA256: &str = "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5";

/// The folder for things that can be fetched again: `HINDSIGHT_CACHE`, or `hindsight` in the user's cache.
pub(crate) fn cache_folder() -> PathBuf {
    std::env::var_os("HINDSIGHT_CACHE").map_or_else(
        || {
            let home = std::env::var_os("HOME").unwrap_or_else(|| ".".into());
            Path::new(&home).join(".cache/hindsight")
        },
        PathBuf::from,
    )
}

/// Finds the library: what was named (by flag, `HINDSIGHT_LIBCHDB` or `clickhouse.libchdb`), else the cache.
/// A named one that isn't there is an error, never passed over for another.
pub(crate) fn find(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let place = named.map_or_else(
        || cache_folder().join("libchdb/package/libchdb.so"),
        Path::to_path_buf,
    );
    if place.is_file() {
        Ok(place)
    } else {
        Err(Failure::LibchdbMissing {
            looked: vec![place.display().to_string()],
        })
    }
}

/// How the child that holds it is started: this program again, ending with its parent.
pub(crate) fn child_command(
    library: &Path,
    data_dir: &Path,
    memory_bytes: u64,
) -> anyhow::Result<ChildCommand> {
    Ok(ChildCommand {
        program: std::env::current_exe().context("this program's own path is not known")?,
        arguments: vec![
            "clickhouse".into(),
            "--die-with-parent".into(),
            "--data-dir".into(),
            data_dir.into(),
            "--libchdb".into(),
            library.into(),
            "--memory-bytes".into(),
            memory_bytes.to_string().into(),
        ],
        environment: Vec::new(),
    })
}
