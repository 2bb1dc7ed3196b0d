//! The `authserver` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    authserver::cli::main()
}
