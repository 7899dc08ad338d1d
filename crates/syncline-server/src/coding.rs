//! Messages of a live connection, compressed where that pays.

use std::cell::RefCell;

use syncline_protocol::compress::Compressor;
use syncline_protocol::message::Coding;

thread_local! {
    /// What each thread compresses with. One per connection would cost more memory than all else of it.
    static COMPRESSORS: RefCell<Vec<Compressor>> = const { RefCell::new(Vec::new()) };
}

/// Returns the message that a text makes; nothing where it is to be sent as it is.
pub(crate) fn compress(coding: Coding, text: &str) -> Option<Vec<u8>> {
    COMPRESSORS.with_borrow_mut(|compressors| {
        let at = compressors.iter().position(|known| known.coding() == coding);
        let at = at.unwrap_or_else(|| {
            compressors.push(Compressor::new(coding));
            compressors.len() - 1
        });
        compressors.get_mut(at)?.compress(text.as_bytes())
    })
}
