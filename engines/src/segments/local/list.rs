//! Lists a folder in the order of objects' names, one page.
//!
//! Entries of a folder sort as names do if a folder's name is compared with the slash behind it, so whole folders that
//! lie behind or before the page are never entered. **Bound:** the names of one folder at each of the few levels, and
//! the page. An object that is removed meanwhile is in the page or not.

use std::fs::{self, FileType};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// A file under the folder.
pub(super) struct Found {
    /// Its name from the root on, with slashes.
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) modified_ms: i64,
}

/// Up to `limit` files under `root/prefix` whose names come behind `after`.
pub(super) fn list(root: &Path, prefix: &str, after: Option<&str>, limit: usize) -> io::Result<Vec<Found>> {
    let mut page = Page {
        after: after.unwrap_or_default(),
        limit,
        found: Vec::new(),
    };
    page.enter(&root.join(prefix), &format!("{prefix}/"))?;
    Ok(page.found)
}

struct Page<'a> {
    after: &'a str,
    limit: usize,
    found: Vec<Found>,
}

impl Page<'_> {
    fn enter(&mut self, folder: &Path, name: &str) -> io::Result<()> {
        for (entry, kind) in in_order(folder)? {
            if self.found.len() >= self.limit {
                break;
            }
            let path = folder.join(entry.trim_end_matches('/'));
            let name = format!("{name}{entry}");
            // A folder in which the page before ended has a name that the last one begins with.
            let half_read = kind.is_dir() && self.after.starts_with(&name);
            if name.as_str() <= self.after && !half_read {
                continue;
            }
            if kind.is_dir() {
                self.enter(&path, &name)?;
            } else {
                self.take(&path, name)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, name: String) -> io::Result<()> {
        let Some(metadata) = unless_gone(fs::metadata(path))? else {
            return Ok(());
        };
        let since = metadata
            .modified()?
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.found.push(Found {
            name,
            bytes: metadata.len(),
            modified_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        });
        Ok(())
    }
}

/// The entries of a folder, folders with a slash behind their names.
fn in_order(folder: &Path) -> io::Result<Vec<(String, FileType)>> {
    let Some(entries) = unless_gone(fs::read_dir(folder))? else {
        return Ok(Vec::new());
    };
    let mut named = Vec::new();
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        let mut name = entry.file_name().to_string_lossy().into_owned();
        if kind.is_dir() {
            name.push('/');
        }
        named.push((name, kind));
    }
    named.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(named)
}

fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_together_are_all_names_in_order() {
        let root = tempfile::tempdir().unwrap();
        // A dash sorts before a slash, a digit behind it.
        let mut names = [
            "data/a/x/1",
            "data/a-b/1",
            "data/a/x-1",
            "data/a/x1",
            "data/a0",
            "data/b/9",
            "data/b/91",
        ];
        for name in names {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        fs::create_dir_all(root.path().join("data-other")).unwrap();
        fs::write(root.path().join("data-other/1"), "").unwrap();
        names.sort_unstable();
        for limit in 1..=names.len() + 1 {
            let (mut seen, mut after) = (Vec::new(), None::<String>);
            loop {
                let page = list(root.path(), "data", after.as_deref(), limit).unwrap();
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                after = Some(last.name.clone());
                seen.extend(page.into_iter().map(|found| found.name));
            }
            assert_eq!(seen, names, "pages of {limit}");
        }
        assert!(list(root.path(), "none", None, 9).unwrap().is_empty());
    }
}
