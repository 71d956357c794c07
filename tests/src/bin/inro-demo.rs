//! Plays P1 to P8 on nodes that run already: the second half of `scripts/demo`.
//!
//! ```text
//! inro-demo --documents DIR --steps FILE --facility SLUG|NAME|URL|KEYS|PASSPHRASE-FILE …
//! ```

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use inro_client::NodeClient;
use inro_genesis::keyfile::{self, PassphraseSource};
use inro_tests::play::{Facility, Patient, Play, Shown};

/// Where each step's row goes, for the report.
static STEPS: OnceLock<PathBuf> = OnceLock::new();

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("inro-demo: {why}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<bool, String> {
    let mut documents = None;
    let mut rows = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--documents" => documents = Some(PathBuf::from(value)),
            "--steps" => STEPS.set(value.into()).map_err(|_| "--steps stands twice".to_owned())?,
            "--facility" => rows.push(value),
            other => return Err(format!("there is no option {other}")),
        }
    }
    let documents = documents.ok_or("--documents is missing")?;
    let mut facilities = Vec::new();
    for row in &rows {
        facilities.push(facility(row).await?);
    }
    if facilities.len() < 4 {
        return Err("at least four facilities play".into());
    }
    put_first(&mut facilities, &documents);
    let patient = Patient::new(facilities[0].desk.chain());
    Ok(Play::new(facilities, patient, &documents, told).all().await)
}

async fn facility(row: &str) -> Result<Facility, String> {
    let parts: Vec<&str> = row.split('|').collect();
    let [slug, name, url, keys, passphrase] = parts[..] else { return Err(format!("{row}: five parts are needed")) };
    let passphrase = PassphraseSource::File(passphrase.into()).read("the demo's keys").map_err(|error| error.to_string())?;
    let open = |file: &str| keyfile::open(&Path::new(keys).join(file), &passphrase).map_err(|error| error.to_string());
    let (authority, physician) = (open("authority.pem")?, open("practitioner-1.pem")?);
    let node = NodeClient::new(url).map_err(|error| error.to_string())?;
    let organisations = node.organisations().await.map_err(|error| error.to_string())?;
    let key = authority.public();
    let id = organisations.iter().find(|found| found.organisation.profile.authority == key).map(|found| found.id);
    let id = id.ok_or_else(|| format!("{name} is no member of this ledger"))?;
    Facility::at(slug, name, id, authority, physician, node).await.map_err(|error| error.to_string())
}

/// The facility with most documents is the one at which the patient seals something.
fn put_first(facilities: &mut [Facility], documents: &Path) {
    let count = |slug: &str| {
        let (mut files, mut folders) = (0usize, vec![documents.join(slug)]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() { folders.push(entry.path()) } else { files += 1 }
            }
        }
        files
    };
    let counts: BTreeMap<String, usize> = facilities.iter().map(|one| (one.slug.clone(), count(&one.slug))).collect();
    if facilities.first().is_some_and(|first| counts[&first.slug] >= 3) {
        return;
    }
    if let Some(most) = (0..facilities.len()).max_by_key(|index| counts[&facilities[*index].slug]) {
        facilities.swap(0, most);
    }
}

fn told(shown: &Shown, title: &str) {
    let time = if shown.ok { format!("{:>6} ms", shown.millis) } else { "FAILED".into() };
    println!("          {title:<62} {time}\n          {}", shown.detail);
    let Some(path) = STEPS.get() else { return };
    let row = format!("{}\t{}\t{}\t{}\n", shown.step, shown.ok, shown.millis, shown.detail.replace(['\t', '\n'], " "));
    let written =
        std::fs::OpenOptions::new().append(true).create(true).open(path).and_then(|mut file| file.write_all(row.as_bytes()));
    if let Err(error) = written {
        eprintln!("inro-demo: {}: {error}", path.display());
    }
}
