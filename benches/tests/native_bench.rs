//! The bench's parts from one end to the other, with the programs as tests are built.

use std::path::PathBuf;

use benches::context::Context;
use benches::machines::{Kind, Place, subjects};
use benches::network::Tap;
use benches::options::Options;
use benches::programs::{Built, Programs};
use benches::{density, io, memory, start};
use clap::Parser;
use integration::namespace::in_namespace;
use integration::{machine, paths};

fn context(output: &std::path::Path, arguments: &[&str]) -> Context {
    let mut options = Options::parse_from(std::iter::once("bench").chain(arguments.iter().copied()));
    options.output = output.to_owned();
    let programs = Programs {
        revision: String::new(),
        launcher: paths::launcher(),
        bare_vmm: Some(PathBuf::from(env!("CARGO_BIN_EXE_bare-vmm"))),
        guest_io: Some(PathBuf::from(env!("CARGO_BIN_EXE_guest-io"))),
    };
    let built = Built {
        ours: programs,
        against: None,
        floor: PathBuf::from(env!("CARGO_BIN_EXE_floor")),
        host_reader: PathBuf::from(env!("CARGO_BIN_EXE_host-reader")),
        host_frames: PathBuf::from(env!("CARGO_BIN_EXE_host-frames")),
        guest: machine::test_guest(),
    };
    Context::new(options, built, Err("tests of the bench have no network".to_owned()), 1)
}

#[test]
fn starts_of_the_floor_and_of_ours_are_measured_compared_and_kept() {
    if !machine::built_programs_or_skip() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut context = context(directory.path(), &["--runs", "2", "--warm-up", "0"]);
    let section = start::run(&mut context).unwrap();
    let text = section.to_string();
    let figures = ["start, one at a time: first output", "start, 10 at once: first output"];
    for series in ["floor", "bare vmm microvm", "bare vmm q35", "launcher microvm", "launcher q35"] {
        let counts = figures.map(|figure| context.samples.values(figure, series).len());
        assert_eq!(counts, [2, 10], "{series}:\n{text}");
        let phase = context.samples.values("start, one at a time: first KVM_RUN", series);
        assert_eq!(phase.len(), 2, "{series} tells no times:\n{text}");
    }
    assert!(text.contains("Could not run starts with a network: tests of the bench have no network"), "{text}");
    assert!(text.contains("launcher q35, one at a time, process start to first output: at most 1.25 x"), "{text}");
    assert!(context.samples.to_csv().lines().count() > 100);
}

#[test]
fn what_machines_take_beyond_their_guests_memory_is_measured_for_each_number_of_vcpus() {
    if !machine::built_programs_or_skip() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut context = context(directory.path(), &["--seconds", "1"]);
    let text = memory::run(&mut context).unwrap().to_string();
    for series in ["bare vmm microvm, 1 vCPUs", "launcher q35, 32 vCPUs"] {
        let values = context.samples.values("memory beyond guest RAM after traffic", series);
        assert!(values.iter().all(|kib| *kib > 100.0) && values.len() == 1, "{series}: {values:?}\n{text}");
    }
    assert!(text.contains("bare vmm q35, one vCPU: at most 5 MiB beyond guest RAM"), "{text}");
}

/// KiB of pages that the bare library may take with one vCPU: what one is promised who embeds it.
const BUDGET: u64 = 5 * 1024;

#[test]
fn a_machine_with_disk_and_network_takes_at_most_5_mib_of_pages_beyond_its_guest_s_memory() {
    if !machine::built_programs_or_skip() {
        return;
    }
    in_namespace(|| {
        let directory = tempfile::tempdir().unwrap();
        let context = context(directory.path(), &[]);
        let place = Place::new(0, true).unwrap();
        let (subjects, _) = subjects(&context.built);
        let bare: Vec<_> = subjects.iter().filter(|subject| matches!(subject.kind, Kind::BareVmm(_))).collect();
        assert_eq!(bare.len(), 2);
        for subject in bare {
            let taken = memory::after_traffic(subject, &context.built.guest, 1, 1, &place).unwrap().taken;
            assert!(taken.guest > 0 && taken.beyond <= BUDGET, "{}: {taken:?} KiB", subject.name);
        }
    });
}

#[test]
fn an_interface_s_name_is_free_for_the_next_part_of_a_run() {
    in_namespace(|| {
        for _part in 0..2 {
            assert!(Tap::held("held0").unwrap().number().is_some());
        }
    });
}

#[test]
fn many_machines_in_one_process_are_compared_with_as_many_floors() {
    if !machine::built_programs_or_skip() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut context = context(directory.path(), &["--machines", "2", "--runs", "1", "--warm-up", "0"]);
    let text = density::run(&mut context).unwrap().to_string();
    let machines = ["bare vmm microvm", "bare vmm q35"];
    let that_go_on = machines.map(|series| format!("{series}, guests go on"));
    for series in ["floor"].into_iter().chain(machines).chain(that_go_on.iter().map(String::as_str)) {
        assert_eq!(context.samples.values("many: start of all", series).len(), 1, "{series}:\n{text}");
    }
    // That of machines whose guests do nothing is not told.
    for (series, count) in machines.map(|series| (series, 0)).into_iter().chain([(that_go_on[1].as_str(), 1)]) {
        let found = context.samples.values("many: memory beyond guest RAM, each", series).len();
        assert_eq!(found, count, "{series}:\n{text}");
    }
}

#[test]
fn a_disk_of_the_guest_is_measured_beside_the_host_s_own_reader() {
    if !machine::built_programs_or_skip() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut context = context(directory.path(), &["--runs", "1", "--warm-up", "0"]);
    let text = io::measure(&mut context).unwrap().to_string();
    assert!(text.contains("tests of the bench have no network"), "{text}");
    let series = ["host, io_uring", "guest, by interrupts", "guest, looking"];
    let requests = "I/O, 4 KiB, depth 32, cached: requests";
    let counts = series.map(|series| context.samples.values(requests, series).len());
    // A host without io_uring has nothing to compare with.
    assert!(counts == [1; 3] || text.contains("The host allows no io_uring"), "{text}");
    if counts == [1; 3] {
        let notifications = context.samples.values("I/O, 4 KiB, depth 32, cached: notifications", series[2]);
        assert!(notifications[0] > 0.0 && notifications[0] <= 1.0, "{text}");
        assert!(text.contains("4 KiB, depth 32, cached: at least 0.9 x the host's io_uring"), "{text}");
    }
}
