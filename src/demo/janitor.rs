//! Janitor: a small shell that clears away what the demo started, however the demo ends.

use std::{
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

/// Its argument is the directory; on stdin it reads which processes there are. The end of stdin means that the demo is gone, be it by
/// kill -9: then it ends the processes and removes the directory.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
pids= place=$1
while read -r what name; do
    case $what in
        started) pids="$pids $name" ;;
        ended) rest=; for p in $pids; do [ "$p" = "$name" ] || rest="$rest $p"; done; pids=$rest ;;
    esac
done
# QUIT lets PostgreSQL end its children and give its shared memory back.
for p in $pids; do kill -QUIT "$p"; done
[ -z "$pids" ] || sleep 0.5
for p in $pids; do kill -KILL "$p"; done
rm -rf -- "$place" || { sleep 1; rm -rf -- "$place"; }
"#;

/// The running shell. Dropping it lets it do its work and waits for that.
pub(super) struct Janitor {
    shell: Child,
    /// `None` once the end has begun.
    orders: Option<ChildStdin>,
}

impl Janitor {
    /// Starts it, responsible for `place` from now on.
    pub(super) fn of(place: &Path) -> io::Result<Janitor> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "janitor"])
            .arg(place)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal reaches the demo's group; this one has to outlive it.
            .process_group(0)
            .spawn()?;
        let orders = shell.stdin.take();
        Ok(Janitor { shell, orders })
    }

    /// A process that has to be ended if nobody else does it.
    pub(super) fn started(&self, pid: u32) {
        self.tell(&format!("started {pid}"));
    }

    /// A process whose end was seen: its number may belong to somebody else from now on.
    pub(super) fn ended(&self, pid: u32) {
        self.tell(&format!("ended {pid}"));
    }

    fn tell(&self, line: &str) {
        if let Some(mut orders) = self.orders.as_ref() {
            // A janitor that is gone was ended by somebody who wanted that.
            let _ = orders.write_all(format!("{line}\n").as_bytes());
        }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.shell.wait();
    }
}
