//! Files as the ceremony needs them: read within a bound, written once and durably, never overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Why a file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// There is no such file.
    #[error("{} does not exist; check the path", .0.display())]
    Missing(PathBuf),
    /// The system refused.
    #[error("{} cannot be {act}: {error}; check its owner, its mode and the disk", .path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// What was tried.
        act: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// Something else stands there: a folder, a device.
    #[error("{} is not a file; name the file itself", .0.display())]
    NotAFile(PathBuf),
    /// Longer than anything that belongs there.
    #[error("{} is longer than {limit} bytes, so it is not what is expected here", .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Nothing is overwritten.
    #[error("{} exists and is not overwritten; move it away or choose another name", .0.display())]
    Exists(PathBuf),
    /// A secret that others could read.
    #[error("{} can be read by others (mode {mode:04o}); run: chmod 600 {}", .path.display(), .path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

impl FileFault {
    /// Was the wrong file named? Otherwise the right one was, and it is not in the right state.
    pub fn is_bad_input(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::NotAFile(_) | Self::TooLong { .. })
    }
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Its owner only: mode 0600.
    Owner,
    /// Everybody: mode 0644.
    Everybody,
}

/// Reads a file of at most `limit` bytes. A file for its owner only is refused when others could read it.
pub fn read(path: &Path, limit: u64, audience: Audience) -> Result<Zeroizing<Vec<u8>>, FileFault> {
    let fault = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => FileFault::Missing(path.into()),
        _ => FileFault::System { path: path.into(), act: "read", error },
    };
    // Looked at before it is opened, because opening a pipe that nobody writes would wait for ever.
    if fs::metadata(path).map_err(fault)?.is_dir() {
        return Err(FileFault::NotAFile(path.into()));
    }
    let file = File::open(path).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    let mode = metadata.mode() & 0o7777;
    if audience == Audience::Owner && mode & 0o077 != 0 {
        return Err(FileFault::OpenToOthers { path: path.into(), mode });
    }
    if metadata.len() > limit {
        return Err(FileFault::TooLong { path: path.into(), limit });
    }
    // Room for all of it at once, so that no copy of a secret stays behind where a vector grew.
    let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
    file.take(limit + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > limit {
        return Err(FileFault::TooLong { path: path.into(), limit });
    }
    Ok(bytes)
}

/// Writes a new file and makes it durable: its bytes, then its name. An existing file is left as it is.
pub fn create(path: &Path, bytes: &[u8], audience: Audience) -> Result<(), FileFault> {
    let fault = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => FileFault::Exists(path.into()),
        io::ErrorKind::NotFound => FileFault::Missing(folder_of(path)),
        _ => FileFault::System { path: path.into(), act: "written", error },
    };
    let mode = match audience {
        Audience::Owner => 0o600,
        Audience::Everybody => 0o644,
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(fault)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| sync_folder(path));
    written.map_err(|error| {
        // Half a file must not stand where a whole one is expected; that it cannot be removed either changes nothing here.
        let _ = fs::remove_file(path);
        fault(error)
    })
}

/// Replaces a file by new bytes in one step: after a crash either the old file or the new one is there.
pub fn replace(path: &Path, bytes: &[u8], audience: Audience) -> Result<(), FileFault> {
    let beside = successor(path);
    create(&beside, bytes, audience)?;
    fs::rename(&beside, path).and_then(|()| sync_folder(path)).map_err(|error| FileFault::System {
        path: path.into(),
        act: "replaced",
        error,
    })
}

/// Where [`replace`] writes the new file before it takes the old one's place. A crash can leave it there, and then nothing is
/// replaced until somebody removes it: two writers at once would otherwise mix.
pub fn successor(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    beside.into()
}

/// Makes a folder for secrets (mode 0700) if there is none; refuses one in which others could put or swap files.
pub fn secret_folder(path: &Path) -> Result<(), FileFault> {
    let fault = |error: io::Error| FileFault::System { path: path.into(), act: "created", error };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fault)?;
    let mode = fs::metadata(path).map_err(fault)?.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 {
        let error = io::Error::other(format!("others may write in it (mode {mode:04o}; run: chmod 700 {})", path.display()));
        return Err(FileFault::System { path: path.into(), act: "used for keys", error });
    }
    Ok(())
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.into(),
        _ => PathBuf::from("."),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        create(&path, b"one", Audience::Owner).unwrap();
        assert!(matches!(create(&path, b"two", Audience::Owner), Err(FileFault::Exists(_))));
        assert_eq!(read(&path, 10, Audience::Owner).unwrap().as_slice(), b"one");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_longer_file_than_expected_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        create(&path, b"12345", Audience::Everybody).unwrap();
        assert!(matches!(read(&path, 4, Audience::Everybody), Err(FileFault::TooLong { limit: 4, .. })));
        assert!(matches!(read(folder.path(), 4, Audience::Everybody), Err(FileFault::NotAFile(_))));
        assert!(matches!(read(Path::new("/dev/zero"), 4, Audience::Everybody), Err(FileFault::TooLong { .. })));
    }

    #[test]
    fn a_folder_in_which_others_may_write_holds_no_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        secret_folder(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(secret_folder(&path).unwrap_err().to_string().contains("chmod 700"));
    }
}
