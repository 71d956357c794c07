//! Nothing readable lies anywhere, and no path shows whose it is.

use crate::world::*;

const CANARY: &[u8] = b"Hojo's most private sentence";

#[tokio::test]
async fn no_file_or_path_shows_payload_description_label_or_id() {
    let world = World::new();
    let vault = world.open().await;
    let payload = CANARY.repeat(10_000);
    let first = kept(&vault, &payload).await;
    let staged = vault.stage(description(), CANARY, NOW).await.unwrap();
    let erased = kept(&vault, CANARY).await;
    vault.erase(LABEL, erased.id, NOW).await.unwrap();
    let record = vault.open_record(LABEL, first.id).await.unwrap();
    let (salt, root) = (record.about().salt, record.about().root);
    let ids = [first.id, staged.id, erased.id].map(|id| id.0.to_vec());
    let secret: Vec<Vec<u8>> = [CANARY, b"a title that must show nowhere", b"text/plain", &LABEL.0, &salt.0, &root.0, &[1; 32]]
        .map(<[u8]>::to_vec)
        .into_iter()
        .chain(ids)
        .chain([first.commitment.0.to_vec()])
        .collect();
    for file in world.files() {
        let bytes = std::fs::read(&file).unwrap();
        let path = file.strip_prefix(&world.folder).unwrap().to_str().unwrap().to_owned();
        for secret in &secret {
            let shows = bytes.windows(secret.len()).any(|window| window == &secret[..]);
            assert!(!shows, "{path}");
            assert!(!path.contains(&hex::encode(secret)), "{path}");
        }
    }
}

#[tokio::test]
async fn every_path_is_made_of_digests_and_lies_within_the_folders() {
    let world = World::new();
    let vault = world.open().await;
    kept(&vault, CANARY).await;
    let fixed = ["vault", "objects", "keys", "staged", "erased", "lock", "payload", "outboard", "about"];
    for file in world.files() {
        for part in file.strip_prefix(&world.folder).unwrap() {
            let part = part.to_str().unwrap();
            let digest = part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte) || byte == b'-');
            assert!(fixed.contains(&part) || digest, "{}", file.display());
        }
    }
}

#[tokio::test]
async fn no_debug_output_or_error_shows_a_record() {
    let world = World::new();
    let vault = world.open().await;
    let manifest = kept(&vault, CANARY).await;
    let record = vault.open_record(LABEL, manifest.id).await.unwrap();
    let mut shown = format!("{vault:?} {record:?} {:?} {:?}", record.about(), record.payload().await.unwrap());
    std::fs::remove_file(world.object("payload")).unwrap();
    let missing = read(&vault, manifest.id).await.unwrap_err();
    shown += &format!("{missing} {missing:?} {:?}", vault.of_account(LABEL).await.unwrap());
    for secret in [LABEL.to_hex(), manifest.id.to_hex(), manifest.commitment.to_hex(), "title".into(), "private".into()] {
        assert!(!shown.contains(&secret), "{shown}");
    }
}
