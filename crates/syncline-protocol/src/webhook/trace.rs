//! The trace that an event belongs to, as W3C Trace Context says it in the header `traceparent`.
//!
//! Nothing is traced here: what an application says of its trace is kept with the event, and told with each delivery.

use std::fmt::Write as _;

/// How long the header of the known version is, in bytes.
pub const TRACE_PARENT_BYTES: usize = 55;

/// A trace, and the part of it that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    parent: u64,
    flags: u8,
}

impl TraceParent {
    /// Reads the value of a header; `None` if it is no such value, and then there is no trace.
    ///
    /// Of a version that is not known yet the parts are read that the known one has.
    ///
    /// # Source
    ///
    /// W3C Trace Context §3.2 and §4.3.
    pub fn parse(text: &str) -> Option<Self> {
        let (known, rest) = text.split_at_checked(TRACE_PARENT_BYTES)?;
        let parts: Vec<&str> = known.split('-').collect();
        let [version, trace, parent, flags] = parts[..] else { return None };
        let is_of_length =
            (version.len(), trace.len(), parent.len(), flags.len()) == (2, 32, 16, 2);
        let is_hex =
            |part: &&str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_of_length || !parts.iter().all(is_hex) || version == "ff" {
            return None;
        }
        if !(rest.is_empty() || (version != "00" && rest.starts_with('-'))) {
            return None;
        }
        let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)?;
        let parent = u64::from_str_radix(parent, 16).ok().filter(|parent| *parent != 0)?;
        Some(Self { trace, parent, flags: u8::from_str_radix(flags, 16).ok()? })
    }

    /// Returns another part of the same trace.
    ///
    /// - `parent`: its id, drawn at random; 0, which no part may have, becomes 1.
    #[must_use]
    pub const fn child(self, parent: u64) -> Self {
        let parent = if parent == 0 { 1 } else { parent };
        Self { parent, ..self }
    }

    /// Returns the value of the header, in the known version.
    pub fn header(self) -> String {
        let mut text = String::with_capacity(TRACE_PARENT_BYTES);
        // Of the flags only the one is told on that the known version has: whether the trace is recorded.
        let flags = self.flags & 1;
        // Writing into a text fails never.
        let _ = write!(text, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.parent);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_as_the_standard_says_or_there_is_none() {
        let known = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(known.len(), TRACE_PARENT_BYTES);
        #[rustfmt::skip]
        let cases = [
            (known, Some(known)),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")),
            // A later version, whose flags and rest are not known.
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what", Some(known)),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some(known)),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x", None),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\n", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b7--01-", None),
            ("00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0ä", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let read = TraceParent::parse(text).map(TraceParent::header);
            assert_eq!(read.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn another_part_is_of_the_same_trace() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = TraceParent::parse(text).unwrap();
        let child = parent.child(0xab).header();
        assert_eq!(child, "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000ab-01");
        assert!(TraceParent::parse(&parent.child(0).header()).is_some());
    }
}
