//! From a path to the texts in it: folders, plain files, gzip, zstd, zip (told by their first bytes, not by name).
//!
//! **Bound:** [`MAX_TEXT_BYTES`] a text after inflating, so that a bomb ends as an error of its file.

use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The largest recording that is read into memory.
pub(crate) const MAX_TEXT_BYTES: u64 = 2 << 30;

/// One text with the name by which people know it: the path inside what was given, without packing suffixes.
#[derive(Debug)]
pub(crate) struct Text {
    /// `shop/visit-1.jsonl`.
    pub(crate) name: String,
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
}

/// A file that was found under one of the paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Its name relative to the path that was given.
    pub(crate) name: String,
    /// Its size as it lies there.
    pub(crate) bytes: u64,
}

/// All files under the paths, sorted by name within each; hidden ones are passed over.
pub(crate) fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for path in paths {
        let about = fs::metadata(path).with_context(|| format!("can't read {}", path.display()))?;
        if about.is_dir() {
            walk(path, path, &mut found)?;
        } else {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            found.push(Found {
                path: path.clone(),
                name,
                bytes: about.len(),
            });
        }
    }
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Found>) -> anyhow::Result<()> {
    let mut entries = fs::read_dir(folder)
        .and_then(|entries| entries.collect::<Result<Vec<_>, _>>())
        .with_context(|| format!("can't list {}", folder.display()))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(root, &path, found)?;
        } else if kind.is_file() && looks_like_data(&path) {
            let name = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            found.push(Found {
                bytes: entry.metadata()?.len(),
                path,
                name,
            });
        }
    }
    Ok(())
}

/// In folders only files with a known suffix are taken, so that a README beside recordings is no error.
fn looks_like_data(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = strip_packing(&name);
    [".json", ".jsonl", ".ndjson", ".zip", ".rrweb"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}

fn strip_packing(name: &str) -> &str {
    [".gz", ".zst", ".zstd"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name)
}

/// The texts of a file: one, or one for each entry of a zip.
pub(crate) fn texts(found: &Found) -> anyhow::Result<Vec<Text>> {
    let mut bytes = Vec::new();
    File::open(&found.path)?
        .take(MAX_TEXT_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        bail!("larger than {MAX_TEXT_BYTES} bytes; split it");
    }
    if !bytes.starts_with(b"PK\x03\x04") {
        return Ok(vec![Text {
            name: strip_packing(&found.name).to_string(),
            bytes: inflate(bytes)?,
        }]);
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).context("zip can't be read")?;
    let mut names = archive
        .file_names()
        .map(|name| name.map(|name| name.into_owned()))
        .collect::<Result<Vec<String>, _>>()
        .context("zip names can't be read")?;
    names.sort();
    let mut texts = Vec::new();
    for name in names.into_iter().filter(|name| looks_like_data(Path::new(name))) {
        let entry = archive.by_name(&name)?;
        let packed = read_bounded(entry).with_context(|| format!("zip entry {name}"))?;
        let text_name = format!("{}/{}", found.name, strip_packing(&name));
        texts.push(Text {
            name: text_name,
            bytes: inflate(packed)?,
        });
    }
    Ok(texts)
}

fn inflate(bytes: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        read_bounded(flate2::read::MultiGzDecoder::new(&bytes[..])).context("gzip can't be read")
    } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        read_bounded(zstd::Decoder::new(&bytes[..])?).context("zstd can't be read")
    } else {
        Ok(bytes)
    }
}

fn read_bounded(packed: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    packed.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        bail!("inflates to more than {MAX_TEXT_BYTES} bytes; split it");
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn every_packing_gives_the_same_text() {
        let text = br#"[{"type":4}]"#.to_vec();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("inner/a.json", zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(&text).unwrap();
        zip.start_file("README.md", zip::write::SimpleFileOptions::default())
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("a.json", text.clone()),
            ("b.json.gz", gzip.finish().unwrap()),
            ("c.json.zst", zstd::encode_all(&text[..], 1).unwrap()),
            ("d.zip", zip.finish().unwrap().into_inner()),
            ("notes.md", b"not data".to_vec()),
        ] {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let found = find(&[folder.path().to_path_buf()]).unwrap();
        let all: Vec<Text> = found.iter().flat_map(|file| texts(file).unwrap()).collect();
        let names: Vec<&str> = all.iter().map(|text| text.name.as_str()).collect();
        assert_eq!(names, ["a.json", "b.json", "c.json", "d.zip/inner/a.json"]);
        assert!(all.iter().all(|found| found.bytes == text));
    }

    #[test]
    fn a_cut_gzip_is_an_error() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&[b'x'; 10_000]).unwrap();
        let mut packed = gzip.finish().unwrap();
        packed.truncate(packed.len() - 9);
        assert!(inflate(packed).is_err());
    }
}
