//! File descriptors: clients must not take those that the engine's files need, or no log file and
//! no segment could be opened any more.

use tagdb::config::Config;

/// Descriptors that are left to the engine, unless that is more than half of all.
const FILES_MIN: usize = 256;

/// Takes fewer connections if the process may not open many files.
pub(crate) fn leave_some(config: &mut Config) {
    let Some(all) = descriptors() else {
        return;
    };
    let most = connections(all);
    if config.connections_max > most {
        tracing::info!(
            connections_max = most,
            descriptors = all,
            "fewer connections are taken than set: the process may not open more files"
        );
        config.connections_max = most;
    }
}

const fn connections(descriptors: usize) -> usize {
    let half = descriptors / 2;
    let left = if half < FILES_MIN { half } else { FILES_MIN };
    descriptors - left
}

/// How many files the process may have open, where the system tells.
fn descriptors() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    of_limits(&limits)
}

fn of_limits(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_to_the_engine() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max processes             95990                95990                processes\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(of_limits(limits), Some(1024));
        assert_eq!(
            of_limits("Max open files            unlimited            unlimited"),
            None
        );
        assert_eq!([64, 1024, 20_000].map(connections), [32, 768, 19_744]);
        assert!(descriptors().is_some());
    }
}
