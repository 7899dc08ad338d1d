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
    /// A hub of a later version says to all what only later clients can read.
    LaterToAll,
    /// What a device commits is not synced: when its program ends the latest of it is lost.
    CommitsNotSynced,
    /// Who stands behind the horizon reads on from there.
    HorizonNotTold,
    /// A client sends a whole text where somebody has typed a word.
    TextsWhole,
    /// The copy of a client that is there counts as what the hub shows.
    CopiesTrusted,
}

impl ServedFault {
    /// Every fault.
    pub const ALL: [Self; 10] = [
        Self::Below(IngestFault::SiteReused),
        Self::FeedShared,
        Self::LeavingDeletes,
        Self::RightsKept,
        Self::PushesUnlimited,
        Self::LaterToAll,
        Self::CommitsNotSynced,
        Self::HorizonNotTold,
        Self::TextsWhole,
        Self::CopiesTrusted,
    ];

    /// Returns the requirement by which it is to show.
    pub const fn requirement(self) -> &'static str {
        match self {
            Self::Below(fault) => fault.requirement(),
            Self::FeedShared | Self::RightsKept | Self::PushesUnlimited => "I18",
            Self::LeavingDeletes => "I17",
            Self::LaterToAll => "I21",
            Self::CommitsNotSynced => "I7",
            Self::HorizonNotTold => "I1",
            Self::TextsWhole => "I8",
            Self::CopiesTrusted => "I24",
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
