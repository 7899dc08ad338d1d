//! A network that fails, on loopback: what goes through it is delayed, cut into pieces, cut off, or swallowed.
//!
//! The seed says what goes wrong with which connection, and after how many bytes; not to the millisecond when.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a side that has nothing to carry looks whether all is over.
const LOOK: Duration = Duration::from_millis(20);
/// Most bytes that are carried at once.
const PIECE_BYTES_MAX: usize = 4_096;
/// Longest that a connection is half open, or a partition lasts: longer than most answers take.
const SILENCE_MS_MAX: u64 = 400;

/// Numbers by SplitMix64, as in the simulation.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    pub(super) const fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// What goes wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing.
    Well,
    /// It is refused.
    Refused,
    /// After so many bytes, of both directions together, both ends are told that it is over.
    Cut { after: u64 },
    /// After so many bytes nothing arrives any more, and only later both ends are told.
    Silent { after: u64, ms: u64 },
    /// Each piece takes its time, and is small.
    Slow { bytes: usize, ms: u64 },
}

impl Fate {
    fn draw(random: &mut Random) -> Self {
        // Most is said within the first bytes: that is where cuts matter.
        let mut after = || match random.below(3) {
            0 => random.below(400),
            1 => random.below(4_000),
            _ => random.below(40_000),
        };
        let after = after();
        match random.below(10) {
            0 => Self::Refused,
            1..5 => Self::Cut { after },
            5..7 => Self::Silent { after, ms: random.below(SILENCE_MS_MAX) },
            7 => Self::Slow {
                bytes: 1 + usize::try_from(random.below(200)).unwrap(),
                ms: random.below(4),
            },
            _ => Self::Well,
        }
    }
}

/// What all connections share.
struct State {
    target: SocketAddr,
    random: Mutex<Random>,
    /// Whether nothing goes wrong any more.
    is_well: AtomicBool,
    is_over: AtomicBool,
    /// Whether nothing is carried for now, in any connection.
    is_parted: AtomicBool,
    /// What went wrong how often.
    wrong: AtomicU64,
    /// How many bytes were carried.
    carried: AtomicU64,
}

/// Stands between clients and a server.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    state: Arc<State>,
    accepts: Option<JoinHandle<()>>,
}

impl Proxy {
    pub(super) fn start(target: &str, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            target: target.parse().unwrap(),
            random: Mutex::new(Random::new(seed)),
            is_well: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            is_parted: AtomicBool::new(false),
            wrong: AtomicU64::new(0),
            carried: AtomicU64::new(0),
        });
        let accepting = state.clone();
        let accepts = std::thread::spawn(move || accept(&listener, &accepting));
        Self { address, state, accepts: Some(accepts) }
    }

    /// Nothing is carried for a while, and connections are not told.
    pub(super) fn part(&self, ms: u64) {
        self.state.is_parted.store(true, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(ms % SILENCE_MS_MAX));
        self.state.is_parted.store(false, Ordering::SeqCst);
        self.state.wrong.fetch_add(1, Ordering::SeqCst);
    }

    /// From now on nothing goes wrong with new connections.
    pub(super) fn heal(&self) {
        self.state.is_well.store(true, Ordering::SeqCst);
    }

    /// Returns where the server listens.
    pub(super) fn target(&self) -> String {
        self.state.target.to_string()
    }

    /// Returns how many bytes were carried, of both directions together.
    pub(super) fn carried(&self) -> u64 {
        self.state.carried.load(Ordering::SeqCst)
    }

    /// Returns how much went wrong.
    pub(super) fn wrong(&self) -> u64 {
        self.state.wrong.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        // It waits for somebody.
        drop(TcpStream::connect(self.address));
        let _ = self.accepts.take().map(JoinHandle::join);
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    let mut carriers = Vec::new();
    for client in listener.incoming() {
        if state.is_over.load(Ordering::SeqCst) {
            break;
        }
        let Ok(client) = client else { continue };
        let fate = match state.is_well.load(Ordering::SeqCst) {
            true => Fate::Well,
            false => Fate::draw(&mut state.random.lock().unwrap()),
        };
        if fate != Fate::Well {
            state.wrong.fetch_add(1, Ordering::SeqCst);
        }
        // Nobody listens while the server is dead.
        let Ok(server) = TcpStream::connect(state.target) else { continue };
        if fate == Fate::Refused {
            continue;
        }
        carriers.extend(carry(client, server, fate, state));
    }
    for carrier in carriers {
        let _ = carrier.join();
    }
}

/// Carries bytes both ways until one end, or its fate, ends the connection.
fn carry(
    client: TcpStream,
    server: TcpStream,
    fate: Fate,
    state: &Arc<State>,
) -> Vec<JoinHandle<()>> {
    let carried = Arc::new(AtomicU64::new(0));
    let ways = [(&client, &server), (&server, &client)];
    let start = |(from, to): (&TcpStream, &TcpStream)| {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let way = Way { from, to, fate, carried: carried.clone(), state: state.clone() };
        std::thread::spawn(move || way.run())
    };
    ways.map(start).into()
}

/// One direction of a connection.
struct Way {
    from: TcpStream,
    to: TcpStream,
    fate: Fate,
    /// The bytes of both directions.
    carried: Arc<AtomicU64>,
    state: Arc<State>,
}

impl Way {
    fn run(mut self) {
        let _ = self.carry();
        let _ = self.from.shutdown(Shutdown::Both);
        let _ = self.to.shutdown(Shutdown::Both);
    }

    fn carry(&mut self) -> std::io::Result<()> {
        self.from.set_read_timeout(Some(LOOK))?;
        self.to.set_nodelay(true)?;
        let bytes_max = match self.fate {
            Fate::Slow { bytes, .. } => bytes,
            _ => PIECE_BYTES_MAX,
        };
        let mut piece = vec![0; bytes_max];
        while !self.state.is_over.load(Ordering::SeqCst) {
            if self.state.is_parted.load(Ordering::SeqCst) {
                std::thread::sleep(LOOK);
                continue;
            }
            let count = match self.from.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if is_nothing(&error) => continue,
                Err(error) => return Err(error),
            };
            self.state.carried.fetch_add(count as u64, Ordering::SeqCst);
            let before = self.carried.fetch_add(count as u64, Ordering::SeqCst);
            let left = |after: u64| usize::try_from(after.saturating_sub(before)).unwrap();
            match self.fate {
                // What is on its way up to there arrives, byte for byte.
                Fate::Cut { after } if left(after) < count => {
                    return self.to.write_all(&piece[..left(after)]);
                }
                Fate::Silent { after, ms } if left(after) < count => {
                    self.to.write_all(&piece[..left(after)])?;
                    return self.swallow(Duration::from_millis(ms));
                }
                Fate::Slow { ms, .. } => std::thread::sleep(Duration::from_millis(ms)),
                _ => {}
            }
            self.to.write_all(&piece[..count])?;
        }
        Ok(())
    }

    /// Takes whatever comes, and carries nothing of it.
    fn swallow(&mut self, silence: Duration) -> std::io::Result<()> {
        let begun = Instant::now();
        let mut piece = vec![0; PIECE_BYTES_MAX];
        while begun.elapsed() < silence {
            match self.from.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if is_nothing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_nothing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
