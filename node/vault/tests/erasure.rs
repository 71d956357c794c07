//! An erased record is closed for good, backups included (rule X-6).

use inro_vault::{Vault, VaultError};

use crate::world::*;

#[tokio::test]
async fn an_erased_record_is_gone_and_the_proof_says_what_was_tried() {
    let world = World::new();
    let vault = world.open().await;
    let manifest = kept(&vault, &bytes(3 * SEGMENT)).await;
    let other = kept(&vault, b"other").await;
    let proof = vault.erase(LABEL, manifest.id, NOW).await.unwrap();
    assert!(proof.checks.hold());
    assert_eq!((proof.record, proof.commitment, proof.erased), (manifest.id, Some(manifest.commitment), NOW));
    assert_eq!(proof.objects.iter().map(|object| object.part).collect::<Vec<_>>(), ["payload", "outboard", "about"]);
    assert_eq!(proof.objects[0].bytes, 3 * (SEGMENT as u64 + 16) + 6);
    assert!(matches!(read(&vault, manifest.id).await, Err(VaultError::Erased(NOW))));
    assert!(matches!(vault.erase(LABEL, manifest.id, NOW).await, Err(VaultError::Erased(NOW))));
    assert!(matches!(vault.keep(LABEL, manifest.id).await, Err(VaultError::Erased(NOW))));
    assert_eq!(vault.of_account(LABEL).await.unwrap().len(), 1);
    assert_eq!(read(&vault, other.id).await.unwrap(), b"other");
    assert_eq!(files_in(&world.objects()).len(), 3);
}

#[tokio::test]
async fn a_restored_copy_of_the_objects_no_longer_opens() {
    let (world, backup) = (World::new(), tempfile::tempdir().unwrap());
    let vault = world.open().await;
    let manifest = kept(&vault, &bytes(SEGMENT + 1)).await;
    world.copy_to(backup.path());
    vault.erase(LABEL, manifest.id, NOW).await.unwrap();
    drop(vault);
    for file in files_in(&backup.path().join("objects")) {
        let to = world.objects().join(file.strip_prefix(backup.path().join("objects")).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(&file, to).unwrap();
    }
    let vault = world.open().await;
    assert!(matches!(read(&vault, manifest.id).await, Err(VaultError::Erased(_))));
    assert!(vault.of_account(LABEL).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_key_that_a_backup_brings_back_is_destroyed_again() {
    let (world, backup) = (World::new(), tempfile::tempdir().unwrap());
    let vault = world.open().await;
    let manifest = kept(&vault, &bytes(SEGMENT + 1)).await;
    world.copy_to(backup.path());
    vault.erase(LABEL, manifest.id, NOW).await.unwrap();
    drop(vault);
    World::at(backup.path()).copy_to(&world.folder);
    let vault = world.open().await;
    assert!(matches!(read(&vault, manifest.id).await, Err(VaultError::Erased(_))));
    assert!(files_in(&world.objects()).is_empty());
    assert!(files_in(&world.folder.join("vault/keys")).is_empty());
}

#[tokio::test]
async fn after_a_new_facility_key_not_even_a_whole_old_vault_opens_without_the_old_key() {
    let (world, backup) = (World::new(), tempfile::tempdir().unwrap());
    let vault = world.open().await;
    let manifest = kept(&vault, b"chart").await;
    world.copy_to(backup.path());
    vault.erase(LABEL, manifest.id, NOW).await.unwrap();
    vault.rotate(facility(2)).await.unwrap();
    // The old key is destroyed, so only the new one can be tried on the backup.
    let refused = Vault::open(&World::at(backup.path()).settings(), facility(2)).await;
    assert!(matches!(refused, Err(VaultError::AnotherFacilityKey { .. })));
}

#[tokio::test]
async fn a_record_whose_objects_are_damaged_or_lost_can_still_be_erased() {
    let world = World::new();
    let vault = world.open().await;
    let manifest = kept(&vault, &bytes(SEGMENT)).await;
    std::fs::write(world.object("about"), b"damaged").unwrap();
    std::fs::remove_file(world.object("payload")).unwrap();
    let proof = vault.erase(LABEL, manifest.id, NOW).await.unwrap();
    assert!(proof.checks.hold() && proof.commitment.is_none());
}

#[tokio::test]
async fn a_staged_record_can_be_erased() {
    let world = World::new();
    let vault = world.open().await;
    let manifest = vault.stage(description(), &b"chart"[..], NOW).await.unwrap();
    assert!(vault.erase(LABEL, manifest.id, NOW).await.unwrap().checks.hold());
    assert_eq!(vault.purge_staged(inro_contracts::time::Time(u64::MAX)).await.unwrap(), 0);
}
