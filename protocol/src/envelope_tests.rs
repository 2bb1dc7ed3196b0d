use proptest::prelude::*;

use super::*;

/// Bytes 0, 1, 2 … 31.
const MASTER: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const CELL: Cell<'_> = Cell { table: "signing_keys", row: "kid-1", column: "private_key" };
/// The nonce a0, a1 … ab.
const NONCE: [u8; NONCE_LENGTH] =
    [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab];

fn master(number: u8) -> MasterKey {
    let mut bytes = [number; MASTER_LENGTH];
    bytes[0] = !number;
    MasterKey(bytes)
}

fn sealer(number: u8) -> Sealer {
    Sealer::new(master(number), None).unwrap()
}

fn sealed(by: &Sealer) -> Vec<u8> {
    by.seal(Kind::SigningKey, CELL, b"a secret", NONCE).unwrap()
}

/// Computed with Python's `cryptography` 48: `HKDF(SHA256, 32, b"authplane encryption at rest",
/// label)` of the master for the labels `key id v1` (its first 8 bytes) and `signing key v1`, then
/// `AESGCM(key).encrypt(nonce, b"a secret", aad)` with the aad version ‖ id ‖ for each name of the
/// cell its length in 8 bytes, big-endian, and the name.
#[test]
fn another_program_makes_the_same_envelope() {
    let vector = "01dd2b35f79d287692a0a1a2a3a4a5a6a7a8a9aaab\
                  e8a0eca3bc6fbbf0a94b4457bb7c8324e453b4a25bfa668f";
    let sealer = Sealer::new(MasterKey::from_hex(MASTER).unwrap(), None).unwrap();
    let envelope = sealed(&sealer);
    assert_eq!(hex(&envelope), vector);
    assert_eq!(sealer.current().to_string(), "dd2b35f79d287692");
    let opened = sealer.open(Kind::SigningKey, CELL, &envelope).unwrap();
    assert_eq!((opened.secret.as_slice(), opened.by), (b"a secret".as_slice(), Opener::Current));
}

#[test]
fn a_master_key_is_64_hexadecimal_digits_and_no_pattern() {
    let lower = MasterKey::from_hex(MASTER).unwrap();
    assert_eq!(MasterKey::from_hex(&MASTER.to_uppercase()).unwrap().id(), lower.id());
    for (text, why) in [
        ("", InvalidMaster::Length(0)),
        (&MASTER[1..], InvalidMaster::Length(63)),
        (&format!("{MASTER}0"), InvalidMaster::Length(65)),
        (&format!("{MASTER}\n"), InvalidMaster::Length(65)),
        (&format!("g{}", &MASTER[1..]), InvalidMaster::Digits),
        (&format!("+{}", &MASTER[1..]), InvalidMaster::Digits),
        (&"é".repeat(32), InvalidMaster::Digits),
        (&"0".repeat(64), InvalidMaster::Monotonous),
        (&"ab".repeat(32), InvalidMaster::Monotonous),
    ] {
        assert_eq!(MasterKey::from_hex(text).unwrap_err(), why, "{text:?}");
    }
}

#[test]
fn nothing_of_a_master_key_or_of_what_was_opened_prints() {
    let sealer = Sealer::new(MasterKey::from_hex(MASTER).unwrap(), Some(master(7))).unwrap();
    let opened = sealer.open(Kind::SigningKey, CELL, &sealed(&sealer)).unwrap();
    let printed = format!("{sealer:?} {opened:?} {:?}", sealer.current());
    assert!(printed.contains("MasterKey(…)"), "{printed}");
    for secret in ["a secret", "0001", "97, 32", "[0, 1"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn no_byte_can_be_altered_added_or_taken_away() {
    let sealer = sealer(1);
    let envelope = sealed(&sealer);
    for at in 0..envelope.len() {
        for bit in 0..8 {
            let mut altered = envelope.clone();
            altered[at] ^= 1 << bit;
            let refused = sealer.open(Kind::SigningKey, CELL, &altered).unwrap_err();
            let right = match at {
                0 => matches!(refused, Unopened::UnknownVersion { .. }),
                1..HEAD => matches!(refused, Unopened::AnotherMaster { .. }),
                _ => matches!(refused, Unopened::Altered(_)),
            };
            assert!(right, "byte {at}: {refused}");
        }
        assert!(sealer.open(Kind::SigningKey, CELL, &envelope[..at]).is_err());
    }
    let longer = [envelope.as_slice(), &[0]].concat();
    assert!(sealer.open(Kind::SigningKey, CELL, &longer).is_err());
}

#[test]
fn moved_to_another_row_column_or_table_it_does_not_open() {
    let sealer = sealer(1);
    let envelope = sealed(&sealer);
    for elsewhere in [
        Cell { row: "kid-2", ..CELL },
        Cell { row: "", ..CELL },
        Cell { column: "public_key", ..CELL },
        Cell { table: "server_secrets", ..CELL },
        // The same letters, cut elsewhere.
        Cell { table: "signing_key", row: "skid-1", ..CELL },
        Cell { row: "kid-1private_key", column: "", ..CELL },
        Cell { table: CELL.row, row: CELL.table, ..CELL },
    ] {
        let refused = sealer.open(Kind::SigningKey, elsewhere, &envelope).unwrap_err();
        assert!(matches!(refused, Unopened::Altered(_)), "{elsewhere}: {refused}");
    }
    // Nor for another kind of secret.
    assert!(sealer.open(Kind::ServerSecret, CELL, &envelope).is_err());
}

#[test]
fn after_a_change_of_master_the_old_one_opens_and_the_new_one_seals() {
    let changed = Sealer::new(master(2), Some(master(1))).unwrap();
    let before = sealed(&sealer(1));
    let opened = changed.open(Kind::SigningKey, CELL, &before).unwrap();
    assert_eq!((opened.secret.as_slice(), opened.by), (b"a secret".as_slice(), Opener::Old));
    let after = sealed(&changed);
    assert_eq!(sealed_by(CELL, &after).unwrap(), changed.current());
    assert_eq!(sealed_by(CELL, &before).unwrap(), changed.old().unwrap());
    assert!(sealer(2).open(Kind::SigningKey, CELL, &after).is_ok(), "the old one can go");
    assert!(sealer(1).open(Kind::SigningKey, CELL, &after).is_err());
    assert_eq!(Sealer::new(master(1), Some(master(1))).unwrap_err(), SameMaster);
}

#[test]
fn a_sealer_that_has_another_master_says_what_to_do() {
    let envelope = sealed(&sealer(1));
    for stranger in [sealer(3), Sealer::new(master(3), Some(master(2))).unwrap()] {
        let refused = stranger.open(Kind::SigningKey, CELL, &envelope).unwrap_err().to_string();
        for part in [
            "signing_keys.private_key of row kid-1",
            "another master key",
            "data_encryption.aes_master.old_key_env",
            &sealer(1).current().to_string(),
            &stranger.current().to_string(),
        ] {
            assert!(refused.contains(part), "no {part} in: {refused}");
        }
    }
}

#[test]
fn what_was_never_sealed_is_told_apart() {
    let sealer = sealer(1);
    for (bytes, of_another_version) in
        [(&b""[..], false), (&[1; 36][..], false), (b"-----BEGIN PRIVATE KEY-----", true)]
    {
        match sealer.open(Kind::SigningKey, CELL, bytes).unwrap_err() {
            Unopened::NoEnvelope(_) => assert!(!of_another_version),
            Unopened::UnknownVersion { .. } => assert!(of_another_version),
            other => panic!("{other}"),
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_sealed_comes_back_and_does_not_show(
        secret in prop::collection::vec(any::<u8>(), 0..300),
        key in any::<[u8; 32]>(),
        nonce in any::<[u8; NONCE_LENGTH]>(),
        table in ".{0,20}",
        row in ".{0,40}",
        column in ".{0,20}",
    ) {
        let sealer = Sealer::new(MasterKey(key), None).unwrap();
        let cell = Cell { table: &table, row: &row, column: &column };
        for kind in Kind::ALL {
            let envelope = sealer.seal(kind, cell, &secret, nonce).unwrap();
            let opened = sealer.open(kind, cell, &envelope).unwrap();
            prop_assert_eq!(opened.secret.as_slice(), secret.as_slice());
            let seen = |part: &[u8]| envelope.windows(part.len()).any(|window| window == part);
            prop_assert!(secret.len() < 8 || !seen(&secret[..8]));
            prop_assert!(!seen(&key[..8]));
        }
    }

    #[test]
    fn an_envelope_opens_in_its_own_cell_only(
        names in prop::array::uniform3("[a-c]{0,3}"),
        other in prop::array::uniform3("[a-c]{0,3}"),
    ) {
        let [table, row, column] = &names;
        let envelope = sealer(1)
            .seal(Kind::ServerSecret, Cell { table, row, column }, b"x", NONCE)
            .unwrap();
        let [table, row, column] = &other;
        let opened =
            sealer(1).open(Kind::ServerSecret, Cell { table, row, column }, &envelope);
        prop_assert_eq!(opened.is_ok(), names == other);
    }
}
