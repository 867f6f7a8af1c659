//! Huge pages: those that the kernel makes of ordinary memory, and those that were set aside.

use super::finding::Finding;
use super::host::Host;
use serde_json::{Value, json};

const TRANSPARENT: &str = "transparent_huge_pages";
const RESERVED: &str = "hugetlb";

/// The mode of transparent huge pages.
pub(super) fn transparent(host: &Host) -> Finding {
    let small = "Guest memory has pages of 4 KiB: address translation takes more time";
    let remedy = "echo always | sudo tee /sys/kernel/mm/transparent_hugepage/enabled";
    let modes = host.read("sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    // The one in force stands in brackets: `always [madvise] never`.
    let mode = modes.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(mode, _)| mode);
    match mode {
        Some("always") => Finding::ok(TRANSPARENT, "always"),
        Some("madvise") => {
            Finding::warning(TRANSPARENT, "madvise: only memory that asks gets them, and guest memory does not", small)
                .remedy(remedy)
        }
        Some(mode) => Finding::lacking(TRANSPARENT, mode, small).remedy(remedy),
        None => Finding::lacking(TRANSPARENT, "this kernel has none", small),
    }
    .value(mode.map_or(Value::Null, Value::from))
}

/// One pool of huge pages of one size.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pool {
    page_kib: u64,
    pages: u64,
    free: u64,
}

/// The pools of pages that were set aside.
pub(super) fn reserved(host: &Host) -> Finding {
    let pools = pools(host);
    let told: Vec<String> = pools
        .iter()
        .filter(|pool| pool.pages > 0)
        .map(|pool| format!("{} of {} pages of {} MiB are free", pool.free, pool.pages, pool.page_kib >> 10))
        .collect();
    let value: Vec<Value> = pools
        .iter()
        .map(|pool| json!({"page_bytes": pool.page_kib << 10, "pages": pool.pages, "free": pool.free}))
        .collect();
    let means = "Machines cannot have their memory set aside in huge pages";
    let finding = match (told.is_empty(), pools.is_empty()) {
        (false, _) => Finding::ok(RESERVED, told.join(", ")),
        (true, false) => Finding::lacking(RESERVED, "no pages are set aside", means)
            .remedy("Where it is wanted: sudo sysctl vm.nr_hugepages=COUNT"),
        (true, true) => Finding::lacking(RESERVED, "this kernel has none", means),
    };
    finding.value(value)
}

/// From the smallest page to the largest.
fn pools(host: &Host) -> Vec<Pool> {
    const BELOW: &str = "sys/kernel/mm/hugepages";
    let Ok(entries) = std::fs::read_dir(host.path(BELOW)) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut pools: Vec<Pool> = names
        .filter_map(|name| {
            let page_kib = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
            let number = |file: &str| host.number(&format!("{BELOW}/{name}/{file}"));
            Some(Pool { page_kib, pages: number("nr_hugepages")?, free: number("free_hugepages")? })
        })
        .collect();
    pools.sort();
    pools
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::super::host::fake;
    use super::*;

    #[test]
    fn the_mode_in_force_decides() {
        let mode = |text: &str| {
            let (_root, host) = fake::host(&[("sys/kernel/mm/transparent_hugepage/enabled", text)]);
            let finding = transparent(&host);
            (finding.status, finding.value)
        };
        assert_eq!(mode("[always] madvise never\n"), (Status::Ok, "always".into()));
        assert_eq!(mode("always [madvise] never\n"), (Status::Warning, "madvise".into()));
        assert_eq!(mode("always madvise [never]\n"), (Status::Lacking, "never".into()));
        assert_eq!(mode("always"), (Status::Lacking, Value::Null));
        let (_root, without) = fake::host(&[]);
        assert_eq!(transparent(&without).found, "this kernel has none");
    }

    #[test]
    fn pools_are_told_from_the_smallest_page_to_the_largest() {
        let (_root, host) = fake::host(&[
            ("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "2\n"),
            ("sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "2\n"),
            ("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512\n"),
            ("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "100\n"),
            ("sys/kernel/mm/hugepages/elsewhere/nr_hugepages", "1\n"),
        ]);
        let finding = reserved(&host);
        assert_eq!(finding.status, Status::Ok);
        assert_eq!(finding.found, "100 of 512 pages of 2 MiB are free, 2 of 2 pages of 1024 MiB are free");
        assert_eq!(finding.value[0], json!({"page_bytes": 2_097_152, "pages": 512, "free": 100}));
    }

    #[test]
    fn empty_pools_and_none_are_told_apart() {
        let (_root, host) = fake::host(&[
            ("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n"),
            ("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n"),
        ]);
        let finding = reserved(&host);
        assert_eq!((finding.status, finding.found.as_str()), (Status::Lacking, "no pages are set aside"));
        let (_root, host) = fake::host(&[]);
        assert_eq!(reserved(&host).found, "this kernel has none");
    }
}
