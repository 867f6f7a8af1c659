//! A disk of the guest beside the host's own reader of the same file.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

use super::series::{self, BY_INTERRUPTS, Case, LOOKING, Series, guests};
use crate::context::Context;
use crate::programs::Built;
use crate::report::{Goal, Section};

/// Bytes of the file: a power of two, so that each place is read as often as any other.
const SIZE: usize = 64 << 20;
/// Depth, bytes of a request, requests: each takes some tenths of a second. Past the page cache they are a quarter of that.
const CASES: [(u64, u64, u64); 3] = [(1, 4096, 4096), (32, 4096, 32_768), (1, 65_536, 1024)];

/// Measures.
///
/// # Errors
/// The file cannot be made.
pub(super) fn measure(context: &mut Context, section: &mut Section) -> Result<()> {
    // Beside the report, where it is on a filesystem like any other.
    let mut file = NamedTempFile::new_in(&context.directory).context("Cannot make the disk's file")?;
    let mut block = vec![0; 1 << 20];
    for _ in 0..SIZE / block.len() {
        context.rng.fill(&mut block);
        file.write_all(&block).context("Cannot fill the disk's file")?;
    }
    file.as_file().sync_all().context("Cannot write the disk's file")?;
    let path = file.path().display().to_string();
    for direct in [false, true] {
        let (caption, cache) =
            if direct { ("direct (cache=none)", "direct") } else { ("page-cached (cache=writeback)", "cached") };
        let cases = CASES.map(|(depth, bytes, requests)| {
            case(&context.built, &path, cache, (depth, bytes, if direct { requests / 4 } else { requests }))
        });
        let caption = format!(
            "A disk on q35, reads from all over a file of 64 MiB, {caption}; the host's reader is an io_uring of the same depth"
        );
        match series::measure(context, &caption, &cases) {
            Ok(table) => section.table(table),
            Err(error) => section.not_run(&caption, format!("{error:#}")),
        }
        if let Some(case) = cases.iter().find(|case| case.name.contains("depth 32")) {
            section.goal(goal(context, case));
        }
    }
    Ok(())
}

fn case(built: &Built, path: &str, cache: &str, (depth, bytes, requests): (u64, u64, u64)) -> Case {
    let direct = (cache == "direct").then(|| "--direct".to_owned());
    let host = [built.host_reader.display().to_string(), path.to_owned()].into_iter();
    let shape =
        [("depth", depth), ("count", requests), ("bytes", bytes)].map(|(name, value)| format!("--{name}={value}"));
    let host = host.chain(shape).chain(direct.clone()).collect();
    let guest = |program: &Path, poll: u8| {
        let kernel = format!("--kernel={}", built.guest.display());
        let command = format!("depth=0:{depth}:{requests}:{bytes}:1:0:{poll}");
        let words = [program.display().to_string(), kernel, format!("--disk={path}"), command];
        words.into_iter().chain(direct.clone()).collect()
    };
    let mut series = vec![Series { name: "host, io_uring".to_owned(), command: host }];
    series.extend(guests(built, guest));
    Case { name: format!("{} KiB, depth {depth}, {cache}", bytes / 1024), requests, bytes, series }
}

/// The better of the guest's two ways: by interrupts, the host may have to emulate its driver.
fn goal(context: &mut Context, case: &Case) -> Goal {
    let aim = format!("{}: at least 0.9 x the host's io_uring", case.name);
    let ratios = [BY_INTERRUPTS, LOOKING].map(|series| case.ratio(context, series).map(|ratio| (series, ratio)));
    match ratios.into_iter().flatten().max_by(|(_, left), (_, right)| left.ratio.total_cmp(&right.ratio)) {
        Some((series, ratio)) => {
            let found = format!("{series}: {:.2} [{:.2}, {:.2}]", ratio.ratio, ratio.low, ratio.high);
            Goal { aim, met: Some(ratio.low >= 0.9), found }
        }
        None => Goal { aim, met: None, found: "it could not be run".to_owned() },
    }
}
