//! The wallet's one secret, and the 24 words in which a person keeps it (BIP-39).
//!
//! What it refuses to do: to show itself in a log, and to accept words whose checksum is wrong.

use std::borrow::Cow;
use std::fmt;
use std::io::{Read, Write};

use bip39::{Language, Mnemonic};
use borsh::{BorshDeserialize, BorshSerialize};
use rand::RngCore;
use zeroize::{Zeroize, Zeroizing};

/// How many words a wallet has.
pub const WORDS: usize = 24;

/// In which language the words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordList {
    /// English.
    English,
    /// 日本語.
    Japanese,
}

impl WordList {
    const ALL: [WordList; 2] = [WordList::English, WordList::Japanese];

    fn language(self) -> Language {
        match self {
            Self::English => Language::English,
            Self::Japanese => Language::Japanese,
        }
    }
}

/// Why a text is not the words of a wallet. It names places, never words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadWords {
    /// Too few or too many.
    #[error("a wallet has {WORDS} words; found {0}")]
    Count(usize),
    /// A word that stands in neither list.
    #[error("word {0} is in none of the word lists (English, Japanese); check its spelling")]
    Unknown(usize),
    /// Every word exists, but they do not belong together.
    #[error("the words do not belong together: one of them is another word of the list, or two are exchanged")]
    Checksum,
}

/// The 24 words. Never printed by `Debug`, wiped when dropped.
#[derive(Clone)]
pub struct Words(Mnemonic);

impl Words {
    /// New words from the operating system's generator.
    pub fn fresh(list: WordList) -> Self {
        let mut entropy = Zeroizing::new([0; 32]);
        rand::rngs::OsRng.fill_bytes(&mut *entropy);
        Self::of_entropy(&entropy, list)
    }

    /// The words of 32 bytes.
    pub fn of_entropy(entropy: &[u8; 32], list: WordList) -> Self {
        // Only lengths other than 16 to 32 bytes in steps of 4 are refused.
        Self(Mnemonic::from_entropy_in(list.language(), entropy).expect("32 bytes make 24 words"))
    }

    /// Reads words with any white space between them, in any Unicode normal form; finds their language.
    pub fn parse(text: &str) -> Result<Self, BadWords> {
        let mut normal = Cow::Borrowed(text);
        Mnemonic::normalize_utf8_cow(&mut normal);
        let found = Self::parse_normal(&normal);
        if let Cow::Owned(mut owned) = normal {
            owned.zeroize();
        }
        found
    }

    fn parse_normal(text: &str) -> Result<Self, BadWords> {
        let count = text.split_whitespace().count();
        if count != WORDS {
            return Err(BadWords::Count(count));
        }
        let mut known = 0;
        for list in WordList::ALL {
            match Mnemonic::parse_in_normalized(list.language(), text) {
                Ok(mnemonic) => return Ok(Self(mnemonic)),
                // Counted from 0: so many words before it are in this list.
                Err(bip39::Error::UnknownWord(place)) => known = known.max(place),
                Err(_) => return Err(BadWords::Checksum),
            }
        }
        Err(BadWords::Unknown(known + 1))
    }

    /// The language.
    pub fn list(&self) -> WordList {
        match self.0.language() {
            Language::Japanese => WordList::Japanese,
            _ => WordList::English,
        }
    }

    /// One word, counted from 1.
    pub fn word(&self, number: usize) -> Option<&'static str> {
        self.0.words().nth(number.checked_sub(1)?)
    }

    /// Are these the word's letters, in whatever Unicode normal form?
    pub fn word_is(&self, number: usize, typed: &str) -> bool {
        let mut normal = Cow::Borrowed(typed.trim());
        Mnemonic::normalize_utf8_cow(&mut normal);
        let same = self.word(number).is_some_and(|word| word == normal);
        if let Cow::Owned(mut owned) = normal {
            owned.zeroize();
        }
        same
    }

    /// The words in order.
    pub fn iter(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.words()
    }

    /// The words with spaces between them.
    pub fn text(&self) -> Zeroizing<String> {
        // Room for all of it at once, so that no copy stays behind where a string grew.
        let mut text = Zeroizing::new(String::with_capacity(self.iter().map(|word| word.len() + 1).sum()));
        for (index, word) in self.iter().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }

    fn entropy(&self) -> Zeroizing<[u8; 32]> {
        let (mut bytes, _) = self.0.to_entropy_array();
        let mut entropy = Zeroizing::new([0; 32]);
        entropy.copy_from_slice(&bytes[..32]);
        bytes.zeroize();
        entropy
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words(…)")
    }
}

/// The secret that every key of a wallet follows from: the words, and the BIP-39 seed that they and an optional passphrase give.
/// Never printed, wiped when dropped.
#[derive(Clone)]
pub struct WalletSecret {
    entropy: Zeroizing<[u8; 32]>,
    list: WordList,
    /// Were the words extended by a passphrase? Then they alone do not restore the wallet.
    extended: bool,
    seed: Zeroizing<[u8; 64]>,
}

impl WalletSecret {
    /// The secret of these words; `extension` is BIP-39's optional passphrase, empty for none.
    pub fn new(words: &Words, extension: &str) -> Self {
        let mut normal = Cow::Borrowed(extension);
        Mnemonic::normalize_utf8_cow(&mut normal);
        let seed = Zeroizing::new(words.0.to_seed_normalized(&normal));
        if let Cow::Owned(mut owned) = normal {
            owned.zeroize();
        }
        Self { entropy: words.entropy(), list: words.list(), extended: !extension.is_empty(), seed }
    }

    /// The words.
    pub fn words(&self) -> Words {
        Words::of_entropy(&self.entropy, self.list)
    }

    /// The words' language.
    pub fn list(&self) -> WordList {
        self.list
    }

    /// Does restoring need a passphrase beside the words?
    pub fn is_extended(&self) -> bool {
        self.extended
    }

    pub(super) fn seed(&self) -> &[u8; 64] {
        &self.seed
    }
}

impl fmt::Debug for WalletSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WalletSecret(…)")
    }
}

/// `entropy 32, list u8 (0 English, 1 Japanese), extended bool, seed 64`.
impl BorshSerialize for WalletSecret {
    fn serialize<W: Write>(&self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(&*self.entropy)?;
        writer.write_all(&[u8::from(self.list == WordList::Japanese), u8::from(self.extended)])?;
        writer.write_all(&*self.seed)
    }
}

impl BorshDeserialize for WalletSecret {
    fn deserialize_reader<R: Read>(reader: &mut R) -> std::io::Result<Self> {
        let mut entropy = Zeroizing::new([0; 32]);
        reader.read_exact(&mut *entropy)?;
        let list = match u8::deserialize_reader(reader)? {
            0 => WordList::English,
            1 => WordList::Japanese,
            _ => return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "no such word list")),
        };
        let extended = bool::deserialize_reader(reader)?;
        let mut seed = Zeroizing::new([0; 64]);
        reader.read_exact(&mut *seed)?;
        Ok(Self { entropy, list, extended, seed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of BIP-39 (<https://github.com/trezor/python-mnemonic>, passphrase "TREZOR"), those with 24 words: entropy, words,
    /// seed.
    const ENGLISH: &[(&str, &str, &str)] = &[
        (
            "0000000000000000000000000000000000000000000000000000000000000000",
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
             abandon abandon abandon abandon abandon abandon abandon abandon abandon art",
            "bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd3097170af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8",
        ),
        (
            "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
            "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner \
             thank year wave sausage worth title",
            "bc09fca1804f7e69da93c2f2028eb238c227f2e9dda30cd63699232578480a4021b146ad717fbb7e451ce9eb835f43620bf5c514db0f8add49f5d121449d3e87",
        ),
        (
            "8080808080808080808080808080808080808080808080808080808080808080",
            "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid \
             letter advice cage absurd amount doctor acoustic bless",
            "c0c519bd0e91a2ed54357d9d1ebef6f5af218a153624cf4f2da911a0ed8f7a09e2ef61af0aca007096df430022f7a2b6fb91661a9589097069720d015e4e982f",
        ),
        (
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote",
            "dd48c104698c30cfe2b6142103248622fb7bb0ff692eebb00089b32d22484e1613912f0a5b694407be899ffd31ed3992c456cdf60f5d4564b8ba3f05a69890ad",
        ),
    ];

    #[test]
    fn the_standards_vectors_hold() {
        for (entropy, text, seed) in ENGLISH {
            let bytes: [u8; 32] = hex::decode(entropy).unwrap().try_into().unwrap();
            let words = Words::of_entropy(&bytes, WordList::English);
            assert_eq!(&**words.text(), *text);
            let secret = WalletSecret::new(&Words::parse(text).unwrap(), "TREZOR");
            assert_eq!(*secret.entropy, bytes);
            assert_eq!(hex::encode(*secret.seed), *seed);
            assert!(secret.is_extended());
        }
    }

    #[test]
    fn the_standards_japanese_vector_holds_in_every_normal_form() {
        // BIP-39's Japanese vectors (https://github.com/bip32JP/bip32JP.github.io): the first with 24 words.
        let text = "あいこくしん\u{3000}".repeat(23) + "いってい";
        let extension = "㍍ガバヴァぱばぐゞちぢ十人十色";
        let words = Words::parse(&text).unwrap();
        assert_eq!(words.list(), WordList::Japanese);
        let secret = WalletSecret::new(&words, extension);
        assert_eq!(*secret.entropy, [0; 32]);
        let seed = "23f500eec4a563bf90cfda87b3e590b211b959985c555d17e88f46f7183590cd5793458b094a4dccc8f05807ec7bd2d19ce269e20568936a751f6f1ec7c14ddd";
        assert_eq!(hex::encode(*secret.seed), seed);
    }

    #[test]
    fn words_that_are_wrong_are_refused_by_place_and_not_by_name() {
        let sound = ENGLISH[1].1;
        assert!(Words::parse(&sound.replace(' ', "\n\t ")).is_ok());
        assert_eq!(Words::parse("").unwrap_err(), BadWords::Count(0));
        assert_eq!(Words::parse("legal winner").unwrap_err(), BadWords::Count(2));
        assert_eq!(Words::parse(&sound.replacen("wave", "wavy", 1)).unwrap_err(), BadWords::Unknown(5));
        assert_eq!(Words::parse(&sound.replacen("legal winner", "winner legal", 1)).unwrap_err(), BadWords::Checksum);
        assert!(!BadWords::Unknown(5).to_string().contains("wavy"));
    }

    #[test]
    fn a_typed_word_is_compared_in_any_normal_form() {
        let words = Words::of_entropy(&[7; 32], WordList::Japanese);
        for number in 1..=WORDS {
            assert!(words.word_is(number, words.word(number).unwrap()));
        }
        assert!(words.word(0).is_none() && words.word(25).is_none());
        assert!(!words.word_is(25, ""));
    }

    #[test]
    fn fresh_words_differ_and_restore_the_same_secret() {
        let (one, other) = (Words::fresh(WordList::English), Words::fresh(WordList::Japanese));
        assert_ne!(*one.entropy(), *other.entropy());
        for words in [one, other] {
            let again = Words::parse(&words.text()).unwrap();
            assert_eq!(*WalletSecret::new(&again, "").seed, *WalletSecret::new(&words, "").seed);
        }
    }

    #[test]
    fn no_debug_output_shows_a_secret() {
        let words = Words::of_entropy(&[7; 32], WordList::English);
        let secret = WalletSecret::new(&words, "");
        assert_eq!(format!("{words:?} {secret:?}"), "Words(…) WalletSecret(…)");
    }
}
