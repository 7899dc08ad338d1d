//! Defects of the world itself, planted to see that the checks find them; those of hub, sessions and
//! clients are in `syncline_merge::fault` and `syncline_protocol::session::fault`.

use crate::ingest::IngestFault;

/// A defect, switched on for a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServedFault {
    /// What is below the hub's writer has a defect.
    Below(IngestFault),
    /// All hubs tell of changes by the feed of the first one.
    FeedShared,
    /// A client that follows an entity no more deletes what it held of it.
    LeavingDeletes,
    /// A connection goes on with the rights that its token had.
    RightsKept,
    /// Operations are judged, and answered, as if their client might do everything.
    PushesUnlimited,
}

impl ServedFault {
    /// Every fault.
    pub const ALL: [Self; 5] = [
        Self::Below(IngestFault::SiteReused),
        Self::FeedShared,
        Self::LeavingDeletes,
        Self::RightsKept,
        Self::PushesUnlimited,
    ];

    /// Returns the requirement by which it is to show first.
    pub const fn requirement(self) -> &'static str {
        match self {
            Self::Below(fault) => fault.requirement(),
            Self::FeedShared | Self::RightsKept | Self::PushesUnlimited => "I18",
            Self::LeavingDeletes => "I17",
        }
    }

    /// Returns the fault below the hub's writer, if it is one.
    pub(super) const fn below(self) -> Option<IngestFault> {
        match self {
            Self::Below(fault) => Some(fault),
            _ => None,
        }
    }
}
