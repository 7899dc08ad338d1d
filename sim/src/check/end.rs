//! The end of a world: everything is checked once it has come to rest.

use super::{after_start, agreement, files, model};
use crate::world::World;

/// Checks everything once the world has come to rest.
pub(crate) fn at_the_end(world: &mut World) {
    agreement::liveness(world);
    if !world.history.violations.is_empty() {
        return;
    }
    for index in 0..world.sites.len() {
        after_start(world, index, true);
    }
    agreement::check(world);
    model::check(world);
    files::check(world);
    world.check_undo();
}
