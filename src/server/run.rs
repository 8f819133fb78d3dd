//! `careen serve` from its start to its end.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::Instant;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::advisory::catalogue::Catalogue;
use crate::error::{Error, ErrorKind, Result};
use crate::source::registry::check_access;

use super::auth::HttpFetch;
use super::clock::Clock;
use super::config::{Auth, Config};
use super::deliver;
use super::event::SENDERS;
use super::housekeeping;
use super::http::Listener;
use super::queue::Lane;
use super::queue::sqlite::recover;
use super::rematch;
use super::state::Server;
use super::store::{Store, future};
use super::sweep;
use super::work;
use super::worker::child;
use super::worker::process::Workers;

/// How often keys of identity providers are looked after.
const KEYS: Duration = Duration::from_secs(5);

/// Open files and connections, where the system allows as many; shells give programs 1,024.
const FILES: u64 = 16_384;

/// How long after the signal the server is there at most, but for a second.
const LONGEST_END: Duration = Duration::from_secs(28);

/// The name of the store in its folder.
pub(super) const STORE: &str = "careen.db";

/// Reads a configuration as the server does, and all files that it names, and starts nothing.
pub fn check(path: &Path, allows_open: bool) -> Result<Config> {
    let kinds: Vec<&str> = SENDERS.iter().map(|sender| sender.kind()).collect();
    let config = Config::read(path, &kinds, allows_open)?;
    super::hook::Hook::all(&config)?;
    config.harbor.as_ref().map(super::harbor::check).transpose()?;
    if config.harbor.is_some() && config.advisories.is_none() {
        return Err(Error::new(
            ErrorKind::Config,
            "without advisory data Harbor would be told that no image has a flaw",
        )
        .at(path.display().to_string())
        .help("set `advisories` to the folder that `careen db update` fills"));
    }
    deliver::Actions::open(&config)?;
    for registry in &config.registries {
        let checked = work::access_of(registry).and_then(|access| check_access(&access));
        checked.map_err(|error| error.at(format!("registry `{}`", registry.name.get_ref())))?;
    }
    for (number, choice) in (1..).zip(&config.policies) {
        child::policies(&choice.policy, &choice.waivers)
            .map_err(|error| if error.place.is_some() { error } else { error.at(format!("[[policy]] {number}")) })?;
    }
    if let Some(folder) = &config.advisories {
        // where it is not there it is more likely called otherwise: nothing would be judged, and only reports would say so
        if !folder.is_dir() {
            let error = Error::new(ErrorKind::Config, "`advisories` is no folder").at(folder.display().to_string());
            return Err(error.help("`careen db update` makes it and fills it; make it empty to have it filled later"));
        }
        Catalogue::open(folder)?;
    }
    if let Some(tls) = &config.tls {
        super::http::tls_of(tls)?;
    }
    if config.data.exists() && !config.data.is_dir() {
        let place = config.data.display().to_string();
        return Err(Error::new(ErrorKind::Config, "`data` is no folder").at(place));
    }
    Ok(config)
}

/// Copies the store, also while a server runs on it.
pub fn backup(config: &Config, to: &Path, replaces: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::io("cannot start a thread", e))?;
    runtime.block_on(housekeeping::backup(&config.data, to, replaces))
}

/// Makes the store, or brings it up to date; one that is damaged is left as it is.
pub fn migrate(config: &Config) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::io("cannot start a thread", e))?;
    runtime.block_on(async {
        make_folder(&config.data)?;
        Store::open_whole(&config.data.join(STORE)).await.map(drop)
    })
}

/// Does something with the store, which is opened and brought up to date, also while a server runs on it.
pub fn with_store<T, F: Future<Output = Result<T>>>(
    config: &Config,
    work: impl FnOnce(Store, super::clock::Moment) -> F,
) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::io("cannot start a thread", e))?;
    runtime.block_on(async {
        make_folder(&config.data)?;
        let store = Store::open(&config.data.join(STORE)).await?;
        work(store, Clock::start().now()).await
    })
}

/// Serves until a signal ends it.
pub fn serve(config: Config, workers: Workers) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("server")
        .build()
        .map_err(|e| Error::io("cannot start the server's threads", e))?;
    let served = runtime.block_on(serve_on(config, workers));
    // a question to a registry may hang on
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

async fn serve_on(config: Config, workers: Workers) -> Result<()> {
    // the one provider of the whole program; another part may have installed it
    let _ = rustls::crypto::ring::default_provider().install_default();
    allow_files();
    let _held = hold(&config.data)?;
    let folders = |e| Error::io("cannot use the folder of the store", e);
    let config = Config { data: config.data.canonicalize().map_err(folders)?, ..config };
    make_folder(&config.data.join(work::CACHE))?;
    let clock = Clock::start();
    let file = config.data.join(STORE);
    if std::fs::metadata(&file).is_ok_and(|file| file.len() == 0) {
        let place = file.display().to_string();
        tracing::warn!(
            place,
            "the store has no bytes and is begun anew: if it had any, end the server and put back a backup"
        );
    }
    let store = Store::open_whole(&file).await?;
    let brought = future::bring_down(&store, clock.now()).await?;
    if brought > 0 {
        tracing::warn!(
            rows = brought,
            "the clock was ahead, or is behind: what was noted as of later counts as of now"
        );
    }
    let freed = recover(&store, clock.now()).await?;
    if freed > 0 {
        tracing::warn!(jobs = freed, "the server before this one ended with jobs in hand; they wait again");
    }
    for remark in config.remarks() {
        tracing::warn!(remark, "the configuration is likely not what is meant");
    }
    let listener = Listener::bind(config.listen, config.tls.as_ref())?;
    let address = listener.address()?;
    let server = Server::new(config, store, clock)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(wait_for_signals(Arc::clone(&server))?);
    tasks.spawn(work::expire(Arc::clone(&server)));
    for _ in 0..work::QUICK_SLOTS {
        tasks.spawn(work::run(Arc::clone(&server), workers.clone(), Lane::Quick));
    }
    for _ in 0..server.config.workers.count {
        let workers = Workers { deadline: server.config.workers.deadline.0, ..workers.clone() };
        tasks.spawn(work::run(Arc::clone(&server), workers, Lane::Slow));
    }
    tasks.spawn(deliver::run::run(Arc::clone(&server)));
    tasks.spawn(sweep::run(Arc::clone(&server)));
    tasks.spawn(housekeeping::run(Arc::clone(&server)));
    tasks.spawn(rematch::run(Arc::clone(&server)));
    keep_keys(&server, &mut tasks)?;
    tracing::info!(%address, sources = server.hooks.len(), "careen listens");
    let ending = Arc::clone(&server);
    let end = tokio::spawn(async move {
        ending.until_end().await;
        Instant::now()
    });
    let outcome = listener.serve(Arc::clone(&server)).await;
    server.end();
    let end = end.await.unwrap_or_else(|_| Instant::now());
    // each ends by itself, but for one that asks a registry which answers byte by byte
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout_at(end + LONGEST_END, all).await.is_err() {
        tracing::warn!(
            "a question to a registry is left without its answer; what waits for it is done when the server is back"
        );
    }
    tracing::info!("careen has ended");
    outcome
}

/// Makes a folder that nobody else looks into.
fn make_folder(folder: &Path) -> Result<()> {
    let cannot = |e| Error::io("cannot use the folder of the store", e).at(folder.display().to_string());
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(cannot)
}

/// One server for one folder: two would give away each other's jobs. The file stays locked as long as it is open.
fn hold(folder: &Path) -> Result<File> {
    let cannot = |e| Error::io("cannot use the folder of the store", e).at(folder.display().to_string());
    make_folder(folder)?;
    let lock = File::options().create(true).write(true).truncate(false).mode(0o600).open(folder.join("lock"));
    let lock = lock.map_err(cannot)?;
    lock.try_lock().map_err(|_| {
        Error::new(ErrorKind::Config, "another server holds the folder of the store")
            .at(folder.display().to_string())
            .help("end it, or set `data` to another folder")
    })?;
    Ok(lock)
}

/// Raises the limit on files and connections, so that who opens many keeps nobody else out.
fn allow_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(FILES, |maximum| maximum.min(FILES));
    if current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::warn!(error = %error, "the limit on open files stays as it is");
    }
}

fn wait_for_signals(server: Arc<Server>) -> Result<impl Future<Output = ()>> {
    let cannot = |e| Error::io("cannot wait for signals", e);
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = server.until_end() => {}
        }
        tracing::info!("careen ends: nothing new is taken, what runs may finish");
        server.end();
    })
}

/// Fetches the keys of identity providers, and keeps them fresh.
fn keep_keys(server: &Arc<Server>, tasks: &mut JoinSet<()>) -> Result<()> {
    for source in &server.config.sources {
        let Auth::Oidc { keys: address, .. } = &source.auth else { continue };
        let Some(keys) = server.hooks.get(source.name.get_ref()).and_then(super::hook::Hook::keys).cloned() else {
            continue;
        };
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .https_only(true)
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|e| Error::new(ErrorKind::Internal, "cannot make a client").because(e))?;
        let fetch = HttpFetch::new(client, address).map_err(|what| Error::new(ErrorKind::Config, what))?;
        let server = Arc::clone(server);
        tasks.spawn(async move {
            while !server.is_ending() {
                let now = Clock::system().timestamp();
                if keys.is_due(now)
                    && let Err(why) = keys.refresh(&fetch, now).await
                {
                    tracing::warn!(why, "the keys of an identity provider could not be fetched");
                }
                tokio::select! {
                    () = tokio::time::sleep(KEYS) => {}
                    () = server.until_end() => {}
                }
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advisory_data_that_are_nowhere_are_no_right_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, data) = (folder.path().join("serve.toml"), folder.path().join("advisories"));
        let text = format!("data = \"{0}/data\"\nadvisories = \"{0}/advisories\"\n", folder.path().display());
        std::fs::write(&file, text).expect("written");
        let error = check(&file, false).expect_err("it is not there");
        assert_eq!((error.kind, error.place), (ErrorKind::Config, Some(data.display().to_string())));
        std::fs::write(&data, "").expect("written");
        assert!(check(&file, false).is_err(), "it is a file");
        std::fs::remove_file(&data).expect("gone");
        std::fs::create_dir(&data).expect("made");
        assert!(check(&file, false).is_ok(), "it may be filled later");
    }
}
