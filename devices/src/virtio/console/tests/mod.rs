//! The console device, as its driver and the host see it.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod data;
mod device;
mod messages;

use super::control::{Message, event};
use super::*;
use crate::backend::port::PortEnd;
use std::io::{self, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

const AGENT: &str = "org.qemu.guest_agent.0";

/// A console, and a named port.
struct Scene {
    ports: Arc<ConsolePorts>,
    console: UnixStream,
    directory: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let (console, ours) = UnixStream::pair().unwrap();
        console.set_nonblocking(true).unwrap();
        let end = PortEnd::stream(Some(ours.try_clone().unwrap().into()), Some(ours.into())).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("agent")).unwrap();
        let agent = NamedPort { name: AGENT.into(), end: PortEnd::listener(listener.into()).unwrap() };
        Self { ports: Arc::new(ConsolePorts::new(end, vec![agent]).unwrap()), console, directory }
    }

    /// With a driver that is ready for both ports.
    fn greeted() -> Self {
        let mut scene = Self::new();
        scene.ports.table().multiport = true;
        scene.say(0, event::DEVICE_READY, 1);
        scene.say(0, event::PORT_READY, 1);
        scene.say(1, event::PORT_READY, 1);
        scene.messages();
        scene
    }

    /// Somebody connects to the named port.
    fn client(&self) -> UnixStream {
        let client = UnixStream::connect(self.directory.path().join("agent")).unwrap();
        client.set_nonblocking(true).unwrap();
        self.ports.table().poll(1);
        client
    }

    /// The driver sends a message.
    fn say(&mut self, port: u32, event: u16, value: u16) {
        self.ports.table().control(Message { port, event, value });
    }

    /// All messages for the driver, with what follows them.
    fn messages(&mut self) -> Vec<(u32, u16, u16, Vec<u8>)> {
        let mut table = self.ports.table();
        let messages = std::iter::from_fn(|| table.message());
        let split = |bytes: Vec<u8>| {
            let Message { port, event, value } = Message::from_bytes(bytes[..8].try_into().unwrap());
            (port, event, value, bytes[8..].to_vec())
        };
        messages.map(split).collect()
    }
}

/// What can be read of `stream` now.
fn read(stream: &mut UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
    bytes
}
