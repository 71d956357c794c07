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

/// Replaces a file by new bytes in one step: after a crash either the old file or the new one is there. Two programs that replace one
/// file wait for each other.
pub fn replace(path: &Path, bytes: &[u8], audience: Audience) -> Result<(), FileFault> {
    let fault = |error: io::Error| FileFault::System { path: path.into(), act: "replaced", error };
    let _held = hold(path).map_err(fault)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // A crash may have left it; while the old file is held, nobody else is writing it.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault(error)),
        _ => {}
    }
    create(&beside, bytes, audience)?;
    fs::rename(&beside, path).and_then(|()| sync_folder(path)).map_err(fault)
}

/// Keeps others from replacing the file until what is returned is dropped; nothing if there is no file yet.
fn hold(path: &Path) -> io::Result<Option<File>> {
    loop {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        file.lock()?;
        // Whoever held it before may have put another file in its place.
        let (held, there) = (file.metadata()?, fs::metadata(path));
        if there.is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())) {
            return Ok(Some(file));
        }
    }
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
    fn what_a_crash_left_is_no_obstacle_and_writers_at_once_leave_a_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        create(&path, b"old", Audience::Owner).unwrap();
        fs::write(folder.path().join("a.new"), b"half").unwrap();
        replace(&path, b"new", Audience::Owner).unwrap();
        assert_eq!(read(&path, 10, Audience::Owner).unwrap().as_slice(), b"new");
        let writer = |byte: u8| {
            let path = path.clone();
            move || (0..50).for_each(|_| replace(&path, &[byte; 4_000], Audience::Owner).unwrap())
        };
        let writers = [1, 2, 3].map(|byte| std::thread::spawn(writer(byte)));
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let whole = read(&path, 5_000, Audience::Owner).unwrap();
        assert!(whole.len() == 4_000 && whole.iter().all(|byte| *byte == whole[0]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
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
