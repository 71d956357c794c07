//! Checkpoints and policies: their bytes, what they are believed for, and what is refused.

use inro_contracts::fixture::secret;
use inro_contracts::history;
use inro_contracts::id::{ChainId, Hash};
use inro_contracts::key::{PublicKey, SecretKey};
use inro_contracts::time::Height;
use inro_evidence::checkpoint::{
    BadCheckpoint, Checkpoint, Cosigner, NOTE_BYTES_MAX, SIGNATURES_MAX, SignedCheckpoint, TIME_MAX, VerifierKey,
};
use inro_evidence::policy::{BadPolicy, POLICY_BYTES_MAX, Policy, WITNESSES_MAX};
use proptest::prelude::*;

use crate::world::World;

/// Written by another program (Python's `cryptography`) from the specifications: Ed25519 seed 07…07, name `witness.example/w1`, the
/// ledger 11…11, 20,852,163 blocks, the root 00 01 … 1f, cosigned at 1,679,315,147 s.
const VKEY: &str = "witness.example/w1+aa4a09d1+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const BODY: &str = "inro/1111111111111111111111111111111111111111111111111111111111111111
20852163
AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
";
const SIGNATURE: &str = "— witness.example/w1 qkoJ0QAAAABkGFDLcFARA1dmg9hKwt3INoIM/nFdRRwMAL60Cgi88ZeC09jlktCKec0qAh4vLnn1SeqeSrHq8RAMMmBQsu+e5b+tCg==
";
const TIME: u64 = 1_679_315_147;

fn note() -> String {
    format!("{BODY}\n{SIGNATURE}")
}

fn golden() -> Checkpoint {
    Checkpoint { chain: ChainId([0x11; 32]), size: 20_852_163, root: Hash(std::array::from_fn(|index| index as u8)) }
}

fn cosigner(name: &str, number: u64) -> Cosigner {
    Cosigner::new(name, secret("witness", number)).expect("the name is sound")
}

fn parse(text: &str) -> Result<SignedCheckpoint, BadCheckpoint> {
    SignedCheckpoint::from_bytes(text.as_bytes())
}

#[test]
fn a_cosigned_checkpoint_has_the_bytes_that_another_program_wrote() {
    let witness = Cosigner::new("witness.example/w1", SecretKey::from_seed(&[7; 32])).expect("the name is sound");
    assert_eq!(witness.verifier_key().to_string(), VKEY);
    assert_eq!(golden().body(), BODY);
    assert_eq!(witness.cosign(golden(), TIME).to_string(), note());
    let parsed = parse(&note()).expect("it is sound");
    assert_eq!((parsed.checkpoint, parsed.to_string()), (golden(), note()));
    assert_eq!(parsed.cosigned_by(&VKEY.parse().expect("it is sound")), Ok(TIME));
}

#[test]
fn signatures_of_unknown_keys_are_passed_over_and_one_of_a_known_key_that_does_not_hold_is_never() {
    let (one, two) = (cosigner("one.example", 1), cosigner("two.example", 2));
    let line = |witness: &Cosigner, time| witness.cosign(golden(), time).to_string().split_once("\n\n").unwrap().1.to_owned();
    let foreign = format!("— log.example {}\n", "A".repeat(5_000));
    let mixed = format!("{BODY}\n{foreign}{}{}{SIGNATURE}", line(&one, 5), line(&one, 9));
    let parsed = parse(&mixed).expect("it is sound");
    assert_eq!(parsed.to_string(), mixed);
    assert_eq!(parsed.cosigned_by(one.verifier_key()), Ok(9), "the latest counts");
    assert!(matches!(parsed.cosigned_by(two.verifier_key()), Err(BadCheckpoint::False(_))));
    // The same key under another name, and another key under the same name, are other witnesses.
    assert!(parsed.cosigned_by(cosigner("other.example", 1).verifier_key()).is_err());
    assert!(parsed.cosigned_by(cosigner("one.example", 2).verifier_key()).is_err());
    // A second signature of the same key that is of another tree.
    let other = one.cosign(Checkpoint { size: 5, ..golden() }, 9).to_string().split_once("\n\n").unwrap().1.to_owned();
    let spoiled = parse(&format!("{BODY}\n{}{other}", line(&one, 5))).expect("it is sound in form");
    assert!(matches!(spoiled.cosigned_by(one.verifier_key()), Err(BadCheckpoint::False(_))));
    assert!(one.cosign(golden(), u64::MAX).cosigned_by(one.verifier_key()) == Ok(TIME_MAX));
}

#[test]
fn every_bit_of_a_cosigned_checkpoint_matters() {
    let (mut bytes, key) = (note().into_bytes(), VKEY.parse().expect("it is sound"));
    let holds = |bytes: &[u8]| SignedCheckpoint::from_bytes(bytes).is_ok_and(|note| note.cosigned_by(&key).is_ok());
    assert!(holds(&bytes));
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!holds(&bytes), "bit {} of byte {} changes nothing", bit % 8, bit / 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn what_is_no_checkpoint_of_a_ledger_is_malformed() {
    let signed = |body: &str| format!("{body}\n{SIGNATURE}");
    let sized = |size: &str| signed(&BODY.replace("20852163", size));
    let malformed = [
        String::new(),
        "\n\n".into(),
        BODY.into(),
        format!("{BODY}\n"),
        format!("{BODY}{SIGNATURE}"),
        note().trim_end().into(),
        note().replace('\n', "\r\n"),
        format!("{}\t\n", note()),
        signed(&BODY.replace("inro/11", "inro/1")),
        signed(&BODY.replace("inro/", "")),
        signed(&BODY.replace("inro/", "example.com/")),
        signed(&format!("{BODY}an extension\n")),
        signed(&BODY.replace("AAEC", "AAE")),
        signed(&BODY.replace("Hh8=", "Hh9=")),
        signed(&BODY.replace("Hh8=", "Hh8")),
        signed(&"11".repeat(40)),
        sized("0"),
        sized("020852163"),
        sized("+20852163"),
        sized("-1"),
        sized(""),
        sized("18446744073709551616"),
        note().replace("— w", "- w"),
        note().replace("— w", "—w"),
        note().replace("— witness.example/w1 ", "— "),
        note().replace("witness.example/w1", "witness+1"),
        note().replace("witness.example/w1", "witness\u{3000}1"),
        note().replace("witness.example/w1", &"w".repeat(256)),
        note().replace("tCg==", "tCg="),
        note().replace("tCg==", "tCh=="),
        format!("{BODY}\n— w AAAAAA==\n"),
        format!("{}\n", note()),
        format!("{BODY}\n{}", SIGNATURE.repeat(SIGNATURES_MAX + 1)),
        format!("{BODY}\n{}", SIGNATURE.repeat(NOTE_BYTES_MAX / SIGNATURE.len() + 1)),
    ];
    for text in malformed {
        assert!(matches!(parse(&text), Err(BadCheckpoint::Malformed(_))), "{:?}", &text[..text.len().min(300)]);
    }
    // Upper case digits say the same and are not the one right way.
    assert!(parse(&signed(&BODY.replace("1111", "11aA").replace("inro/11aA", "inro/11AA"))).is_err());
    assert!(SignedCheckpoint::from_bytes(&[note().as_bytes(), &[0xff]].concat()).is_err());
    assert!(parse(&format!("{BODY}\n{}", SIGNATURE.repeat(SIGNATURES_MAX))).is_ok());
}

#[test]
fn a_witness_key_reads_as_it_was_written_and_nothing_else_does() {
    let key: VerifierKey = VKEY.parse().expect("it is sound");
    assert_eq!((key.name(), key.to_string().as_str()), ("witness.example/w1", VKEY));
    // A key whose base 64 has plus signs.
    let plus = (0..).map(|number| cosigner("w", number).verifier_key().to_string()).find(|text| text.matches('+').count() > 2);
    assert!(plus.is_some_and(|text| text.parse::<VerifierKey>().is_ok_and(|key| key.to_string() == text)));
    let weak = VerifierKey::new("w", PublicKey([0; 32]));
    assert!(weak.is_err() && VerifierKey::new("", key.key()).is_err() && VerifierKey::new("a b", key.key()).is_err());
    for bad in [
        "",
        "witness.example/w1",
        "witness.example/w1+aa4a09d1",
        "witness.example/w1+AA4A09D1+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs",
        "witness.example/w1+aa4a09d2+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs",
        "witness.example/w2+aa4a09d1+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs",
        "+aa4a09d1+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "witness.example/w1+aa4a09d1+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURt",
    ] {
        assert!(bad.parse::<VerifierKey>().is_err(), "{bad:?}");
    }
}

#[test]
fn a_headers_checkpoint_covers_its_own_block_and_continues_every_older_one() {
    let mut world = World::founded();
    for _ in 0..9 {
        world.block(Vec::new());
    }
    let ledger = world.tip();
    let header = |height| ledger.header(Height(height)).expect("it is there");
    let inclusion = |size, height| history::prove_inclusion(ledger, size, height).expect("the history is whole");
    let consistency = |size, old| history::prove_consistency(ledger, size, old).expect("the history is whole");
    let of = |height| Checkpoint::of(header(height), &inclusion(height + 1, height)).expect("the header's own path");
    for height in 1..=8 {
        let checkpoint = of(height);
        assert_eq!((checkpoint.size, checkpoint.root), (height + 1, header(height + 1).history_root));
        assert!(Checkpoint::of(header(height), &inclusion(height + 2, height)).is_err());
        for older in 1..=height {
            assert_eq!(checkpoint.holds(header(older), &inclusion(height + 1, older)), Ok(()));
            assert_eq!(checkpoint.continues(&of(older), &consistency(height + 1, older + 1)), Ok(()));
        }
        assert!(checkpoint.holds(header(height + 1), &inclusion(height + 1, height)).is_err());
        let other = Checkpoint { root: Hash([1; 32]), ..of(1) };
        assert!(height == 1 || checkpoint.continues(&other, &consistency(height + 1, 2)).is_err());
    }
}

fn policy(text: &str) -> Result<Policy, BadPolicy> {
    Policy::from_bytes(text.as_bytes())
}

fn three() -> String {
    let line = |name: &str, number| {
        let key = cosigner(&format!("{name}.example"), number).verifier_key().to_string();
        format!("witness {name} {key} http://{name}.example:8600\n")
    };
    [line("north", 1), line("south", 2), line("east", 3)].concat()
}

#[test]
fn a_policy_is_met_by_its_quorum_and_by_nothing_less() {
    let met = |policy: &Policy| (0..8u8).map(|set| policy.is_met(|number| set >> number & 1 == 1)).collect::<Vec<_>>();
    let two = policy(&format!("# three\n\n \t{}group w 2 north south east\nquorum w\n", three())).expect("it is sound");
    assert_eq!(two.needed(), "2 of (north, south, east)");
    assert_eq!(met(&two), [false, false, false, true, false, true, true, true]);
    let (names, urls): (Vec<_>, Vec<_>) = two.witnesses().iter().map(|one| (one.name.as_str(), one.url.as_deref())).unzip();
    assert_eq!(names, ["north", "south", "east"]);
    assert_eq!(urls[1], Some("http://south.example:8600"));
    let nested = format!("{}group some any north south\ngroup w all some east\nquorum w\n", three());
    let nested = policy(&nested).expect("it is sound");
    assert_eq!(nested.needed(), "2 of (1 of (north, south), east)");
    assert_eq!(met(&nested), [false, false, false, false, false, true, true, true]);
    let one = policy(&format!("{}quorum\tsouth \nwitness late {VKEY}\n", three())).expect("it is sound");
    assert_eq!((met(&one)[2], met(&one)[5], one.needed().as_str()), (true, false, "south"));
    let none = policy("quorum none\n").expect("it is sound");
    assert!(none.is_met(|_| false) && none.witnesses().is_empty());
}

#[test]
fn what_is_no_policy_is_refused_with_its_line() {
    let (w, lines) = (three(), 3);
    let many: String = (0..=WITNESSES_MAX as u64)
        .map(|number| format!("witness w{number} {}\n", cosigner("w", 100 + number).verifier_key()))
        .collect();
    for (text, line) in [
        ("", 1),
        ("quorum none", 1),
        ("quorum none\nquorum none\n", 2),
        ("quorum north\n", 1),
        ("group w 1 north\n", 1),
        ("group w any\nquorum none\n", 1),
        ("quorum none\r\n", 1),
        ("quorum none \u{7f}\n", 1),
        ("witness north\n", 1),
        ("witness none x\n", 1),
        ("log x\n", 1),
        ("ask north\n", 1),
        (&format!("witness none {VKEY}\n"), 1),
        (&format!("witness a {VKEY}\nwitness b {VKEY}\n"), 2),
        (&format!("{w}witness north {VKEY}\n"), lines + 1),
        (&format!("{w}group w 0 north\n"), lines + 1),
        (&format!("{w}group w 3 north south\n"), lines + 1),
        (&format!("{w}group w 02 north south\n"), lines + 1),
        (&format!("{w}group w most north south\n"), lines + 1),
        (&format!("{w}group w 1 north north\n"), lines + 1),
        (&format!("{w}group w 1 none\n"), lines + 1),
        (&format!("{w}group w 1 w\n"), lines + 1),
        (&format!("{w}group none 1 north\n"), lines + 1),
        (&format!("{w}group v 1 north\ngroup w 1 north south\nquorum w\n"), lines + 2),
        (&format!("{w}group v 1 north\n"), lines + 2),
        (&many, WITNESSES_MAX + 1),
        (&"#\n".repeat(POLICY_BYTES_MAX), 1),
    ] {
        assert_eq!(policy(text).expect_err(text).line, line, "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_as_a_checkpoint_a_key_or_a_policy_without_a_panic(bytes: Vec<u8>, cut in 0..400usize, put: Vec<u8>) {
        let key = VKEY.parse().expect("it is sound");
        let mut spoiled = note().into_bytes();
        let place = cut.min(spoiled.len());
        spoiled.splice(place..(place + put.len() / 2).min(spoiled.len()), put.iter().copied());
        for bytes in [bytes.as_slice(), &spoiled] {
            if let Ok(note) = SignedCheckpoint::from_bytes(bytes) {
                prop_assert!(note.to_string().as_bytes() == bytes);
                let _ = note.cosigned_by(&key);
            }
            let _ = Policy::from_bytes(bytes);
            let _ = String::from_utf8_lossy(bytes).parse::<VerifierKey>();
        }
        let lines = [three().as_bytes(), b"group w 2 ", &put, b"\nquorum w\n"].concat();
        let _ = Policy::from_bytes(&lines);
    }
}
