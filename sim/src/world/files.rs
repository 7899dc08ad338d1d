//! Folders of files.

use super::World;

/// The folders of one site.
#[derive(Debug, Default)]
pub(crate) struct Folders {}

impl World {
    pub(crate) fn begin_folders(&mut self, _index: usize) {}
    pub(crate) fn edit_file(&mut self, _index: usize) {}
    pub(crate) fn sync_folders(&mut self, _index: usize) {}
    pub(crate) fn sync_until_still(&mut self) {}
}
