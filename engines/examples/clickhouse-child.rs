//! The embedded ClickHouse alone, as the tests of this crate start it: `clickhouse-child DATA_DIR LIBCHDB --listen A`.
//! It ends with its stdin; the password is in the environment.

use std::error::Error;

use hindsight_engines::analytics::chdb::{ChildOptions, PASSWORD_VARIABLE, run_child};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data_dir, library, flag, listen] = &arguments[..] else {
        return Err("usage: clickhouse-child DATA_DIR LIBCHDB --listen ADDRESS".into());
    };
    if flag != "--listen" {
        return Err(format!("unknown argument {flag:?}").into());
    }
    let options = ChildOptions {
        data_dir: data_dir.into(),
        listen: listen.parse()?,
        library: library.into(),
        password: std::env::var(PASSWORD_VARIABLE)?,
        memory_bytes: 1 << 30,
        die_with_parent: true,
    };
    match run_child(options).await? {}
}
