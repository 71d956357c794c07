//! Shows what intake makes of files and folders, without a word of what they hold:
//! `cargo run -p inro-intake --example look -- [--quiet] PATH…`

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use inro_intake::{Hint, Limits, read_from};

fn main() {
    let (options, paths): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument == "--quiet");
    let mut files = Vec::new();
    paths.iter().for_each(|path| gather(Path::new(path), &mut files));
    files.sort();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for file in &files {
        let hint = Hint { name: file.to_str(), media_type: None };
        let taken = File::open(file).map(|mut source| read_from(&mut source, &hint, &Limits::default()));
        let Ok(taken) = taken else { continue };
        match taken {
            Ok(intake) => {
                *counts.entry("file taken in".to_owned()).or_default() += 1;
                *counts.entry("note".to_owned()).or_default() += intake.notes.len();
                for item in &intake.items {
                    *counts.entry(format!("item {:?}", item.category)).or_default() += 1;
                    if options.is_empty() {
                        let (size, attached) = (item.size(), item.attachments.len());
                        let media_type = &item.media_type;
                        println!(
                            "{}: {:?} {:?} {media_type} {size} bytes, {attached} attached",
                            file.display(),
                            item.category,
                            item.flags
                        );
                    }
                }
            }
            Err(problem) => {
                *counts.entry(format!("file refused: {:?}", problem.kind)).or_default() += 1;
                println!("{}: {problem}", file.display());
            }
        }
    }
    counts.iter().for_each(|(what, count)| println!("{count:8} {what}"));
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) {
    match std::fs::read_dir(path) {
        Ok(inside) => inside.flatten().for_each(|entry| gather(&entry.path(), files)),
        Err(_) => files.push(path.to_owned()),
    }
}
