//! Texts that stay with whoever wrote them: the ledger gets a salted hash, a file (mode 0600) keeps text and salt.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use inro_contracts::id::Hash;
use inro_contracts::tag::Tag;
use inro_genesis::files::{self, Audience};
use rand::Rng;
use rand::rngs::OsRng;
use serde_json::json;

use crate::fault::Fault;
use crate::output::Console;

const TEXT_BYTES_MAX: u64 = 64 * 1024;

/// A text that is kept.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
pub struct KeptText {
    /// The text. Others on this machine may see what stands on a command line; --text-file hides it.
    #[arg(long, value_name = "TEXT", conflicts_with = "text_file")]
    text: Option<String>,
    /// A file with the text.
    #[arg(long, value_name = "FILE")]
    text_file: Option<PathBuf>,
    /// The new file (mode 0600) that keeps text and salt; otherwise one is named in this folder.
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
}

impl KeptText {
    /// Keeps the text under a fresh salt: the hash for the ledger, and where the text is.
    pub fn keep(&self, kind: &str) -> Result<(Hash, PathBuf), Fault> {
        let text = match (&self.text, &self.text_file) {
            (Some(text), _) => text.clone(),
            (None, Some(path)) => read_text(path)?,
            (None, None) => return Err(Fault::bad_input("write the text with --text TEXT or --text-file FILE")),
        };
        if text.trim().is_empty() {
            return Err(Fault::bad_input("the text is empty; whoever reviews this has to learn why"));
        }
        let salt: [u8; 32] = OsRng.r#gen();
        let hash = hash_of(&salt, &text);
        let path = self.keep.clone().unwrap_or_else(|| PathBuf::from(format!("{kind}-{}.json", &hash.to_hex()[..16])));
        let mut kept = json!({ "text": text, "salt": Hash(salt), "hash": hash }).to_string();
        kept.push('\n');
        files::create(&path, kept.as_bytes(), Audience::Owner)?;
        Ok((hash, path))
    }
}

/// What stands on the ledger: `SHA-256(tag ‖ salt ‖ text)`.
fn hash_of(salt: &[u8; 32], text: &str) -> Hash {
    Tag::TEXT.hash(&[salt, text.as_bytes()])
}

fn read_text(path: &Path) -> Result<String, Fault> {
    let bytes = files::read(path, TEXT_BYTES_MAX, Audience::Everybody)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Fault::bad_input(format!("{} is not UTF-8 text", path.display())))?;
    Ok(text.to_owned())
}

/// Shows a warning and asks; `yes` was said beforehand.
pub fn confirm(console: &Console, warning: &str, question: &str, yes: bool) -> Result<(), Fault> {
    let failed = |error: std::io::Error| Fault::refused(format!("the terminal failed: {error}"));
    if !console.is_json() {
        writeln!(std::io::stderr().lock(), "{warning}").map_err(failed)?;
    }
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Fault::bad_input("no terminal to ask; confirm with --yes"));
    }
    let mut out = std::io::stderr().lock();
    write!(out, "{question} ").and_then(|()| out.flush()).map_err(failed)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    match line.trim() {
        "yes" | "はい" => Ok(()),
        _ => Err(Fault::refused("nothing was done")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_text_is_kept_for_its_owner_and_its_hash_says_nothing_without_the_salt() {
        let folder = tempfile::tempdir().unwrap();
        let keep = |name: &str| {
            let kept = KeptText { text: Some("unconscious".into()), text_file: None, keep: Some(folder.path().join(name)) };
            kept.keep("emergency").unwrap()
        };
        let ((one, path), (other, _)) = (keep("a"), keep("b"));
        assert!(one != other);
        let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let salt: Hash = kept["salt"].as_str().unwrap().parse().unwrap();
        assert_eq!(hash_of(&salt.0, kept["text"].as_str().unwrap()), one);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let empty = KeptText { text: Some("  ".into()), text_file: None, keep: None };
        assert!(empty.keep("emergency").unwrap_err().is_bad_input);
    }
}
