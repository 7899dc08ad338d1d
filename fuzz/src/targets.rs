//! The list of targets.

use crate::{decoders, merge, messages, text, webhook};

/// A fuzz target: its name, which is that of its corpus, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by name.
pub const TARGETS: &[Target] = &[
    ("audit_entry", decoders::audit_entry),
    ("client_message", messages::of_client),
    ("compressed_message", messages::compressed),
    ("conflict_row", decoders::conflict_row),
    ("cursor", decoders::cursor),
    ("delivery_row", decoders::delivery_row),
    ("document", decoders::document),
    ("domain_index", decoders::domain_index),
    ("hub_message", messages::of_hub),
    ("journal", decoders::journal),
    ("json", decoders::json),
    ("log_entry", decoders::log_entry),
    ("path", decoders::path),
    ("record_state", decoders::record_state),
    ("text_operation", text::operations),
    ("text_state", text::state),
    ("three_way_merge", merge::three_way),
    ("webhook", webhook::received),
];
