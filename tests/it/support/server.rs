//! A server of files on loopback, with faults on demand, and archives for it to serve.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use careen::format::decompress::crc32;

/// A request as the server saw it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    /// What was sent.
    pub body: Vec<u8>,
    /// How often the path was asked for before.
    pub nth: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What the server answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Bytes of the body after which the connection ends.
    pub cut: Option<usize>,
    /// Waits so long before it ends.
    pub stall: Duration,
    /// Sends so many bytes every tenth of a second.
    pub drip: Option<usize>,
}

impl Reply {
    pub(crate) fn of(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// What a registry says of a manifest that it does not have (distribution-spec 1.1, "Error codes").
    pub(crate) fn unknown() -> Self {
        let body = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
        Self { status: 404, body: body.to_vec(), ..Self::default() }
    }

    pub(crate) fn file(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into(), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As a server that knows tags and ranges answers `seen`.
    pub(crate) fn tagged(self, tag: &str, seen: &Seen) -> Self {
        if seen.header("if-none-match") == tag {
            return Self::of(304);
        }
        let from: usize = seen.header("range").trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap_or(0);
        if from > 0 && seen.header("if-range") == tag {
            let size = self.body.len();
            let body = self.body[from..].to_vec();
            return Self { status: 206, body, ..self }
                .with("ETag", tag)
                .with("Content-Range", format!("bytes {from}-{}/{size}", size - 1));
        }
        self.with("ETag", tag)
    }
}

/// A server, one thread for each connection, which carries one request.
pub(crate) struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (handler, log) = (Arc::new(handler), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                std::thread::spawn(move || serve(stream, &log, handler.as_ref()));
            }
        });
        Self { url, seen }
    }

    /// Paths that were asked for, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.path).collect()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, log: &Mutex<Vec<Seen>>, handler: &dyn Fn(&Seen) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    // a client that tries TLS first
    if reader.fill_buf().is_ok_and(|bytes| bytes.first().is_none_or(|byte| *byte == 0x16)) {
        let _ = writer.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
        return;
    }
    let mut seen = Seen::default();
    let mut line = String::new();
    let _ = reader.read_line(&mut line);
    line.split(' ').next().unwrap_or_default().clone_into(&mut seen.method);
    line.split(' ').nth(1).unwrap_or_default().clone_into(&mut seen.path);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            seen.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length = seen.header("content-length").parse().unwrap_or(0);
    let _ = reader.by_ref().take(length).read_to_end(&mut seen.body);
    {
        let mut log = log.lock().unwrap();
        seen.nth = log.iter().filter(|other| other.path == seen.path).count();
        log.push(seen.clone());
    }
    let reply = handler(&seen);
    let mut head =
        format!("HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    let body = if seen.method == "HEAD" { &[][..] } else { &reply.body[..reply.cut.unwrap_or(reply.body.len())] };
    let _ = writer.write_all(head.as_bytes());
    for piece in body.chunks(reply.drip.unwrap_or(usize::MAX)) {
        if writer.write_all(piece).and_then(|()| writer.flush()).is_err() {
            return;
        }
        if reply.drip.is_some() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    std::thread::sleep(reply.stall);
}

/// A zip archive of stored entries; with more than 65,535 of them in its 64-bit form.
pub(crate) fn zip<N: AsRef<str>, B: AsRef<[u8]>>(entries: &[(N, B)]) -> Vec<u8> {
    let mut zip = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in entries {
        let (name, content) = (name.as_ref().as_bytes(), content.as_ref());
        let offset = u32::try_from(zip.len()).unwrap();
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        let mut common = [20_u16, 0, 0, 0, 33].map(u16::to_le_bytes).concat();
        common.extend(crc32(content).to_le_bytes());
        common.extend([size, size].concat());
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        zip.extend(b"PK\x03\x04");
        zip.extend(&common);
        zip.extend(name);
        zip.extend(content);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name);
    }
    let (count, start, size) = (entries.len() as u64, zip.len() as u64, directory.len() as u64);
    zip.extend(directory);
    if count > 0xffff {
        let end = zip.len() as u64;
        zip.extend(b"PK\x06\x06");
        zip.extend(44_u64.to_le_bytes());
        zip.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        zip.extend([count, count, size, start].map(u64::to_le_bytes).concat());
        zip.extend(b"PK\x06\x07\0\0\0\0");
        zip.extend(end.to_le_bytes());
        zip.extend(1_u32.to_le_bytes());
    }
    let short = u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([short, short].concat());
    zip.extend(u32::try_from(size).unwrap().to_le_bytes());
    zip.extend(u32::try_from(start).unwrap().to_le_bytes());
    zip.extend([0, 0]);
    zip
}
