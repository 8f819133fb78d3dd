//! How many webhooks a second the server acknowledges, each on the disk before its answer.
//!
//! `cargo bench --bench serve -- [SENDERS] [EVENTS]`: starts `careen serve`, lets so many senders post so many events in
//! all, each waiting for its answer, and prints the rate, the latencies and the server's memory. No timed test: it prints.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let senders = numbers.first().copied().unwrap_or(32);
    let events = numbers.get(1).copied().unwrap_or(10_000);
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "word-of-the-benchmark\n").expect("a file");
    let config = folder.path().join("serve.toml");
    // nothing answers there: scans fail and are tried again, and what is measured is the taking in
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata = \"{0}/data\"\n[workers]\ncount = 1\n[[registry]]\nname = \"main\"\n\
         host = \"localhost:9\"\ninsecure = true\n[[source]]\nname = \"shop\"\nkind = \"distribution\"\n\
         registry = \"main\"\nauth = {{ by = \"header\", secret = {{ file = \"{0}/secret\" }} }}\n",
        folder.path().display()
    );
    std::fs::write(&config, text).expect("a file");
    let mut server = Server::start(&config);
    println!("idle: {} KiB resident", server.memory());
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let send = || {
            let mut connection = BufReader::new(TcpStream::connect(&server.address).expect("a connection"));
            connection.get_ref().set_nodelay(true).expect("a socket");
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= events {
                    break times;
                }
                let start = Instant::now();
                post(&mut connection, number);
                times.push(start.elapsed());
            }
        };
        let threads: Vec<_> = (0..senders).map(|_| scope.spawn(send)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a sender")).collect()
    });
    let took = start.elapsed();
    times.sort();
    let at = |part: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let index = (times.len() as f64 * part) as usize;
        times.get(index.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = events as f64 / took.as_secs_f64();
    println!("{events} events by {senders} senders in {took:.2?}: {rate:.0} a second");
    println!("p50 {:.1?}, p99 {:.1?}, p99.9 {:.1?}, longest {:.1?}", at(0.5), at(0.99), at(0.999), at(1.0));
    println!("with all of them waiting: {} KiB resident", server.memory());
}

fn post(connection: &mut BufReader<TcpStream>, number: usize) {
    let body = format!(
        "{{\"events\":[{{\"id\":\"event-{number}\",\"timestamp\":\"2026-03-01T12:00:00Z\",\"action\":\"push\",\"target\":\
         {{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:{number:064x}\",\
         \"repository\":\"shop/api\",\"tag\":\"{number}\"}}}}]}}"
    );
    let request = format!(
        "POST /hooks/shop HTTP/1.1\r\nHost: localhost\r\nAuthorization: word-of-the-benchmark\r\n\
         Content-Type: application/vnd.docker.distribution.events.v2+json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.get_mut().write_all(request.as_bytes()).expect("a request");
    let mut line = String::new();
    connection.read_line(&mut line).expect("an answer");
    assert!(line.starts_with("HTTP/1.1 202"), "{line}");
    let mut length = 0;
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).expect("an answer");
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).expect("an answer");
}

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(config: &std::path::Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_careen"))
            .arg("serve")
            .arg("--config")
            .arg(config)
            .stderr(Stdio::piped())
            .spawn()
            .expect("careen");
        let mut lines = BufReader::new(process.stderr.take().expect("a pipe")).lines();
        let line = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("careen listens"))).expect("a line");
        std::thread::spawn(move || lines.for_each(drop));
        let address = line.expect("a line");
        let address = address
            .split("\"address\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .expect("an address")
            .to_owned();
        Self { process, address }
    }

    /// KiB that are resident.
    fn memory(&mut self) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("?");
        line.trim().trim_end_matches(" kB").to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
