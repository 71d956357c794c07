//! Keys at rest: one Ed25519 key per file, as encrypted PKCS#8 (RFC 5958, RFC 8018: scrypt, AES-256-CBC) in PEM, readable by its
//! owner only. The public key stands in clear above the PEM block, so that it can be shown without the passphrase.
//!
//! What it refuses to do: to store a key unencrypted, to overwrite a key file, and to open one that others can read.

use std::fmt;
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::{EncodePrivateKey, KeypairBytes};
use inro_contracts::key::{PublicKey, SecretKey};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{self, Kdf, ScryptParams};
use pkcs8::{EncryptedPrivateKeyInfo, LineEnding, PrivateKeyInfo, SecretDocument};
use rand::RngCore;
use zeroize::Zeroizing;

use crate::files::{self, Audience, FileFault};

/// The fewest characters of a new passphrase.
pub const PASSPHRASE_CHARACTERS_MIN: usize = 8;

const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;
const PASSPHRASE_FILE_BYTES_MAX: u64 = 4 * 1024;
const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";
const PUBLIC_KEY_LINE: &str = "Public key: ";

/// scrypt's cost for new files: 16 MiB twice, below a tenth of a second. The file records it, so it can grow; OpenSSL opens
/// files that need less than 32 MiB, so a key can be had without this program.
const SCRYPT_COST: u64 = 1 << 14;
const SCRYPT_BLOCK_SIZE: u16 = 8;
const SCRYPT_PARALLELIZATION: u16 = 2;
/// The most that opening a file may cost: 128 MiB. A file that asks for more is refused before anything is computed.
const SCRYPT_MEMORY_MAX: u64 = 128 * 1024 * 1024;
const SCRYPT_PARALLELIZATION_MAX: u16 = 8;

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileFault),
    /// Not a key file of any kind.
    #[error("{} is not a key file: {what}; name a file that `inro key new` or `inro genesis declare` made", .path.display())]
    NotAKeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A key without protection.
    #[error(
        "the key in {} is not encrypted; treat it as exposed: make a new key with `inro key new` and rotate to it",
        .0.display()
    )]
    Unencrypted(PathBuf),
    /// The passphrase does not open the file.
    #[error("the passphrase does not open {}; check which passphrase belongs to this key", .0.display())]
    WrongPassphrase(PathBuf),
    /// The key inside is another one than the line above it says.
    #[error("{} names another public key than the one it holds; restore the file from a backup", .0.display())]
    AnotherKey(PathBuf),
    /// The file does not say its public key in clear.
    #[error("{} does not name its public key in clear; open it with its passphrase", .0.display())]
    NoPublicKey(PathBuf),
    /// No passphrase was given, or it is empty.
    #[error("the passphrase {source_name} is empty; a key file is always protected by a passphrase")]
    EmptyPassphrase {
        /// Where it was looked for.
        source_name: String,
    },
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set; set it to the passphrase, or name a file with --passphrase-file")]
    NoVariable(String),
    /// The passphrase is not text.
    #[error("the passphrase {source_name} is not UTF-8 text")]
    NotText {
        /// Where it was looked for.
        source_name: String,
    },
    /// A new passphrase that can be guessed.
    #[error("a new passphrase has at least {PASSPHRASE_CHARACTERS_MIN} characters; this one has {0}")]
    ShortPassphrase(usize),
    /// There is nobody to ask.
    #[error("no terminal to ask for the passphrase ({0}); use --passphrase-file FILE or the variable INRO_PASSPHRASE")]
    NoTerminal(String),
    /// Typed twice, differently.
    #[error("the two passphrases differ; nothing was written")]
    PassphrasesDiffer,
    /// Our own bug, or a broken library: a key could not be encoded.
    #[error("the key could not be encoded: {0}")]
    Encoding(String),
}

impl KeyFault {
    /// Could what was given not be understood? Otherwise it was understood and refused.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::File(fault) => fault.is_bad_input(),
            Self::NotAKeyFile { .. }
            | Self::EmptyPassphrase { .. }
            | Self::NoVariable(_)
            | Self::NotText { .. }
            | Self::ShortPassphrase(_)
            | Self::NoTerminal(_)
            | Self::PassphrasesDiffer => true,
            Self::Unencrypted(_) | Self::WrongPassphrase(_) | Self::AnotherKey(_) | Self::NoPublicKey(_) | Self::Encoding(_) => {
                false
            }
        }
    }
}

/// A passphrase. Never printed, wiped when dropped.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// A passphrase from text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The passphrase's bytes, for whoever derives a key from it.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Is it long enough for a new key file?
    pub fn check_new(&self) -> Result<(), KeyFault> {
        match self.0.chars().count() {
            characters if characters < PASSPHRASE_CHARACTERS_MIN => Err(KeyFault::ShortPassphrase(characters)),
            _ => Ok(()),
        }
    }

    fn non_empty(text: Zeroizing<String>, source_name: String) -> Result<Self, KeyFault> {
        if text.is_empty() { Err(KeyFault::EmptyPassphrase { source_name }) } else { Ok(Self(text)) }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// Where a passphrase comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassphraseSource {
    /// A person types it at the terminal.
    Prompt,
    /// The first line of a file of mode 0600.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
}

impl PassphraseSource {
    /// The passphrase of something that exists; `what` is named in the prompt.
    pub fn read(&self, what: &str) -> Result<Passphrase, KeyFault> {
        match self {
            Self::Prompt => Passphrase::non_empty(prompt(&format!("Passphrase of {what}: "))?, "typed".into()),
            Self::File(path) => read_passphrase_file(path),
            Self::Environment(name) => read_passphrase_variable(name),
        }
    }

    /// The passphrase for something new: asked twice at the terminal, and long enough.
    pub fn read_new(&self, what: &str) -> Result<Passphrase, KeyFault> {
        let passphrase = self.read(what)?;
        passphrase.check_new()?;
        if *self == Self::Prompt && *prompt("The same again: ")? != *passphrase.0 {
            return Err(KeyFault::PassphrasesDiffer);
        }
        Ok(passphrase)
    }
}

/// Makes a new key and writes its file.
pub fn generate(path: &Path, passphrase: &Passphrase) -> Result<SecretKey, KeyFault> {
    let secret = fresh();
    create(path, &secret, passphrase)?;
    Ok(secret)
}

/// A new key from the operating system's generator.
pub fn fresh() -> SecretKey {
    let mut seed = Zeroizing::new([0; 32]);
    rand::rngs::OsRng.fill_bytes(&mut *seed);
    SecretKey::from_seed(&seed)
}

/// Writes a key to a new file, encrypted, mode 0600, durably. An existing file is never touched.
pub fn create(path: &Path, secret: &SecretKey, passphrase: &Passphrase) -> Result<(), KeyFault> {
    passphrase.check_new()?;
    Ok(files::create(path, seal(secret, passphrase, SCRYPT_COST)?.as_bytes(), Audience::Owner)?)
}

/// Opens a key file.
pub fn open(path: &Path, passphrase: &Passphrase) -> Result<SecretKey, KeyFault> {
    let text = read_text(path)?;
    let secret = unseal(path, &text, passphrase)?;
    match stated_public_key(&text) {
        Some(stated) if stated != secret.public() => Err(KeyFault::AnotherKey(path.into())),
        _ => Ok(secret),
    }
}

/// The public key that a key file names in clear; [`open`] checks that it is the one inside.
pub fn public_key(path: &Path) -> Result<PublicKey, KeyFault> {
    let text = read_text(path)?;
    encrypted_block(path, &text)?;
    stated_public_key(&text).ok_or_else(|| KeyFault::NoPublicKey(path.into()))
}

/// Encrypts a key file anew under another passphrase, in one step: a crash leaves the old file or the new one.
pub fn change_passphrase(path: &Path, old: &Passphrase, new: &Passphrase) -> Result<(), KeyFault> {
    let secret = open(path, old)?;
    new.check_new()?;
    Ok(files::replace(path, seal(&secret, new, SCRYPT_COST)?.as_bytes(), Audience::Owner)?)
}

fn seal(secret: &SecretKey, passphrase: &Passphrase, cost: u64) -> Result<Zeroizing<String>, KeyFault> {
    let fault = |error: &dyn fmt::Display| KeyFault::Encoding(error.to_string());
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    rand::rngs::OsRng.fill_bytes(&mut salt);
    rand::rngs::OsRng.fill_bytes(&mut iv);
    let kdf = Kdf::Scrypt(ScryptParams {
        salt: &salt,
        cost_parameter: cost,
        block_size: SCRYPT_BLOCK_SIZE,
        parallelization: SCRYPT_PARALLELIZATION,
        key_length: None,
    });
    let parameters = pbes2::Parameters { kdf, encryption: pbes2::EncryptionScheme::Aes256Cbc { iv: &iv } };
    // Without the public key inside, the form is version 1, which every tool reads.
    let plain = KeypairBytes { secret_key: secret.seed(), public_key: None }.to_pkcs8_der().map_err(|error| fault(&error))?;
    let info = PrivateKeyInfo::try_from(plain.as_bytes()).map_err(|error| fault(&error))?;
    let sealed = info.encrypt_with_params(parameters, passphrase.0.as_bytes()).map_err(|error| fault(&error))?;
    let pem = sealed.to_pem(ENCRYPTED_LABEL, LineEnding::LF).map_err(|error| fault(&error))?;
    Ok(Zeroizing::new(format!("Inro key (Ed25519)\n{PUBLIC_KEY_LINE}{}\n{}", secret.public().to_hex(), *pem)))
}

fn unseal(path: &Path, text: &str, passphrase: &Passphrase) -> Result<SecretKey, KeyFault> {
    let sealed = encrypted_block(path, text)?;
    let not_a_key = |what: String| KeyFault::NotAKeyFile { path: path.into(), what };
    let info = EncryptedPrivateKeyInfo::try_from(sealed.as_bytes())
        .map_err(|_| not_a_key("its PEM block is not an encrypted PKCS#8 key".into()))?;
    check_cost(&info.encryption_algorithm).map_err(not_a_key)?;
    // A wrong passphrase shows as wrong padding or, once in 256 times, as bytes that are not a PKCS#8 key.
    let wrong = || KeyFault::WrongPassphrase(path.into());
    let plain = info.decrypt(passphrase.0.as_bytes()).map_err(|_| wrong())?;
    let key = PrivateKeyInfo::try_from(plain.as_bytes()).map_err(|_| wrong())?;
    let key = KeypairBytes::try_from(key).map_err(|_| not_a_key("it holds another kind of key than Ed25519".into()))?;
    Ok(SecretKey::from_seed(&key.secret_key))
}

/// A stranger's file must not decide how much memory and time it takes to open it.
fn check_cost(scheme: &EncryptionScheme<'_>) -> Result<(), String> {
    let EncryptionScheme::Pbes2(pbes2::Parameters { kdf: Kdf::Scrypt(scrypt), .. }) = scheme else {
        return Err("its passphrase is not protected by scrypt".into());
    };
    let memory = scrypt.cost_parameter.saturating_mul(128).saturating_mul(u64::from(scrypt.block_size));
    if memory > SCRYPT_MEMORY_MAX || scrypt.parallelization > SCRYPT_PARALLELIZATION_MAX {
        return Err("opening it would cost more memory or time than any sound key file".into());
    }
    Ok(())
}

fn encrypted_block(path: &Path, text: &str) -> Result<SecretDocument, KeyFault> {
    let not_a_key = |what: &str| KeyFault::NotAKeyFile { path: path.into(), what: what.into() };
    let start = text.find("-----BEGIN ").ok_or_else(|| not_a_key("it holds no PEM block"))?;
    let (label, document) =
        SecretDocument::from_pem(text[start..].trim_end()).map_err(|_| not_a_key("its PEM block is damaged"))?;
    match label {
        ENCRYPTED_LABEL => Ok(document),
        "PRIVATE KEY" | "OPENSSH PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => Err(KeyFault::Unencrypted(path.into())),
        _ => Err(not_a_key("its PEM block is not a private key")),
    }
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, KeyFault> {
    let bytes = files::read(path, KEY_FILE_BYTES_MAX, Audience::Owner)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| KeyFault::NotAKeyFile { path: path.into(), what: "it is not text".into() })?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn stated_public_key(text: &str) -> Option<PublicKey> {
    text.lines()
        .take_while(|line| !line.starts_with("-----"))
        .find_map(|line| line.strip_prefix(PUBLIC_KEY_LINE))?
        .trim()
        .parse()
        .ok()
}

fn prompt(question: &str) -> Result<Zeroizing<String>, KeyFault> {
    rpassword::prompt_password(question).map(Zeroizing::new).map_err(|error| KeyFault::NoTerminal(error.to_string()))
}

fn read_passphrase_file(path: &Path) -> Result<Passphrase, KeyFault> {
    let source_name = format!("in {}", path.display());
    let bytes = files::read(path, PASSPHRASE_FILE_BYTES_MAX, Audience::Owner)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| KeyFault::NotText { source_name: source_name.clone() })?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    Passphrase::non_empty(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()), source_name)
}

fn read_passphrase_variable(name: &str) -> Result<Passphrase, KeyFault> {
    let source_name = format!("in the environment variable {name}");
    match std::env::var(name) {
        Ok(text) => Passphrase::non_empty(Zeroizing::new(text), source_name),
        Err(std::env::VarError::NotPresent) => Err(KeyFault::NoVariable(name.into())),
        Err(std::env::VarError::NotUnicode(_)) => Err(KeyFault::NotText { source_name }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, Instant};

    use super::*;

    fn passphrase() -> Passphrase {
        Passphrase::new("correct horse")
    }

    fn a_key_file() -> (tempfile::TempDir, PathBuf, SecretKey) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authority.pem");
        let secret = generate(&path, &passphrase()).unwrap();
        (folder, path, secret)
    }

    #[test]
    fn a_key_file_gives_back_its_key_and_shows_its_public_key_without_passphrase() {
        let (_folder, path, secret) = a_key_file();
        assert_eq!(open(&path, &passphrase()).unwrap().seed(), secret.seed());
        assert_eq!(public_key(&path).unwrap(), secret.public());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(!fs::read_to_string(&path).unwrap().contains(&hex::encode(secret.seed())));
    }

    #[test]
    fn a_wrong_passphrase_is_named_as_such() {
        let (_folder, path, _) = a_key_file();
        let fault = open(&path, &Passphrase::new("another one")).unwrap_err();
        assert!(matches!(fault, KeyFault::WrongPassphrase(_)), "{fault}");
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused_with_the_remedy() {
        let (_folder, path, _) = a_key_file();
        for mode in [0o644, 0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let sentence = open(&path, &passphrase()).unwrap_err().to_string();
            assert!(sentence.contains(&format!("chmod 600 {}", path.display())), "{sentence}");
        }
    }

    #[test]
    fn a_key_file_is_never_overwritten() {
        let (_folder, path, secret) = a_key_file();
        assert!(matches!(generate(&path, &passphrase()), Err(KeyFault::File(FileFault::Exists(_)))));
        assert_eq!(open(&path, &passphrase()).unwrap().public(), secret.public());
    }

    #[test]
    fn a_file_that_is_not_a_key_or_not_encrypted_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            files::create(&path, text.as_bytes(), Audience::Owner).unwrap();
            open(&path, &passphrase()).unwrap_err()
        };
        assert!(matches!(write("empty", ""), KeyFault::NotAKeyFile { .. }));
        assert!(matches!(write("text", "hello\n"), KeyFault::NotAKeyFile { .. }));
        let damaged = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert!(matches!(write("damaged", damaged), KeyFault::NotAKeyFile { .. }));
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(write("certificate", certificate), KeyFault::NotAKeyFile { .. }));
        let plain = KeypairBytes { secret_key: [7; 32], public_key: None }.to_pkcs8_pem(LineEnding::LF).unwrap();
        assert!(matches!(write("plain", &plain), KeyFault::Unencrypted(_)));
        assert!(matches!(open(folder.path(), &passphrase()), Err(KeyFault::File(FileFault::NotAFile(_)))));
        let missing = folder.path().join("missing");
        assert!(matches!(open(&missing, &passphrase()), Err(KeyFault::File(FileFault::Missing(_)))));
    }

    #[test]
    fn a_file_that_would_cost_too_much_to_open_is_refused_at_once() {
        let secret = fresh();
        let salt = [0; 16];
        let kdf = |cost| {
            Kdf::Scrypt(ScryptParams { salt: &salt, cost_parameter: cost, block_size: 8, parallelization: 1, key_length: None })
        };
        let scheme = |cost| {
            let encryption = pbes2::EncryptionScheme::Aes256Cbc { iv: &[0; 16] };
            EncryptionScheme::Pbes2(pbes2::Parameters { kdf: kdf(cost), encryption })
        };
        assert!(check_cost(&scheme(SCRYPT_COST)).is_ok());
        assert!(check_cost(&scheme(1 << 40)).is_err());
        assert!(check_cost(&scheme(u64::MAX)).is_err());
        let light = seal(&secret, &passphrase(), 1 << 10).unwrap();
        assert_eq!(unseal(Path::new("light"), &light, &passphrase()).unwrap().public(), secret.public());
    }

    #[test]
    fn a_file_whose_public_line_was_exchanged_is_refused() {
        let (folder, path, secret) = a_key_file();
        let text = fs::read_to_string(&path).unwrap().replace(&secret.public().to_hex(), &fresh().public().to_hex());
        let other = folder.path().join("other.pem");
        files::create(&other, text.as_bytes(), Audience::Owner).unwrap();
        assert!(matches!(open(&other, &passphrase()), Err(KeyFault::AnotherKey(_))));
    }

    #[test]
    fn a_changed_passphrase_opens_the_file_and_the_old_one_does_not() {
        let (_folder, path, secret) = a_key_file();
        let new = Passphrase::new("battery staple");
        assert!(matches!(change_passphrase(&path, &new, &new), Err(KeyFault::WrongPassphrase(_))));
        assert!(matches!(change_passphrase(&path, &passphrase(), &Passphrase::new("short")), Err(KeyFault::ShortPassphrase(5))));
        change_passphrase(&path, &passphrase(), &new).unwrap();
        assert_eq!(open(&path, &new).unwrap().public(), secret.public());
        assert!(matches!(open(&path, &passphrase()), Err(KeyFault::WrongPassphrase(_))));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_passphrase_file_is_read_without_its_newline_and_only_when_it_is_secret() {
        let (folder, path, _) = a_key_file();
        let file = folder.path().join("passphrase");
        files::create(&file, b"correct horse\n", Audience::Owner).unwrap();
        let source = PassphraseSource::File(file.clone());
        assert!(open(&path, &source.read("the key").unwrap()).is_ok());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(source.read("the key").unwrap_err().to_string().contains("chmod 600"));
        let empty = folder.path().join("empty");
        files::create(&empty, b"\n", Audience::Owner).unwrap();
        assert!(matches!(PassphraseSource::File(empty).read("the key"), Err(KeyFault::EmptyPassphrase { .. })));
        let unset = PassphraseSource::Environment("INRO_SURELY_NOT_SET".into());
        assert!(matches!(unset.read("the key"), Err(KeyFault::NoVariable(_))));
    }

    #[test]
    fn no_debug_output_shows_a_passphrase() {
        assert!(!format!("{:?}", passphrase()).contains("horse"));
    }

    #[test]
    fn opening_a_key_file_takes_a_noticeable_but_short_time() {
        let (_folder, path, _) = a_key_file();
        let start = Instant::now();
        open(&path, &passphrase()).unwrap();
        let elapsed = start.elapsed();
        assert!(elapsed > Duration::from_millis(5) && elapsed < Duration::from_secs(5), "{elapsed:?}");
        println!("{elapsed:?}");
    }
}
