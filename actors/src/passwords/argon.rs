//! Argon2id in memory that is used again.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::HashFailed;

/// What Argon2 fills. It grows to what a hash asks for, and stays.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    /// The PHC string of this password, with the parameters of today.
    pub(super) fn hash(&mut self, password: &str, salt: [u8; 16]) -> Result<String, HashFailed> {
        let params = Params::default();
        let made = PasswordHash {
            algorithm: Algorithm::default().ident(),
            version: Some(Version::default().into()),
            params: ParamsString::try_from(&params).map_err(failed)?,
            salt: Some(Salt::new(&salt).map_err(failed)?),
            hash: None,
        };
        let argon2 = Argon2::new(Algorithm::default(), Version::default(), params);
        let output = self.output(&argon2, password, &salt, Params::DEFAULT_OUTPUT_LEN)?;
        Ok(PasswordHash { hash: Some(output), ..made }.to_string())
    }

    /// Whether the PHC string is of this password, with the parameters it names.
    pub(super) fn matches(&mut self, password: &str, hash: &str) -> bool {
        self.verify(password, hash).unwrap_or(false)
    }

    fn verify(&mut self, password: &str, hash: &str) -> Result<bool, HashFailed> {
        let stored = PasswordHash::new(hash).map_err(failed)?;
        let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else { return Ok(false) };
        let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(failed)?;
        let version = stored.version.map(Version::try_from).transpose().map_err(failed)?;
        let params = Params::try_from(&stored).map_err(failed)?;
        let argon2 = Argon2::new(algorithm, version.unwrap_or_default(), params);
        let computed = self.output(&argon2, password, salt, expected.len())?;
        // Compares in constant time.
        Ok(*expected == computed)
    }

    fn output(
        &mut self,
        argon2: &Argon2<'_>,
        password: &str,
        salt: &[u8],
        length: usize,
    ) -> Result<Output, HashFailed> {
        let blocks = argon2.params().block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::new());
        }
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..length).ok_or_else(|| failed("its length"))?;
        let (password, memory) = (password.as_bytes(), &mut self.0[..blocks]);
        argon2.hash_password_into_with_memory(password, salt, output, memory).map_err(failed)?;
        Output::new(output).map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> HashFailed {
    HashFailed(error.to_string())
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher as _, PasswordVerifier as _};

    use super::*;

    #[test]
    fn used_memory_gives_what_fresh_memory_gives() {
        let mut memory = Memory::default();
        for (password, salt) in [("correct horse", [1; 16]), ("battery staple", [2; 16])] {
            let ours = memory.hash(password, salt).unwrap();
            let theirs =
                Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).unwrap();
            assert_eq!(ours, theirs.to_string());
            assert!(memory.matches(password, &ours));
            assert!(!memory.matches("another", &ours));
        }
    }

    #[test]
    fn a_hash_with_other_parameters_is_checked_with_those() {
        let params = Params::new(8192, 3, 2, Some(24)).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2i, Version::V0x10, params);
        let other = argon2.hash_password_with_salt(b"correct horse", &[3; 16]).unwrap().to_string();
        assert!(Argon2::default().verify_password(b"correct horse", &*other).is_ok());
        let mut memory = Memory::default();
        memory.hash("something larger before", [1; 16]).unwrap();
        assert!(memory.matches("correct horse", &other));
        assert!(!memory.matches("correct hors", &other));
        assert!(!memory.matches("correct horse", "no hash at all"));
    }
}
