//! What a hub takes from the machine that it runs on: time and random numbers.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::HubError;

/// Time and random numbers. A simulation brings its own.
pub trait Environment: Send {
    /// Returns the wall time, in milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// Returns 32 random bytes.
    ///
    /// # Errors
    ///
    /// [`HubError::Random`] if the machine gives none.
    fn random(&mut self) -> Result<[u8; 32], HubError>;
}

/// The machine itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

impl Environment for Machine {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn random(&mut self) -> Result<[u8; 32], HubError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| HubError::Random)?;
        Ok(bytes)
    }
}
