//! The same vault over an S3-compatible server. Needs one: its address in `INRO_TEST_S3_ENDPOINT`, an empty bucket
//! `inro-test` in it, and credentials in the usual variables.

use std::io::{Read, Seek, SeekFrom};

use inro_vault::{Settings, StoreSettings, Vault, VaultError};

use crate::world::*;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an S3-compatible server"]
async fn a_records_whole_life_over_s3() {
    let endpoint = std::env::var("INRO_TEST_S3_ENDPOINT").expect("INRO_TEST_S3_ENDPOINT names a server");
    let world = World::new();
    let store = StoreSettings::S3 {
        bucket: "inro-test".into(),
        region: Some("us-east-1".into()),
        endpoint: Some(endpoint),
        prefix: Some(format!("test-{}", std::process::id())),
        allow_http: true,
    };
    let settings = Settings { store, ..world.settings() };
    let vault = Vault::open(&settings, facility(1)).await.unwrap();
    for length in [0, 1, SEGMENT, 20 << 20] {
        let payload = bytes(length);
        let manifest = kept(&vault, &payload).await;
        assert!(read(&vault, manifest.id).await.unwrap() == payload, "{length}");
        let mut reader = vault.open_record(LABEL, manifest.id).await.unwrap().payload().await.unwrap();
        let tail = tokio::task::spawn_blocking(move || {
            let mut tail = Vec::new();
            reader.seek(SeekFrom::Start(length as u64 / 3)).unwrap();
            reader.read_to_end(&mut tail).unwrap();
            tail
        });
        assert!(tail.await.unwrap() == payload[length / 3..]);
    }
    assert_eq!(vault.check(|_| {}).await.unwrap().faults_count, 0);
    let erased = vault.of_account(LABEL).await.unwrap()[0].record;
    assert!(vault.erase(LABEL, erased, NOW).await.unwrap().checks.hold());
    drop(vault);
    let vault = Vault::open(&settings, facility(1)).await.unwrap();
    assert!(matches!(read(&vault, erased).await, Err(VaultError::Erased(_))));
    assert_eq!(vault.of_account(LABEL).await.unwrap().len(), 3);
}
