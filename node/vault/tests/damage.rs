//! Nothing altered is taken for what was written.

use inro_vault::{Vault, VaultError};

use crate::world::*;

/// Opens everything there is with this vault folder; the first error, if any.
async fn whole(world: &World, records: usize) -> Result<(), VaultError> {
    let vault = Vault::open(&world.settings(), facility(1)).await?;
    let held = vault.of_account(LABEL).await?;
    if held.len() != records {
        return Err(VaultError::Unknown);
    }
    for held in held {
        read(&vault, held.record).await?;
    }
    let report = vault.check(|_| {}).await?;
    report.faults.into_iter().next().map_or(Ok(()), |fault| Err(fault.error))
}

#[tokio::test]
async fn a_flipped_bit_in_any_file_is_found() {
    let world = World::new();
    let vault = world.open().await;
    kept(&vault, &bytes(2 * SEGMENT + 9)).await;
    let staged = vault.stage(description(), &b"staged"[..], NOW).await.unwrap();
    let erased = kept(&vault, b"erased").await;
    vault.erase(LABEL, erased.id, NOW).await.unwrap();
    vault.keep(LABEL, staged.id).await.unwrap();
    vault.stage(description(), &b"staged again"[..], NOW).await.unwrap();
    drop(vault);
    let mut tried = 0;
    for file in world.files().into_iter().filter(|path| !path.ends_with("lock")) {
        let good = std::fs::read(&file).unwrap();
        let step = (good.len() / 40).max(1);
        for place in (0..good.len()).step_by(step).chain([good.len() - 1]) {
            let mut bad = good.clone();
            bad[place] ^= 1 << (place % 8);
            std::fs::write(&file, &bad).unwrap();
            let found = found(&world).await;
            assert!(found, "{} at {place}", file.display());
            tried += 1;
        }
        for cut in [0, 1, good.len() / 2, good.len() - 1] {
            std::fs::write(&file, &good[..cut]).unwrap();
            assert!(found(&world).await, "{} cut at {cut}", file.display());
        }
        std::fs::write(&file, &good).unwrap();
    }
    assert!(tried > 400, "{tried}");
    assert!(!found(&world).await);

    async fn found(world: &World) -> bool {
        // One of the three is staged only, so opening it is refused; the sweep reads it.
        match Vault::open(&world.settings(), facility(1)).await {
            Err(_) => true,
            Ok(vault) => match vault.of_account(LABEL).await {
                Err(_) => true,
                Ok(held) => held.len() != 3 || vault.check(|_| {}).await.unwrap().faults_count > 0,
            },
        }
    }
}

#[tokio::test]
async fn objects_that_were_swapped_cut_between_segments_or_lengthened_are_found() {
    let world = World::new();
    let vault = world.open().await;
    let first = kept(&vault, &bytes(2 * SEGMENT)).await;
    let payload = world.object("payload");
    let about = world.object("about");
    let good = std::fs::read(&payload).unwrap();
    for bad in [&good[..good.len() - SEGMENT - 16], &good[..6 + SEGMENT + 16 + 16], &[&good[..], &[0; 16]].concat(), b"inrv"] {
        std::fs::write(&payload, bad).unwrap();
        assert!(matches!(read(&vault, first.id).await, Err(VaultError::Damaged { .. })));
    }
    std::fs::write(&payload, std::fs::read(&about).unwrap()).unwrap();
    assert!(matches!(read(&vault, first.id).await, Err(VaultError::Damaged { .. })));
    std::fs::write(&payload, &good).unwrap();
    let before = files_in(&world.objects());
    kept(&vault, &bytes(2 * SEGMENT)).await;
    let other = files_in(&world.objects()).into_iter().find(|path| path.ends_with("payload") && !before.contains(path)).unwrap();
    std::fs::copy(other, &payload).unwrap();
    assert!(matches!(read(&vault, first.id).await, Err(VaultError::Damaged { .. })));
    std::fs::remove_file(&payload).unwrap();
    assert!(matches!(read(&vault, first.id).await, Err(VaultError::Missing { .. })));
}

#[tokio::test]
async fn a_key_file_in_another_records_place_does_not_open_that_record() {
    let world = World::new();
    let vault = world.open().await;
    kept(&vault, b"first").await;
    kept(&vault, b"second").await;
    drop(vault);
    let keys = files_in(&world.folder.join("vault/keys"));
    std::fs::copy(&keys[0], &keys[1]).unwrap();
    assert!(matches!(whole(&world, 2).await, Err(VaultError::Damaged { what: "a record's key file" })));
}

#[tokio::test]
async fn the_sweep_names_the_record_that_is_damaged_and_counts_the_rest() {
    let world = World::new();
    let vault = world.open().await;
    let damaged = kept(&vault, &bytes(SEGMENT)).await;
    let payload = world.object("payload");
    kept(&vault, &bytes(1000)).await;
    let mut heard = 0;
    let report = vault.check(|report| heard = report.records).await.unwrap();
    assert_eq!((report.records, report.bytes, report.faults_count, heard), (2, SEGMENT as u64 + 1000, 0, 2));
    std::fs::write(&payload, b"nothing of it").unwrap();
    let report = vault.check(|_| {}).await.unwrap();
    assert_eq!((report.records, report.bytes, report.faults_count), (2, 1000, 1));
    assert_eq!(report.faults[0].record, Some((LABEL, damaged.id)));
    let shown = format!("{:?}", report.faults);
    assert!(!shown.contains(&damaged.id.to_hex()) && !shown.contains(&LABEL.to_hex()), "{shown}");
}

#[tokio::test]
async fn a_vault_whose_own_keys_are_lost_is_not_made_anew_over_its_records() {
    let world = World::new();
    let vault = world.open().await;
    kept(&vault, b"chart").await;
    drop(vault);
    std::fs::remove_file(world.folder.join("vault/vault")).unwrap();
    assert!(matches!(Vault::open(&world.settings(), facility(1)).await, Err(VaultError::NoMaster(_))));
}

#[tokio::test]
async fn another_facility_key_does_not_open_the_vault_and_the_error_names_the_right_one() {
    let world = World::new();
    drop(world.open().await);
    let refused = Vault::open(&world.settings(), facility(2)).await;
    let named = matches!(&refused, Err(VaultError::AnotherFacilityKey { found }) if *found == facility(1).id().to_hex());
    assert!(named, "{refused:?}");
}
