//! Arbitrary register accesses, command tables and ranges.

use super::*;
use crate::virtio::testing::Snapshot;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Event {
    Read(u64, usize),
    Write(u64, usize, u64),
    /// A command in a slot: code, address, count, features, packet, ranges.
    Command {
        slot: u32,
        code: u8,
        lba: u64,
        count: u16,
        features: u16,
        packet: Vec<u8>,
        ranges: Vec<(u64, u32)>,
    },
    Start,
    Process,
    Park,
    Restore,
}

const WIDTHS: [Width; 4] = [Width::Byte, Width::Word, Width::Dword, Width::Qword];
const CODES: [u8; 20] = [
    0x25, 0x35, 0x60, 0x61, 0xc8, 0xca, 0x20, 0x30, 0xec, 0xa1, 0xa0, 0xe7, 0x06, 0x2f, 0xef, 0xb0, 0xe5, 0x42, 0x08, 0,
];

fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => prop::sample::select(vec![0x10u64, 0x14, 0x18, 0x2c, 0x30, 0x34, 0x38]).prop_map(|at| 0x100 + at),
        2 => (0u64..0x20).prop_map(|at| 0x100 + at * 4),
        2 => (0u64..0x100).prop_map(|at| at * 4),
        1 => prop::sample::select(vec![0u64, 4, 8, 0x184, 0x1b8]),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let value = prop_oneof![4 => 0u64..64, 2 => Just(0x11), 2 => any::<u64>()];
    let range = prop_oneof![
        6 => ((0u64..16).prop_map(|at| DATA + at * 512), 1u32..3000),
        1 => (any::<u64>(), 1u32..0x40_0000),
    ];
    let lba = prop_oneof![6 => 0u64..70, 1 => Just(0xc2_4f00u64), 1 => any::<u64>()];
    let small = || prop_oneof![6 => 0u16..5, 1 => any::<u16>()];
    let packet = prop::collection::vec(prop_oneof![4 => Just(0u8), 1 => any::<u8>()], 0..16);
    let command = (
        (0u32..32, prop_oneof![9 => prop::sample::select(&CODES[..]), 1 => any::<u8>()]),
        (lba, small(), small()),
        (packet, prop::collection::vec(range, 0..4)),
    );
    prop_oneof![
        3 => (offset(), 0usize..4).prop_map(|(at, width)| Event::Read(at, width)),
        6 => (offset(), 2usize..4, value).prop_map(|(at, width, value)| Event::Write(at, width, value)),
        8 => command.prop_map(|((slot, code), (lba, count, features), (packet, ranges))| Event::Command {
            slot, code, lba, count, features, packet, ranges,
        }),
        3 => Just(Event::Start),
        4 => Just(Event::Process),
        1 => Just(Event::Park),
        1 => Just(Event::Restore),
    ]
}

proptest! {
    #[test]
    fn any_accesses_and_commands_write_into_their_buffers_only(
        events in prop::collection::vec(event(), 1..16), is_drive: bool
    ) {
        let disk = file(SECTORS);
        let media = Arc::new(RemovableDisk::new("cd0".into(), Some(raw(&disk, true))));
        let unit = || if is_drive { drive_unit("disk0", &media) } else { disk_unit("disk0", raw(&disk, false)) };
        let mut rig = Rig::new(vec![unit()]);
        for event in events {
            match event {
                Event::Read(at, width) => {
                    let width = WIDTHS[width];
                    let at = at & !(width.bytes() as u64 - 1);
                    prop_assert_eq!(rig.ahci.bar_device(5).unwrap().read(at, width) & !width.ones(), 0);
                }
                Event::Write(at, width, value) => {
                    let width = WIDTHS[width];
                    let at = at & !(width.bytes() as u64 - 1);
                    // Structures stay where the test looks for them, but for wild addresses that are no memory.
                    if !matches!(at, 0x100..0x110) {
                        rig.ahci.bar_device(5).unwrap().write(at, width, value & width.ones());
                    }
                }
                Event::Command { slot, code, lba, count, features, packet, ranges } => {
                    // What accesses have issued before belongs to other slots.
                    rig.workers.process();
                    rig.put(slot, fis(code, lba, count, features), &ranges);
                    rig.put_packet(slot, &packet);
                    let snapshot = Snapshot::take(&rig.memory);
                    if matches!(code, 0x60 | 0x61) {
                        rig.set_port(0x34, 1 << slot);
                    }
                    rig.issue(1 << slot);
                    let mut allowed: Vec<(u64, u64)> =
                        ranges.iter().map(|(at, length)| (*at, u64::from(*length))).collect();
                    // Where the port has its structures: at 0 after a reset of the controller.
                    let (list, received) = (u64::from(rig.port(0x00)), u64::from(rig.port(0x08)));
                    allowed.extend([(received, 0x100), (list + u64::from(slot) * 32 + 4, 4)]);
                    allowed.retain(|(at, length)| at.checked_add(*length).is_some());
                    snapshot.check(&rig.memory, &allowed);
                }
                Event::Start => rig.recover_any(),
                Event::Process => rig.workers.process(),
                Event::Park => {
                    rig.ahci.park(Box::new(|| {}));
                    rig.ahci.unpark();
                }
                Event::Restore => {
                    rig.ahci.park(Box::new(|| {}));
                    let saved = rig.ahci.save().unwrap();
                    let state = saved.decode().unwrap();
                    let copy = Rig::restored(vec![unit()], Arc::clone(&rig.memory), Some(state));
                    let copy = copy.unwrap();
                    prop_assert_eq!(copy.ahci.save().unwrap(), saved);
                    copy.ahci.unpark();
                    rig = copy;
                }
            }
            let (command, issued) = (rig.port(0x18), rig.port(0x38) | rig.port(0x34));
            prop_assert!(command & 1 != 0 || issued == 0, "a stopped port has no commands");
            let pending = rig.port(0x10) & rig.port(0x14) != 0;
            prop_assert!(!pending || rig.read(0x08) & 1 != 0);
        }
        prop_assert_eq!(disk.metadata().unwrap().len(), SECTORS * 512);
    }
}

impl Rig {
    /// Stops and starts the port whatever its state was.
    fn recover_any(&self) {
        self.set_port(0x2c, 0);
        self.set_port(0x18, 0x10);
        self.workers.process();
        self.start();
    }
}
