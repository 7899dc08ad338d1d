//! Objects in memory, in a place that fails and forgets on demand.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use syncline_store::backup::{Objects, Writing};

#[derive(Clone, Default)]
pub(crate) struct Bucket(Arc<Mutex<Inside>>);

#[derive(Default)]
pub(crate) struct Inside {
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    /// How many of the next objects fail when they are finished.
    pub(crate) failing: u32,
    /// Whether the ones that fail are there nevertheless.
    pub(crate) is_there_though: bool,
    /// How many objects from now on one is lost without a word.
    pub(crate) lose_in: Option<u32>,
}

impl Bucket {
    pub(crate) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    /// Returns a bucket of its own with the same objects.
    pub(crate) fn copy(&self) -> Self {
        let objects = self.inside().objects.clone();
        Self(Arc::new(Mutex::new(Inside { objects, ..Inside::default() })))
    }
}

impl Objects for Bucket {
    fn place(&self) -> String {
        "the bucket".to_owned()
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let inside = self.inside();
        Ok(inside.objects.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        let found = self.inside().objects.get(name).cloned();
        Ok(Box::new(Cursor::new(found.ok_or(io::ErrorKind::NotFound)?)))
    }

    fn create(&self) -> io::Result<Box<dyn Writing>> {
        Ok(Box::new(Unfinished { bucket: self.clone(), bytes: Vec::new() }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inside().objects.remove(name).map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }
}

struct Unfinished {
    bucket: Bucket,
    bytes: Vec<u8>,
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Writing for Unfinished {
    fn finish(self: Box<Self>, name: &str) -> io::Result<()> {
        let mut inside = self.bucket.inside();
        let fails = inside.failing > 0;
        inside.failing = inside.failing.saturating_sub(1);
        let is_lost = inside.lose_in == Some(0);
        inside.lose_in = inside.lose_in.and_then(|left| left.checked_sub(1));
        if (!fails || inside.is_there_though) && !is_lost {
            let before = inside.objects.insert(name.to_owned(), self.bytes.clone());
            assert!(before.is_none_or(|before| before == self.bytes), "{name} was overwritten");
        }
        if fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}
