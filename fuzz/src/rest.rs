//! What somebody who can write to the database puts in place of what we sealed.

use protocol::envelope::{Cell, Kind, MasterKey, NONCE_LENGTH, Sealer, sealed_by};

const MASTER: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const BEFORE: &str = "f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const CELL: Cell<'_> = Cell { table: "signing_keys", row: "kid", column: "private_key" };

/// Any bytes: as an envelope nobody opens them, as a secret they come back, and whatever is
/// altered in the envelope shows.
pub fn envelope(bytes: &[u8]) {
    let master = |text| MasterKey::from_hex(text).expect("a master key");
    let sealer = Sealer::new(master(MASTER), Some(master(BEFORE))).expect("two master keys");
    assert!(sealer.open(Kind::SigningKey, CELL, bytes).is_err(), "a forged envelope opened");
    if let Ok(id) = sealed_by(CELL, bytes) {
        assert_eq!(id.as_bytes().as_slice(), &bytes[1..9]);
    }
    let sealed = sealer.seal(Kind::SigningKey, CELL, bytes, [7; NONCE_LENGTH]).expect("sealed");
    let opened = sealer.open(Kind::SigningKey, CELL, &sealed).expect("what was sealed opens");
    assert_eq!(opened.secret.as_slice(), bytes);
    // The input also says what is altered.
    let [at, bits, ..] = bytes else { return };
    let mut altered = sealed.clone();
    let at = usize::from(*at) % altered.len();
    altered[at] ^= bits;
    let refused = sealer.open(Kind::SigningKey, CELL, &altered).is_err();
    assert_eq!(refused, *bits != 0, "byte {at} of an envelope counts for nothing");
}
