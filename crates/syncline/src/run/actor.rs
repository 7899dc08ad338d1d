//! Who acts: for permissions and the audit.

use std::hash::{BuildHasher, Hasher, RandomState};

use syncline_hub::Actor;

use crate::arguments::Global;

/// Returns who acts: what was asked for, else the environment, else the user of the system and a
/// session of its own.
pub(super) fn actor(global: &Global) -> Actor {
    let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let user =
        global.user.clone().or_else(|| variable("SYNCLINE_USER")).unwrap_or_else(system_user);
    let session = global.session.clone().or_else(|| variable("SYNCLINE_SESSION"));
    let session = session.unwrap_or_else(|| format!("session-{:016x}", random()));
    Actor { user: Some(user), session: Some(session), roles: Vec::new() }
}

/// Returns a number that differs from run to run; not a secret.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Returns the name of the user that the process runs as, else its number.
fn system_user() -> String {
    let id = rustix::process::getuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = accounts.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)? == id).then(|| name.to_owned())
    });
    named.unwrap_or(id)
}
