//! The listener: bounds on what a connection may take, TLS where it is configured, and an end that lets requests finish.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustix::net::sockopt::set_socket_send_buffer_size;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::error::{Error, ErrorKind, Result};

use super::config::Tls;
use super::patience::{Patience, SENT_AHEAD};
use super::state::Server;
use super::{api, harbor, hook, page};

/// How long a request may take, its body included: senders of webhooks give up long before.
const LONGEST_REQUEST: Duration = Duration::from_secs(15);

/// How long the fields of a request's head may take to come.
const LONGEST_HEAD: Duration = Duration::from_secs(10);

/// Bytes of a request's head.
const LARGEST_HEAD: usize = 16 << 10;

/// Requests at once to one route; more wait for their turn. Each route has its own bound, so that many at one keep nobody
/// from another.
const AT_ONCE: usize = 1_024;

/// How long requests may go on once the server ends.
const LONGEST_END: Duration = Duration::from_secs(20);

/// All routes, with what holds for each of them.
pub fn router(server: Arc<Server>) -> Router {
    let routes = Router::new()
        .merge(hook::routes())
        .merge(api::routes())
        .merge(harbor::routes())
        .merge(page::routes())
        .with_state(server)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, LONGEST_REQUEST))
        .layer(CatchPanicLayer::new())
        .layer(tower::limit::ConcurrencyLimitLayer::new(AT_ONCE));
    with_fields(routes)
}

/// The header fields of every answer: it is what its type says, kept by nobody, and its address told to nobody.
pub(super) fn with_fields(routes: Router) -> Router {
    let header = |name: &'static str, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    routes
        .layer(header("x-content-type-options", "nosniff"))
        .layer(header("cache-control", "no-store"))
        .layer(header("referrer-policy", "no-referrer"))
}

/// A listener whose address is known before anything is served.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    tls: Option<Arc<ServerConfig>>,
}

impl Listener {
    /// Listens there.
    pub fn bind(address: SocketAddr, tls: Option<&Tls>) -> Result<Self> {
        let cannot = |e| Error::io("cannot listen", e).at(address.to_string()).help("set `listen` to another port");
        let tls = tls.map(tls_of).transpose()?;
        let socket = TcpListener::bind(address).map_err(cannot)?;
        socket.set_nonblocking(true).map_err(cannot)?;
        // connections have it from what they are accepted by
        set_socket_send_buffer_size(&socket, SENT_AHEAD).map_err(|e| cannot(e.into()))?;
        Ok(Self { socket, tls })
    }

    /// Where it listens.
    pub fn address(&self) -> Result<SocketAddr> {
        self.socket.local_addr().map_err(|e| Error::io("cannot listen", e))
    }

    /// Serves until the server ends, and then for as long as requests take, at most 20 seconds.
    pub async fn serve(self, server: Arc<Server>) -> Result<()> {
        let handle = Handle::new();
        let ending = handle.clone();
        let waiting = Arc::clone(&server);
        tokio::spawn(async move {
            waiting.until_end().await;
            ending.graceful_shutdown(Some(LONGEST_END));
        });
        let service = router(server).into_make_service_with_connect_info::<SocketAddr>();
        let cannot = |e| Error::io("cannot serve", e);
        match self.tls {
            None => {
                let bound = axum_server::from_tcp(self.socket).map_err(cannot)?.acceptor(Patience::default());
                let mut bound = bound.handle(handle).http1_only();
                limit(bound.http_builder());
                bound.serve(service).await.map_err(cannot)
            }
            Some(tls) => {
                let config = RustlsConfig::from_config(tls);
                let acceptor = RustlsAcceptor::new(config).acceptor(Patience::default());
                let bound = axum_server::from_tcp(self.socket).map_err(cannot)?.acceptor(acceptor);
                let mut bound = bound.handle(handle).http1_only();
                limit(bound.http_builder());
                bound.serve(service).await.map_err(cannot)
            }
        }
    }
}

/// TLS by the certificate and key of these files.
pub(super) fn tls_of(tls: &Tls) -> Result<Arc<ServerConfig>> {
    let wrong = |place: &Path, why: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(ErrorKind::Config, "the certificate or its key cannot be used")
            .because(why)
            .at(place.display().to_string())
    };
    let of_certificate = |e: pem::Error| wrong(&tls.certificate, e.into());
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(&tls.certificate).and_then(Iterator::collect).map_err(of_certificate)?;
    if chain.is_empty() {
        return Err(wrong(&tls.certificate, "there is no certificate in it".into()));
    }
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|e| wrong(&tls.key, e.into()))?;
    // one provider for the whole program
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| wrong(&tls.certificate, e.into()))?;
    // the one protocol that is spoken: a client that is offered another takes it
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Bounds on the head of a request.
fn limit(builder: &mut Builder<TokioExecutor>) {
    builder.http1().header_read_timeout(LONGEST_HEAD).max_buf_size(LARGEST_HEAD).timer(TokioTimer::new());
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

    use super::super::testing::Bench;
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn who_offers_newer_protocols_over_tls_is_answered_in_the_one_that_is_spoken() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let tls = Tls { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
        let missing = tls_of(&tls).expect_err("there is none yet");
        assert_eq!((missing.kind, missing.place.is_some()), (ErrorKind::Config, true));
        std::fs::write(&tls.certificate, made.cert.pem()).expect("a file");
        std::fs::write(&tls.key, made.signing_key.serialize_pem()).expect("a file");
        let bench = Bench::new().await;
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Some(&tls)).expect("a port");
        let address = listener.address().expect("an address");
        let serving = tokio::spawn(listener.serve(Arc::clone(&bench.server)));
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a certificate");
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let answer = tokio::task::spawn_blocking(move || {
            let name = ServerName::try_from("localhost").expect("a name");
            let client = ClientConnection::new(Arc::new(config), name).expect("a client");
            let socket = std::net::TcpStream::connect(address).expect("a connection");
            let mut stream = StreamOwned::new(client, socket);
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").expect("sent");
            let mut answer = String::new();
            // the end of the connection may come without a word
            let _ = stream.read_to_string(&mut answer);
            (stream.conn.alpn_protocol().map(<[u8]>::to_vec), answer)
        });
        let (protocol, answer) = answer.await.expect("an answer");
        assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        bench.server.end();
        serving.await.expect("it ends").expect("well");
    }
}
