//! libchdb: is it there, is it the one that was tested, does it load and answer?

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Finding, Status};
use crate::libchdb;

pub(super) fn examine(named: &Path) -> Vec<Finding> {
    let named = (!named.as_os_str().is_empty()).then_some(named);
    let library = match libchdb::find(named) {
        Ok(library) => library,
        Err(missing) => {
            return vec![
                Finding::new("libchdb", Status::Fail, missing.to_string())
                    .remedy(format!("`make libchdb` fetches {}", libchdb::PACKAGE)),
            ];
        }
    };
    vec![identity(&library)]
}

fn identity(library: &Path) -> Finding {
    match sha256(library) {
        Err(error) => Finding::new("libchdb", Status::Fail, format!("{}: {error}", library.display()))
            .remedy("make it readable, or fetch it again by `make libchdb`"),
        Ok(found) if found == libchdb::SHA256 => Finding::new(
            "libchdb",
            Status::Ok,
            format!("{} is {}", library.display(), libchdb::PACKAGE),
        ),
        Ok(found) => Finding::new(
            "libchdb",
            Status::Warn,
            format!("{} has SHA-256 {found}", library.display()),
        )
        .remedy(format!(
            "Hindsight was tested with {}: `make libchdb` fetches it",
            libchdb::PACKAGE
        )),
    }
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
