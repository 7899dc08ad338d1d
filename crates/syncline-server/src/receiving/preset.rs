//! The receivers of spec 004.

/// A receiver whose types of events are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    /// Whatever happened to records of any entity.
    Sync,
    /// Enrollments that were made, changed and deleted.
    Enrollment,
    /// Persons and their profiles.
    Profile,
    /// Progress in courses.
    Progress,
}

impl Preset {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Sync, Self::Enrollment, Self::Profile, Self::Progress];

    /// Returns its name, which is the last part of its path.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Enrollment => "enrollment-changed",
            Self::Profile => "profile-updated",
            Self::Progress => "progress-updated",
        }
    }

    /// Returns the preset of a name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Returns the types of events that it takes.
    pub(crate) const fn types(self) -> &'static [&'static str] {
        match self {
            Self::Sync => &["*"],
            Self::Enrollment => &["enrollment.created", "enrollment.updated", "enrollment.deleted"],
            Self::Profile => {
                &["profile.created", "profile.updated", "user.created", "user.updated"]
            }
            Self::Progress => &["progress.created", "progress.updated", "progress.deleted"],
        }
    }

    /// Returns the resources that it takes; any if none is named.
    pub(crate) const fn resources(self) -> &'static [&'static str] {
        match self {
            Self::Sync => &[],
            Self::Enrollment => &["enrollment"],
            Self::Profile => &["user", "profile"],
            Self::Progress => &["progress"],
        }
    }

    /// Returns whether an event of a profile concerns the person whose profile it is, too.
    pub(crate) const fn has_persons(self) -> bool {
        matches!(self, Self::Sync | Self::Profile)
    }
}
