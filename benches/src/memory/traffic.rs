//! What keeps a guest's disk and network busy while its memory is looked at.

use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::machines::Place;
use crate::network::ip;

/// Datagrams a second.
const RATE: u32 = 200;
/// The guest of the network device 0, at the port that sends back what comes.
const GUEST: &str = "10.99.0.2:7";

/// Commands of the guest for `seconds` of traffic: disk and network in turn, as often as the datagrams take.
pub(crate) fn script(seconds: u32, network: bool) -> String {
    let rounds = seconds.div_ceil(2).max(1);
    let words = (0..rounds).map(|_| {
        let net = if network { format!(" net=0,echo:{}", 2 * RATE) } else { String::new() };
        format!("blk=0,w:0:64,r:0:64,w:64:64,r:64:64{net}")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Sends datagrams to the guest until it is dropped.
#[derive(Debug)]
pub(crate) struct Datagrams {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Datagrams {
    /// Gives the place's interface its address and sends to the guest behind it.
    ///
    /// # Errors
    /// The host refuses, or the place has no network.
    pub(crate) fn to(place: &Place) -> Result<Self> {
        let interface = &place.held_tap.as_ref().context("A place without a network")?.name;
        ip(&["address", "replace", "10.99.0.1/24", "dev", interface])?;
        // The guest answers ARP only while it looks at its network.
        ip(&["neighbour", "replace", "10.99.0.2", "lladdr", &place.mac(), "dev", interface, "nud", "permanent"])?;
        let socket = UdpSocket::bind("0.0.0.0:0").context("Cannot make a socket")?;
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || send(&socket, &stopped));
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.stop.take();
        // A thread that panicked has said so.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn send(socket: &UdpSocket, stopped: &Receiver<()>) {
    let payload = [b'x'; 512];
    while stopped.recv_timeout(Duration::from_secs(1) / RATE) == Err(RecvTimeoutError::Timeout) {
        // The interface may not be up yet, or its queue full while the guest is busy with its disk.
        let _ = socket.send_to(&payload, GUEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_of_traffic_fits_a_command_line() {
        let script = script(60, true);
        assert_eq!(script.matches("net=0,echo:400").count(), 30);
        assert!(script.len() <= 2047, "{}", script.len()); // Linux's bound, which is ours
    }

    #[test]
    fn without_a_network_there_is_disk_traffic() {
        assert_eq!(script(1, false), "blk=0,w:0:64,r:0:64,w:64:64,r:64:64");
    }
}
