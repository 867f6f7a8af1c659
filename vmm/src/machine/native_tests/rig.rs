//! A machine without its driver: the test builds, runs, pauses and saves it step by step.

use crate::config::{BoardConfig, CpusConfig, DiskConfig, MemoryConfig, PayloadConfig, VmConfig};
use crate::lifecycle::Shared;
use crate::machine::blueprint::Network;
use crate::machine::native_tests::wire::{Peer, wire};
use crate::machine::{Blueprint, Machine};
use crate::resources::{FIRMWARE, KERNEL, Resource, Resources, SERIAL};
use crate::snapshot::SavedMachine;
use crate::testing;
use crate::timeline::{StartSource, Timeline};
use devices::virtio::net::NetPort;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a test waits for what must come.
pub(super) const DEADLINE: Duration = Duration::from_secs(180);

/// A machine and the other end of its serial port.
pub(super) struct Rig {
    // Dropped first: it uses the blueprint's console.
    pub(super) machine: Machine,
    pub(super) blueprint: Blueprint,
    /// The other ends of the networks.
    pub(super) peers: Vec<Peer>,
    console: File,
    read: String,
}

/// What a test guest needs: two vCPUs and 64 MiB. On q35 every second disk is behind a root port.
pub(super) fn config(board: BoardConfig, script: &str, disks: usize) -> VmConfig {
    let disk =
        |n| DiskConfig { root_port: n % 2 == 1 && board == BoardConfig::Q35 {}, ..DiskConfig::new(disk_name(n)) };
    let disks = (0..disks).map(disk).collect();
    VmConfig {
        board,
        cpus: CpusConfig { boot: 2, ..CpusConfig::default() },
        memory: MemoryConfig { boot: 64 << 20, ..MemoryConfig::default() },
        payload: PayloadConfig::Kernel { cmdline: script.into(), initrd: false, entry: Default::default() },
        disks,
        ..VmConfig::default()
    }
}

fn disk_name(n: usize) -> &'static str {
    ["disk0", "disk1"][n]
}

impl Rig {
    /// A machine that stands at its first instruction, or where `saved` stood.
    pub(super) fn new(guest: &Path, config: &VmConfig, disks: &[&Path], saved: SavedMachine) -> Self {
        let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let (console, serial): (OwnedFd, OwnedFd) = pair;
        let mut resources = Resources::new();
        let payload = if matches!(config.payload, PayloadConfig::Kernel { .. }) { KERNEL } else { FIRMWARE };
        resources.insert(payload, Resource::File(File::open(guest).unwrap())).unwrap();
        for (n, path) in disks.iter().enumerate() {
            let file = File::options().read(true).write(true).open(path).unwrap();
            resources.insert(disk_name(n), Resource::File(file)).unwrap();
        }
        let (input, output) = (Some(serial.try_clone().unwrap()), Some(serial));
        resources.insert(SERIAL, Resource::Stream { input, output }).unwrap();
        let timeline = Arc::new(Timeline::starting(StartSource::Build, 0));
        // Networks are not over a TAP, which a test cannot make without a namespace of its own.
        let mut config = config.clone();
        let nets = std::mem::take(&mut config.nets);
        let mut blueprint = Blueprint::new(config, resources, timeline).unwrap();
        let mut peers = Vec::new();
        for net in nets {
            let (backend, peer) = wire();
            let port = Arc::new(NetPort::new(net.id.clone(), net.queues, net.link_up));
            blueprint.config.nets.push(net.clone());
            blueprint.nets.push(Network { config: net, backend: Arc::new(backend), port, rom: None });
            peers.push(peer);
        }
        let shared = Arc::new(Shared::new());
        let boot = shared.boot();
        let machine = Machine::assemble(&blueprint, shared, boot, saved).unwrap();
        Self { blueprint, machine, peers, console: console.into(), read: String::new() }
    }

    /// Waits for a line of the console that has `text` in it, and returns it. Lines before it are passed over.
    pub(super) fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            while let Some((line, rest)) = self.read.split_once('\n') {
                let line = line.trim_end().to_owned();
                self.read = rest.to_owned();
                assert!(!line.starts_with("fail") && !line.starts_with("fault"), "{line}");
                if line.contains(text) {
                    return line;
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let mut ready = [PollFd::new(&self.console, PollFlags::IN)];
            let count = poll(&mut ready, Some(&Timespec::try_from(left).unwrap())).unwrap();
            assert!(count > 0, "no line with {text:?} came; the rest is {:?}", self.read);
            let mut buffer = [0; 4096];
            let count = self.console.read(&mut buffer).unwrap();
            assert!(count > 0, "the console ended before a line with {text:?} came");
            self.read.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
    }

    /// Ends the machine; what it said that was not read yet.
    pub(super) fn close(self) -> String {
        self.read
    }

    /// As if the old machine's output came from this one.
    pub(super) fn with_unread(mut self, read: String) -> Self {
        self.read = read;
        self
    }

    /// Types on the serial port.
    pub(super) fn type_in(&mut self, text: &str) {
        self.console.write_all(text.as_bytes()).unwrap();
    }
}

/// The guest, or `None` when the calling test is skipped.
pub(super) fn guest() -> Option<std::path::PathBuf> {
    if testing::has_kvm() { testing::test_guest() } else { None }
}
