//! What an answer says about the keeper that gives it.

/// What came of a message or a tick.
///
/// That somebody was refused, or that there is no such thing, is work done well. What counts
/// against a keeper is that it could not do its work, whoever's fault that is.
pub trait Outcome {
    /// What kept the keeper from its work. Never holds secrets.
    fn mishap(&self) -> Option<String>;
}

/// An error that may be a keeper's own, or of what it rests on.
pub trait Fault {
    /// What went wrong, unless it is the caller who is told no.
    fn fault(&self) -> Option<String>;
}

impl<T, E: Fault> Outcome for Result<T, E> {
    fn mishap(&self) -> Option<String> {
        self.as_ref().err().and_then(Fault::fault)
    }
}

/// For answers that no fault comes with.
macro_rules! always_well {
    ($($answer:ty),+) => {
        $(impl Outcome for $answer {
            fn mishap(&self) -> Option<String> {
                None
            }
        })+
    };
}

always_well!((), bool, u64, usize);

impl<T> Outcome for Vec<T> {
    fn mishap(&self) -> Option<String> {
        None
    }
}

impl Fault for entities::StoreError {
    fn fault(&self) -> Option<String> {
        match self {
            // Somebody else has that name.
            entities::StoreError::Duplicate(_) => None,
            error => Some(error.to_string()),
        }
    }
}
