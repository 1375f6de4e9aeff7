//! What a process has used so far, as Linux tells it under `/proc`.

use std::{collections::BTreeMap, fs};

/// Linux counts in this unit for user space, whatever its own clock's rate is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of CPU, user and system together; `None` when the process is gone.
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    Some(stat(&format!("/proc/{pid}/stat"))?.1)
}

/// Seconds of CPU by thread name; threads of one name are added up.
pub fn cpu_by_thread(pid: u32) -> BTreeMap<String, f64> {
    let mut threads = BTreeMap::new();
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for (name, seconds) in tasks.filter_map(|task| stat(task.path().join("stat").to_str()?)) {
        *threads.entry(name).or_insert(0.0) += seconds;
    }
    threads
}

/// The most memory it ever had resident, in MiB.
pub fn peak_mebibytes(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes / 1024.0)
}

/// How many processes wanted a CPU on average over the last minute.
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}

/// Name and CPU seconds of a process or thread. The name is in parentheses and may hold any
/// character; after it, user and system time are the 12th and 13th word.
fn stat(path: &str) -> Option<(String, f64)> {
    let text = fs::read_to_string(path).ok()?;
    let (head, tail) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let mut times = tail.split_whitespace().skip(11);
    let mut next = || times.next()?.parse::<f64>().ok();
    Some((name, (next()? + next()?) / TICKS_PER_SECOND))
}
