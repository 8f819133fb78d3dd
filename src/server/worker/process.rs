//! Starts a worker, gives it its task, and takes what it says, all of it bounded: in bytes, and in time.
//!
//! A worker has read an image that may have been made to take it over, so nothing it says is believed beyond its form.
//! What is cut, garbled or too large is a crash, never half a result.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::allocator::{FEW_ARENAS, LARGE_GO_BACK};
use crate::escape::escape;
use crate::output::clean;
use crate::secret::mask_text;
use crate::size::ByteSize;

use super::super::failpoint::Point;
use super::super::store::document::{self, Packed};
use super::confine::variables;
use super::frame::{Header, Kind, LONGEST_HEADER};
use super::summary::{Failure, Summary};
use super::task::Task;

/// Bytes of standard error that are kept: the last ones.
const TAIL: usize = 4 << 10;

/// How long a killed process may take to go; one that waits for a disk that is gone never does.
const LONGEST_DEATH: Duration = Duration::from_secs(5);

/// How workers are started.
#[derive(Debug, Clone)]
pub struct Workers {
    /// The program.
    pub program: PathBuf,
    /// Its arguments, the same for all tasks.
    pub arguments: Vec<OsString>,
    /// All variables of its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// After this it is killed.
    pub deadline: Duration,
    /// How much it may say.
    pub bounds: Bounds,
}

/// How much a worker may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Largest summary, and largest report as it is packed.
    pub part: ByteSize,
    /// Most bytes of the summary and all packed reports together.
    pub answer: ByteSize,
    /// Largest report once it is unpacked; at most [`document::LARGEST`].
    pub unpacked: ByteSize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { part: ByteSize::mib(64), answer: ByteSize::mib(128), unpacked: ByteSize(document::LARGEST) }
    }
}

impl std::fmt::Display for Bounds {
    /// What is said of an answer beyond them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { part, answer, unpacked } = self;
        write!(
            f,
            "its report has more than {unpacked} in one format, or more than {part} packed, or {answer} packed in all; \
             look at the image with `careen scan`"
        )
    }
}

impl Workers {
    /// This very program as `careen worker`, with ten minutes. Of this process's environment it gets what names proxies
    /// and certificates.
    pub fn new() -> io::Result<Self> {
        let own = variables().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
        // a worker has only so much memory and address space
        let settings = [FEW_ARENAS, LARGE_GO_BACK].map(|(name, value)| (name.into(), value.into()));
        let environment = own.chain(settings).collect();
        Ok(Self {
            program: std::env::current_exe()?,
            arguments: vec!["worker".into()],
            environment,
            deadline: Duration::from_mins(10),
            bounds: Bounds::default(),
        })
    }

    /// Runs one worker to its end. Dropping the future kills it, and all that it started.
    pub async fn run(&self, task: &Task) -> Ended {
        let not_started = |error: &io::Error| {
            Ended::Crashed(Crash { how: How::NotStarted(error.to_string()), stderr: String::new() })
        };
        let input = match serde_json::to_vec(task) {
            Ok(input) => input,
            Err(error) => return not_started(&error.into()),
        };
        if let Err(error) = Point::Worker.reach().await {
            return not_started(&io::Error::other(error));
        }
        let (mut child, pipes) = match self.start() {
            Ok(started) => started,
            Err(error) => return not_started(&error),
        };
        let group = Group::of(&child);
        let ended = timeout(self.deadline, self.talk(&mut child, pipes, &input, task, &group)).await;
        if let Ok(Ok(ended)) = ended {
            group.has_gone();
            return ended;
        }
        drop(group);
        // what is not waited for stays in the table of processes; the runtime goes on to try
        let _ = timeout(LONGEST_DEATH, child.wait()).await;
        match ended {
            Ok(Err(error)) => not_started(&error),
            _ => Ended::TimedOut,
        }
    }

    fn start(&self) -> io::Result<(Child, Pipes)> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
        let ((stdin, stdout), stderr) = pipes.ok_or_else(|| io::Error::other("a pipe is missing"))?;
        Ok((child, Pipes { stdin, stdout, stderr }))
    }

    /// Writes the task and reads the answer at once: neither side waits for the other to be done.
    async fn talk(
        &self,
        child: &mut Child,
        pipes: Pipes,
        input: &[u8],
        task: &Task,
        group: &Group,
    ) -> io::Result<Ended> {
        let Pipes { mut stdin, stdout, stderr } = pipes;
        let write = async {
            // one that does not read its task says why, or nothing
            let _ = stdin.write_all(input).await;
            drop(stdin);
        };
        let read = async {
            let answer = self.answer(stdout, &task.formats).await;
            if matches!(answer, Err(Broken::Wrong(_) | Broken::TooLarge)) {
                group.kill();
            }
            answer
        };
        let (answer, stderr, ()) = tokio::join!(read, tail(stderr), write);
        Ok(ended(answer, child.wait().await?, &stderr, self.bounds))
    }

    /// A report that can be unpacked, and is as large as it says.
    async fn report(&self, size: Option<u64>, body: Vec<u8>) -> Result<Packed, Broken> {
        let packed = Packed { size: size.ok_or(Broken::Wrong("a report does not say its size"))?, body };
        if packed.size > self.bounds.unpacked.bytes() {
            return Err(Broken::TooLarge);
        }
        let looked = tokio::task::spawn_blocking(move || packed.is_sound().then_some(packed));
        looked.await.ok().flatten().ok_or(Broken::Wrong("a report cannot be unpacked"))
    }

    /// Reads frames up to the end, and nothing after that.
    async fn answer(&self, stdout: impl AsyncRead + Unpin, formats: &[String]) -> Result<Answer, Broken> {
        let mut frames = Frames { from: BufReader::new(stdout), left: self.bounds.answer.bytes() };
        let most = self.bounds.part.bytes();
        let (first, bytes) = frames.next(most).await?;
        let answer = match first.kind {
            Kind::Summary => {
                let summary = serde_json::from_slice(&bytes).map_err(|_| Broken::Wrong("its summary is none"))?;
                let mut reports = Vec::with_capacity(formats.len());
                for format in formats {
                    let (header, bytes) = frames.next(most).await?;
                    if header.kind != Kind::Report || header.name != *format {
                        return Err(Broken::Wrong("a report is missing"));
                    }
                    reports.push((format.clone(), self.report(header.size, bytes).await?));
                }
                Answer::Scanned(Outcome { summary, reports })
            }
            Kind::Failure => {
                let failure = serde_json::from_slice(&bytes).map_err(|_| Broken::Wrong("its failure is none"))?;
                Answer::Failed(failure)
            }
            Kind::Report | Kind::End => return Err(Broken::Wrong("it does not begin with a summary")),
        };
        let (last, bytes) = frames.next(0).await?;
        if last.kind != Kind::End || !bytes.is_empty() {
            return Err(Broken::Wrong("it goes on after what was asked for"));
        }
        match frames.from.read_u8().await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(answer),
            _ => Err(Broken::Wrong("it goes on after its end")),
        }
    }
}

struct Pipes {
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It scanned.
    Done(Outcome),
    /// It says why it cannot.
    Refused(Failure),
    /// It did not end as it should, or what it said is no answer.
    Crashed(Crash),
    /// The deadline passed, or its processor time was used up.
    TimedOut,
    /// It needed more memory than it may use.
    OutOfMemory,
}

/// What a scan gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What lists and pages show.
    pub summary: Summary,
    /// The reports by their formats, in the order of the task. Each can be unpacked.
    pub reports: Vec<(String, Packed)>,
}

/// A worker that did not end as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// What happened.
    pub how: How,
    /// The end of what it wrote to standard error, masked and escaped, for the log.
    pub stderr: String,
}

/// What happened to a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It could not be started.
    NotStarted(String),
    /// A signal ended it.
    Signal(i32),
    /// It gave up with this code.
    Code(i32),
    /// Its answer broke off.
    Cut,
    /// Its answer is none.
    Garbled(&'static str),
    /// It says more than it may.
    TooLarge(Bounds),
}

impl std::fmt::Display for Crash {
    /// One line without what it wrote.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.how {
            How::NotStarted(why) => write!(f, "the worker could not be started: {}", clean(why)),
            How::Signal(signal) => write!(f, "the worker was ended by signal {signal}"),
            How::Code(code) => write!(f, "the worker gave up with code {code}"),
            How::Cut => f.write_str("the worker's answer broke off"),
            How::Garbled(what) => write!(f, "the worker's answer cannot be read: {what}"),
            How::TooLarge(bounds) => bounds.fmt(f),
        }
    }
}

enum Answer {
    Scanned(Outcome),
    Failed(Failure),
}

/// Why an answer is none.
#[derive(Debug, PartialEq, Eq)]
enum Broken {
    /// It ends early; why may be told by how the process ended.
    Cut,
    /// It is wrong, so that its rest is of no use.
    Wrong(&'static str),
    /// It is beyond the bounds; neither is its rest of use.
    TooLarge,
}

struct Frames<R> {
    from: BufReader<R>,
    /// Bytes that may still come.
    left: u64,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    /// The next frame, of at most so many bytes.
    async fn next(&mut self, most: u64) -> Result<(Header, Vec<u8>), Broken> {
        let mut line = Vec::new();
        let longest = LONGEST_HEADER as u64;
        (&mut self.from).take(longest).read_until(b'\n', &mut line).await.map_err(|_| Broken::Cut)?;
        if line.last() != Some(&b'\n') {
            return Err(if line.len() < LONGEST_HEADER { Broken::Cut } else { Broken::Wrong("a line is too long") });
        }
        let header: Header = serde_json::from_slice(&line).map_err(|_| Broken::Wrong("a line is no header"))?;
        if header.bytes > most || header.bytes > self.left {
            return Err(Broken::TooLarge);
        }
        self.left = self.left.saturating_sub(header.bytes);
        // grows as bytes come, not as the header says
        let mut bytes = Vec::new();
        (&mut self.from).take(header.bytes).read_to_end(&mut bytes).await.map_err(|_| Broken::Cut)?;
        if bytes.len() as u64 == header.bytes { Ok((header, bytes)) } else { Err(Broken::Cut) }
    }
}

/// The last bytes that come, as text that may be logged.
async fn tail(mut from: impl AsyncRead + Unpin) -> String {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = [0; TAIL];
    // what cannot be read is as good as nothing
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let beyond = kept.len().saturating_sub(TAIL);
        kept.drain(..beyond);
    }
    mask_text(&escape(String::from_utf8_lossy(&kept).trim_end()))
}

fn ended(answer: Result<Answer, Broken>, status: ExitStatus, stderr: &str, bounds: Bounds) -> Ended {
    let crashed = |how| Ended::Crashed(Crash { how, stderr: stderr.to_owned() });
    let signal = status.signal().and_then(Signal::from_named_raw);
    match (answer, signal) {
        // this was killed here, so the signal says nothing
        (Err(Broken::Wrong(what)), Some(Signal::KILL)) => crashed(How::Garbled(what)),
        (Err(Broken::TooLarge), Some(Signal::KILL)) => crashed(How::TooLarge(bounds)),
        (_, Some(Signal::XCPU)) => Ended::TimedOut,
        // what Rust says before it aborts
        (_, Some(Signal::ABORT)) if stderr.contains("memory allocation of") => Ended::OutOfMemory,
        (_, Some(signal)) => crashed(How::Signal(signal.as_raw())),
        (answer, None) => match (answer, status.code()) {
            (Err(Broken::Wrong(what)), _) => crashed(How::Garbled(what)),
            (Err(Broken::TooLarge), _) => crashed(How::TooLarge(bounds)),
            (_, Some(code @ 1..)) => crashed(How::Code(code)),
            (Err(Broken::Cut), _) => crashed(How::Cut),
            (Ok(Answer::Scanned(outcome)), Some(0)) => Ended::Done(outcome),
            (Ok(Answer::Failed(failure)), Some(0)) => Ended::Refused(failure),
            (Ok(_), code) => crashed(How::Code(code.unwrap_or(-1))),
        },
    }
}

/// The processes that a worker is the first of; killed when this is dropped, unless they are gone.
struct Group {
    /// The number of the first one; 0 when it is gone.
    leader: AtomicI32,
}

impl Group {
    fn of(child: &Child) -> Self {
        Self { leader: AtomicI32::new(child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or(0)) }
    }

    /// The first one was waited for, so that its number may be another's from now on.
    fn has_gone(&self) {
        self.leader.store(0, Ordering::Relaxed);
    }

    fn kill(&self) {
        if let Some(leader) = Pid::from_raw(self.leader.load(Ordering::Relaxed)) {
            // it may have ended by itself
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::time::Timestamp;

    const BOUNDS: Bounds = Bounds { part: ByteSize(10_000), answer: ByteSize(15_000), unpacked: ByteSize(100_000) };

    fn run(script: &str, formats: &[&str]) -> Ended {
        run_within(script, formats, Duration::from_secs(20))
    }

    fn run_within(script: &str, formats: &[&str], deadline: Duration) -> Ended {
        let workers = Workers {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
            deadline,
            bounds: BOUNDS,
        };
        let mut task = Task::new("r.example/a", Timestamp::from_unix(0));
        task.formats = formats.iter().map(|format| (*format).to_owned()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        // as a task of a runtime of several threads needs it
        let ended: std::pin::Pin<Box<dyn Future<Output = Ended> + Send + '_>> = Box::pin(workers.run(&task));
        runtime.block_on(ended)
    }

    /// A script that writes a frame.
    fn frame(kind: &str, name: &str, body: &str) -> String {
        format!("printf '%s\\n%s' '{{\"kind\":\"{kind}\",\"name\":\"{name}\",\"bytes\":{}}}' '{body}';", body.len())
    }

    /// A script that writes a report, which says that it is so large.
    fn report(name: &str, packed: &Packed) -> String {
        let octal: String = packed.body.iter().map(|byte| format!("\\{byte:03o}")).collect();
        let Packed { size, body } = packed;
        let bytes = body.len();
        let header = format!(r#"{{"kind":"report","name":"{name}","bytes":{bytes},"size":{size}}}"#);
        format!("printf '%s\\n' '{header}'; printf '{octal}';")
    }

    fn packed(text: &[u8]) -> Packed {
        Packed::of(|to| io::Write::write_all(to, text)).expect("packed")
    }

    fn summary() -> String {
        frame("summary", "", r#"{"confinement":{"files":true,"network":false},"images":[]}"#)
    }

    fn end() -> String {
        frame("end", "", "")
    }

    #[test]
    fn a_good_answer_is_taken_whole() {
        let script = format!("cat >/dev/null; {}{}{}", summary(), report("json", &packed(b"{}")), end());
        let Ended::Done(outcome) = run(&script, &["json"]) else { panic!("it was good") };
        assert!(outcome.summary.confinement.files && outcome.summary.images.is_empty());
        assert_eq!(outcome.reports, [("json".to_owned(), packed(b"{}"))]);
        // one that does not read its task at all
        assert!(matches!(run(&format!("{}{}", summary(), end()), &[]), Ended::Done(_)));
        let failure = r#"{"kind":"auth","message":"no","place":null,"help":null,"is_transient":true,"retry_after":7}"#;
        let Ended::Refused(failure) = run(&(frame("failure", "", failure) + &end()), &["json"]) else {
            panic!("it says why")
        };
        assert_eq!(failure.kind(), crate::error::ErrorKind::Auth);
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_bad_answer_is_a_crash_and_never_half_a_result() {
        let (good, json) = (summary(), report("json", &packed(b"{}")));
        // small on the way, and large when it is unpacked
        let bomb = packed(&vec![0; 100_001]);
        // half as large when it is packed
        let noise: String =
            (0..280_u32).map(|n| crate::digest::Digest::sha256(&n.to_le_bytes()).hex().to_owned()).collect();
        let too_large = || How::TooLarge(BOUNDS);
        let cases: &[(String, &[&str], How)] = &[
            (String::new(), &[], How::Cut),
            ("exit 3".into(), &[], How::Code(3)),
            ("kill -SEGV $$".into(), &[], How::Signal(11)),
            ("kill -KILL $$".into(), &[], How::Signal(9)),
            ("echo hello".into(), &[], How::Garbled("a line is no header")),
            ("printf '\\000\\377\\n'".into(), &[], How::Garbled("a line is no header")),
            ("yes | tr -d '\\n'".into(), &[], How::Garbled("a line is too long")),
            ("head -c 511 /dev/zero".into(), &[], How::Cut),
            // without its end
            (good.clone(), &[], How::Cut),
            (format!("{good}{json}"), &["json"], How::Cut),
            (format!("{good}{} exit 1", end()), &[], How::Code(1)),
            (format!("{good}{} kill -ABRT $$", end()), &[], How::Signal(6)),
            // without a report, or with another one
            (format!("{good}{}", end()), &["json"], How::Garbled("a report is missing")),
            (format!("{good}{json}{}", end()), &["sarif"], How::Garbled("a report is missing")),
            (format!("{good}{json}{}", end()), &[], too_large()),
            (format!("{good}{}", report("json", &bomb)), &["json"], too_large()),
            // one that says less than it is, or more, or nothing, or is none
            (
                format!("{good}{}", report("json", &Packed { size: 9, ..bomb.clone() })),
                &["json"],
                How::Garbled("a report cannot be unpacked"),
            ),
            (
                format!("{good}{}", report("json", &Packed { size: 3, ..packed(b"{}") })),
                &["json"],
                How::Garbled("a report cannot be unpacked"),
            ),
            (
                format!("{good}{}", frame("report", "json", "{}")),
                &["json"],
                How::Garbled("a report does not say its size"),
            ),
            (
                format!("{good}{}", report("json", &Packed { size: 2, body: b"{}".to_vec() })),
                &["json"],
                How::Garbled("a report cannot be unpacked"),
            ),
            (format!("{good}{}{}", end(), end()), &[], How::Garbled("it goes on after its end")),
            (format!("{json}{}", end()), &["json"], How::Garbled("it does not begin with a summary")),
            (frame("summary", "", "{}"), &[], How::Garbled("its summary is none")),
            (frame("failure", "", "[]"), &[], How::Garbled("its failure is none")),
            // more than it may be, by the header and then some
            ("echo '{\"kind\":\"summary\",\"name\":\"\",\"bytes\":10001}'; sleep 9".into(), &[], too_large()),
            (
                "echo '{\"kind\":\"summary\",\"name\":\"\",\"bytes\":-1}'; sleep 9".into(),
                &[],
                How::Garbled("a line is no header"),
            ),
            ("echo '{\"kind\":\"summary\",\"name\":\"\",\"bytes\":99}'; printf x".into(), &[], How::Cut),
            (format!("{good}{}", report("json", &packed(noise.as_bytes())).repeat(2)), &["json", "json"], too_large()),
        ];
        let start = Instant::now();
        for (script, formats, expected) in cases {
            let Ended::Crashed(crash) = run(script, formats) else { panic!("{script}") };
            assert_eq!(crash.how, *expected, "{script}");
            assert!(!crash.to_string().is_empty());
        }
        assert!(start.elapsed() < Duration::from_secs(15), "no garbage was waited for: {:?}", start.elapsed());
    }

    #[test]
    fn the_end_of_what_it_says_is_kept_and_steers_nothing() {
        let script = "yes 0123456789 | head -c 100000 >&2; printf '\\033[2Jlast\\nwords' >&2; exit 9";
        let Ended::Crashed(crash) = run(script, &[]) else { panic!("it gave up") };
        assert_eq!(crash.how, How::Code(9));
        assert!(crash.stderr.ends_with("\\x1b[2Jlast\\nwords"), "{}", crash.stderr);
        assert!(crash.stderr.len() < 2 * TAIL && !crash.stderr.contains('\x1b'));
        let script = "echo 'memory allocation of 1048576 bytes failed' >&2; kill -ABRT $$";
        assert_eq!(run(script, &[]), Ended::OutOfMemory);
        assert_eq!(run("kill -XCPU $$", &[]), Ended::TimedOut);
    }

    #[test]
    fn one_that_hangs_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pid");
        let script = format!("sleep 60 & echo $! > {}; wait", file.display());
        for script in [script.clone(), format!("exec >&-; {script}"), format!("{} {script}", summary())] {
            let start = Instant::now();
            assert_eq!(run_within(&script, &[], Duration::from_millis(500)), Ended::TimedOut, "{script}");
            assert!(start.elapsed() < Duration::from_millis(1_500), "{:?}", start.elapsed());
            let pid = std::fs::read_to_string(&file).expect("it ran");
            let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            let is_gone = || state().is_empty() || state().contains(") Z ");
            let gone = (0..100).any(|_| {
                is_gone() || {
                    std::thread::sleep(Duration::from_millis(20));
                    false
                }
            });
            assert!(gone, "{}", state());
        }
    }

    #[test]
    fn one_that_nobody_waits_for_is_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pid");
        let script = format!("echo $$ > {0}.new; mv {0}.new {0}; sleep 60", file.display());
        let workers = Workers {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
            ..Workers::new().expect("this program")
        };
        let task = Task::new("r.example/a", Timestamp::from_unix(0));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let given_up = runtime.block_on(async {
            let appears = async {
                while !file.exists() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::select! {
                _ = workers.run(&task) => false,
                () = appears => true,
            }
        });
        assert!(given_up);
        let pid = std::fs::read_to_string(&file).expect("it ran");
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        let is_gone = || state().is_empty() || state().contains(") Z ");
        assert!(
            (0..100).any(|_| is_gone() || {
                std::thread::sleep(Duration::from_millis(20));
                false
            }),
            "{}",
            state()
        );
    }

    #[test]
    fn what_cannot_be_started_is_told() {
        let workers = Workers { program: "/nowhere/careen".into(), ..Workers::new().expect("this program") };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let ended = runtime.block_on(workers.run(&Task::new("r.example/a", Timestamp::from_unix(0))));
        let Ended::Crashed(crash) = ended else { panic!("nothing is there") };
        assert!(matches!(crash.how, How::NotStarted(_)), "{crash}");
    }
}
