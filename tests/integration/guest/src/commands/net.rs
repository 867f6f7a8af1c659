//! `net=N[,STEP]...`: drives network device N, as the host 10.99.N.2 that answers ARP and listens on UDP port 7.
//!
//! Steps: `echo:COUNT` sends COUNT datagrams back to where they came from, `send:COUNT:SIZE` sends COUNT datagrams of
//! SIZE bytes (the pattern, its seed the datagram's number) to where the last one came from, `up` and `down` wait for
//! an interrupt that tells so of the link, `wake` for any interrupt (the line `net asleep` says that it waits), `hold`
//! takes no frames until a byte comes on the serial port. The line `net ready` says that the device works.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use virtio_drivers::Error;
use virtio_drivers::device::net::{TxBuffer, VirtIONet};

use super::{Outcome, required};
use crate::clock::{PATIENCE_MS, Timeout};
use crate::cpu::{halt, read_physical, write_physical};
use crate::ethernet::{Meaning, Party, UDP_END, datagram, understand};
use crate::interrupt::Interrupt;
use crate::serial::say;
use crate::virtio::{self, Device, GuestHal, Structure, Transport, structures};
use crate::{pattern, timer};

/// Buffers that the device has.
const BUFFERS: usize = 16;
/// Room for the header and the longest frame of an MTU of 1500.
const BUFFER: usize = 1536;
/// The echo service.
const PORT: u16 = 7;
/// `struct virtio_net_config`'s status (VIRTIO 1.2 5.1.4).
const STATUS: u64 = 6;
/// `config_msix_vector` of the common configuration (VIRTIO 1.2 4.1.4.3).
const CONFIG_MSIX_VECTOR: u64 = 0x10;

struct Net {
    driver: VirtIONet<GuestHal, Transport, BUFFERS>,
    interrupt: Interrupt,
    /// Address of the device's configuration space.
    config: u64,
    me: Party,
    peer: Option<Party>,
    echoed: u64,
    arps: u64,
    others: u64,
    /// The link as an interrupt, or the start, told of it.
    link: bool,
    /// How often an interrupt told of another link.
    changes: u64,
}

/// Where the device's configuration space is; over PCI, changes of it get the first message.
fn configuration(device: &Device, messages: u16) -> Result<u64, String> {
    match device {
        Device::Mmio(slot) => Ok(slot.base + 0x100),
        Device::Pci(function) => {
            let find = |kind| structures(*function).into_iter().find(|structure| structure.kind == kind);
            if messages > 0 {
                let common = find(Structure::COMMON).ok_or("no common configuration")?.address(*function);
                // SAFETY: the transport has mapped the BAR; the field is naturally aligned.
                unsafe { write_physical(common + CONFIG_MSIX_VECTOR, 0u16) };
            }
            Ok(find(Structure::DEVICE).ok_or("no device configuration")?.address(*function))
        }
    }
}

impl Net {
    fn open(index: u64) -> Result<Self, String> {
        let device =
            virtio::devices(virtio::NETWORK).nth(index as usize).ok_or_else(|| format!("no network {index}"))?;
        let (transport, interrupt) = device.open()?;
        let driver = VirtIONet::new(transport, BUFFER).map_err(|error| format!("init: {error}"))?;
        let config = configuration(&device, interrupt.messages())?;
        timer::start_tick();
        let me = Party { mac: driver.mac_address(), ip: [10, 99, index as u8, 2], port: PORT };
        let mut net =
            Self { driver, interrupt, config, me, peer: None, echoed: 0, arps: 0, others: 0, link: false, changes: 0 };
        net.link = net.link_up();
        Ok(net)
    }

    fn link_up(&self) -> bool {
        // SAFETY: the registers are mapped, and the field is naturally aligned.
        unsafe { read_physical::<u16>(self.config + STATUS) & 1 != 0 }
    }

    /// Waits for an interrupt.
    fn wait(&mut self) {
        let interrupts = self.interrupt.count();
        self.interrupt.rearm();
        halt();
        self.driver.ack_interrupt();
        if self.interrupt.count() != interrupts && self.link_up() != self.link {
            self.link = !self.link;
            self.changes += 1;
        }
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), String> {
        self.driver.send(TxBuffer::from(frame)).map_err(|error| format!("send: {error}"))
    }

    /// Takes the next frame, if there is one.
    fn receive(&mut self) -> Result<bool, String> {
        let buffer = match self.driver.receive() {
            Ok(buffer) => buffer,
            Err(Error::NotReady) => return Ok(false),
            Err(error) => return Err(format!("receive: {error}")),
        };
        let frame = buffer.packet();
        match understand(frame, &self.me) {
            Meaning::Arp(answer) => {
                self.arps += 1;
                self.send(&answer)?;
            }
            Meaning::Udp { from, port: PORT, end } => {
                self.echoed += 1;
                self.peer = Some(from);
                let answer = datagram(&self.me, &from, &frame[UDP_END..end]);
                self.send(&answer)?;
            }
            Meaning::Udp { .. } | Meaning::Other => self.others += 1,
            Meaning::Damaged => return Err(format!("a damaged frame of {} bytes: {frame:02x?}", frame.len())),
        }
        self.driver.recycle_rx_buffer(buffer).map_err(|error| format!("recycle: {error}"))?;
        Ok(true)
    }

    /// Works until `done`.
    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        let timeout = Timeout::after(PATIENCE_MS);
        while !done(self) {
            if !self.receive()? {
                self.wait();
            }
            if timeout.passed() {
                return Err(format!("{what} took too long: {}", self.values()));
            }
        }
        Ok(())
    }

    fn step(&mut self, text: &str) -> Result<(), String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let mut argument = || required(parts.next().unwrap_or_default());
        match name {
            "echo" => {
                let wanted = self.echoed + argument()?;
                self.until("echo", |net| net.echoed >= wanted)
            }
            "send" => {
                let (count, size) = (argument()?, argument()?);
                let peer = self.peer.ok_or("nobody has sent anything")?;
                for number in 0..count {
                    let mut words = alloc::vec![0; size.div_ceil(8) as usize];
                    pattern::fill(&mut words, 0, number);
                    let bytes: Vec<u8> = words.iter().flat_map(|word: &u64| word.to_le_bytes()).collect();
                    self.send(&datagram(&self.me, &peer, &bytes[..size as usize]))?;
                }
                Ok(())
            }
            "up" => self.until("link up", |net| net.link),
            "down" => self.until("link down", |net| !net.link),
            "wake" => {
                say!("net asleep");
                let before = self.interrupt.count();
                let timeout = Timeout::after(PATIENCE_MS);
                while self.interrupt.count() == before {
                    self.wait();
                    if timeout.passed() {
                        return Err(String::from("no interrupt came in time"));
                    }
                }
                Ok(())
            }
            "hold" => super::console::wait().map(|_| ()),
            other => Err(format!("unknown step {other:?}")),
        }
    }

    fn values(&self) -> String {
        let mac = self.me.mac;
        format!(
            "mac={:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x} link={} echoed={} arps={} others={} interrupts={} changes={}",
            mac[0],
            mac[1],
            mac[2],
            mac[3],
            mac[4],
            mac[5],
            if self.link_up() { "up" } else { "down" },
            self.echoed,
            self.arps,
            self.others,
            self.interrupt.count(),
            self.changes,
        )
    }
}

pub fn run(arguments: &str) -> Outcome {
    let mut steps = arguments.split(',');
    let mut net = Net::open(required(steps.next().unwrap_or("0"))?)?;
    say!("net ready {}", net.values());
    for text in steps {
        net.step(text).map_err(|error| format!("step={text} {error}"))?;
        say!("net step {text}");
    }
    // A line would stay asserted.
    net.driver.ack_interrupt();
    Ok(net.values())
}
