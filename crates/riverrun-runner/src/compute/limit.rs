//! How many permits the process has.

use std::path::{Path, PathBuf};

/// `RIVERRUN_NUM_THREADS`, else the cgroup's CPU limit, else what the machine offers; at least 1.
pub(super) fn permit_count() -> usize {
    let machine = || std::thread::available_parallelism().map_or(1, usize::from);
    let asked = std::env::var("RIVERRUN_NUM_THREADS").ok();
    if let Some(threads) = asked.as_deref().and_then(parse_threads) {
        return threads;
    }
    // A limit above the CPUs that the process may run on (affinity) is none.
    cgroup_limit().map_or_else(machine, |limit| limit.min(machine()))
}

fn parse_threads(text: &str) -> Option<usize> {
    text.trim().parse().ok().filter(|&threads| threads > 0)
}

/// The CPUs of a cgroup v2 `cpu.max`: `"<quota|max> <period>"` in microseconds.
fn parse_cpu_max(text: &str) -> Option<usize> {
    let mut words = text.split_whitespace();
    let quota = words.next()?.parse().ok()?;
    let period = words.next()?.parse().ok()?;
    whole_cpus(quota, period)
}

/// The CPUs of a cgroup v1 quota, which is -1 where there is no limit.
fn parse_v1(quota: &str, period: &str) -> Option<usize> {
    whole_cpus(quota.trim().parse().ok()?, period.trim().parse().ok()?)
}

// Rounded down: a thread beyond the quota has the kernel stop all of them for the rest of the period.
fn whole_cpus(quota: i64, period: i64) -> Option<usize> {
    if quota <= 0 || period <= 0 {
        return None;
    }
    usize::try_from((quota / period).max(1)).ok()
}

fn cgroup_limit() -> Option<usize> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    groups.lines().filter_map(limit_of_line).min()
}

/// The tightest limit from the process's group up to the root, for one line `id:controllers:/path`.
fn limit_of_line(line: &str) -> Option<usize> {
    let mut fields = line.splitn(3, ':');
    let (id, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
    let group = group.trim_start_matches('/');
    if id == "0" && controllers.is_empty() {
        let root = Path::new("/sys/fs/cgroup");
        return upwards(root, group).filter_map(|dir| parse_cpu_max(&read(dir, "cpu.max")?)).min();
    }
    if !controllers.split(',').any(|controller| controller == "cpu") {
        return None;
    }
    let root = Path::new("/sys/fs/cgroup").join(controllers);
    let root = if root.exists() { root } else { PathBuf::from("/sys/fs/cgroup/cpu") };
    upwards(&root, group)
        .filter_map(|dir| parse_v1(&read(dir.clone(), "cpu.cfs_quota_us")?, &read(dir, "cpu.cfs_period_us")?))
        .min()
}

fn upwards(root: &Path, group: &str) -> impl Iterator<Item = PathBuf> {
    let dirs: Vec<PathBuf> = Path::new(group).ancestors().map(|part| root.join(part)).collect();
    dirs.into_iter()
}

fn read(dir: PathBuf, file: &str) -> Option<String> {
    std::fs::read_to_string(dir.join(file)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_v2_quota_is_rounded_down_to_whole_cpus_and_never_to_none() {
        assert_eq!(parse_cpu_max("200000 100000\n"), Some(2));
        assert_eq!(parse_cpu_max("150000 100000"), Some(1));
        assert_eq!(parse_cpu_max("20000 100000"), Some(1));
        assert_eq!(parse_cpu_max("max 100000"), None);
        assert_eq!(parse_cpu_max(""), None);
    }

    #[test]
    fn a_cgroup_v1_quota_of_minus_one_is_no_limit() {
        assert_eq!(parse_v1("-1\n", "100000\n"), None);
        assert_eq!(parse_v1("400000\n", "100000\n"), Some(4));
    }

    #[test]
    fn a_thread_count_that_is_no_positive_number_is_not_taken() {
        assert_eq!(parse_threads(" 3 "), Some(3));
        assert_eq!(parse_threads("0"), None);
        assert_eq!(parse_threads("many"), None);
    }

    #[test]
    fn the_process_has_at_least_one_permit() {
        assert!(permit_count() >= 1);
    }
}
