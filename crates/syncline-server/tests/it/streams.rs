//! Server-sent events, cut again and again.
