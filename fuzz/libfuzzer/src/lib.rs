//! Finds a target by its name for the drivers beside this file.

/// Runs the target of that name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = syncline_fuzz::TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.expect("a target of that name");
    target(bytes);
}
