//! `hindsight clickhouse`: the embedded ClickHouse alone. `up` runs it as its child; by hand it is for looking at
//! a data folder, or for a machine of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use hindsight_engines::analytics::chdb::{ChildOptions, PASSWORD_VARIABLE, run_child};

use crate::{libchdb, logging};

/// Run the embedded ClickHouse alone, behind its HTTP interface.
///
/// User `hindsight`, password from the environment (HINDSIGHT_CLICKHOUSE_PASSWORD). Prints one JSON line with its
/// address when it is ready. One process at a time on a folder: stop `hindsight up` first.
#[derive(Debug, Args)]
pub(crate) struct ClickHouse {
    /// ClickHouse's own folder (`clickhouse` in the data folder of `up`).
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// libchdb.so [default: in the cache, see `make libchdb`].
    #[arg(long, value_name = "FILE", env = "HINDSIGHT_LIBCHDB")]
    libchdb: Option<PathBuf>,
    /// Above this, statements fail and the process lives.
    #[arg(long, value_name = "N", default_value_t = 2 << 30)]
    memory_bytes: u64,
    /// End when stdin ends, which it does however the parent ends.
    #[arg(long, hide = true)]
    die_with_parent: bool,
}

impl ClickHouse {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        logging::start();
        let password = std::env::var(PASSWORD_VARIABLE)
            .with_context(|| format!("set {PASSWORD_VARIABLE} to the password that clients shall use"))?;
        let options = ChildOptions {
            data_dir: self.data_dir,
            listen: self.listen,
            library: libchdb::find(self.libchdb.as_deref())?,
            password,
            memory_bytes: self.memory_bytes,
            die_with_parent: self.die_with_parent,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        match runtime.block_on(run_child(options))? {}
    }
}
