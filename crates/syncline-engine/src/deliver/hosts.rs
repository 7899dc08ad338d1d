//! How many attempts are under way to each host: so that those that hang leave room for the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::limits::{
    HOST_FLYING_MAX, HOST_LIVELY_MS, HOST_UNPROVEN_MAX, Millis, UNPROVEN_FLYING_MAX,
};

/// What makes two URLs one host: everything before the path.
pub(super) fn host_of(url: &str) -> Arc<str> {
    let behind = url.find("://").map_or(0, |at| at + "://".len());
    let path = url.get(behind..).and_then(|rest| rest.find(['/', '?', '#']));
    let host = path.and_then(|path| url.get(..behind + path)).unwrap_or(url);
    host.to_ascii_lowercase().into()
}

/// How many attempts are under way to each host that has endpoints.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    hosts: BTreeMap<Arc<str>, Host>,
    /// How many are under way to hosts that are not proven.
    unproven: u32,
}

#[derive(Debug, Default)]
struct Host {
    endpoints: u32,
    flying: u32,
    /// Whether its latest attempt was answered, well or not.
    is_proven: bool,
    /// When it last answered.
    answered_ms: Millis,
}

impl Hosts {
    /// An endpoint has this URL; answers its host.
    pub(super) fn join(&mut self, url: &str) -> Arc<str> {
        let host = host_of(url);
        self.hosts.entry(Arc::clone(&host)).or_default().endpoints += 1;
        host
    }

    /// An endpoint with so many attempts under way is at its host no longer.
    pub(super) fn part(&mut self, host: &Arc<str>, flying: u32) {
        let Some(known) = self.hosts.get_mut(host) else { return };
        known.endpoints -= 1;
        known.flying -= flying;
        self.unproven -= if known.is_proven { 0 } else { flying };
        if known.endpoints == 0 {
            self.hosts.remove(host);
        }
    }

    /// Returns how many more attempts an endpoint may begin.
    ///
    /// - `in_flight`: how many of its own are under way.
    /// - `free`: how many the sender takes, of all.
    ///
    /// A host may have as many under way as are left for the others, and so may an endpoint of what its host has
    /// (Choudhury and Hahne, "Dynamic queue length thresholds", 1998): a few that hang may have much each, many
    /// that hang little, and in no case all.
    pub(super) fn room(&self, host: &Arc<str>, in_flight: u32, free: usize) -> u32 {
        let Some(host) = self.hosts.get(host) else { return 0 };
        let free = u32::try_from(free).unwrap_or(u32::MAX);
        let (mut of_host, mut of_endpoint) = (free.clamp(1, HOST_FLYING_MAX), HOST_FLYING_MAX);
        if !host.is_proven {
            let left = UNPROVEN_FLYING_MAX.saturating_sub(self.unproven);
            of_host = of_host.min(left).min(HOST_UNPROVEN_MAX);
            of_endpoint = HOST_UNPROVEN_MAX;
        }
        let left = of_endpoint.saturating_sub(host.flying).max(1);
        of_host.saturating_sub(host.flying).min(left.saturating_sub(in_flight))
    }

    /// Attempts begin.
    pub(super) fn launch(&mut self, host: &Arc<str>, count: u32) {
        let Some(known) = self.hosts.get_mut(host) else { return };
        known.flying += count;
        self.unproven += if known.is_proven { 0 } else { count };
    }

    /// Returns until when a host whose attempts are all under way counts as one that is about to answer some: who has
    /// enough for it can wait.
    pub(super) fn lively_until(&self, host: &Arc<str>) -> Millis {
        let known = self.hosts.get(host).filter(|host| host.is_proven);
        known.map_or(0, |host| host.answered_ms.saturating_add(HOST_LIVELY_MS))
    }

    /// Nothing was sent of an attempt, or not yet: what is known of the host stays as it is.
    pub(super) fn leave(&mut self, host: &Arc<str>) {
        let Some(known) = self.hosts.get_mut(host) else { return };
        known.flying -= 1;
        self.unproven -= u32::from(!known.is_proven);
    }

    /// An attempt has ended that was sent.
    pub(super) fn land(&mut self, now: Millis, host: &Arc<str>, is_answered: bool) {
        self.leave(host);
        let Some(known) = self.hosts.get_mut(host) else { return };
        if is_answered {
            known.answered_ms = now;
        }
        self.unproven -= if known.is_proven { 0 } else { known.flying };
        known.is_proven = is_answered;
        self.unproven += if known.is_proven { 0 } else { known.flying };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_what_stands_before_the_path() {
        #[rustfmt::skip]
        let cases = [
            ("https://Example.org/hook?x=1", "https://example.org"),
            ("http://127.0.0.1:8080",        "http://127.0.0.1:8080"),
            ("https://example.org?x=/",      "https://example.org"),
            ("no url/at all",                "no url"),
        ];
        for (url, host) in cases {
            assert_eq!(&*host_of(url), host, "{url}");
        }
    }
}
