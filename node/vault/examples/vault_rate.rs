//! How fast a 1 GiB image goes into a vault, out of it, and out of it sealed, and how much memory that takes:
//! `cargo run -p inro-vault --example vault_rate`. Fails if it takes more than 64 MiB.

use std::error::Error;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use inro_contracts::category::Category;
use inro_contracts::id::{ChainId, Label, OrganisationId, TransactionId};
use inro_contracts::key::SecretKey;
use inro_contracts::record::ProviderFlags;
use inro_contracts::time::Time;
use inro_payload::{Handover, OneTimeSecret, Opener};
use inro_vault::{Description, FacilityKey, Settings, StoreSettings, Vault};
use tokio::io::{AsyncRead, ReadBuf};

const BYTES: u64 = 1 << 30;
const MEMORY_MAX_KIB: u64 = 64 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let store = StoreSettings::Local { folder: folder.path().join("objects") };
    let settings = Settings { folder: folder.path().join("vault"), store };
    let vault = Vault::open(&settings, FacilityKey::of(&SecretKey::from_seed(&[1; 32]))).await?;
    let label = Label([1; 32]);
    let description = Description {
        label,
        category: Category::Image,
        flags: ProviderFlags::default(),
        media_type: "application/dicom".parse()?,
        details: serde_json::Value::Null,
    };
    let before = peak_kib()?;

    let start = Instant::now();
    let manifest = vault.stage(description, Image(BYTES), Time(0)).await?;
    report("stage, durably", start);
    vault.keep(label, manifest.id).await?;

    let record = vault.open_record(label, manifest.id).await?;
    let reader = record.payload().await?;
    let start = Instant::now();
    let read = tokio::task::spawn_blocking(move || drain(reader, |_| Ok(()))).await??;
    report("read", start);

    let secret = OneTimeSecret::generate(&mut rand::rngs::OsRng);
    let handover = Handover {
        chain: ChainId([1; 32]),
        access: TransactionId([2; 32]),
        record: manifest.id,
        custodian: OrganisationId([3; 32]),
        requester: OrganisationId([4; 32]),
        reply_key: secret.public(),
    };
    let sealed = record.sealed(&handover).await?;
    let start = Instant::now();
    tokio::task::spawn_blocking(move || drain(sealed, |_| Ok(()))).await??;
    report("read and seal", start);

    let sealed = record.sealed(&handover).await?;
    let mut opener = Opener::new(secret, handover, manifest.commitment);
    let start = Instant::now();
    let opened = tokio::task::spawn_blocking(move || {
        drain(sealed, |bytes| opener.push(bytes, &mut io::sink()).map(drop).map_err(io::Error::other))?;
        opener.finish().map_err(io::Error::other)
    });
    let opened = opened.await??;
    report("read, seal and open", start);

    let start = Instant::now();
    assert!(vault.erase(label, manifest.id, Time(1)).await?.checks.hold());
    println!("{:20} {:6.1} ms", "erase", start.elapsed().as_secs_f64() * 1e3);
    assert_eq!((read, opened.length), (BYTES, BYTES));
    let extra = peak_kib()? - before;
    println!("{:20} {:6.1} MiB", "peak memory, extra", extra as f64 / 1024.0);
    if extra > MEMORY_MAX_KIB { Err("more memory than allowed".into()) } else { Ok(()) }
}

fn drain(mut reader: impl Read, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
    let (mut buffer, mut total) = (vec![0; 256 * 1024], 0);
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(total);
        }
        each(&buffer[..count])?;
        total += count as u64;
    }
}

fn report(what: &str, start: Instant) {
    println!("{what:20} {:6.2} GB/s", BYTES as f64 / start.elapsed().as_secs_f64() / 1e9);
}

fn peak_kib() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().map_err(io::Error::other)
}

/// So many bytes that nobody holds at once.
struct Image(u64);

impl AsyncRead for Image {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = self.0.min(out.remaining() as u64) as usize;
        out.initialize_unfilled_to(count).fill(self.0 as u8);
        out.advance(count);
        self.0 -= count as u64;
        Poll::Ready(Ok(()))
    }
}
