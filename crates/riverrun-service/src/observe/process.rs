//! What the system tells of this process, under the names that Prometheus' own clients use.

use std::fs;

/// Ticks per second of the times in `/proc`: fixed by Linux for programs, whatever the kernel's own clock.
const TICKS: f64 = 100.0;

/// What the system tells; nothing where it has no `/proc`.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Process {
    pub(super) resident_bytes: Option<u64>,
    pub(super) start_seconds: Option<f64>,
    pub(super) cpu_seconds: Option<f64>,
    pub(super) open_files: Option<u64>,
}

impl Process {
    pub(super) fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // After the name, which may have spaces and brackets of its own.
        let fields: Vec<f64> = match stat.rsplit_once(')') {
            Some((_, rest)) => rest.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect(),
            None => Vec::new(),
        };
        let ticks = |index: usize| fields.get(index).map(|ticks| ticks / TICKS);
        let since_boot = ticks(19);
        Self {
            resident_bytes: number_after("/proc/self/status", "VmRSS:").map(|kilobytes| kilobytes * 1024),
            start_seconds: number_after("/proc/stat", "btime").zip(since_boot).map(|(boot, since)| boot as f64 + since),
            cpu_seconds: ticks(11).zip(ticks(12)).map(|(user, system)| user + system),
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
        }
    }
}

fn number_after(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_process_knows_its_memory_and_when_it_began() {
        let process = Process::now();

        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!(process.resident_bytes.unwrap() > 100 << 10);
        let age = now - process.start_seconds.unwrap();
        assert!((-5.0..86_400.0).contains(&age), "{age}");
        assert!(process.open_files.unwrap() > 2 && process.cpu_seconds.is_some());
    }
}
