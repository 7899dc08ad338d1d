//! A wire that counts what goes through it, both ways: the payload of TCP.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// A wire to a hub. It stays until the program ends.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    bytes: Arc<AtomicU64>,
}

impl Wire {
    /// Leads to a hub from an address of its own.
    pub(crate) fn to(hub: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, bytes) = (listener.local_addr()?, Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&bytes);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                // A client that finds nobody connects again.
                let Ok(far) = TcpStream::connect(hub) else { continue };
                let _ = join(&near, &far, &counted);
            }
        });
        Ok(Self { address, bytes })
    }

    /// Returns how many bytes went through, both ways together.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }
}

/// Carries bytes between two sockets until either ends.
fn join(near: &TcpStream, far: &TcpStream, bytes: &Arc<AtomicU64>) -> io::Result<()> {
    for (from, to) in [(near, far), (far, near)] {
        from.set_nodelay(true)?;
        let (mut from, mut to, bytes) = (from.try_clone()?, to.try_clone()?, Arc::clone(bytes));
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(read) = from.read(&mut buffer) {
                bytes.fetch_add(read as u64, Ordering::SeqCst);
                if read == 0 || to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            // It may be closed already.
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }
    Ok(())
}
