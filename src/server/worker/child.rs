//! The worker itself: what `careen worker` does.

use std::io::{self, Read, Write};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpid, kill_process};

use crate::advisory::catalogue::Catalogue;
use crate::advisory::finding::STALE_HOURS;
use crate::advisory::vex;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::inventory::Hints;
use crate::limit::Limits;
use crate::output::{FORMATS, Format, Style};
use crate::policy::{Loader, PolicySet, preset_named};
use crate::rejudge::rematch::{By, rematch};
use crate::report::Report;
use crate::scan::{Advisories, Options, asks_for_attested, rules, scan, without_secrets};
use crate::source::registry::RegistrySource;
use crate::source::{Choice, PlatformChoice, Request};

use super::super::store::document::Packed;
use super::confine::{confine, limit};
use super::frame::{self, Kind};
use super::summary::{Confinement, Failure, ImageSummary, Summary};
use super::task::{LARGEST, Task};

/// Does the one task that is read, and writes what came of it. An error is that nobody reads any more.
pub fn serve(input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
    match read(input).and_then(|task| Done::of(&task)) {
        Ok(done) => done.write(output)?,
        Err(error) => {
            let failure = serde_json::to_vec(&Failure::of(&without_secrets(error)))?;
            frame::write(Kind::Failure, "", &failure, output)?;
        }
    }
    frame::write(Kind::End, "", b"", output)
}

fn read(input: &mut dyn Read) -> Result<Task> {
    let mut bytes = Vec::new();
    input
        .take(LARGEST.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("cannot read the task", error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::new(ErrorKind::Usage, format!("the task is larger than {LARGEST} bytes")));
    }
    Task::parse(&bytes)
}

/// A scan that was done.
struct Done {
    confinement: Confinement,
    policy: Digest,
    reports: Vec<Report>,
    formats: Vec<&'static dyn Format>,
}

impl Done {
    /// Reads what the task names, gives up the rest, and scans.
    fn of(task: &Task) -> Result<Self> {
        limit(task)?;
        let formats = task.formats.iter().map(|word| format_of(word)).collect::<Result<_>>()?;
        let policy = policies(&task.policies, &task.waivers)?;
        let limits = task.limits()?;
        let vex = vex::load(&task.vex)?;
        let catalogue = task.advisories.as_deref().map(Catalogue::open).transpose()?;
        let platform = PlatformChoice::named(task.platform.as_deref())?;

        // before any thread is started: those that run already are not held by it
        let confinement = confine(task);
        end_with_server()?;

        // the same for the same texts, whatever files they stand in
        let policy_digest = Digest::sha256(format!("{policy:?}").as_bytes());
        let mut reports = match &task.stored {
            Some(stored) => {
                let Some(catalogue) = &catalogue else { return Err(unfit("there are no advisory data")) };
                if stored.policy != policy_digest {
                    return Err(unfit("the policy is another one"));
                }
                let known = rules();
                let by = By {
                    policy: &policy,
                    rules: &known,
                    catalogue,
                    stale_hours: task.stale_hours.unwrap_or(STALE_HOURS),
                    now: task.now,
                    vex: &vex.documents,
                    limits: &limits,
                };
                rematch("the stored report", stored.document.as_bytes(), &by)?
            }
            None => Self::scan(task, &policy, &limits, &vex, catalogue.as_ref(), platform)?,
        };
        for report in &mut reports {
            report.limitations.extend(vex.limitations.iter().cloned());
            report.limitations.sort();
        }
        Ok(Self { confinement, policy: policy_digest, reports, formats })
    }

    fn scan(
        task: &Task,
        policy: &PolicySet,
        limits: &Limits,
        vex: &vex::Loaded,
        catalogue: Option<&Catalogue>,
        platform: PlatformChoice,
    ) -> Result<Vec<Report>> {
        let access = task.access();
        let request = Request {
            location: &task.reference,
            choice: Choice::Only,
            platform,
            limits,
            access: &access,
            unwrap: Some(crate::pass::decompress),
        };
        let advisories = catalogue.map(|catalogue| Advisories {
            catalogue,
            stale_hours: task.stale_hours.unwrap_or(STALE_HOURS),
            now: task.now,
            vex: &vex.documents,
            wants_attached: false,
        });
        let options = Options {
            policy,
            today: task.now.date(),
            jobs: task.jobs,
            progress: &(),
            advisories,
            fingerprint_key: task.fingerprint_key.as_ref().map(|key| key.0.as_str()),
            bases: Hints::default(),
            wants_attested: asks_for_attested(policy),
        };
        scan(&RegistrySource, &request, &options)
    }

    /// Writes the summary, and a report in each format.
    fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        let images = self.reports.iter().map(ImageSummary::of).collect();
        let summary =
            serde_json::to_vec(&Summary { confinement: self.confinement, policy: Some(self.policy.clone()), images })?;
        frame::write(Kind::Summary, "", &summary, output)?;
        for format in &self.formats {
            let report = Packed::of(|to| format.render(&self.reports, &Style::PLAIN, to))?;
            frame::write_report(format.id(), &report, output)?;
        }
        Ok(())
    }
}

fn unfit(what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("the stored report cannot be judged again: {what}"))
}

fn format_of(word: &str) -> Result<&'static dyn Format> {
    let format = FORMATS.iter().copied().find(|format| format.id() == word);
    format.ok_or_else(|| Error::new(ErrorKind::Usage, format!("there is no format `{}`", escape(word))))
}

/// The policies of these names. A preset goes by its short name too; a file of that name is `./strict`.
pub(in crate::server) fn policies(words: &[String], waivers: &[String]) -> Result<PolicySet> {
    let full_name = |word: &String| preset_named(word).map_or_else(|| word.clone(), |preset| preset.id.to_owned());
    let words: Vec<String> = words.iter().map(full_name).collect();
    let is_rego = |word: &&String| std::path::Path::new(word).extension().is_some_and(|extension| extension == "rego");
    if let Some(word) = words.iter().find(is_rego) {
        let what = format!("workers do not judge by policies in Rego, such as `{}`", escape(word));
        return Err(Error::new(ErrorKind::Config, what));
    }
    let known = rules();
    let loader = Loader { known: &known, colour: false, fetch: None, waivers };
    loader.load(&words).and_then(|set| loader.add_waivers(set, waivers))
}

/// Ends this process as soon as nobody reads its standard output: the server is gone, and with it whoever waits.
fn end_with_server() -> Result<()> {
    let watch = || {
        let stdout = io::stdout();
        loop {
            // no event is asked for: errors are always told, and a pipe that nobody reads is one
            let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
            let polled = poll(&mut watched, None);
            let has_ended = watched.iter().any(|one| one.revents().contains(PollFlags::ERR));
            match polled {
                Ok(_) if has_ended => drop(kill_process(getpid(), Signal::KILL)),
                Err(rustix::io::Errno::INTR) => {}
                // a file, or a terminal: there is no server
                _ => return,
            }
        }
    };
    let started = std::thread::Builder::new().name("server".into()).stack_size(64 << 10).spawn(watch);
    started.map(drop).map_err(|error| Error::io("cannot start a thread", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kinds of the frames, and what the first one says.
    fn answer(task: &[u8]) -> (Vec<String>, String) {
        let mut out = Vec::new();
        serve(&mut &*task, &mut out).expect("memory can be written");
        let text = String::from_utf8(out).expect("text");
        let mut lines = text.split_inclusive('\n');
        let header: frame::Header = serde_json::from_str(lines.next().expect("a frame")).expect("a header");
        let rest: String = lines.collect();
        let (body, rest) = rest.split_at(usize::try_from(header.bytes).expect("a length"));
        let end: frame::Header = serde_json::from_str(rest).expect("the last header");
        (vec![format!("{:?}", header.kind), format!("{:?}", end.kind)], body.to_owned())
    }

    #[test]
    fn a_task_that_cannot_be_read_is_a_failure() {
        let large = vec![b' '; usize::try_from(LARGEST).expect("fits") + 1];
        for (task, expected) in [(&b"{"[..], "the task is wrong"), (&large, "the task is larger than")] {
            let (kinds, body) = answer(task);
            assert_eq!(kinds, ["Failure", "End"]);
            assert!(body.contains("\"kind\":\"usage\"") && body.contains(expected), "{body}");
        }
    }
}
