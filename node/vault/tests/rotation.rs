//! The facility's key can be changed without touching a payload.

use inro_genesis::keyfile::{KeyFault, Passphrase};
use inro_vault::{FacilityKey, Vault, VaultError};

use crate::world::*;

#[tokio::test]
async fn after_a_rotation_the_new_key_opens_everything_and_the_old_one_nothing() {
    let world = World::new();
    let vault = world.open().await;
    let mut records = Vec::new();
    for index in 0..5 {
        records.push(kept(&vault, &[index; 100]).await.id);
    }
    let staged = vault.stage(description(), &b"staged"[..], NOW).await.unwrap();
    let before: Vec<_> = files_in(&world.objects()).iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert_eq!(vault.rotate(facility(2)).await.unwrap(), 6);
    let after: Vec<_> = files_in(&world.objects()).iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(before == after, "payloads are not touched");
    assert_eq!(read(&vault, records[0]).await.unwrap(), [0; 100]);
    drop(vault);
    assert!(matches!(Vault::open(&world.settings(), facility(1)).await, Err(VaultError::AnotherFacilityKey { .. })));
    let vault = Vault::open(&world.settings(), facility(2)).await.unwrap();
    for (index, record) in (0..).zip(records) {
        assert_eq!(read(&vault, record).await.unwrap(), [index; 100]);
    }
    vault.keep(LABEL, staged.id).await.unwrap();
    assert_eq!(read(&vault, staged.id).await.unwrap(), b"staged");
}

#[tokio::test]
async fn an_old_copy_of_a_key_file_does_not_open_after_a_rotation() {
    let world = World::new();
    let vault = world.open().await;
    let manifest = kept(&vault, b"chart").await;
    let key_file = files_in(&world.folder.join("vault/keys")).remove(0);
    let old = std::fs::read(&key_file).unwrap();
    vault.rotate(facility(2)).await.unwrap();
    assert_ne!(std::fs::read(&key_file).unwrap(), old);
    std::fs::write(&key_file, old).unwrap();
    assert!(matches!(read(&vault, manifest.id).await, Err(VaultError::Damaged { .. })));
}

#[tokio::test]
async fn a_rotation_that_was_cut_short_is_finished_at_the_next_start() {
    let world = World::new();
    let vault = world.open().await;
    let (first, second) = (kept(&vault, b"first").await, kept(&vault, b"second").await);
    let keys = files_in(&world.folder.join("vault/keys"));
    let old: Vec<_> = keys.iter().map(|path| std::fs::read(path).unwrap()).collect();
    // A key file that cannot be read stops the rotation in the middle.
    std::fs::write(&keys[1], b"unreadable").unwrap();
    assert!(vault.rotate(facility(2)).await.is_err());
    std::fs::write(&keys[1], &old[1]).unwrap();
    assert_eq!(read(&vault, first.id).await.unwrap(), b"first");
    assert_eq!(read(&vault, second.id).await.unwrap(), b"second");
    drop(vault);
    assert!(matches!(Vault::open(&world.settings(), facility(1)).await, Err(VaultError::AnotherFacilityKey { .. })));
    let vault = Vault::open(&world.settings(), facility(2)).await.unwrap();
    assert_eq!(read(&vault, first.id).await.unwrap(), b"first");
    assert_eq!(read(&vault, second.id).await.unwrap(), b"second");
    assert!(keys.iter().zip(&old).all(|(path, old)| std::fs::read(path).unwrap() != *old));
}

#[tokio::test]
async fn records_come_and_go_while_keys_are_wrapped_anew() {
    let world = World::new();
    let vault = world.open().await;
    let mut records = Vec::new();
    for index in 0..40 {
        records.push(kept(&vault, &[index; 50]).await.id);
    }
    let (rotating, erasing, staging) = (vault.clone(), vault.clone(), vault.clone());
    let erased = records[20..].to_vec();
    let all = erased.clone();
    let (rotated, (), new) = tokio::join!(
        async move { rotating.rotate(facility(2)).await.unwrap() },
        async move {
            for record in all {
                assert!(erasing.erase(LABEL, record, NOW).await.unwrap().checks.hold());
            }
        },
        async move { kept(&staging, b"new").await.id },
    );
    assert!(rotated >= 20);
    drop(vault);
    let vault = Vault::open(&world.settings(), facility(2)).await.unwrap();
    for (index, record) in (0..20).zip(&records) {
        assert_eq!(read(&vault, *record).await.unwrap(), [index; 50]);
    }
    for record in erased {
        assert!(matches!(read(&vault, record).await, Err(VaultError::Erased(_))));
    }
    assert_eq!(read(&vault, new).await.unwrap(), b"new");
    assert_eq!(vault.check(|_| {}).await.unwrap().faults_count, 0);
}

#[test]
fn a_facility_key_lies_in_an_encrypted_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.pem");
    let passphrase = Passphrase::new("correct horse");
    let made = FacilityKey::create(&path, &passphrase).unwrap();
    assert_eq!(FacilityKey::open(&path, &passphrase).unwrap().id(), made.id());
    assert!(matches!(FacilityKey::open(&path, &Passphrase::new("another one")), Err(KeyFault::WrongPassphrase(_))));
    assert!(FacilityKey::create(&path, &passphrase).is_err());
    assert_eq!(format!("{made:?}"), format!("FacilityKey({:?}, …)", made.id()));
}
