//! A server on loopback that answers as a test wants.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A request as the server saw it.
#[derive(Debug, Clone, Default)]
pub(in crate::server) struct Seen {
    pub(in crate::server) method: String,
    pub(in crate::server) path: String,
    pub(in crate::server) headers: BTreeMap<String, String>,
    pub(in crate::server) body: String,
}

/// A server, one connection after the other, each of one request.
pub(in crate::server) struct Loopback {
    /// Host and port.
    pub(in crate::server) address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Loopback {
    /// `answer` gets the request and how many there were before, and gives status, header fields and body; nothing to
    /// end the connection without a word.
    pub(in crate::server) fn start(
        answer: impl Fn(&Seen, usize) -> Option<(u16, String, Vec<u8>)> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
                // a client that tries TLS first
                if reader.fill_buf().is_ok_and(|bytes| bytes.first().is_none_or(|byte| *byte == 0x16)) {
                    let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
                    continue;
                }
                let one = read(&mut reader);
                let mut log = log.lock().expect("no panic");
                let nth = log.len();
                log.push(one.clone());
                drop(log);
                let Some((status, fields, body)) = answer(&one, nth) else { continue };
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n");
                let _ = stream.write_all(head.as_bytes());
                if one.method != "HEAD" {
                    let _ = stream.write_all(&body);
                }
            }
        });
        Self { address, seen }
    }

    pub(in crate::server) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }
}

fn read(reader: &mut impl std::io::BufRead) -> Seen {
    let mut one = Seen::default();
    let mut line = String::new();
    let _ = reader.read_line(&mut line);
    let mut words = line.split(' ').map(str::to_owned);
    one.method = words.next().unwrap_or_default();
    one.path = words.next().unwrap_or_default();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            one.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length = one.headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let _ = reader.take(length).read_to_string(&mut one.body);
    one
}
