//! What holders, and those who hold nothing, may try.

use std::time::{Duration, Instant};

use biscuit_auth::builder::{Algorithm, BiscuitBuilder, BlockBuilder};
use biscuit_auth::{KeyPair, PrivateKey, UnverifiedBiscuit};

use super::*;

fn pair(seed: u8) -> KeyPair {
    KeyPair::from(&PrivateKey::from_bytes(&[seed; 32], Algorithm::Ed25519).unwrap())
}

/// `key` with a block of any Datalog appended, as a holder can do with tools of their own.
fn with_block(key: &MintedKey, datalog: &str) -> MintedKey {
    let block = BlockBuilder::new().code(datalog).unwrap();
    let biscuit = UnverifiedBiscuit::from(key.bytes().unwrap()).unwrap();
    MintedKey::from_bytes(&biscuit.append_with_keypair(&pair(3), block).unwrap().to_vec().unwrap())
}

fn unsupported(key: &MintedKey) -> bool {
    matches!(verify(key), Err(Refusal::Unsupported(_)))
}

#[test]
fn a_key_of_another_installation_is_refused() {
    let foreign = RootKey::from_seed(&[8; 32]).unwrap().mint(&wanted("clients:read"), [1; 32]);
    assert_eq!(verify(&foreign.unwrap()), Err(Refusal::BadSignature));
}

#[test]
fn a_first_block_signed_by_its_holder_is_refused() {
    let key = mint("clients:read");
    let said = Inspected::of(&key).unwrap();
    let forged = BiscuitBuilder::new()
        .code(format!("key(\"{}\"); name(\"ci\"); right(\"keys\", \"write\"); check if time($t), $t < 2030-01-01T00:00:00Z", said.id))
        .unwrap()
        .build_with_key_pair(&pair(1), biscuit_auth::datalog::SymbolTable::new(), &pair(2))
        .unwrap();
    let forged = MintedKey::from_bytes(&forged.to_vec().unwrap());
    assert!(Inspected::of(&forged).is_ok(), "the form is right");
    assert_eq!(verify(&forged), Err(Refusal::BadSignature));
}

#[test]
fn a_block_that_gives_is_refused_and_so_is_one_that_concludes() {
    let key = mint("clients:read");
    for datalog in [
        "right(\"keys\", \"write\")",
        "operation(\"clients\", \"read\")",
        "time(2000-01-01T00:00:00Z)",
        "right($a, $v) <- operation($a, $v)",
        "check if right(\"keys\", \"write\")",
        "check if true",
        "check all operation($a, $v), $a == \"clients\"",
        "reject if operation(\"keys\", \"read\")",
        "check if time($t), $t < 2030-01-01T00:00:00Z or operation(\"clients\", \"read\")",
        "check if time($t), $t > 2020-01-01T00:00:00Z",
        "check if operation($a, $v), $a.matches(\"(a+)+$\")",
        "check if operation(\"clients\", \"read\") trusting authority",
    ] {
        assert!(unsupported(&with_block(&key, datalog)), "{datalog}");
    }
}

#[test]
fn a_block_made_with_another_tool_narrows_like_one_of_ours() {
    let key = mint("clients:read,clients:write,keys:read");
    let left = |datalog: &str| verify(&with_block(&key, datalog)).map(|verified| verified.rights);

    assert_eq!(left("check if operation($area, \"read\")"), Ok(rights("clients:read,keys:read")));
    assert_eq!(
        left("check if operation(\"clients\", $verb)"),
        Ok(rights("clients:read,clients:write"))
    );
    assert_eq!(left("check if operation($x, $x)"), Err(Refusal::NoRights));
    assert_eq!(left("check if operation(\"elsewhere\", \"read\")"), Err(Refusal::NoRights));
    assert_eq!(
        left(
            "check if operation($a, \"read\"); check if operation(\"keys\", $v) or operation(\"users\", $v)"
        ),
        Ok(rights("keys:read"))
    );
    let end = now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    assert_eq!(left(&format!("check if time($t), $t < {end}")), Err(Refusal::Expired));
    assert!(left(&format!("check if time($t), $t <= {end}")).is_ok());
}

/// Each would keep a Biscuit engine busy for longer than anybody waits: its limits are
/// looked at between steps, and one step can be made as long as one likes.
#[test]
fn a_program_that_never_ends_is_refused_without_being_run() {
    let join: Vec<String> = (0..24).map(|n| format!("f($x{n})")).collect();
    let facts: Vec<String> = (0..40).map(|n| format!("f({n})")).collect();
    let bombs = [
        format!("{}; check if {}, $x0 > 100", facts.join("; "), join.join(", ")),
        "f(0); f($x) <- f($x), $x < 1; check if f(99)".to_owned(),
        format!("check if [{}].all($x -> [1, 2, 3].any($y -> $x < $y))", "1, ".repeat(200) + "1"),
        format!("check if {}true{}", "(".repeat(60), ")".repeat(60)),
        "check if operation(\"clients\", \"read\"); ".repeat(60),
        format!("check if {}", ["operation(\"clients\", \"read\")"; 100].join(" or ")),
    ];
    for bomb in bombs {
        let key = with_block(&mint("clients:read"), &bomb);
        assert!(MintedKey::presented(key.expose()).is_ok(), "it is short enough to be presented");
        let started = clock();
        assert!(unsupported(&key), "{}", &bomb[..40]);
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

#[expect(clippy::disallowed_methods, reason = "measures the test itself")]
fn clock() -> Instant {
    Instant::now()
}

#[test]
fn a_block_of_a_third_party_is_refused() {
    let key = mint("clients:read");
    let biscuit = UnverifiedBiscuit::from(key.bytes().unwrap()).unwrap();
    let request = biscuit.third_party_request().unwrap();
    let external = pair(4);
    let block = BlockBuilder::new().code("check if operation($a, \"read\")").unwrap();
    let block = request.create_block(&external.private(), block).unwrap();
    let with =
        biscuit.append_third_party_with_keypair(&block.serialize().unwrap(), pair(5)).unwrap();
    let with = MintedKey::from_bytes(&with.to_vec().unwrap());
    assert_eq!(verify(&with), Err(Refusal::ThirdParty));
}

#[test]
fn a_block_cannot_be_taken_off_again() {
    let wide = mint("clients:read,keys:write");
    let narrow = wide.narrow(&to("clients:read"), [2; 32]).unwrap();

    // The wide envelope with the proof of the narrow one, and the other way round.
    let mut stripped = super::super::read::envelope(&narrow.bytes().unwrap()).unwrap();
    stripped.blocks.clear();
    let stripped = MintedKey::from_bytes(&prost::Message::encode_to_vec(&stripped));
    assert_eq!(verify(&stripped), Err(Refusal::BadSignature));

    let mut swapped = super::super::read::envelope(&narrow.bytes().unwrap()).unwrap();
    swapped.proof = super::super::read::envelope(&wide.bytes().unwrap()).unwrap().proof;
    let swapped = MintedKey::from_bytes(&prost::Message::encode_to_vec(&swapped));
    assert_eq!(verify(&swapped), Err(Refusal::BadSignature));
}

#[test]
fn a_sealed_key_is_good_and_cannot_be_narrowed() {
    let biscuit = UnverifiedBiscuit::from(mint("clients:read").bytes().unwrap()).unwrap();
    let sealed = MintedKey::from_bytes(&biscuit.seal().unwrap().to_vec().unwrap());
    assert!(verify(&sealed).is_ok());
    let narrowed = sealed.narrow(&to("clients:read"), [2; 32]);
    assert!(matches!(narrowed, Err(NotNarrowed::Biscuit(_))));
}

#[test]
fn what_is_too_long_or_no_key_is_not_even_decoded() {
    let long = format!("{PREFIX}{}", "A".repeat(MAX_LENGTH));
    assert_eq!(MintedKey::presented(&long).err(), Some(Refusal::TooLong));
    for other in ["", "apak_abc", "ap_admin", "AP_ADMIN_abc"] {
        assert_eq!(MintedKey::presented(other).err(), Some(Refusal::NotAKey));
    }
    for damaged in ["", "A", "!!!!", "AAAA", "AAAA====", "CgA"] {
        let key = MintedKey::presented(&format!("{PREFIX}{damaged}")).unwrap();
        let refused = verify(&key).unwrap_err();
        assert!(matches!(refused, Refusal::Malformed | Refusal::BadSignature), "{refused:?}");
    }
}
