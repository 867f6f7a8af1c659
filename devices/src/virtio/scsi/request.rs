//! One command: its parts in the chain, and its answer (VIRTIO 1.2 5.6.6.1).

use super::address::{self, Address};
use super::config::Sizes;
use super::constants::{S_ABORTED, S_BAD_TARGET, S_FAILURE, S_OK, S_OVERRUN, S_RESET};
use crate::backend::block::{Job, Operation, Step};
use crate::scsi::Sense;
use crate::virtio::DeviceMemory;
use crate::virtio::chain::{AccessError, Chain};

/// `lun`, `id`, `task_attr`, `prio`, `crn`; the command follows.
const HEADER: u32 = 19;
/// `sense_len`, `residual`, `status_qualifier`, `status`, `response`; the sense data follows.
const RESPONSE: u32 = 12;

/// SCSI status.
const GOOD: u8 = 0;
const CHECK_CONDITION: u8 = 2;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// It was carried out.
    Good,
    /// It was not, for this reason.
    Check(Sense),
    /// The transfer is larger than the buffers.
    Overrun,
    /// There is no such target.
    BadTarget,
    /// The request makes no sense.
    Failure,
    /// It was aborted.
    Aborted,
    /// Its unit was reset.
    Reset,
}

impl Response {
    fn code(self) -> u8 {
        match self {
            Self::Good | Self::Check(_) => S_OK,
            Self::Overrun => S_OVERRUN,
            Self::BadTarget => S_BAD_TARGET,
            Self::Failure => S_FAILURE,
            Self::Aborted => S_ABORTED,
            Self::Reset => S_RESET,
        }
    }
}

/// A command, from the time it is taken until it is answered.
pub(super) struct Request<M: DeviceMemory> {
    chain: Chain<M::T>,
    sizes: Sizes,
    pub(super) address: Address,
    /// The driver's name for it.
    pub(super) tag: u64,
    pub(super) cdb: Vec<u8>,
    /// Bytes of the data that were, or will be, transferred.
    pub(super) transferred: u32,
    /// What it changes must be stable before it is answered.
    pub(super) through: bool,
    /// The driver wants to hear no more of it but this.
    pub(super) ended_as: Option<Response>,
}

/// What a chain is.
pub(super) enum Parsed<M: DeviceMemory> {
    /// A command.
    Request(Request<M>),
    /// It makes no sense, but can be answered so.
    Malformed(Request<M>),
    /// There is no room for an answer.
    NoRoom,
}

impl<M: DeviceMemory> Request<M> {
    /// Reads a command out of its chain.
    pub(super) fn parse(chain: Chain<M::T>, sizes: Sizes, targets: usize) -> Parsed<M> {
        if chain.writable.len() < RESPONSE + sizes.sense {
            return Parsed::NoRoom;
        }
        let mut header = [0; HEADER as usize];
        let mut cdb = vec![0; usize::try_from(sizes.cdb).unwrap_or_default()];
        let read = chain.readable.read(0, &mut header).and_then(|()| chain.readable.read(HEADER, &mut cdb));
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = header;
        let lun: [u8; address::LENGTH] = [a, b, c, d, e, f, g, h];
        let request = Self {
            address: Address::parse(lun, targets),
            tag: u64::from_le_bytes([i, j, k, l, m, n, o, p]),
            cdb,
            chain,
            sizes,
            transferred: 0,
            through: false,
            ended_as: None,
        };
        // Data both ways needs which is not offered.
        if read.is_err() || request.data_in() > 0 && request.data_out() > 0 {
            return Parsed::Malformed(request);
        }
        Parsed::Request(request)
    }

    /// What the queue knows it by.
    pub(super) fn head(&self) -> u16 {
        self.chain.head()
    }

    /// Bytes that the driver gave room for.
    pub(super) fn data_in(&self) -> u32 {
        self.chain.writable.len().saturating_sub(self.data_in_at())
    }

    /// Bytes that the driver sends.
    pub(super) fn data_out(&self) -> u32 {
        self.chain.readable.len().saturating_sub(self.data_out_at())
    }

    fn data_in_at(&self) -> u32 {
        RESPONSE + self.sizes.sense
    }

    fn data_out_at(&self) -> u32 {
        HEADER + self.sizes.cdb
    }

    /// The first `length` bytes that the driver sends, if there are so many.
    pub(super) fn parameters(&mut self, length: u32) -> Option<Vec<u8>> {
        if length > self.data_out() {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        self.chain.readable.read(self.data_out_at(), &mut bytes).ok()?;
        self.transferred = length;
        Some(bytes)
    }

    /// Gives the driver `bytes`, as many as it has room for.
    pub(super) fn give(&mut self, bytes: &[u8]) -> Response {
        let room = self.data_in();
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(room);
        let at = self.data_in_at();
        let fits = bytes.get(..usize::try_from(length).unwrap_or_default()).unwrap_or_default();
        if self.chain.writable.write(at, fits).is_err() {
            return Response::Failure;
        }
        if room > 0 {
            self.transferred = length;
        }
        if fits.len() < bytes.len() { Response::Overrun } else { Response::Good }
    }

    /// Writes the answer; what is used is the chain with so many bytes.
    pub(super) fn answer(mut self, response: Response) -> Result<(Chain<M::T>, u32), AccessError> {
        let response = self.ended_as.unwrap_or(response);
        let (status, sense) = match response {
            Response::Check(sense) => (CHECK_CONDITION, sense.fixed().to_vec()),
            _ => (GOOD, Vec::new()),
        };
        let moved = if matches!(response, Response::Good | Response::Overrun) { self.transferred } else { 0 };
        let room = usize::try_from(self.sizes.sense).unwrap_or_default();
        let told = u32::try_from(sense.len().min(room)).unwrap_or_default();
        let residual = self.data_in().max(self.data_out()).saturating_sub(moved);
        let mut bytes = [told.to_le_bytes(), residual.to_le_bytes(), [0, 0, status, response.code()]].concat();
        bytes.extend(sense.into_iter().chain(std::iter::repeat(0)).take(room));
        self.chain.writable.write(0, &bytes)?;
        let written = self.data_in_at().saturating_add(if self.data_in() > 0 { moved } else { 0 });
        Ok((self.chain, written))
    }
}

impl<M: DeviceMemory> Job for Request<M> {
    fn operation(&mut self, step: Step) -> Result<Operation, AccessError> {
        let (from, into) = (self.data_out_at(), self.data_in_at());
        let Chain { readable, writable, .. } = &mut self.chain;
        step.operation((readable, from), (writable, into))
    }

    fn is_write_through(&self) -> bool {
        self.through
    }
}
