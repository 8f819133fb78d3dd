//! `careen serve`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::term::warn;
use crate::allocator::{FEW_ARENAS, LARGE_GO_BACK, begin_anew_with};
use crate::error::{Error, ErrorKind, Result};
use crate::policy::Glob;
use crate::server::config::Config;
use crate::server::token::{self, Scope};
use crate::server::worker::process::Workers;
use crate::server::{log, run};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct ServeArguments {
    /// The configuration, see docs/server.md
    #[arg(long, value_name = "FILE", env = "CAREEN_SERVE_CONFIG")]
    config: PathBuf,
    /// Say whether the configuration is right, and start nothing
    #[arg(long)]
    check: bool,
    /// Start although anybody could send to a source
    #[arg(long)]
    insecure_no_auth: bool,
    /// Copy the store to a file, also while a server runs on it, and start nothing
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    backup: Option<PathBuf>,
    /// Let `--backup` replace a file that is there
    #[arg(long, requires = "backup")]
    force: bool,
    /// The least grave lines of the log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", env = "CAREEN_LOG")]
    log: Option<String>,
    /// Make the store, or bring its tables up to date, and start nothing
    #[arg(long, conflicts_with_all = ["check", "backup"])]
    migrate: bool,
    #[command(subcommand)]
    command: Option<ServeCommand>,
}

#[derive(Debug, Subcommand)]
enum ServeCommand {
    /// Make, list and take back the tokens by which people and programs ask the server
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token; it is shown once
    Add {
        /// What logs call it
        name: String,
        /// What it may do: read, scan or admin
        #[arg(long, default_value = "read")]
        scope: Scope,
        /// With which sources, by glob
        #[arg(long, value_name = "GLOB", default_value = "*")]
        source: String,
        /// Days for which it is good
        #[arg(long, value_name = "DAYS")]
        days: Option<u16>,
    },
    /// List all that ever were made
    List,
    /// Take one back
    Revoke {
        /// Its name
        name: String,
    },
}

/// Serves until a signal ends it.
pub(super) fn run(arguments: &ServeArguments) -> Result<()> {
    let config = run::check(&arguments.config, arguments.insecure_no_auth)?;
    if arguments.check {
        let (sources, registries) = (config.sources.len(), config.registries.len());
        let sources = if sources == 1 { "1 source".to_owned() } else { format!("{sources} sources") };
        let registries = if registries == 1 { "1 registry".to_owned() } else { format!("{registries} registries") };
        config.remarks().iter().for_each(|remark| warn(remark));
        return super::print(&format!("the configuration is right: {sources}, {registries}\n"));
    }
    if let Some(file) = &arguments.backup {
        run::backup(&config, file, arguments.force)?;
        return super::print(&format!(
            "the store was copied to `{}`\n",
            crate::escape::escape(file.display().to_string())
        ));
    }
    if arguments.migrate {
        run::migrate(&config)?;
        return super::print("the store is up to date\n");
    }
    if let Some(ServeCommand::Token(command)) = &arguments.command {
        return token(&config, command);
    }
    begin_anew_with(&[FEW_ARENAS, LARGE_GO_BACK]);
    log::start(config.log, arguments.log.as_deref())?;
    let workers = Workers::new().map_err(|e| Error::io("cannot find this program", e))?;
    run::serve(config, workers)
}

/// Makes, lists and takes back tokens.
fn token(config: &Config, command: &TokenCommand) -> Result<()> {
    match command {
        TokenCommand::Add { name, scope, source, days } => {
            if Glob::text(source).is_ok_and(|glob| !config.names().any(|name| glob.is_match(name))) {
                warn(&format!("no source is called `{source}`: the token sees nothing until one is"));
            }
            let token = run::with_store(config, async |store, now| {
                let expires = days.map(|days| now.plus(Duration::from_hours(24 * u64::from(days))));
                token::add(&store, name, *scope, source, expires, now).await
            })?;
            super::print(&format!("{}\n", token.0))
        }
        TokenCommand::List => {
            let tokens = run::with_store(config, async |store, now| Ok((token::list(&store).await?, now)))?;
            let (tokens, now) = tokens;
            let mut text = String::new();
            for token in tokens {
                let state = if token.is_good(now) { "good" } else { "no longer good" };
                let (scope, made) = (token.scope.as_str(), token.created.timestamp());
                text.push_str(&format!("{}  {scope}  {}  made {made}  {state}\n", token.name, token.sources));
            }
            super::print(&text)
        }
        TokenCommand::Revoke { name } => {
            if run::with_store(config, async |store, now| token::revoke(&store, name, now).await)? {
                super::print("the token is no longer good\n")
            } else {
                Err(Error::new(ErrorKind::NotFound, "there is no good token of this name"))
            }
        }
    }
}
