//! Which function sits where: the root bus, and behind each bridge its secondary bus.

use super::{HostBridge, PciAddress, PciFunction, Slot};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// Why a function cannot be put in a place.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TopologyError {
    /// A function is there already.
    #[error("PCI slot {slot} cannot have {new}: {old} is there")]
    Taken {
        /// The slot.
        slot: Slot,
        /// Who was to come.
        new: String,
        /// Who is there.
        old: String,
    },
    /// There is no bridge on the way.
    #[error("PCI function {function} cannot be put behind slot {slot}: no bridge is there")]
    NoBridge {
        /// Where a bridge was expected.
        slot: Slot,
        /// Who was to come.
        function: String,
    },
    /// Two functions have one name.
    #[error("PCI function {0} is on the bus already")]
    Twice(String),
    /// No place was named.
    #[error("PCI function {0} has no slot")]
    Nowhere(String),
}

/// The functions of a machine, before its guest numbers their buses.
pub struct Topology {
    pub(super) host_bridge: Arc<HostBridge>,
    pub(super) root: Segment,
}

/// The functions of one bus.
#[derive(Default)]
pub(super) struct Segment(BTreeMap<Slot, Node>);

/// A function, and the bus behind it when it is a bridge.
pub(super) struct Node {
    pub(super) function: Arc<dyn PciFunction>,
    pub(super) behind: Segment,
}

impl Topology {
    /// A root bus with `host_bridge` at 00.0.
    pub fn new(host_bridge: Arc<HostBridge>) -> Self {
        let function = Arc::clone(&host_bridge) as _;
        let root = Segment(BTreeMap::from([(Slot::new(0, 0), Node { function, behind: Segment::default() })]));
        Self { host_bridge, root }
    }

    /// Puts `function` at the end of `path`: the slots of the bridges on the way from the root bus, then its own.
    ///
    /// # Errors
    /// The place or the name is taken, or there is no bridge on the way.
    pub fn insert(&mut self, path: &[Slot], function: Arc<dyn PciFunction>) -> Result<(), TopologyError> {
        let name = || function.id().to_string();
        let (slot, bridges) = path.split_last().ok_or_else(|| TopologyError::Nowhere(name()))?;
        if self.root.has(&function) {
            return Err(TopologyError::Twice(name()));
        }
        let mut segment = &mut self.root;
        for slot in bridges {
            let bridge = segment.0.get_mut(slot).filter(|node| node.function.forwarding().is_some());
            let bridge = bridge.ok_or_else(|| TopologyError::NoBridge { slot: *slot, function: name() })?;
            segment = &mut bridge.behind;
        }
        if let Some(node) = segment.0.get(slot) {
            return Err(TopologyError::Taken { slot: *slot, new: name(), old: node.function.id().to_string() });
        }
        segment.0.insert(*slot, Node { function, behind: Segment::default() });
        Ok(())
    }

    /// The function that answers at `address`, and whether its device has others.
    pub(super) fn find(&self, address: PciAddress) -> Option<(&Arc<dyn PciFunction>, bool)> {
        let segment = if address.bus == 0 { &self.root } else { self.root.behind_bridge(address.bus)? };
        Some((&segment.get(address.slot)?.function, segment.is_multi_function(address.slot)))
    }
}

impl Segment {
    /// The functions that answer, in order of their slots: a device without function 0 is not there (PCI 3.0 3.2.2.3.4).
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.0.iter().filter(|(slot, _)| self.0.contains_key(&Slot::new(slot.device(), 0))).map(|(_, node)| node)
    }

    fn get(&self, slot: Slot) -> Option<&Node> {
        self.0.contains_key(&Slot::new(slot.device(), 0)).then(|| self.0.get(&slot)).flatten()
    }

    fn is_multi_function(&self, slot: Slot) -> bool {
        self.0.range(Slot::new(slot.device(), 0)..=Slot::new(slot.device(), 7)).count() > 1
    }

    fn has(&self, function: &Arc<dyn PciFunction>) -> bool {
        self.0.values().any(|node| node.function.id() == function.id() || node.behind.has(function))
    }

    /// The bus with number `bus` below this one: where two bridges claim it, the first has it.
    fn behind_bridge(&self, bus: u8) -> Option<&Self> {
        let (node, buses) = self.nodes().find_map(|node| {
            let buses = node.function.forwarding()?.buses;
            buses.contains(&bus).then_some((node, buses))
        })?;
        if *buses.start() == bus { Some(&node.behind) } else { node.behind.behind_bridge(bus) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pci::testing::{FakeFunction, host_bridge, root_port};

    #[test]
    fn a_place_and_a_name_are_given_once() {
        let (slot, behind) = (Slot::new(1, 0), Slot::new(0, 0));
        let mut topology = Topology::new(host_bridge());
        topology.insert(&[slot], root_port("port1", 1)).unwrap();
        topology.insert(&[slot, behind], FakeFunction::new("a")).unwrap();
        let mut refused =
            |path: &[Slot], name: &str| topology.insert(path, FakeFunction::new(name)).unwrap_err().to_string();
        assert_eq!(refused(&[slot], "b"), "PCI slot 01.0 cannot have b: port1 is there");
        assert_eq!(refused(&[behind], "b"), "PCI slot 00.0 cannot have b: host-bridge is there");
        assert_eq!(refused(&[slot, behind], "b"), "PCI slot 00.0 cannot have b: a is there");
        assert_eq!(refused(&[Slot::new(2, 0)], "a"), "PCI function a is on the bus already");
        assert_eq!(refused(&[], "b"), "PCI function b has no slot");
        let no_bridge = "PCI function b cannot be put behind slot 02.0: no bridge is there";
        assert_eq!(refused(&[Slot::new(2, 0), behind], "b"), no_bridge);
        let no_bridge = "PCI function b cannot be put behind slot 00.0: no bridge is there";
        assert_eq!(refused(&[slot, behind, behind], "b"), no_bridge);
    }

    #[test]
    fn a_bus_behind_two_bridges_is_found() {
        let (slot, behind) = (Slot::new(1, 0), Slot::new(0, 0));
        let (outer, inner) = (root_port("port1", 1), root_port("port2", 2));
        outer.write_config(0x18, crate::bus::Width::Dword, 0x0005_0300);
        inner.write_config(0x18, crate::bus::Width::Dword, 0x0004_0403);
        let mut topology = Topology::new(host_bridge());
        topology.insert(&[slot], outer).unwrap();
        topology.insert(&[slot, behind], inner).unwrap();
        topology.insert(&[slot, behind, behind], FakeFunction::new("a")).unwrap();
        let found =
            |bus| topology.find(PciAddress { bus, slot: behind }).map(|(function, _)| function.id().to_string());
        assert_eq!([found(3), found(4)], [Some("port2".into()), Some("a".into())]);
        assert_eq!([found(1), found(2), found(5)], [None, None, None]);
    }
}
