//! Where what may block is run: requests share some threads, and what watches over the hubs shares none with them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, mpsc};
use std::thread::Builder;

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinError;

use crate::limits::READS_AT_ONCE_MAX;
use crate::room::Room;

/// Room for what requests read. A store that hangs takes the share of its hub, and leaves the other threads of the
/// process.
static READS: LazyLock<Room> = LazyLock::new(|| Room::new(READS_AT_ONCE_MAX));

/// Runs what blocks for somebody who has asked a hub for it, once there is room for it.
pub(crate) async fn blocking<T: Send + 'static>(
    hub: &str,
    task: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    within(&READS, hub, task).await
}

/// Runs what blocks, once there is room for it.
pub(crate) async fn within<T: Send + 'static>(
    room: &Room,
    hub: &str,
    task: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let place = room.enter(hub).await;
    let done = tokio::task::spawn_blocking(move || {
        // Also where whoever asked has gone: the thread is taken until this is over.
        let _place = place;
        task()
    });
    done.await
}

/// Threads of their own for something that must go on while all others hang; few at once.
pub(crate) struct Apart {
    name: &'static str,
    room: Arc<Semaphore>,
}

impl Apart {
    /// - `name`: what the threads are called.
    /// - `most`: how many there may be at once.
    pub(crate) fn new(name: &'static str, most: usize) -> Self {
        Self { name, room: Arc::new(Semaphore::new(most)) }
    }

    /// Runs what blocks; nothing comes of it where too many that were begun before have not ended, no thread could be
    /// had, or it panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let (done, answered) = oneshot::channel();
        let run = move || {
            let result = task();
            drop(room);
            // Whoever waited may have gone.
            let _ = done.send(result);
        };
        Builder::new().name(self.name.to_owned()).spawn(run).ok()?;
        answered.await.ok()
    }
}

/// A thread of its own for what is done often, one after the other, and must go on while all others hang.
pub(crate) struct Thread(mpsc::Sender<Box<dyn FnOnce() + Send>>);

impl Thread {
    /// Starts it; nothing if no thread can be had. It ends when this is dropped.
    ///
    /// - `name`: what the thread is called.
    pub(crate) fn start(name: &'static str) -> Option<Self> {
        let (tasks, waiting) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        let work = move || waiting.into_iter().for_each(|task| task());
        Builder::new().name(name.to_owned()).spawn(work).ok()?;
        Some(Self(tasks))
    }

    /// Runs what blocks, after what was begun before; nothing comes of it where it panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, answered) = oneshot::channel();
        let run = move || {
            if let Ok(result) = catch_unwind(AssertUnwindSafe(task)) {
                // Whoever waited may have gone.
                let _ = done.send(result);
            }
        };
        self.0.send(Box::new(run)).ok()?;
        answered.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_does_one_thing_after_the_other_and_goes_on_after_a_panic() {
        let thread = Thread::start("test").unwrap();
        let id = || std::thread::current().id();
        let first = thread.run(id).await.unwrap();
        assert_eq!(thread.run(|| panic!("planted")).await, None::<()>);
        assert_eq!(thread.run(id).await, Some(first));
        assert_ne!(first, id());
    }

    #[tokio::test]
    async fn what_hangs_takes_its_place_until_it_ends_and_what_panics_gives_it_back() {
        let apart = Arc::new(Apart::new("test", 2));
        let (end, ended) = mpsc::channel::<()>();
        let of = Arc::clone(&apart);
        let hangs = tokio::spawn(async move { of.run(move || ended.recv().is_err()).await });
        while apart.room.available_permits() == 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(apart.run(|| panic!("planted")).await, None::<()>);
        while apart.room.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(apart.run(|| 1).await, Some(1));
        let held = Arc::clone(&apart.room).acquire_owned().await.unwrap();
        assert_eq!(apart.run(|| 1).await, None, "there is no place");
        drop((held, end));
        assert_eq!(hangs.await.unwrap(), Some(true));
    }
}
