//! Damaged and missing files are told, never guessed around.

use inro_node::store::{Store, StoreError, StoreOptions};

use super::{Story, copy_folder, files, open};

/// A store most of whose rows stand in files of their own, as after some restarts.
fn store_in_files(story: &Story) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    drop(story.found(folder.path()));
    for height in [3, 6] {
        let store = open(folder.path());
        story.append_until(&store, height);
    }
    drop(open(folder.path()));
    assert!(files(folder.path(), ".sst").len() >= 10);
    folder
}

fn is_damage(error: &StoreError) -> bool {
    matches!(error, StoreError::Damaged { .. })
}

#[test]
fn a_missing_file_is_reported_as_damage() {
    let story = Story::new();
    let folder = store_in_files(&story);
    let mut missing = files(folder.path(), ".sst");
    missing.extend(files(folder.path(), "CURRENT"));
    missing.extend(
        std::fs::read_dir(folder.path().join("db"))
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("MANIFEST")),
    );
    for file in missing {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(folder.path(), copy.path());
        std::fs::remove_file(copy.path().join("db").join(file.file_name().unwrap())).unwrap();
        match Store::open(copy.path(), &StoreOptions::default()) {
            Ok(_) => panic!("it opened without {file:?}"),
            Err(error) => assert!(is_damage(&error), "{file:?}: {error}"),
        }
    }
}

#[test]
fn a_database_that_vanished_is_not_founded_again_in_silence() {
    let story = Story::new();
    let folder = store_in_files(&story);
    std::fs::remove_dir_all(folder.path().join("db")).unwrap();
    let error = Store::open(folder.path(), &StoreOptions::default()).unwrap_err();
    assert!(is_damage(&error), "{error}");
}

#[test]
fn a_flipped_bit_is_reported_or_changes_nothing_that_is_read() {
    let story = Story::new();
    let folder = store_in_files(&story);
    let memory = story.in_memory(6);
    let mut reported = 0;
    let mut flips = 0;
    for file in files(folder.path(), ".sst") {
        let bytes = std::fs::read(&file).unwrap();
        for offset in [0, bytes.len() / 7, bytes.len() / 3, bytes.len() - 30] {
            let copy = tempfile::tempdir().unwrap();
            copy_folder(folder.path(), copy.path());
            let mut bytes = bytes.clone();
            bytes[offset] ^= 4;
            std::fs::write(copy.path().join("db").join(file.file_name().unwrap()), bytes).unwrap();
            flips += 1;
            let outcome = Store::open(copy.path(), &StoreOptions::default()).and_then(|store| {
                store.check()?;
                story.compare(&store, &memory)
            });
            if let Err(error) = outcome {
                assert!(is_damage(&error), "{file:?} at {offset}: {error}");
                reported += 1;
            }
        }
    }
    assert!(reported * 2 > flips, "only {reported} of {flips} flipped bits were found");
}

#[test]
fn another_layout_is_refused() {
    let story = Story::new();
    let folder = tempfile::tempdir().unwrap();
    drop(story.found(folder.path()));
    std::fs::write(folder.path().join("FORMAT"), "inro store 999\n").unwrap();
    let error = Store::open(folder.path(), &StoreOptions::default()).unwrap_err();
    assert!(matches!(&error, StoreError::UnknownFormat { found, .. } if found == "inro store 999"), "{error}");
}

#[test]
fn a_crash_before_the_layout_was_stated_does_no_harm() {
    let story = Story::new();
    let folder = tempfile::tempdir().unwrap();
    drop(story.found(folder.path()));
    std::fs::remove_file(folder.path().join("FORMAT")).unwrap();
    let store = open(folder.path());
    assert!(store.is_founded());
    story.append(&store);
    assert!(folder.path().join("FORMAT").exists());
}
