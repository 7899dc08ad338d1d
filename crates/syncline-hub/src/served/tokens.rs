//! Which tokens need not be told in full.

use std::collections::BTreeMap;

use syncline_merge::fault::{Fault, is_planted};
use syncline_model::id::{EntityName, RecordId};
use syncline_protocol::message::Page;
use syncline_protocol::token::TokenText;

use super::Paged;

/// Records whose tokens are remembered. Of others they are told in full.
const TOKENS_MAX: usize = 4_096;

/// The tokens that everybody was told last who follows the same and sees everything.
///
/// Whoever stands where these were told holds the records with their details: each change of them is told to
/// all, or [forgotten](ToldTokens::forget) here. A result tells the same details as long as nothing of the
/// record is shown to its writer alone.
#[derive(Debug, Default)]
pub struct ToldTokens {
    tokens: BTreeMap<(EntityName, RecordId), TokenText>,
}

impl ToldTokens {
    /// Takes note of what is about to be told; returns it with short tokens where these are understood.
    pub fn shorten(&mut self, Paged { page, single, .. }: &Paged) -> Option<Page> {
        let mut shorter: Option<Page> = None;
        for (place, (change, is_single)) in page.changes.iter().zip(single).enumerate() {
            let key = (change.entity.clone(), change.id.clone());
            let version = &change.seen.version;
            if version.details().is_none() {
                self.tokens.remove(&key);
                continue;
            }
            if self.tokens.len() >= TOKENS_MAX {
                self.tokens.clear();
            }
            let told = self.tokens.insert(key, version.clone());
            let is_known = told.is_some_and(|told| {
                told.details() == version.details() || is_planted(Fault::DetailsLeftOut)
            });
            if !is_known || !is_single {
                continue;
            }
            let page = shorter.get_or_insert_with(|| page.clone());
            if let Some(change) = page.changes.get_mut(place) {
                change.seen.version = version.short();
            }
        }
        shorter
    }

    /// Something was told to each by itself.
    pub fn forget(&mut self) {
        self.tokens.clear();
    }
}
