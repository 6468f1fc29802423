//! The `tagdb` program: the server and the command-line verbs.

mod allocator;
mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::hold_little();
    cli::main()
}
