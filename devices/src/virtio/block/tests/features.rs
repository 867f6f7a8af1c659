//! What the device offers, and what its driver does with it.

use super::*;
use crate::backend::block::faults::{FaultyDisk, Host};
use crate::bus::{BusDevice, Width};
use std::sync::Mutex;

/// Bits of `features`.
fn bits(features: u64) -> Vec<u32> {
    (0..64).filter(|bit| features & 1 << bit != 0).collect()
}

fn with(config: BlockConfig, readonly: bool) -> (Box<dyn VirtioDevice<TestMemory>>, Arc<Mutex<Host>>) {
    let host = Arc::new(Mutex::new(Host::default()));
    let disk = RawDisk::new("disk0".into(), file(SECTORS), readonly).unwrap();
    let disk = FaultyDisk { disk, host: Arc::clone(&host) };
    (Box::new(VirtioBlock::new(config, port(Arc::new(disk)), None).unwrap()), host)
}

/// A running device that was negotiated with `features` of the first half.
fn negotiated(config: BlockConfig, features: u32) -> (Machine, Driver, Arc<Mutex<Host>>) {
    let (device, host) = with(config, false);
    let machine = Machine::new(device, ram());
    for (register, value) in [(0x70, 3), (0x24, 1), (0x20, 1), (0x24, 0), (0x20, features), (0x70, 11)] {
        machine.write(register, value);
    }
    machine.set_up_queue(16);
    machine.write(0x70, 15);
    let driver = Driver::new(Arc::clone(&machine.memory), 16);
    (machine, driver, host)
}

fn asked(host: &Mutex<Host>) -> Vec<&'static str> {
    std::mem::take(&mut host.lock().unwrap().asked)
}

#[test]
fn the_device_offers_what_it_can_do() {
    // SIZE_MAX, SEG_MAX, BLK_SIZE, FLUSH, TOPOLOGY, CONFIG_WCE, DISCARD, WRITE_ZEROES.
    assert_eq!(bits(with(config(), false).0.features()), [1, 2, 6, 9, 10, 11, 13, 14]);
    assert_eq!(bits(with(config(), true).0.features()), [1, 2, 5, 6, 9, 10, 11]);
    let through = BlockConfig { cache: CacheMode::WriteThrough, queues: 3, discard: false, ..config() };
    let (device, _) = with(through, false);
    assert_eq!(bits(device.features()), [1, 2, 6, 10, 12]);
    assert_eq!((device.device_type(), device.queue_max_sizes()), (2, &[256; 3][..]));
}

#[test]
fn the_configuration_space_tells_sizes_and_limits() {
    let blocks = BlockSizes { logical: 512, physical: 4096, optimal: 65536 };
    let (device, _) = with(BlockConfig { queues: 3, blocks, ..config() }, false);
    let mut space = [0xff; 64];
    device.read_config(0, &mut space);
    let u32_at = |offset: usize| u32::from_le_bytes(space[offset..offset + 4].try_into().unwrap());
    assert_eq!(space[..8], SECTORS.to_le_bytes());
    assert_eq!((u32_at(8), u32_at(12)), (1 << 20, SEGMENTS));
    assert_eq!(space[16..20], [0; 4], "no geometry");
    assert_eq!((u32_at(20), space[24], space[25]), (512, 3, 0));
    assert_eq!((u16::from_le_bytes([space[26], space[27]]), u32_at(28)), (8, 128));
    assert_eq!((space[32], u16::from_le_bytes([space[34], space[35]])), (1, 3));
    assert_eq!((u32_at(36), u32_at(40), u32_at(44)), (1 << 22, 1, 8));
    assert_eq!((u32_at(48), u32_at(52), u32_at(56)), (1 << 15, 1, 1));
    assert_eq!(space[60..], [0; 4]);
}

#[test]
fn a_driver_switches_the_write_cache_off_and_on_and_a_reset_switches_it_on_again() {
    let (machine, mut driver, host) = negotiated(config(), 1 << 9 | 1 << 11 | 1 << 14);
    let write = |machine: &Machine, driver: &mut Driver| {
        assert_eq!(request(machine, driver, 1, 0, &[(DATA, 512, false)]), (0, 1));
        driver.fill(DATA, &[&0u64.to_le_bytes()[..], &1u64.to_le_bytes()].concat());
        assert_eq!(request(machine, driver, 13, 0, &[(DATA, 16, false)]), (0, 1));
        asked(&host)
    };
    assert_eq!(write(&machine, &mut driver), ["write", "zero"]);
    machine.transport.write(0x100 + 32, Width::Byte, 0);
    assert_eq!(write(&machine, &mut driver), ["stable write", "zero", "flush"]);
    machine.transport.write(0x100 + 32, Width::Byte, 1);
    assert_eq!(write(&machine, &mut driver), ["write", "zero"]);
    machine.transport.write(0x100 + 32, Width::Byte, 0);
    machine.write(0x70, 0);
    assert_eq!(machine.transport.read(0x100 + 32, Width::Byte), 1);
}

#[test]
fn a_driver_that_did_not_negotiate_the_switch_keeps_the_cache_and_one_that_cannot_flush_has_none() {
    let (machine, mut driver, host) = negotiated(config(), 1 << 9);
    machine.transport.write(0x100 + 32, Width::Byte, 0);
    request(&machine, &mut driver, 1, 0, &[(DATA, 512, false)]);
    assert_eq!(asked(&host), ["write"]);
    let (machine, mut driver, host) = negotiated(config(), 0);
    request(&machine, &mut driver, 1, 0, &[(DATA, 512, false)]);
    assert_eq!(asked(&host), ["stable write"]);
}

#[test]
fn with_writethrough_each_write_is_stable_and_nothing_can_be_switched() {
    let through = BlockConfig { cache: CacheMode::WriteThrough, ..config() };
    let (machine, mut driver, host) = negotiated(through, 0);
    machine.transport.write(0x100 + 32, Width::Byte, 1);
    assert_eq!(machine.transport.read(0x100 + 32, Width::Byte), 0);
    request(&machine, &mut driver, 1, 0, &[(DATA, 512, false)]);
    assert_eq!(asked(&host), ["stable write"]);
}

#[test]
fn discards_and_zeroing_writes_need_their_features() {
    let (machine, mut driver, host) = negotiated(config(), 1 << 9);
    driver.fill(DATA, &[0; 16]);
    for kind in [11, 13] {
        assert_eq!(request(&machine, &mut driver, kind, 0, &[(DATA, 16, false)]), (2, 1));
    }
    assert_eq!(asked(&host), Vec::<&str>::new());
    let range = |sector: u64, sectors: u32, flags: u32| {
        [&sector.to_le_bytes()[..], &sectors.to_le_bytes(), &flags.to_le_bytes()].concat()
    };
    let (machine, mut driver, host) = negotiated(config(), 1 << 9 | 1 << 13 | 1 << 14);
    for (kind, bytes, status) in [
        (11, range(0, 1, 0), 0),
        (11, range(0, 1, 1), 2),
        (11, range(15, 2, 0), 1),
        (11, range(0, (1 << 22) + 1, 0), 1),
        (13, range(0, 16, 1), 0),
        (13, range(0, 16, 2), 2),
        (13, range(0, (1 << 15) + 1, 0), 1),
        (13, range(u64::MAX, 1, 0), 1),
        (11, vec![0; 32], 1),
        (11, vec![0; 15], 1),
    ] {
        driver.fill(DATA, &bytes);
        let answer = request(&machine, &mut driver, kind, 0, &[(DATA, bytes.len() as u32, false)]);
        assert_eq!(answer, (status, 1), "{kind} {bytes:?}");
    }
    assert_eq!(asked(&host), ["discard", "zero"]);
}

#[test]
fn a_read_only_disk_is_not_discarded() {
    let (machine, mut driver, file) = running(true);
    driver.fill(DATA, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    for kind in [11, 13] {
        assert_ne!(request(&machine, &mut driver, kind, 0, &[(DATA, 16, false)]).0, 0);
    }
    assert!(on_disk(&file) == contents(SECTORS));
}

#[test]
fn a_disk_that_has_grown_is_told_to_its_driver_and_can_be_used_to_its_end() {
    let file = file(SECTORS);
    let disk = RawDisk::new("disk0".into(), file.try_clone().unwrap(), false).unwrap();
    let port = port(Arc::new(disk));
    let device = VirtioBlock::new(config(), Arc::clone(&port), None).unwrap();
    let machine = Machine::new(Box::new(device), ram());
    let mut driver = machine.start(16);
    assert_eq!(port.refresh().unwrap(), SECTORS * 512);
    let generation = machine.read(0xfc);
    assert_eq!((machine.line.take(), machine.read(0x60)), (0, 0), "nothing has changed");
    file.set_len(SECTORS * 1024).unwrap();
    assert_eq!(request(&machine, &mut driver, 0, SECTORS, &[(DATA, 512, true)]).0, 1);
    machine.line.take();
    machine.write(0x64, 3);
    assert_eq!(port.refresh().unwrap(), SECTORS * 1024);
    assert_eq!((machine.line.take(), machine.read(0x60)), (1, 2));
    assert_ne!(machine.read(0xfc), generation);
    assert_eq!(u64::from(machine.read(0x100)), SECTORS * 2);
    assert_eq!(request(&machine, &mut driver, 0, SECTORS, &[(DATA, 512, true)]), (0, 513));
    file.set_len(SECTORS * 1024 + 1).unwrap();
    assert!(port.refresh().is_err());
    assert_eq!(u64::from(machine.read(0x100)), SECTORS * 2);
}
