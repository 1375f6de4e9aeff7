//! The postrider binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    postrider::cli::report_panics();
    postrider::cli::main(std::env::args_os())
}
