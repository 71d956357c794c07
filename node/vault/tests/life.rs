//! One record's life, without accidents.

use inro_contracts::id::{Label, RecordId};
use inro_contracts::record::ProviderFlags;
use inro_contracts::time::Time;
use inro_vault::{DETAILS_BYTES_MAX, Held, Settings, Standing, StoreSettings, Vault, VaultError};
use serde_json::{Value, json};

use crate::world::*;

#[tokio::test]
async fn what_was_staged_and_kept_comes_back_after_a_restart_too() {
    let world = World::new();
    for length in [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 8 * SEGMENT, 8 * SEGMENT + 1, (1 << 20) + SEGMENT, 5 << 20] {
        let vault = world.open().await;
        let manifest = kept(&vault, &bytes(length)).await;
        assert_eq!((manifest.size, manifest.flags), (length as u64, ProviderFlags::UNINFORMED));
        assert!(read(&vault, manifest.id).await.unwrap() == bytes(length), "{length}");
        drop(vault);
        let vault = world.open().await;
        let record = vault.open_record(LABEL, manifest.id).await.unwrap();
        assert_eq!(record.about().manifest(), manifest);
        assert_eq!(record.about().description.details, description().details);
        assert_eq!(record.about().staged, NOW);
        assert!(record.bytes(u64::MAX).await.unwrap() == bytes(length), "{length}");
    }
}

#[tokio::test]
async fn a_staged_record_opens_only_once_it_is_kept() {
    let world = World::new();
    let vault = world.open().await;
    let manifest = vault.stage(description(), &b"chart"[..], NOW).await.unwrap();
    assert!(matches!(read(&vault, manifest.id).await, Err(VaultError::OnlyStaged)));
    vault.keep(LABEL, manifest.id).await.unwrap();
    vault.keep(LABEL, manifest.id).await.unwrap();
    assert_eq!(read(&vault, manifest.id).await.unwrap(), b"chart");
}

#[tokio::test]
async fn whoever_staged_a_record_can_look_at_it_list_it_and_give_it_up() {
    let world = World::new();
    let vault = world.open().await;
    let kept = kept(&vault, b"kept").await;
    let staged = vault.stage(description(), &b"staged"[..], NOW).await.unwrap();
    assert_eq!(vault.staged().await.unwrap(), [(LABEL, staged.id, NOW)]);
    let record = vault.open_staged(LABEL, staged.id).await.unwrap();
    assert_eq!(record.bytes(100).await.unwrap(), b"staged");
    vault.discard(LABEL, kept.id).await.unwrap();
    vault.discard(LABEL, staged.id).await.unwrap();
    vault.discard(LABEL, staged.id).await.unwrap();
    assert!(vault.staged().await.unwrap().is_empty());
    assert!(matches!(vault.open_staged(LABEL, staged.id).await, Err(VaultError::Unknown)));
    assert_eq!(read(&vault, kept.id).await.unwrap(), b"kept");
    assert_eq!(files_in(&world.objects()).len(), 3);
}

#[tokio::test]
async fn two_records_with_the_same_bytes_share_nothing_that_shows() {
    let world = World::new();
    let vault = world.open().await;
    let (first, second) = (kept(&vault, b"same").await, kept(&vault, b"same").await);
    assert_ne!(first.id, second.id);
    assert_ne!(first.commitment, second.commitment);
}

#[tokio::test]
async fn an_accounts_records_are_listed_and_those_of_others_are_not() {
    let world = World::new();
    let vault = world.open().await;
    let mut ids = vec![kept(&vault, b"1").await.id, kept(&vault, b"2").await.id];
    ids.sort();
    let staged = vault.stage(description(), &b"3"[..], NOW).await.unwrap().id;
    let other = Label([9; 32]);
    let theirs = inro_vault::Description { label: other, ..description() };
    vault.stage(theirs, &b"4"[..], NOW).await.unwrap();
    let listed = vault.of_account(LABEL).await.unwrap();
    let with = |standing: Standing| move |held: &&Held| held.standing == standing;
    assert_eq!(listed.iter().filter(with(Standing::Kept)).map(|held| held.record).collect::<Vec<_>>(), ids);
    assert_eq!(listed.iter().filter(with(Standing::Staged(NOW))).map(|held| held.record).collect::<Vec<_>>(), [staged]);
    assert_eq!(vault.of_account(other).await.unwrap().len(), 1);
    assert!(vault.of_account(Label([8; 32])).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_record_is_found_under_its_own_label_only() {
    let world = World::new();
    let vault = world.open().await;
    let manifest = kept(&vault, b"chart").await;
    assert!(matches!(vault.open_record(Label([9; 32]), manifest.id).await, Err(VaultError::Unknown)));
    assert!(matches!(vault.open_record(LABEL, RecordId([9; 32])).await, Err(VaultError::Unknown)));
    assert!(matches!(vault.keep(Label([9; 32]), manifest.id).await, Err(VaultError::Unknown)));
    assert!(matches!(vault.erase(LABEL, RecordId([9; 32]), NOW).await, Err(VaultError::Unknown)));
}

#[tokio::test]
async fn what_was_staged_long_ago_and_never_kept_is_purged() {
    let world = World::new();
    let vault = world.open().await;
    let old = vault.stage(description(), &b"old"[..], Time(NOW.0 - 5)).await.unwrap().id;
    let new = vault.stage(description(), &b"new"[..], NOW).await.unwrap().id;
    let first = kept(&vault, b"kept").await.id;
    assert_eq!(vault.purge_staged(NOW).await.unwrap(), 1);
    assert_eq!(vault.purge_staged(NOW).await.unwrap(), 0);
    assert!(matches!(vault.keep(LABEL, old).await, Err(VaultError::Unknown)));
    vault.keep(LABEL, new).await.unwrap();
    assert_eq!(read(&vault, new).await.unwrap(), b"new");
    assert_eq!(read(&vault, first).await.unwrap(), b"kept");
    assert_eq!(files_in(&world.objects()).len(), 6);
}

#[tokio::test]
async fn details_that_could_not_be_read_again_are_refused_before_anything_is_written() {
    let world = World::new();
    let vault = world.open().await;
    let long = json!("x".repeat(DETAILS_BYTES_MAX - 2));
    let fits = inro_vault::Description { details: long, ..description() };
    let manifest = vault.stage(fits, &b""[..], NOW).await.unwrap();
    vault.keep(LABEL, manifest.id).await.unwrap();
    vault.open_record(LABEL, manifest.id).await.unwrap();
    let before = world.files().len();
    let too_long = inro_vault::Description { details: json!("x".repeat(DETAILS_BYTES_MAX - 1)), ..description() };
    assert!(matches!(vault.stage(too_long, &b""[..], NOW).await, Err(VaultError::DetailsTooLong(_))));
    let deep = (0..200).fold(Value::Null, |inner, _| json!([inner]));
    let too_deep = inro_vault::Description { details: deep, ..description() };
    assert!(matches!(vault.stage(too_deep, &b""[..], NOW).await, Err(VaultError::DetailsTooDeep)));
    assert_eq!(world.files().len(), before);
}

#[tokio::test]
async fn a_caller_says_how_much_it_takes_at_once() {
    let world = World::new();
    let vault = world.open().await;
    let manifest = kept(&vault, &bytes(1000)).await;
    let record = vault.open_record(LABEL, manifest.id).await.unwrap();
    assert!(matches!(record.bytes(999).await, Err(VaultError::TooLong { length: 1000, limit: 999 })));
}

#[tokio::test]
async fn a_vault_serves_one_program_at_a_time() {
    let world = World::new();
    let vault = world.open().await;
    assert!(matches!(Vault::open(&world.settings(), facility(1)).await, Err(VaultError::InUse(_))));
    drop(vault);
    world.open().await;
}

#[tokio::test]
async fn the_vaults_folders_are_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    kept(&world.open().await, b"chart").await;
    for folder in [world.objects(), world.folder.join("vault")] {
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    }
    std::fs::set_permissions(world.objects(), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Vault::open(&world.settings(), facility(1)).await, Err(VaultError::Folder(_))));
}

#[test]
fn settings_are_read_and_unknown_ones_are_refused() {
    let text = r#"{"folder":"/srv/vault","store":{"kind":"s3","bucket":"payloads","endpoint":"http://localhost:1"}}"#;
    let settings: Settings = serde_json::from_str(text).unwrap();
    assert!(matches!(settings.store, StoreSettings::S3 { allow_http: false, .. }));
    let local = r#"{"folder":"/srv/vault","store":{"kind":"local","folder":"/srv/payloads"}}"#;
    assert!(serde_json::from_str::<Settings>(local).is_ok());
    assert!(serde_json::from_str::<Settings>(&local.replace("}}", r#","other":1}}"#)).is_err());
    assert!(serde_json::from_str::<Settings>(&local.replace("local", "azure")).is_err());
}
