//! What the C library does with memory that is free: variables of its own, which it reads as a program begins (mallopt(3)).
//! Other C libraries than GNU's do not know them.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// A variable and its value.
pub type Variable = (&'static str, &'static str);

/// Few arenas. By itself the library has up to eight for each core, and what a thread freed stays in its own: the memory of a
/// server would grow for an hour, and each takes address space.
pub const FEW_ARENAS: Variable = ("MALLOC_ARENA_MAX", "2");

/// Blocks of 256 KiB and more go back to the system when they are freed. By itself the library raises that bound, up to
/// 32 MiB, to the largest that was freed, and keeps what is smaller, with gaps in between.
pub const LARGE_GO_BACK: Variable = ("MALLOC_MMAP_THRESHOLD_", "262144");

/// Begins this program anew with these variables, unless one of them is there; returns when that is so, or when it fails: then
/// all is well but for some memory.
pub fn begin_anew_with(variables: &[Variable]) {
    if variables.iter().any(|(name, _)| env::var_os(name).is_some()) {
        return;
    }
    let mut own = env::args_os();
    if let (Some(name), Ok(program)) = (own.next(), env::current_exe())
        // not where the dynamic loader was called to start it
        && program.file_name() == Path::new(&name).file_name()
    {
        let _ = Command::new(program).arg0(name).args(own).envs(variables.iter().copied()).exec();
    }
}
