//! A policy: which witnesses somebody trusts, and which of them together are enough, in the form of the C2SP specification
//! `tlog-policy`. A file of lines:
//!
//! ```text
//! witness north witness.example/north+aa4a09d1+BOpKbG… http://north.example:8600
//! witness south …
//! witness east …
//! group enough 2 north south east
//! quorum enough
//! ```
//!
//! What this refuses: keys of logs, for a ledger's blocks are signed by its validators and not by a log's key; and whatever the
//! specification refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::checkpoint::VerifierKey;

/// The longest policy that is read, in bytes.
pub const POLICY_BYTES_MAX: usize = 64 * 1024;
/// Most witnesses of a policy.
pub const WITNESSES_MAX: usize = 64;
/// Most groups of a policy.
pub const GROUPS_MAX: usize = 64;

const NOBODY: &[u8] = b"none";

/// Why a file is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed policy, line {line}: {what}")]
pub struct BadPolicy {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

/// Whom somebody trusts to witness, and how many of them are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    witnesses: Vec<TrustedWitness>,
    quorum: Rule,
}

/// A witness that a policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedWitness {
    /// What the policy calls it.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Where it serves its checkpoint.
    pub url: Option<String>,
}

/// When a checkpoint is witnessed. Witnesses are numbered in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Nobody,
    Witness(usize),
    Group { needed: usize, members: Vec<Rule> },
}

impl Policy {
    /// Parses a policy file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadPolicy> {
        if bytes.len() > POLICY_BYTES_MAX {
            let what = format!("{} bytes where at most {POLICY_BYTES_MAX} are allowed", bytes.len());
            return Err(BadPolicy { line: 1, what });
        }
        let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
        let rest = lines.pop().unwrap_or_default();
        let mut reader = Reader::default();
        for (index, line) in lines.iter().enumerate() {
            reader.line(line).map_err(|what| BadPolicy { line: index + 1, what })?;
        }
        let at_end = |what: &str| BadPolicy { line: lines.len() + 1, what: what.into() };
        if !rest.is_empty() {
            return Err(at_end("no line break ends the last line"));
        }
        let quorum = reader.quorum.ok_or_else(|| at_end("no line says `quorum NAME`"))?;
        Ok(Self { witnesses: reader.witnesses, quorum })
    }

    /// The witnesses, in the order of the file.
    pub fn witnesses(&self) -> &[TrustedWitness] {
        &self.witnesses
    }

    /// Is it enough, if these witnesses cosigned? They are asked about by their number in [`Self::witnesses`].
    pub fn is_met(&self, cosigned: impl Fn(usize) -> bool) -> bool {
        self.quorum.is_met(&cosigned)
    }

    /// What is needed, in words: `2 of (north, south, east)`.
    pub fn needed(&self) -> String {
        Needed(&self.quorum, &self.witnesses).to_string()
    }
}

impl Rule {
    fn is_met(&self, cosigned: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Self::Nobody => true,
            Self::Witness(number) => cosigned(*number),
            Self::Group { needed, members } => members.iter().filter(|member| member.is_met(cosigned)).count() >= *needed,
        }
    }
}

struct Needed<'a>(&'a Rule, &'a [TrustedWitness]);

impl fmt::Display for Needed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Rule::Nobody => f.write_str("nobody"),
            // A rule's numbers are those of the witnesses that were read before it.
            Rule::Witness(number) => f.write_str(self.1.get(*number).map_or("", |witness| witness.name.as_str())),
            Rule::Group { needed, members } => {
                write!(f, "{needed} of (")?;
                for (index, member) in members.iter().enumerate() {
                    write!(f, "{}{}", if index == 0 { "" } else { ", " }, Needed(member, self.1))?;
                }
                f.write_str(")")
            }
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Reader<'a> {
    witnesses: Vec<TrustedWitness>,
    groups: usize,
    rules: BTreeMap<&'a [u8], Rule>,
    members: BTreeSet<&'a [u8]>,
    quorum: Option<Rule>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a [u8]) -> Result<(), String> {
        if line.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
            return Err("it holds a control character".into());
        }
        let words: Vec<_> = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"witness", name, key] => self.witness(name, key, None),
            [b"witness", name, key, url] => self.witness(name, key, Some(url)),
            [b"group", name, needed, members @ ..] => self.group(name, needed, members),
            [b"quorum", name] => self.set_quorum(name),
            [b"log", ..] => {
                Err("a ledger has no log's key: its validators sign, and the founding document names them; remove the line"
                    .into())
            }
            _ => Err("it is none of `witness NAME VKEY [URL]`, `group NAME NUMBER NAME…`, `quorum NAME`, `# …`".into()),
        }
    }

    fn witness(&mut self, name: &'a [u8], key: &[u8], url: Option<&[u8]>) -> Result<(), String> {
        if self.witnesses.len() == WITNESSES_MAX {
            return Err(format!("at most {WITNESSES_MAX} witnesses are allowed"));
        }
        let key: VerifierKey = text(key)?.parse().map_err(|error: crate::checkpoint::BadVerifierKey| error.to_string())?;
        if self.witnesses.iter().any(|other| other.key.key() == key.key()) {
            return Err("another witness has the same key".into());
        }
        self.define(name, Rule::Witness(self.witnesses.len()))?;
        let url = url.map(text).transpose()?;
        self.witnesses.push(TrustedWitness { name: String::from_utf8_lossy(name).into_owned(), key, url });
        Ok(())
    }

    fn group(&mut self, name: &'a [u8], needed: &[u8], members: &[&'a [u8]]) -> Result<(), String> {
        if self.groups == GROUPS_MAX {
            return Err(format!("at most {GROUPS_MAX} groups are allowed"));
        }
        self.groups += 1;
        let needed = match needed {
            b"all" => members.len(),
            b"any" => 1,
            number => decimal(number).ok_or("how many are needed is a number, `all` or `any`")?,
        };
        if needed == 0 || needed > members.len() {
            return Err(format!("{needed} of {} members can never be right", members.len()));
        }
        let members = members.iter().map(|member| self.member(member)).collect::<Result<_, _>>()?;
        self.define(name, Rule::Group { needed, members })
    }

    fn member(&mut self, name: &'a [u8]) -> Result<Rule, String> {
        let rule = self.rule(name)?;
        if self.members.insert(name) { Ok(rule) } else { Err(format!("{} stands in a group twice", shown(name))) }
    }

    fn set_quorum(&mut self, name: &[u8]) -> Result<(), String> {
        if self.quorum.is_some() {
            return Err("a policy has one quorum".into());
        }
        self.quorum = Some(if name == NOBODY { Rule::Nobody } else { self.rule(name)? });
        Ok(())
    }

    fn rule(&self, name: &[u8]) -> Result<Rule, String> {
        self.rules.get(name).cloned().ok_or_else(|| format!("no line before names {}", shown(name)))
    }

    fn define(&mut self, name: &'a [u8], rule: Rule) -> Result<(), String> {
        if name == NOBODY {
            return Err("`none` has a meaning of its own; choose another name".into());
        }
        match self.rules.insert(name, rule) {
            None => Ok(()),
            Some(_) => Err(format!("{} is defined twice", shown(name))),
        }
    }
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "a key or an address is not UTF-8".into())
}

/// A number in the one right way: no sign, no zero in front.
fn decimal(bytes: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.parse().ok().filter(|number: &usize| number.to_string() == text)
}

fn shown(name: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(name))
}
