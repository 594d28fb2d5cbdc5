//! `D/credentials.json` (mode 600): the keys of the one project and the addresses of the last start.
//!
//! `up` makes it at its first start; later starts keep the keys and bring the addresses up to date. Written to a
//! temporary file, synced and renamed, so a crash leaves the old or the new one, never half of one. The roles share one
//! that `hindsight credentials new` made, which they only read.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::failure::Failure;

/// Everything a client needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// Console and API.
    pub(crate) url: String,
    /// The read-only ClickHouse door.
    pub(crate) clickhouse_url: String,
    /// Signs in to the console and reads everything.
    pub(crate) admin_token: String,
    /// The project that the keys write to.
    pub(crate) project: String,
    /// The server key.
    pub(crate) write_key: String,
    /// The browser key: may be read in any page.
    pub(crate) browser_key: String,
    /// The app key: no origin.
    pub(crate) app_key: String,
}

/// Where the credentials of a data folder lie.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("credentials.json")
}

/// Reads the credentials of a data folder.
pub(crate) fn read(data_dir: &Path) -> anyhow::Result<Credentials> {
    let path = path(data_dir);
    let text = fs::read_to_string(&path).with_context(|| {
        format!(
            "no credentials at {}: has `hindsight up` run there?",
            path.display()
        )
    })?;
    parse(&path, &text)
}

/// Reads the credentials that all roles share; they must be of this project.
pub(crate) fn shared(path: &Path, project: &str) -> anyhow::Result<Credentials> {
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::Configuration(format!(
            "no credentials at {}: {error}; make them by `hindsight credentials new --out FILE`, give every role the same \
             file, and name it in server.credentials_file",
            path.display()
        ))
    })?;
    let credentials = parse(path, &text)?;
    if credentials.project != project {
        return Err(Failure::Configuration(format!(
            "{} is of project {:?}, but project.id is {project:?}: name the file of that project",
            path.display(),
            credentials.project
        ))
        .into());
    }
    Ok(credentials)
}

fn parse(path: &Path, text: &str) -> anyhow::Result<Credentials> {
    serde_json::from_str(text).with_context(|| format!("{} is not readable", path.display()))
}

/// New keys for a project; the addresses are not known yet.
pub(crate) fn new(project: &str) -> Credentials {
    Credentials {
        url: String::new(),
        clickhouse_url: String::new(),
        admin_token: secret("hs_admin"),
        project: project.into(),
        write_key: secret("hs_server"),
        browser_key: secret("hs_browser"),
        app_key: secret("hs_app"),
    }
}

/// The keys of the folder (made now, where there are none) with the addresses of this start.
pub(crate) fn establish(
    data_dir: &Path,
    project: &str,
    url: &str,
    clickhouse_url: &str,
) -> anyhow::Result<Credentials> {
    let mut credentials = if path(data_dir).exists() {
        read(data_dir)?
    } else {
        new(project)
    };
    credentials.url = url.into();
    credentials.clickhouse_url = clickhouse_url.into();
    credentials.project = project.into();
    write(data_dir, &credentials)?;
    Ok(credentials)
}

fn write(data_dir: &Path, credentials: &Credentials) -> anyhow::Result<()> {
    let target = path(data_dir);
    let temporary = data_dir.join("credentials.json.tmp");
    let _ = fs::remove_file(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .with_context(|| format!("can't write {}", temporary.display()))?;
    serde_json::to_writer_pretty(&mut file, credentials)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&temporary, &target)?;
    File::open(data_dir)?.sync_all()?;
    Ok(())
}

/// 244 random bits from the system, hexadecimal, with a prefix that tells people and secret scanners its kind.
fn secret(prefix: &str) -> String {
    format!("{prefix}_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_stay_and_addresses_follow() {
        let folder = tempfile::tempdir().unwrap();
        let first = establish(folder.path(), "demo", "http://a", "http://b").unwrap();
        let second = establish(folder.path(), "demo", "http://c", "http://d").unwrap();
        assert_eq!(first.write_key, second.write_key);
        assert_eq!(second.url, "http://c");
        assert_eq!(read(folder.path()).unwrap(), second);
        let mode = fs::metadata(path(folder.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
