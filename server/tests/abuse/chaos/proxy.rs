//! A network that breaks in every way a network can, between a client and a server: connections
//! are cut, reset, stalled, dribbled, delayed, and what is sent is delivered twice.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It is closed before anything is sent.
    Refuse,
    /// It ends within the request, after so many bytes.
    CutRequest(usize),
    /// The request arrives; of the answer only so many bytes do.
    CutAnswer(usize),
    /// As that, but by a reset.
    Reset(usize),
    /// The request arrives; the answer never does, and nobody says so.
    Stall,
    /// Both directions come in pieces of a few bytes.
    Dribble(usize),
    /// Everything comes late.
    Delay(u64),
    /// The server is sent everything twice, on two connections; the second answer counts.
    Twice,
}

pub(crate) const FAULTS: usize = 9;

/// Numbers that repeat by their seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) % end as u64) as usize
    }
}

fn fault(random: &mut Random) -> Fault {
    match random.below(12) {
        0..=2 => Fault::None,
        3 => Fault::Refuse,
        4 => Fault::CutRequest(random.below(600)),
        5 | 6 => Fault::CutAnswer(random.below(300)),
        7 => Fault::Reset(random.below(100)),
        8 => Fault::Stall,
        9 => Fault::Dribble(1 + random.below(40)),
        10 => Fault::Delay(random.below(80) as u64),
        _ => Fault::Twice,
    }
}

fn place(fault: Fault) -> usize {
    match fault {
        Fault::None => 0,
        Fault::Refuse => 1,
        Fault::CutRequest(_) => 2,
        Fault::CutAnswer(_) => 3,
        Fault::Reset(_) => 4,
        Fault::Stall => 5,
        Fault::Dribble(_) => 6,
        Fault::Delay(_) => 7,
        Fault::Twice => 8,
    }
}

/// The network.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    server: SocketAddr,
    seed: AtomicU64,
    stop: AtomicBool,
    faults: [AtomicUsize; FAULTS],
}

impl Proxy {
    /// Stands between clients and a server.
    pub(crate) fn start(server: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server,
            seed: AtomicU64::new(seed),
            stop: AtomicBool::new(false),
            faults: [const { AtomicUsize::new(0) }; FAULTS],
        });
        let accepted = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming() {
                if accepted.stop.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&accepted);
                // A connection ends when one of its ends does, at the latest with the server.
                std::thread::spawn(move || shared.carry(&client.unwrap()));
            }
        });
        Self {
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    /// How many connections met each fault, in the order of [`Fault`].
    pub(crate) fn faults(&self) -> Vec<usize> {
        let all = self.shared.faults.iter();
        all.map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Shared {
    fn carry(&self, client: &TcpStream) {
        let seed = self.seed.fetch_add(1, Ordering::Relaxed);
        let fault = fault(&mut Random(seed.wrapping_mul(0x9E37_79B9)));
        self.faults[place(fault)].fetch_add(1, Ordering::Relaxed);
        if fault == Fault::Refuse {
            return;
        }
        let server = TcpStream::connect(self.server).unwrap();
        let second = (fault == Fault::Twice).then(|| TcpStream::connect(self.server).unwrap());
        for stream in [client, &server].into_iter().chain(&second) {
            stream.set_nodelay(true).unwrap();
        }
        std::thread::scope(|scope| {
            scope.spawn(|| carry_requests(client, &server, second.as_ref(), fault));
            if let Some(second) = &second {
                // The first answer is lost on the way.
                scope.spawn(|| swallow(&server));
                carry_answers(second, client, fault);
            } else {
                carry_answers(&server, client, fault);
            }
        });
    }
}

fn carry_requests(
    client: &TcpStream,
    server: &TcpStream,
    second: Option<&TcpStream>,
    fault: Fault,
) {
    let mut left = match fault {
        Fault::CutRequest(bytes) => bytes,
        _ => usize::MAX,
    };
    let mut piece = vec![0; size(fault)];
    let mut from = client;
    while let Ok(count @ 1..) = from.read(&mut piece) {
        late(fault);
        let count = count.min(left);
        left -= count;
        for mut to in [Some(server), second].into_iter().flatten() {
            // Whoever has gone gets nothing.
            let _ = to.write_all(&piece[..count]);
        }
        if left == 0 {
            break;
        }
    }
    close(client);
    close(server);
    second.into_iter().for_each(close);
}

fn carry_answers(server: &TcpStream, client: &TcpStream, fault: Fault) {
    let mut left = match fault {
        Fault::CutAnswer(bytes) | Fault::Reset(bytes) => bytes,
        _ => usize::MAX,
    };
    let mut piece = vec![0; size(fault)];
    let (mut from, mut to) = (server, client);
    while let Ok(count @ 1..) = from.read(&mut piece) {
        late(fault);
        if fault == Fault::Stall {
            continue;
        }
        let count = count.min(left);
        left -= count;
        if to.write_all(&piece[..count]).is_err() || left == 0 {
            break;
        }
    }
    close(client);
    close(server);
}

fn swallow(mut from: &TcpStream) {
    let mut piece = [0; 4 << 10];
    while let Ok(1..) = from.read(&mut piece) {}
}

fn close(stream: &TcpStream) {
    // It may be closed already.
    let _ = stream.shutdown(Shutdown::Both);
}

fn size(fault: Fault) -> usize {
    match fault {
        Fault::Dribble(bytes) => bytes,
        _ => 16 << 10,
    }
}

fn late(fault: Fault) {
    if let Fault::Delay(milliseconds) = fault {
        let _ = std::sync::mpsc::channel::<()>()
            .1
            .recv_timeout(Duration::from_millis(milliseconds));
    }
}
