//! A hub that serves live connections on loopback, and nothing else. It can be stopped and started
//! again on the same folder and port, refuses tokens, and cuts connections.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use syncline_client::{Client, Options};
use syncline_engine::operate::Entities;
use syncline_hub::served::{Limits, Pushed, ServeError, Served};
use syncline_hub::{Backup, Forgotten, Hub, HubOptions, RestoreAt as At, Retention, restore_state};
use syncline_model::id::{Position, Writer};
use syncline_protocol::compact::{HubWriter, Names, Reader};
use syncline_protocol::compress::decompress;
use syncline_protocol::limits::MESSAGE_BYTES_MAX;
use syncline_protocol::message::{ClientMessage, Coding, HubMessage, Keeping, PushAnswer};
use syncline_protocol::session::hub::{Greeting, Outgoing, PageFailure, Session};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// How long a test waits for what is to happen, before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a test tells its hub, and is told by it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The access token that is accepted.
    pub(crate) token: Mutex<String>,
    /// Connections that were refused for their token.
    pub(crate) refused: AtomicU64,
    /// Connections are cut after so many messages from the client; 0 for never.
    pub(crate) cut_after: AtomicU64,
    /// How many comparisons of checksums clients have made.
    pub(crate) equal: AtomicU64,
    pub(crate) different: AtomicU64,
    /// How many changes were told, and how many bytes of them were sent.
    pub(crate) changes: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Whether the hub that ends now is lost: nothing of it is closed, and no more of it is backed up.
    is_lost: AtomicBool,
}

/// A hub on loopback.
pub(crate) struct TestHub {
    folder: Arc<tempfile::TempDir>,
    /// Where its state is; another folder with every restore.
    state: PathBuf,
    /// How its backup stands, if it is backed up.
    pub(crate) backup: Option<Backup>,
    address: SocketAddr,
    pub(crate) told: Arc<Told>,
    stop: Option<(watch::Sender<bool>, JoinHandle<()>)>,
}

impl TestHub {
    /// Starts a hub with nothing in it, which accepts any entity.
    pub(crate) fn start() -> Self {
        Self::start_with(false)
    }

    /// Starts one that is backed up, but only when it is asked for.
    pub(crate) fn start_backed_up() -> Self {
        Self::start_with(true)
    }

    fn start_with(is_backed_up: bool) -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let told = Arc::new(Told::default());
        "secret".clone_into(&mut told.token.lock().unwrap());
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let state = folder.path().join("state");
        let mut hub = Self { folder, state, backup: None, address, told, stop: None };
        hub.begin(is_backed_up);
        hub
    }

    /// Starts it again.
    pub(crate) fn resume(&mut self) {
        self.begin(self.backup.is_some());
    }

    /// Ends it, has it forget all but the latest changes, and starts it again.
    pub(crate) fn forget(&mut self, changes: u64) -> Forgotten {
        self.kill();
        let options = HubOptions { state_folder: self.state.clone(), check_store: false };
        let hub = Hub::open(&options).unwrap();
        let served = Served::start(hub, Entities::open(Default::default())).unwrap();
        let retention = Retention { changes: Some(changes), ..Retention::default() };
        let forgotten = served.forget(retention).unwrap();
        served.stop().unwrap();
        self.resume();
        forgotten
    }

    /// Ships all that is committed.
    pub(crate) fn ship(&self) {
        let backup = self.backup.as_ref().unwrap();
        backup.want_shipped();
        eventually("it is shipped", || backup.health().commits_behind == Some(0));
    }

    /// Loses the hub as it is, and makes another one of its backup.
    pub(crate) fn lose(&mut self) {
        self.told.is_lost.store(true, Ordering::SeqCst);
        self.kill();
        self.told.is_lost.store(false, Ordering::SeqCst);
        let mut state = self.state.clone();
        state.set_extension(format!("{}x", state.extension().unwrap_or_default().display()));
        restore_state(&self.folder.path().join("backup"), At::Latest, &state, &mut |_| ()).unwrap();
        self.state = state;
    }

    /// Puts a copy of the backup aside.
    pub(crate) fn copy_backup(&self) {
        copy(&self.folder.path().join("backup"), &self.folder.path().join("copy"));
    }

    /// Loses the hub and its backup, and makes another hub of the copy that was put aside.
    pub(crate) fn lose_with_backup(&mut self) {
        self.told.is_lost.store(true, Ordering::SeqCst);
        self.kill();
        let backup = self.folder.path().join("backup");
        std::fs::remove_dir_all(&backup).unwrap();
        copy(&self.folder.path().join("copy"), &backup);
        self.lose();
    }

    fn begin(&mut self, is_backed_up: bool) {
        assert!(self.stop.is_none(), "it runs");
        let options = HubOptions { state_folder: self.state.clone(), check_store: false };
        let (hub, backup) = if is_backed_up {
            let (to, never) = (self.folder.path().join("backup"), Duration::from_secs(3_600));
            let (hub, backup) = Hub::open_backed_up_every(&options, &to, never).unwrap();
            (hub, Some(backup))
        } else {
            (Hub::open(&options).unwrap(), None)
        };
        self.backup.clone_from(&backup);
        let (address, told) = (self.address, Arc::clone(&self.told));
        let (stop, stopped) = watch::channel(false);
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            let runtime = builder.worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind(address).await.unwrap();
                let served = Served::start(hub, Entities::open(Default::default())).unwrap();
                ready.send(()).unwrap();
                listen(listener, served.clone(), Arc::clone(&told), backup, stopped).await;
                match told.is_lost.load(Ordering::SeqCst) {
                    true => std::mem::forget(served),
                    false => served.stop().unwrap(),
                }
            });
            runtime.shutdown_timeout(Duration::from_secs(5));
        });
        is_ready.recv().unwrap();
        self.stop = Some((stop, thread));
    }

    /// Cuts all connections and ends the hub.
    pub(crate) fn kill(&mut self) {
        if let Some((stop, thread)) = self.stop.take() {
            stop.send(true).unwrap();
            thread.join().unwrap();
        }
    }

    /// Opens a client of this hub in a folder.
    pub(crate) fn client(&self, folder: &tempfile::TempDir, name: &str) -> Client {
        Client::open(self.options(folder.path().join(format!("{name}.db")), name)).unwrap()
    }

    pub(crate) fn options(&self, path: PathBuf, name: &str) -> Options {
        Options::new(path, &format!("http://{}", self.address), "secret").client_id(name)
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "it never was so: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

async fn listen(
    listener: TcpListener,
    served: Served,
    told: Arc<Told>,
    backup: Option<Backup>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        stream.set_nodelay(true).unwrap();
        let (served, told, mut stopped) = (served.clone(), Arc::clone(&told), stopped.clone());
        let backup = backup.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = serve(stream, served, told, backup) => {}
                _ = stopped.changed() => {}
            }
        });
    }
}

struct Gate(Arc<Told>);

impl Callback for Gate {
    fn on_request(
        self,
        request: &Request,
        mut response: Response,
    ) -> Result<Response, ErrorResponse> {
        let bearer = request.headers().get("authorization").and_then(|it| it.to_str().ok());
        let expected = format!("Bearer {}", self.0.token.lock().unwrap());
        if bearer != Some(expected.as_str()) {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            let mut refused = ErrorResponse::new(None);
            *refused.status_mut() = StatusCode::UNAUTHORIZED;
            return Err(refused);
        }
        assert_eq!(request.uri().path(), "/v1/live");
        let protocol = request.headers().get("sec-websocket-protocol").cloned().unwrap();
        response.headers_mut().insert("sec-websocket-protocol", protocol);
        Ok(response)
    }
}

/// One connection.
struct Line {
    socket: WebSocketStream<TcpStream>,
    session: Session,
    writer: HubWriter,
    names: Names,
    reader: Reader,
    served: Served,
    answered: mpsc::UnboundedSender<PushAnswer>,
    began: Instant,
    backup: Option<Backup>,
    told: Arc<Told>,
}

/// Serves one connection.
async fn serve(stream: TcpStream, served: Served, told: Arc<Told>, backup: Option<Backup>) {
    let Ok(socket) = accept_hdr_async(stream, Gate(Arc::clone(&told))).await else { return };
    let incarnation = served.incarnation();
    let accept = vec![Coding::ZstdDict, Coding::Zstd];
    let greeting = Greeting {
        incarnation: incarnation.to_string().into(),
        accept,
        keeping: Keeping::default(),
    };
    let (moved, mut position) = watch::channel(served.position());
    let _watch = served.watch(move |position| {
        let _ = moved.send(position);
    });
    let (answered, mut answers) = mpsc::unbounded_channel();
    let mut one = Line {
        socket,
        session: Session::new(greeting, 0),
        writer: HubWriter::new(incarnation),
        names: Names::default(),
        reader: Reader::of_hub(incarnation),
        served,
        answered,
        began: Instant::now(),
        backup,
        told: Arc::clone(&told),
    };
    let mut messages = 0;
    one.session.handle_advanced(one.served.position());
    loop {
        one.push();
        one.read_pages();
        if let Some(position) = one.backed_up() {
            one.session.handle_backed_up(position);
        }
        if one.say().await.is_err() || one.session.poll_close().is_some() {
            return;
        }
        tokio::select! {
            message = one.socket.next(), if one.session.can_read() => {
                let Some(Ok(message)) = message else { return };
                messages += 1;
                if !one.hear(message) {
                    return;
                }
                let cut_after = told.cut_after.load(Ordering::Relaxed);
                if cut_after > 0 && messages >= cut_after {
                    // What was said may be carried out; the answer is never sent.
                    one.push();
                    return;
                }
            }
            Some(answer) = answers.recv() => one.session.handle_results(answer),
            Ok(()) = position.changed() => {
                let position = *position.borrow();
                one.session.handle_advanced(position);
            }
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                let now_ms = one.now_ms();
                one.session.handle_time(now_ms);
            }
        }
    }
}

impl Line {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    fn backed_up(&self) -> Option<Position> {
        self.backup.as_ref().map(|backup| backup.position().unwrap_or_default())
    }

    fn push(&mut self) {
        while let Some(operations) = self.session.poll_push() {
            let client = self.session.client().unwrap().clone();
            let answered = self.answered.clone();
            let done = move |pushed: Result<Pushed, ServeError>| {
                // Who is not there any more is not answered.
                if let Ok(pushed) = pushed {
                    drop(answered.send(pushed.answer()));
                }
            };
            self.served.push(&client, operations, Box::new(done));
        }
    }

    fn read_pages(&mut self) {
        while let Some(request) = self.session.poll_page() {
            let viewer = Writer::from(self.session.client().unwrap());
            let (follow, limits) = (&request.follow, Limits::default());
            let read = match &request.anew {
                Some(anew) => {
                    self.served.page_anew(follow, anew, &viewer, limits).map(|paged| (paged, None))
                }
                None => self.served.page_checked(follow, &viewer, limits, request.is_checked),
            };
            match read {
                Ok((paged, checksum)) => {
                    if let Some(checksum) = checksum {
                        let cursor = paged.page.cursor.clone();
                        self.session.handle_checksum(request.view, cursor, checksum);
                    }
                    self.session.handle_page(request.view, paged.page);
                }
                Err(error) => {
                    let failure = PageFailure::CursorUnusable(error.problem());
                    self.session.handle_page_failed(request.view, failure);
                }
            }
        }
    }

    async fn say(&mut self) -> Result<(), ()> {
        while let Some(outgoing) = self.session.poll_message(self.now_ms()) {
            let Outgoing::Message(message) = outgoing else { unreachable!("none is ready-made") };
            if let HubMessage::Changes { page, .. } = &message {
                self.told.changes.fetch_add(page.changes.len() as u64, Ordering::SeqCst);
            }
            for text in self.writer.write(&message, &mut self.names) {
                self.told.bytes.fetch_add(text.len() as u64, Ordering::SeqCst);
                self.socket.send(Message::text(text)).await.map_err(|_| ())?;
            }
        }
        Ok(())
    }

    /// Takes in a message; answers whether the connection goes on.
    fn hear(&mut self, message: Message) -> bool {
        let bytes = match message {
            Message::Text(text) => text.as_bytes().to_vec(),
            Message::Binary(bytes) => decompress(&bytes, MESSAGE_BYTES_MAX).unwrap(),
            Message::Close(_) => return false,
            _ => return true,
        };
        let now_ms = self.now_ms();
        if let Some(message) = self.reader.read_client_message(&bytes).unwrap() {
            if let ClientMessage::Hello(hello) = &message {
                let floor = self.served.floor_of(&hello.client).unwrap();
                self.session.handle_keeping(Keeping { backed_up: self.backed_up(), floor });
            }
            self.session.handle_message(message, now_ms);
            if let Some((_, is_equal)) = self.session.poll_checked() {
                let counts = [&self.told.different, &self.told.equal];
                counts[usize::from(is_equal)].fetch_add(1, Ordering::SeqCst);
            }
        }
        true
    }
}
