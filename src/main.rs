//! The `careen` command: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    careen::cli::main(std::env::args_os())
}
