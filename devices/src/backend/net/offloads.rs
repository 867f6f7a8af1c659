//! What a network does for its users instead of themselves: checksums and segmentation.

use bitflags::bitflags;
use virtio_bindings::virtio_net::{
    VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4,
    VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_USO4, VIRTIO_NET_F_GUEST_USO6, VIRTIO_NET_F_HOST_ECN,
    VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_HOST_USO,
};

bitflags! {
    /// The feature bits of VIRTIO 1.2 5.1.3 that are offloads. Those named `GUEST` are for frames that come to the
    /// guest, which then takes them unfinished; the others are for frames that it sends.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Offloads: u64 {
        /// The host completes checksums.
        const CSUM = 1 << VIRTIO_NET_F_CSUM;
        /// The host cuts TCP over IPv4.
        const HOST_TSO4 = 1 << VIRTIO_NET_F_HOST_TSO4;
        /// The host cuts TCP over IPv6.
        const HOST_TSO6 = 1 << VIRTIO_NET_F_HOST_TSO6;
        /// The host cuts TCP with ECN.
        const HOST_ECN = 1 << VIRTIO_NET_F_HOST_ECN;
        /// The host cuts UDP.
        const HOST_USO = 1 << VIRTIO_NET_F_HOST_USO;
        /// The guest takes frames whose checksum is not complete.
        const GUEST_CSUM = 1 << VIRTIO_NET_F_GUEST_CSUM;
        /// The guest takes TCP over IPv4 that is not cut.
        const GUEST_TSO4 = 1 << VIRTIO_NET_F_GUEST_TSO4;
        /// The guest takes TCP over IPv6 that is not cut.
        const GUEST_TSO6 = 1 << VIRTIO_NET_F_GUEST_TSO6;
        /// The guest takes TCP with ECN that is not cut.
        const GUEST_ECN = 1 << VIRTIO_NET_F_GUEST_ECN;
        /// The guest takes UDP over IPv4 that is not cut.
        const GUEST_USO4 = 1 << VIRTIO_NET_F_GUEST_USO4;
        /// The guest takes UDP over IPv6 that is not cut.
        const GUEST_USO6 = 1 << VIRTIO_NET_F_GUEST_USO6;
    }
}

/// Each offload with those of which it needs one (VIRTIO 1.2 5.1.3.1), in an order in which one pass is enough.
const NEEDS: [(Offloads, Offloads); 9] = [
    (Offloads::HOST_TSO4, Offloads::CSUM),
    (Offloads::HOST_TSO6, Offloads::CSUM),
    (Offloads::HOST_USO, Offloads::CSUM),
    (Offloads::GUEST_TSO4, Offloads::GUEST_CSUM),
    (Offloads::GUEST_TSO6, Offloads::GUEST_CSUM),
    (Offloads::GUEST_USO4, Offloads::GUEST_CSUM),
    (Offloads::GUEST_USO6, Offloads::GUEST_CSUM),
    (Offloads::HOST_ECN, Offloads::HOST_TSO4.union(Offloads::HOST_TSO6)),
    (Offloads::GUEST_ECN, Offloads::GUEST_TSO4.union(Offloads::GUEST_TSO6)),
];

impl Offloads {
    /// Those for frames that come to the guest.
    pub const GUEST: Self = Self::GUEST_CSUM
        .union(Self::GUEST_TSO4)
        .union(Self::GUEST_TSO6)
        .union(Self::GUEST_ECN)
        .union(Self::GUEST_USO4)
        .union(Self::GUEST_USO6);
    /// Those for UDP, both ways.
    pub const USO: Self = Self::HOST_USO.union(Self::GUEST_USO4).union(Self::GUEST_USO6);

    /// Without those that lack one which they need: a driver must not negotiate them so.
    #[must_use]
    pub fn consistent(self) -> Self {
        NEEDS.iter().fold(self, |kept, (one, needs)| if kept.intersects(*needs) { kept } else { kept - *one })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offload_stands_only_on_those_that_it_needs() {
        assert_eq!(Offloads::all().consistent(), Offloads::all());
        assert_eq!((Offloads::all() - Offloads::CSUM).consistent(), Offloads::GUEST);
        assert_eq!((Offloads::GUEST - Offloads::GUEST_CSUM).consistent(), Offloads::empty());
        assert_eq!(Offloads::GUEST_ECN.consistent(), Offloads::empty());
        let ecn = Offloads::GUEST_CSUM | Offloads::GUEST_TSO6 | Offloads::GUEST_ECN;
        assert_eq!(ecn.consistent(), ecn);
        assert_eq!((ecn - Offloads::GUEST_TSO6).consistent(), Offloads::GUEST_CSUM);
    }
}
