//! The part of the Docker API that gives an image: `GET /images/{name}/get` over a Unix socket.
//!
//! Docker and Podman answer alike, with the archive of `docker save`. Just enough of HTTP/1.1 (RFC
//! 9112) for one request on one connection.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;

use super::stream::Stream;
use super::{Choice, Opened, Request};

/// How long a daemon may be silent while it sends.
const STALL: Duration = Duration::from_mins(1);
/// How long it may take to begin; Docker first writes the whole image to its own disk.
const BEGIN: Duration = Duration::from_mins(10);
/// Longest status line and header fields, together.
const HEAD: u64 = 64 << 10;
/// Longest message of an error.
const MESSAGE: u64 = 64 << 10;
/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// A daemon to ask.
pub(super) struct Daemon {
    /// The id of the source.
    pub(super) id: &'static str,
    /// For messages.
    pub(super) name: &'static str,
    /// Tried in this order.
    pub(super) sockets: Vec<PathBuf>,
    /// What to do if it is not there.
    pub(super) start: &'static str,
}

/// Opens an image as a stream that can be asked for again.
///
/// The first answer is awaited here, so that a missing image is told before anything else begins.
pub(super) fn open(request: &Request<'_>, daemon: Daemon) -> Result<Opened> {
    let name = request.location.to_owned();
    if name.bytes().any(|b| b.is_ascii_control()) || request.choice != Choice::Only {
        return Err(Error::new(ErrorKind::Usage, format!("`{}` is no name of an image", escape(&name))));
    }
    let id = daemon.id;
    let mut first = Some(daemon.ask(&name)?);
    let place = format!("{id}:{}", escape(&name));
    let start = move || match first.take() {
        Some(body) => Ok(body),
        None => daemon.ask(&name),
    };
    Ok(Opened::Stream(Box::new(Stream::new(request, place, Box::new(start)).named(id))))
}

/// The socket of an address in the environment variable `name`.
pub(super) fn socket_of(name: &str, address: &str) -> Result<PathBuf> {
    let scheme = match address.split_once("://") {
        Some(("unix", path)) if !path.is_empty() => return Ok(path.into()),
        // no more of it is shown, since it may hold a password
        Some((scheme, _)) => format!("`{}://` address", escape(scheme)),
        None => "address without `unix://`".to_owned(),
    };
    Err(Error::new(ErrorKind::Config, format!("{name} names no Unix socket: careen cannot use its {scheme}"))
        .help(format!("set `{name}=unix:///path/of/the.sock`, or save the image to a file and scan that")))
}

impl Daemon {
    /// Asks for an image; the answer is the archive.
    fn ask(&self, name: &str) -> Result<Box<dyn Read + Send>> {
        let (mut socket, path) = self.connect()?;
        let place = escape(path.as_os_str().as_encoded_bytes());
        let failed = |e: io::Error| {
            let error = match e.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    Error::new(ErrorKind::Network, format!("the {} does not answer", self.name))
                }
                _ => Error::new(ErrorKind::Network, format!("the {} broke off its answer", self.name)).because(e),
            };
            error.at(place.clone())
        };
        let request = format!(
            "GET /images/{}/get HTTP/1.1\r\nHost: localhost\r\nUser-Agent: careen\r\n\
             Accept: application/x-tar, application/json\r\nConnection: close\r\n\r\n",
            encoded(name)
        );
        socket.set_read_timeout(Some(BEGIN)).and_then(|()| socket.set_write_timeout(Some(STALL))).map_err(failed)?;
        socket.write_all(request.as_bytes()).map_err(failed)?;
        let stall = socket.try_clone().map_err(failed)?;
        let mut answer = BufReader::with_capacity(BUFFER, socket);
        let head = Head::read(&mut answer).map_err(failed)?;
        stall.set_read_timeout(Some(STALL)).map_err(failed)?;
        let status = head.status;
        let body = head.body(answer);
        if status == 200 {
            return Ok(Box::new(body));
        }
        Err(self.refused(status, body, name).at(place))
    }

    fn connect(&self) -> Result<(UnixStream, &Path)> {
        let mut failures = Vec::new();
        for path in &self.sockets {
            match UnixStream::connect(path) {
                Ok(socket) => return Ok((socket, path)),
                Err(e) => failures.push((path, e)),
            }
        }
        let places: Vec<String> = self.sockets.iter().map(|path| escape(path.as_os_str().as_encoded_bytes())).collect();
        let denied = failures.iter().any(|(_, e)| e.kind() == io::ErrorKind::PermissionDenied);
        let help = if denied {
            "your user may not use the socket; save the image to a file and scan that, or use another user"
        } else {
            self.start
        };
        let kind = if denied { ErrorKind::Auth } else { ErrorKind::NotFound };
        let error = Error::new(kind, format!("cannot reach the {}", self.name)).at(places.join(", ")).help(help);
        Err(match failures.into_iter().find(|(_, e)| !denied || e.kind() == io::ErrorKind::PermissionDenied) {
            Some((_, cause)) => error.because(cause),
            None => error,
        })
    }

    /// The error for an answer that is no archive; both daemons put a `message` into JSON.
    fn refused(&self, status: u16, body: impl Read, name: &str) -> Error {
        #[derive(Deserialize)]
        struct Answer {
            message: String,
        }
        let mut bytes = Vec::new();
        // what came before a failure may hold the message
        let _ = body.take(MESSAGE).read_to_end(&mut bytes);
        let message = serde_json::from_slice::<Answer>(&bytes).map(|answer| answer.message);
        let message = message.unwrap_or_else(|_| format!("status {status}"));
        let cause = escape(message.trim());
        let shown = escape(name);
        match status {
            404 => Error::new(ErrorKind::NotFound, format!("the {} has no image `{shown}`", self.name))
                .because(cause)
                .help(format!("`registry:{shown}` scans it in its registry")),
            401 | 403 => {
                Error::new(ErrorKind::Auth, format!("the {} refuses the image `{shown}`", self.name)).because(cause)
            }
            _ => Error::new(ErrorKind::Network, format!("the {} cannot give the image `{shown}`", self.name))
                .because(cause),
        }
    }
}

/// A name as a part of a path; `/` and `:` stay, as Docker's own client sends them.
fn encoded(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'@' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format_args!("%{byte:02X}").to_string()),
        }
    }
    out
}

/// The head of an answer.
struct Head {
    status: u16,
    framing: Framing,
}

/// How the end of a body is told.
enum Framing {
    Chunked,
    Length(u64),
    Close,
}

impl Head {
    fn read(answer: &mut impl BufRead) -> io::Result<Self> {
        let mut answer = answer.take(HEAD);
        let line = read_line(&mut answer)?;
        let status =
            line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let mut head = Self { status: status.ok_or_else(|| wrong("the answer is not HTTP"))?, framing: Framing::Close };
        loop {
            let line = read_line(&mut answer)?;
            if line.is_empty() {
                return Ok(head);
            }
            let (key, value) = line.split_once(':').ok_or_else(|| wrong("a header field has no colon"))?;
            let value = value.trim();
            if key.eq_ignore_ascii_case("transfer-encoding") {
                if !value.eq_ignore_ascii_case("chunked") {
                    return Err(wrong("the answer is encoded in an unknown way"));
                }
                head.framing = Framing::Chunked;
            } else if key.eq_ignore_ascii_case("content-length") && !matches!(head.framing, Framing::Chunked) {
                head.framing = Framing::Length(value.parse().map_err(|_| wrong("the answer's length is no number"))?);
            }
        }
    }

    fn body<R: BufRead>(self, inner: R) -> Body<R> {
        let (is_chunked, left) = match self.framing {
            Framing::Chunked => (true, Some(0)),
            Framing::Length(length) => (false, Some(length)),
            Framing::Close => (false, None),
        };
        Body { inner, is_chunked, left, has_begun: false, is_done: false }
    }
}

/// The body of an answer; an end before its time is an error.
struct Body<R> {
    inner: R,
    is_chunked: bool,
    /// Bytes left of the body or chunk; `None` until the connection closes.
    left: Option<u64>,
    has_begun: bool,
    is_done: bool,
}

impl<R: BufRead> Read for Body<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_chunked && self.left == Some(0) && !self.is_done {
            self.next_chunk()?;
        }
        let most = self.left.map_or(buffer.len(), |left| usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len()));
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let count = self.inner.read(buffer).map_err(|e| match e.kind() {
            io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "the daemon stopped sending"),
            _ => e,
        })?;
        if let Some(left) = &mut self.left {
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the daemon broke off its answer"));
            }
            *left = left.saturating_sub(count as u64);
        }
        Ok(count)
    }
}

impl<R: BufRead> Body<R> {
    /// Reads the size of the next chunk; 0 is the end.
    fn next_chunk(&mut self) -> io::Result<()> {
        let mut line = (&mut self.inner).take(1024);
        if self.has_begun && !read_line(&mut line)?.is_empty() {
            return Err(wrong("a chunk is longer than it says"));
        }
        self.has_begun = true;
        let line = read_line(&mut line)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| wrong("the size of a chunk is no number"))?;
        self.left = Some(size);
        self.is_done = size == 0;
        Ok(())
    }
}

/// One line without its end.
fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    let line = line
        .strip_suffix(b"\n")
        .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the answer ends early"))?;
    Ok(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned())
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::super::made::{docker, layer, request, tar_of};
    use super::super::{Access, Source as _};
    use super::*;
    use crate::limit::Limits;

    /// A daemon that gives each of `answers` once; the requests it got come back.
    fn serve(socket: &Path, answers: Vec<Vec<u8>>) -> thread::JoinHandle<Vec<String>> {
        let listener = UnixListener::bind(socket).expect("a new socket");
        thread::spawn(move || {
            let answer = |answer: Vec<u8>| {
                let (mut connection, _) = listener.accept().expect("a client");
                let mut lines = BufReader::new(connection.try_clone().expect("a socket"));
                let first = read_line(&mut lines).expect("a request");
                while !read_line(&mut lines).expect("a request").is_empty() {}
                // a client that saw enough may be gone
                let _ = connection.write_all(&answer);
                first
            };
            answers.into_iter().map(answer).collect()
        })
    }

    fn chunked(body: &[u8], size: usize) -> Vec<u8> {
        let mut out =
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(size) {
            out.extend(format!("{:x};ext=1\r\n", chunk.len()).bytes());
            out.extend(chunk);
            out.extend(b"\r\n");
        }
        out.extend(b"0\r\n\r\n");
        out
    }

    fn address(socket: &Path) -> String {
        format!("unix://{}", socket.display())
    }

    /// Asks a daemon that answers so for an image, twice, and describes what came of the last.
    fn ask(name: &str, answers: Vec<Vec<u8>>) -> (String, Vec<String>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let socket = folder.path().join("api.sock");
        let (limits, access) = (Limits::default(), Access { docker_host: Some(address(&socket)), ..Access::default() });
        let times = answers.len();
        let server = serve(&socket, answers);
        let mut request = request(name, Choice::Only, &limits);
        request.access = &access;
        let outcome = super::super::docker::Docker.open(&request).and_then(|opened| {
            let Opened::Stream(mut stream) = opened else { return Err(Error::new(ErrorKind::Internal, "no stream")) };
            let mut seen = Vec::new();
            for _ in 0..times {
                seen.clear();
                let images = stream.read(&mut |number, body| {
                    let mut bytes = Vec::new();
                    let whole = body.read_to_end(&mut bytes).is_ok();
                    seen.push(format!("{number} {} {whole}", bytes.len()));
                    Ok(())
                })?;
                for (image, _) in images.images {
                    seen.push(format!("{} {:?} {}", image.target.source, image.target.tags, image.limitations.len()));
                }
            }
            Ok(seen.join(", "))
        });
        let outcome = outcome.unwrap_or_else(|e| format!("{}: {e}", e.kind.as_str()));
        (outcome, server.join().expect("the server ends"))
    }

    #[test]
    fn an_image_comes_in_every_framing_and_again() {
        let archive = tar_of(&docker(&[(&["shop/api:1"], "linux/arm64", &[layer("a"), layer("b")])]));
        let length = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", archive.len());
        let plain = [length.as_bytes(), &archive].concat();
        let closed = [b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), &archive].concat();
        let (outcome, requests) = ask("shop/api:1", vec![plain, closed, chunked(&archive, 1000), chunked(&archive, 7)]);
        assert_eq!(outcome, "0 2048 true, 1 2048 true, docker [\"shop/api:1\"] 0");
        assert_eq!(requests, ["GET /images/shop/api:1/get HTTP/1.1"; 4]);
    }

    #[test]
    fn refusals_and_broken_answers_are_told() {
        let archive = tar_of(&docker(&[(&["x:1"], "linux/arm64", &[layer("a")])]));
        let error = |status: &str, body: &str| {
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
        };
        let whole = chunked(&archive, 700);
        let cases = [
            (
                error("404 Not Found", r#"{"message":"No such image: x\u001b[2J"}"#),
                "not-found: the Docker daemon has no image `x:1`: No such image: x\\x1b[2J",
            ),
            (error("500 Oops", "not JSON"), "network: the Docker daemon cannot give the image `x:1`: status 500"),
            (error("403 No", "{}"), "auth: the Docker daemon refuses the image `x:1`: status 403"),
            (b"SSH-2.0-x\r\n".to_vec(), "network: the Docker daemon broke off its answer: the answer is not HTTP"),
            (Vec::new(), "network: the Docker daemon broke off its answer: the answer ends early"),
            (b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), "malformed: this is no image: the file is empty"),
            (
                whole.get(..3000).expect("longer").to_vec(),
                "malformed: the archive is cut short: it ends in the middle of a member, after",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n".to_vec(),
                "io: cannot read the archive: the size of a chunk is no number",
            ),
        ];
        for (answer, expected) in cases {
            let (outcome, _) = ask("x:1", vec![answer]);
            assert!(outcome.starts_with(expected), "{outcome}");
        }
    }

    #[test]
    fn a_daemon_that_is_not_there_is_told_with_its_sockets() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let limits = Limits::default();
        let access = Access { container_host: Some(address(&folder.path().join("gone.sock"))), ..Access::default() };
        let mut request = request("x", Choice::Only, &limits);
        request.access = &access;
        let error = super::super::podman::Podman.open(&request).err().expect("nobody listens");
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NotFound, "cannot reach the Podman service"));
        assert!(error.place.is_some_and(|place| place.ends_with("gone.sock")));
        assert!(error.help.is_some_and(|help| help.contains("podman system service")));
    }

    #[test]
    fn each_daemon_has_its_own_variable() {
        let limits = Limits::default();
        let (here, there) = ("unix:///nowhere/a.sock".to_owned(), "tcp://user:word@10.0.0.1:2375".to_owned());
        let access = |docker: &str, podman: &str| Access {
            docker_host: Some(docker.to_owned()),
            container_host: Some(podman.to_owned()),
            ..Access::default()
        };
        let sources: [&dyn super::super::Source; 2] = [&super::super::docker::Docker, &super::super::podman::Podman];
        for (access, kinds) in [
            (access(&here, &there), [ErrorKind::NotFound, ErrorKind::Config]),
            (access(&there, &here), [ErrorKind::Config, ErrorKind::NotFound]),
            (access("/nowhere/a.sock", "unix://"), [ErrorKind::Config, ErrorKind::Config]),
        ] {
            for (source, kind) in sources.iter().zip(kinds) {
                let mut request = request("x", Choice::Only, &limits);
                request.access = &access;
                let error = source.open(&request).err().expect("nobody listens");
                assert_eq!(error.kind, kind, "{}: {error}", source.id());
                assert!(!error.to_string().contains("word"), "{error}");
                if kind == ErrorKind::Config {
                    assert!(error.message.contains("_HOST names no Unix socket"), "{error}");
                } else {
                    assert_eq!(error.place.as_deref(), Some("/nowhere/a.sock"));
                }
            }
        }
    }

    #[test]
    fn names_are_encoded_as_a_path() {
        assert_eq!(encoded("localhost:5000/a/b@sha256:12"), "localhost:5000/a/b@sha256:12");
        assert_eq!(encoded("a b?x=1#é"), "a%20b%3Fx%3D1%23%C3%A9");
    }
}
