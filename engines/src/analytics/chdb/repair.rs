//! Crash repair, before the engine opens the data directory.
//!
//! Plain MergeTree appends a block's token to `deduplication_logs/deduplication_log_N.txt` *before* it renames the
//! block's part into place. After a kill between the two the retry under that token is answered OK and dropped: silent
//! loss. So the newest records whose part is not on disk are dropped here, and the retry inserts.
//!
//! **Invariant:** a record is kept if a part that covers its blocks exists, whatever its level. Dropping one too many
//! is harmless where readers take the lowest position; keeping one too many loses rows. **Failure**: a log that can't
//! be read or replaced stops the start. **Bound**: the newest [`RECORDS`] records of each table, more than an
//! engine can have had in flight.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// How many of each table's newest records are looked at.
const RECORDS: usize = 64;

/// Blocks of one table partition, as a part's name tells: `202611_5_5_0`, `202611_1_9_2_10`.
#[derive(Debug, PartialEq, Eq)]
struct PartRange {
    partition: String,
    first_block: u64,
    last_block: u64,
}

impl PartRange {
    fn parse(name: &str) -> Option<Self> {
        let fields: Vec<&str> = name.split('_').collect();
        // partition_first_last_level, and a mutation's version where there was one; partition ids have no '_'.
        if !(4..=5).contains(&fields.len()) || fields[0].is_empty() {
            return None;
        }
        let mut numbers = fields[1..].iter().map(|field| field.parse::<u64>());
        let (first_block, last_block) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        numbers.all(|number| number.is_ok()).then(|| Self {
            partition: fields[0].into(),
            first_block,
            last_block,
        })
    }

    fn covers(&self, other: &Self) -> bool {
        self.partition == other.partition
            && self.first_block <= other.first_block
            && self.last_block >= other.last_block
    }
}

/// Repairs every table of a data directory; says which records were dropped.
pub fn repair(data_dir: &Path) -> io::Result<Vec<String>> {
    let mut dropped = vec![];
    for shard in folders(&data_dir.join("store"))? {
        for table in folders(&shard)? {
            repair_table(&table, &mut dropped)?;
        }
    }
    Ok(dropped)
}

fn folders(parent: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(parent) {
        Ok(entries) => entries
            .map(|entry| Ok(entry?.path()))
            .filter(|path| path.as_ref().map_or(true, |path| path.is_dir()))
            .collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        Err(error) => Err(error),
    }
}

fn repair_table(table: &Path, dropped: &mut Vec<String>) -> io::Result<()> {
    let logs = log_files(&table.join("deduplication_logs"))?;
    if logs.is_empty() {
        return Ok(());
    }
    let names = folders(table)?
        .into_iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let parts: Vec<PartRange> = names.filter_map(|name| PartRange::parse(&name)).collect();
    let mut left = RECORDS;
    for log in logs.iter().rev() {
        if left == 0 {
            break;
        }
        left = left.saturating_sub(repair_log(log, &parts, left, dropped)?);
    }
    Ok(())
}

/// The table's log files, oldest first.
fn log_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error),
    };
    let mut files = vec![];
    for entry in entries {
        let path = entry?.path();
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str()?.rsplit('_').next()?.parse::<u64>().ok());
        if let (Some(number), Some("txt")) = (number, path.extension().and_then(|text| text.to_str())) {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Drops the bad ones of a log's newest records; gives how many records it holds.
fn repair_log(
    log: &Path,
    parts: &[PartRange],
    newest: usize,
    dropped: &mut Vec<String>,
) -> io::Result<usize> {
    let text = fs::read_to_string(log)?;
    let records: Vec<&str> = text.split_inclusive('\n').collect();
    let looked_at = records.len().saturating_sub(newest);
    let kept: Vec<&str> = records
        .iter()
        .enumerate()
        .filter(|(index, record)| *index < looked_at || is_sound(record, parts))
        .map(|(_, record)| *record)
        .collect();
    if kept.len() < records.len() {
        let bad = records
            .iter()
            .skip(looked_at)
            .filter(|record| !is_sound(record, parts));
        dropped.extend(bad.map(|record| format!("{}: {}", log.display(), record.trim_end())));
        replace(log, &kept.concat())?;
    }
    Ok(records.len())
}

/// A record is `operation TAB part TAB block id LF`; operation 1 adds, 2 drops. A torn one is not sound.
fn is_sound(record: &str, parts: &[PartRange]) -> bool {
    let Some(record) = record.strip_suffix('\n') else {
        return false;
    };
    let mut fields = record.split('\t');
    match (
        fields.next(),
        fields.next().and_then(PartRange::parse),
        fields.next(),
    ) {
        (Some("1"), Some(range), Some(_)) => parts.iter().any(|part| part.covers(&range)),
        (Some("2"), Some(_), Some(_)) => true,
        _ => false,
    }
}

/// The new text is durable before it takes the old one's name, and the name before the engine opens.
fn replace(log: &Path, text: &str) -> io::Result<()> {
    let new = log.with_extension("repaired");
    fs::write(&new, text)?;
    File::open(&new)?.sync_all()?;
    fs::rename(&new, log)?;
    log.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_names_are_told_from_other_folders() {
        let range =
            |name| PartRange::parse(name).map(|part| (part.partition, part.first_block, part.last_block));
        assert_eq!(range("202611_3_7_2"), Some(("202611".into(), 3, 7)));
        assert_eq!(range("all_3_7_2_19"), Some(("all".into(), 3, 7)));
        for other in [
            "tmp_insert_202611_3_3_0",
            "tmp_merge_all_1_2_1",
            "detached",
            "deduplication_logs",
            "_1_1_0",
        ] {
            assert_eq!(range(other), None, "{other}");
        }
    }

    #[test]
    fn only_newest_records_without_a_part_are_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let table = dir.path().join("store/abc/abcdef");
        fs::create_dir_all(table.join("deduplication_logs")).unwrap();
        for part in ["202611_1_4_1", "202611_6_6_0", "tmp_insert_202611_7_7_0"] {
            fs::create_dir(table.join(part)).unwrap();
        }
        let log = table.join("deduplication_logs/deduplication_log_1.txt");
        let sound = "1\t202611_2_2_0\ta\n2\t202610_1_1_0\tb\n1\t202611_6_6_0\tc\n";
        fs::write(&log, format!("{sound}1\t202611_7_7_0\td\n1\t202611_8_8")).unwrap();
        assert_eq!(repair(dir.path()).unwrap().len(), 2);
        assert_eq!(fs::read_to_string(&log).unwrap(), sound);
        assert_eq!(repair(dir.path()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_new_data_directory_needs_none() {
        assert!(
            repair(&tempfile::tempdir().unwrap().path().join("none"))
                .unwrap()
                .is_empty()
        );
    }
}
