//! The object store, narrowed to what the vault does with it: three objects per record, written once, read by range, removed
//! together.

use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::try_join_all;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt};

use crate::error::VaultError;
use crate::names::Name;
use crate::settings::StoreSettings;

/// What a record consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Payload = 1,
    Outboard = 2,
    About = 3,
}

impl Part {
    pub const ALL: [Part; 3] = [Part::Payload, Part::Outboard, Part::About];

    pub const fn text(self) -> &'static str {
        match self {
            Part::Payload => "payload",
            Part::Outboard => "outboard",
            Part::About => "about",
        }
    }

    /// How an error calls it.
    pub const fn what(self) -> &'static str {
        match self {
            Part::Payload => "a record's payload",
            Part::Outboard => "a record's hash tree",
            Part::About => "a record's description",
        }
    }
}

/// The object store.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// The folder, if it is a local one: there the vault itself makes what is written durable.
    local: Option<PathBuf>,
    /// How much is sent at once.
    pub piece_bytes: usize,
}

impl Objects {
    pub fn open(settings: &StoreSettings) -> Result<Self, VaultError> {
        match settings {
            StoreSettings::Local { folder } => {
                inro_genesis::files::secret_folder(folder)?;
                let folder = folder.canonicalize().map_err(VaultError::file(folder, "opened"))?;
                let store = LocalFileSystem::new_with_prefix(&folder)?;
                Ok(Self { store: Arc::new(store), local: Some(folder), piece_bytes: 1 << 20 })
            }
            StoreSettings::S3 { bucket, region, endpoint, prefix, allow_http } => {
                let store = s3(bucket, region.as_deref(), endpoint.as_deref(), prefix.as_deref(), *allow_http)?;
                // A multipart upload has at most 10,000 parts of at least 5 MiB.
                Ok(Self { store, local: None, piece_bytes: 8 << 20 })
            }
        }
    }

    pub async fn upload(&self, name: &Name, part: Part) -> Result<Box<dyn MultipartUpload>, VaultError> {
        Ok(self.store.put_multipart(&path(name, part)).await?)
    }

    /// Writes a short object at once.
    pub async fn put(&self, name: &Name, part: Part, bytes: Vec<u8>) -> Result<(), VaultError> {
        self.store.put(&path(name, part), bytes.into()).await?;
        Ok(())
    }

    pub async fn length(&self, name: &Name, part: Part) -> Result<u64, VaultError> {
        Ok(self.store.head(&path(name, part)).await.map_err(|error| missing(error, part))?.size)
    }

    pub async fn range(&self, name: &Name, part: Part, range: Range<u64>) -> Result<Bytes, VaultError> {
        let wanted = range.end - range.start;
        let bytes = self.store.get_range(&path(name, part), range).await.map_err(|error| missing(error, part))?;
        if bytes.len() as u64 == wanted { Ok(bytes) } else { Err(VaultError::Damaged { what: part.what() }) }
    }

    /// Makes a record durable that was written completely.
    pub async fn sync(&self, name: &Name) -> Result<(), VaultError> {
        let Some(root) = &self.local else { return Ok(()) };
        let folder = root.join(name.object_folder());
        blocking(move || {
            let files = Part::ALL.iter().map(|part| folder.join(part.text()));
            let folders = folder.ancestors().take(3).map(FilePath::to_owned);
            for path in files.chain(folders) {
                std::fs::File::open(&path).and_then(|file| file.sync_all()).map_err(VaultError::file(&path, "made durable"))?;
            }
            Ok(())
        })
        .await
    }

    /// Removes all of a record that is there, halves and leftovers too.
    pub async fn remove(&self, name: &Name) -> Result<(), VaultError> {
        if let Some(root) = &self.local {
            let folder = root.join(name.object_folder());
            return blocking(move || {
                match std::fs::remove_dir_all(&folder).and_then(|()| crate::files::sync_folder_of(&folder)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        Err(VaultError::file(&folder, "removed")(error))
                    }
                    _ => Ok(()),
                }
            })
            .await;
        }
        try_join_all(Part::ALL.map(|part| async move {
            match self.store.delete(&path(name, part)).await {
                Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
                Err(error) => Err(VaultError::from(error)),
            }
        }))
        .await
        .map(drop)
    }
}

/// Runs what waits for a disk where that disturbs nobody.
pub async fn blocking<T: Send + 'static>(act: impl FnOnce() -> Result<T, VaultError> + Send + 'static) -> Result<T, VaultError> {
    tokio::task::spawn_blocking(act).await.unwrap_or_else(|error| Err(VaultError::Task(error.to_string())))
}

fn path(name: &Name, part: Part) -> Path {
    Path::from(format!("{}/{}", name.object_folder(), part.text()))
}

fn missing(error: object_store::Error, part: Part) -> VaultError {
    match error {
        object_store::Error::NotFound { .. } => VaultError::Missing { what: part.what() },
        error => error.into(),
    }
}

fn s3(
    bucket: &str,
    region: Option<&str>,
    endpoint: Option<&str>,
    prefix: Option<&str>,
    allow_http: bool,
) -> Result<Arc<dyn ObjectStore>, VaultError> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_allow_http(allow_http);
    if let Some(region) = region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let prefix = Path::parse(prefix.unwrap_or_default()).map_err(|error| VaultError::Settings(error.to_string()))?;
    Ok(Arc::new(PrefixStore::new(builder.build()?, prefix)))
}
