//! Messages as they travel.

use syncline_protocol::long::{read_hub_message, write_client_message};
use syncline_protocol::message::{ClientMessage, HubMessage};

/// Returns a message as text; nothing if it cannot be written.
pub(super) fn write(message: &ClientMessage) -> Option<String> {
    write_client_message(message).ok()
}

/// Returns the message that a text is; nothing if it is none.
pub(super) fn read(text: &str) -> Option<HubMessage> {
    read_hub_message(text.as_bytes()).ok()
}
