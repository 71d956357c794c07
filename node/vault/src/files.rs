//! Small files: written at once or not at all, durable when the call returns, destroyed when they hold keys.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rand::RngCore;
use rand::rngs::OsRng;

use crate::error::VaultError;

/// Longer than any small file of the vault.
const BYTES_MAX: u64 = 4096;

/// A folder for files that are being written; it lies on the same disk as their places, and is emptied at each start.
#[derive(Debug)]
pub struct Workbench(PathBuf);

impl Workbench {
    pub fn open(folder: PathBuf) -> Result<Self, VaultError> {
        fs::create_dir_all(&folder).map_err(VaultError::file(&folder, "created"))?;
        for path in list(&folder)? {
            destroy(&path)?;
        }
        Ok(Self(folder))
    }

    /// Puts a file in its place, in one step. Callers do not write the same file at the same time.
    pub fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
        let name = OsRng.next_u64();
        let beside = self.0.join(format!("{name:016x}"));
        let written = write_new(&beside, bytes).and_then(|()| {
            make_parent(path)?;
            fs::rename(&beside, path)?;
            sync_folder_of(path)
        });
        written.map_err(|error| {
            // That it cannot be removed either changes nothing: the next start does it.
            let _ = fs::remove_file(&beside);
            VaultError::file(path, "written")(error)
        })
    }
}

/// A small file's bytes; `None`: there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, VaultError> {
    let fault = VaultError::file(path, "read");
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error)),
    };
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(VaultError::Damaged { what: "a small file of the vault" });
    }
    Ok(Some(bytes))
}

/// Overwrites a file with random bytes, then removes it, durably. A file that is not there is already destroyed. On disks that
/// write elsewhere what is overwritten, the old bytes may outlive this; they are wrapped keys.
pub fn destroy(path: &Path) -> Result<(), VaultError> {
    let overwritten = OpenOptions::new().write(true).open(path).and_then(|mut file| {
        let mut noise = vec![0; file.metadata()?.len().min(BYTES_MAX) as usize];
        OsRng.fill_bytes(&mut noise);
        file.write_all(&noise)?;
        file.sync_all()
    });
    match overwritten.and_then(|()| fs::remove_file(path)).and_then(|()| sync_folder_of(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(VaultError::file(path, "destroyed")(error)),
        _ => Ok(()),
    }
}

/// Removes a file that holds no key, durably.
pub fn remove(path: &Path) -> Result<(), VaultError> {
    match fs::remove_file(path).and_then(|()| sync_folder_of(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(VaultError::file(path, "removed")(error)),
        _ => Ok(()),
    }
}

/// What stands in a folder; nothing if there is none.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, VaultError> {
    let fault = || VaultError::file(folder, "listed");
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(fault())?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(fault()(error)),
    }
}

/// Makes a file's name durable.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The folder of a file; a new one is itself made durable.
fn make_parent(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    match fs::create_dir(folder) {
        Ok(()) => sync_folder_of(folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
