//! A validator that lost what it knew of its own signatures must not sign the same step twice. A file may be lost, cut, flipped
//! or restored from a backup; each time the node comes back under load, follows until it may vote again, and votes again by
//! itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use inro_tests::cluster::{Cluster, PATIENCE};
use inro_tests::invariants::Verdict;
use inro_tests::load::{Load, Pace};
use inro_tests::seed;
use rand::Rng;
use rand::rngs::StdRng;

const ALL: [usize; 4] = [0, 1, 2, 3];
const VICTIM: usize = 2;
/// The byte offset of an entry's length in the engine's log: a header of 16 bytes, then entries of a compression mark and a
/// length.
const FIRST_LENGTH: usize = 17;

fn wal(data: &Path) -> PathBuf {
    data.join("consensus/engine.wal")
}

fn guard(data: &Path) -> PathBuf {
    let files = fs::read_dir(data.join("consensus")).expect("the consensus folder exists");
    files
        .map(|file| file.expect("a folder can be listed").path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("sign-guard-")))
        .expect("a validator has a sign guard")
}

fn flip(path: &Path, byte: usize, bit: u8) {
    let mut bytes = fs::read(path).expect("the file can be read");
    if let Some(found) = bytes.get_mut(byte) {
        *found ^= 1 << bit;
    }
    fs::write(path, bytes).expect("the file can be written");
}

/// Kills one of four under load, does something to its data folder, starts it again, waits until it votes; several times.
async fn suffers(rounds: usize, mut damage: impl FnMut(usize, &Path, &mut StdRng)) {
    let mut random = seed::random();
    let mut cluster = Cluster::of_four().await;
    let load = Load::start(&cluster, &ALL, Pace::PerSecond(100)).await;
    for round in 0..rounds {
        tokio::time::sleep(Duration::from_millis(random.gen_range(300..1_200))).await;
        cluster.kill(VICTIM);
        damage(round, &cluster.nodes[VICTIM].data(), &mut random);
        cluster.restart(VICTIM).await;
        cluster.wait_voting(VICTIM, PATIENCE).await;
    }
    let told = load.finish().await;
    Verdict::of(&cluster, &ALL).await.everything_holds(&told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_engine_log_never_leads_to_a_second_signature() {
    suffers(4, |_, data, _| fs::remove_file(wal(data)).expect("the log is there")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_engine_log_never_leads_to_a_second_signature() {
    suffers(5, |round, data, random| {
        let length = fs::metadata(wal(data)).expect("the log is there").len();
        let keep = if round == 0 { 0 } else { random.gen_range(0..=length) };
        let file = fs::OpenOptions::new().write(true).open(wal(data)).expect("the log can be opened");
        file.set_len(keep).expect("the log can be cut");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_in_the_engine_log_its_lengths_included_never_lead_to_a_second_signature() {
    suffers(8, |round, data, random| {
        let path = wal(data);
        let length = fs::metadata(&path).expect("the log is there").len() as usize;
        match round {
            // The header: version and sequence.
            0 => flip(&path, random.gen_range(0..16), random.gen_range(0..8)),
            // The first entry's length, which lies outside its checksum.
            1 | 2 => flip(&path, FIRST_LENGTH + random.gen_range(0..8), random.gen_range(0..8)),
            _ => flip(&path, random.gen_range(0..length.max(1)), random.gen_range(0..8)),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_sign_guard_never_leads_to_a_second_signature() {
    suffers(4, |round, data, _| {
        fs::remove_file(guard(data)).expect("the guard is there");
        if round % 2 == 1 {
            fs::remove_file(wal(data)).expect("the log is there");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_sign_guard_never_leads_to_a_second_signature() {
    suffers(5, |round, data, random| {
        let path = guard(data);
        match round {
            0 => fs::write(&path, []).expect("the guard can be emptied"),
            _ => {
                for slot in [0, 4096] {
                    flip(&path, slot + random.gen_range(0..80), random.gen_range(0..8));
                }
            }
        }
    })
    .await;
}

/// The story that the sign guard's floor is for: a machine fails, its operator restores last night's copy of the whole folder,
/// guard included, and the node would sign again what it signed differently before.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_old_data_folder_never_leads_to_a_second_signature() {
    let mut cluster = Cluster::of_four().await;
    let load = Load::start(&cluster, &[0, 1, 3], Pace::PerSecond(100)).await;
    let data = cluster.nodes[VICTIM].data();
    let copy = cluster.nodes[VICTIM].home.join("copy");
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.kill(VICTIM);
        copy_folder(&data, &copy);
        cluster.restart(VICTIM).await;
        cluster.wait_voting(VICTIM, PATIENCE).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        cluster.kill(VICTIM);
        fs::remove_dir_all(&data).expect("the folder can be removed");
        fs::rename(&copy, &data).expect("the copy takes its place");
        cluster.restart(VICTIM).await;
        cluster.wait_voting(VICTIM, PATIENCE).await;
    }
    let told = load.finish().await;
    Verdict::of(&cluster, &ALL).await.everything_holds(&told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_whose_whole_data_folder_is_lost_catches_up_and_votes_again() {
    let mut cluster = Cluster::of_four().await;
    let load = Load::start(&cluster, &[0, 1, 3], Pace::PerSecond(100)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    cluster.kill(VICTIM);
    fs::remove_dir_all(cluster.nodes[VICTIM].data()).expect("the folder can be removed");
    cluster.restart(VICTIM).await;
    cluster.wait_voting(VICTIM, PATIENCE).await;
    let told = load.finish().await;
    Verdict::of(&cluster, &ALL).await.everything_holds(&told);
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("the folder can be listed") {
        let entry = entry.expect("the folder can be listed");
        let target = to.join(entry.file_name());
        // While a node runs, its database removes files; one that is gone is in no consistent copy either.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => copy_folder(&entry.path(), &target),
            Ok(_) => drop(fs::copy(entry.path(), target)),
            Err(_) => {}
        }
    }
}
