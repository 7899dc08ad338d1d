//! Lending the store of a hub to a command of another process, and a hub whose store is another's.
//!
//! A loan takes the hub's turn like a sync: whatever else changes the hub waits (design note 0009).

use std::io;
use std::thread;
use std::time::Duration;

use syncline_domains::files::disk::SystemDisk;
use syncline_engine::facts;
use syncline_engine::rows::Key;
use syncline_store::lent::{Lent, lend};
use syncline_store::sqlite::{LoanLock, SqliteStore};
use syncline_store::{Read, Store, StoreError};

use crate::environment::Machine;
use crate::error::HubError;
use crate::hub::{Hub, HubOptions, Parts, make_undo_folder};
use crate::place::Place;

/// How often it is looked whether a borrower is gone whose connection broke off.
const PAUSE: Duration = Duration::from_millis(10);

impl Hub {
    /// Lends the store to a borrower until it gives it back or is gone. What one left half done is
    /// finished, as when the hub is opened.
    ///
    /// - `may_wait`: whether to go on waiting for a borrower that holds its lock still although its
    ///   connection broke off. Without that nothing is finished; whoever opens the hub next does it.
    ///
    /// # Errors
    ///
    /// What the system says of a connection that broke off. A hub that cannot say any more where it
    /// stands is [unfit](Hub::unfit) afterwards.
    pub fn lend(
        &mut self,
        wire: &mut (impl io::Read + io::Write),
        may_wait: &dyn Fn() -> bool,
    ) -> io::Result<()> {
        let ended = lend(&mut *self.store, wire);
        if let Err(error) = self.take_back(ended.is_err(), may_wait) {
            self.unfit = Some(error.code());
        }
        ended
    }

    fn take_back(
        &mut self,
        is_broken_off: bool,
        may_wait: &dyn Fn() -> bool,
    ) -> Result<(), HubError> {
        self.load_facts()?;
        if !is_broken_off {
            return Ok(());
        }
        loop {
            match LoanLock::check(&self.state_folder) {
                Ok(()) => return self.recover().map(drop),
                Err(StoreError::Locked { .. }) if may_wait() => thread::sleep(PAUSE),
                Err(StoreError::Locked { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Opens a hub on a store that was lent: it is given back when the hub is dropped.
    ///
    /// # Errors
    ///
    /// As [`Hub::open`].
    pub fn borrowed(store: Lent, options: &HubOptions) -> Result<Self, HubError> {
        let folder = &options.state_folder;
        if options.check_store {
            SqliteStore::look_for_damage(folder, store.partition())?;
        }
        make_undo_folder(folder)?;
        // The lender has looked whether it is another place.
        let place = store.get(&Key::Meta(facts::PLACE))?.unwrap_or_default();
        let place = Place::as_stored(&String::from_utf8_lossy(&place));
        Self::with_parts(Parts {
            store: Box::new(store),
            disk: std::sync::Arc::new(SystemDisk),
            environment: Box::new(Machine),
            state_folder: folder.clone(),
            place,
        })
    }
}
