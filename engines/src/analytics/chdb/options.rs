//! How libchdb is opened: its data directory and memory, as the arguments of its connect.

use std::ffi::CString;
use std::path::PathBuf;

use super::error::EngineError;

/// How the engine is opened.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// `libchdb.so`.
    pub library: PathBuf,
    /// The data directory, which the engine locks.
    pub data_dir: PathBuf,
    /// Server settings file (caches, pools), or none.
    pub config_file: Option<PathBuf>,
    /// `max_server_memory_usage`: above it a query fails with 241 and the process lives.
    pub memory_bytes: u64,
}

impl EngineOptions {
    /// As a command line, which is how libchdb takes them.
    pub(super) fn arguments(&self) -> Result<Vec<CString>, EngineError> {
        let mut texts = vec![
            "clickhouse".to_owned(),
            format!("--path={}", self.data_dir.display()),
            format!("--max_server_memory_usage={}", self.memory_bytes),
        ];
        texts.extend(
            self.config_file
                .iter()
                .map(|file| format!("--config-file={}", file.display())),
        );
        let texts = texts.into_iter().map(CString::new).collect::<Result<_, _>>();
        texts.map_err(|_| EngineError::of("a path holds a NUL byte".into()))
    }
}
