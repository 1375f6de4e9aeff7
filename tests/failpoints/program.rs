//! The program with failpoints: it is `postrider`, and stops where it is told to.
//!
//! `FAILPOINT=name:count` lets it stand still for ever when it reaches that place for the count-th
//! time. It says so by making the file `FAILPOINT_REACHED`; then it is the test's turn to kill it.

use std::{
    fs,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

fn main() -> ExitCode {
    if let Ok(failpoint) = std::env::var("FAILPOINT") {
        stand_still_at(&failpoint);
    }
    postrider::cli::report_panics();
    postrider::cli::main(std::env::args_os())
}

fn stand_still_at(failpoint: &str) {
    let (name, count) = failpoint.split_once(':').expect("FAILPOINT is name:count");
    let count: u64 = count.parse().expect("FAILPOINT's count is a number");
    let file = std::env::var("FAILPOINT_REACHED").expect("FAILPOINT_REACHED is set");
    let times = AtomicU64::new(0);
    let stand_still = move || {
        if times.fetch_add(1, Ordering::Relaxed) + 1 == count {
            fs::write(&file, "").expect("the file FAILPOINT_REACHED can be made");
            loop {
                thread::sleep(Duration::from_secs(60));
            }
        }
    };
    fail::cfg_callback(name, stand_still).expect("a callback can be set");
}
