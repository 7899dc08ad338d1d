//! What the disk itself takes to keep a page, beside figures that wait for it.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use crate::waits::Waits;

/// Appends pages to a file in a folder, each synced before the next.
///
/// # Errors
///
/// If the file cannot be written.
pub fn syncs(folder: &Path, pages: usize) -> io::Result<Waits> {
    let mut file = File::create(folder.join("pages"))?;
    let mut waits = Vec::new();
    for _ in 0..pages {
        let start = Instant::now();
        file.write_all(&[0x5a; 4_096])?;
        file.sync_data()?;
        waits.push(start.elapsed());
    }
    Ok(Waits::new(waits))
}
