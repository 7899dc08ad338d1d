//! What a run reads: the rows as they were when it began, the files, and what its hub is.

use std::ops::ControlFlow;
use std::path::Path;

use syncline_domains::files::disk::Disk;
use syncline_engine::audit::Head;
use syncline_engine::rows::{Key, Scan};
use syncline_model::id::{Position, SiteId};
use syncline_store::Read;

use crate::environment::Environment;
use crate::error::HubError;

/// What a run reads.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// The rows.
    pub(crate) rows: &'a dyn Read,
    /// Where files are.
    pub(crate) disk: &'a dyn Disk,
    /// Time.
    pub(crate) environment: &'a dyn Environment,
    /// The folder of the hub's state.
    pub(crate) state_folder: &'a Path,
    /// The hub's site.
    pub(crate) site: SiteId,
    /// The end of the log.
    pub(crate) position: Position,
    /// The head of the audit.
    pub(crate) audit_head: Head,
}

impl View<'_> {
    /// Shows every row of a stretch to `row`, in its order.
    pub(crate) fn for_each(
        &self,
        scan: &Scan,
        row: impl FnMut(&Key, &[u8]) -> Result<(), HubError>,
    ) -> Result<(), HubError> {
        for_each(self.rows, scan, row)
    }

    /// Returns whether a stretch holds no row.
    pub(crate) fn is_empty(&self, scan: &Scan) -> Result<bool, HubError> {
        let mut empty = true;
        self.rows.scan(scan, None, 1, &mut |_, _| {
            empty = false;
            ControlFlow::Break(())
        })?;
        Ok(empty)
    }
}

/// Shows every row of a stretch to `row`, in its order, until it fails.
pub(crate) fn for_each(
    rows: &dyn Read,
    scan: &Scan,
    mut row: impl FnMut(&Key, &[u8]) -> Result<(), HubError>,
) -> Result<(), HubError> {
    let mut failed = None;
    rows.scan(scan, None, usize::MAX, &mut |key, value| match row(key, value) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    })?;
    failed.map_or(Ok(()), Err)
}
