//! What notifications look at, without a lock: whether messages are on, which vectors deliver, and which wait.
//!
//! A notification first sets the pending bit and then looks whether the vector delivers; who lets a vector deliver says
//! so first and then looks at the pending bit. All of this has one order, so that at least one of the two sees what the
//! other did; who clears the bit sends the message.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// Vectors in a word of bits.
const WORD: u16 = 64;

/// One bit for each vector.
#[derive(Debug)]
struct Bits(Vec<AtomicU64>);

impl Bits {
    fn get(&self, vector: u16) -> bool {
        self.word(vector).is_some_and(|(word, bit)| word.load(SeqCst) & bit != 0)
    }

    fn set(&self, vector: u16, on: bool) {
        if let Some((word, bit)) = self.word(vector) {
            if on {
                word.fetch_or(bit, SeqCst)
            } else {
                word.fetch_and(!bit, SeqCst)
            };
        }
    }

    /// Clears the bit; whether it was set.
    fn take(&self, vector: u16) -> bool {
        self.word(vector).is_some_and(|(word, bit)| word.fetch_and(!bit, SeqCst) & bit != 0)
    }

    fn word(&self, vector: u16) -> Option<(&AtomicU64, u64)> {
        self.0.get(usize::from(vector / WORD)).map(|word| (word, 1 << (vector % WORD)))
    }
}

/// The vectors of a function, as notifications see them. What it says of them is the table's to change.
#[derive(Debug)]
pub(super) struct Signals {
    vectors: u16,
    enabled: AtomicBool,
    deliverable: Bits,
    pending: Bits,
}

impl Signals {
    /// MSI-X is off, and `pending` wait: one bit for each of `vectors` vectors.
    pub(super) fn new(vectors: u16, pending: Vec<u64>) -> Self {
        let bits = |words: Vec<u64>| Bits(words.into_iter().map(AtomicU64::new).collect());
        Self {
            vectors,
            enabled: AtomicBool::new(false),
            deliverable: bits(vec![0; pending.len()]),
            pending: bits(pending),
        }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.enabled.load(SeqCst)
    }

    pub(super) fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, SeqCst);
    }

    /// Lets the vector deliver, or holds it back.
    pub(super) fn set_deliverable(&self, vector: u16, deliverable: bool) {
        self.deliverable.set(vector, deliverable);
    }

    /// Whether the vector delivers and waits for it; it waits no more then.
    pub(super) fn take_deliverable(&self, vector: u16) -> bool {
        self.deliverable.get(vector) && self.pending.take(vector)
    }

    /// A notification of the vector: whether its message is to be sent now. Else it waits, if the vector exists.
    pub(super) fn raise(&self, vector: u16) -> bool {
        if vector >= self.vectors {
            return false;
        }
        self.pending.set(vector, true);
        self.take_deliverable(vector)
    }

    /// One bit for each vector that waits, 64 to a word.
    pub(super) fn pending(&self) -> Vec<u64> {
        self.pending.0.iter().map(|word| word.load(SeqCst)).collect()
    }

    /// The byte at `offset` of the pending bits.
    pub(super) fn read_pending(&self, offset: u64) -> u8 {
        const BYTES: u64 = WORD as u64 / 8;
        let word = usize::try_from(offset / BYTES).ok().and_then(|index| self.pending.0.get(index));
        let [byte, ..] = word.map_or(0, |word| word.load(SeqCst) >> (8 * (offset % BYTES))).to_le_bytes();
        byte
    }
}

/// Words of bits for `vectors` vectors.
pub(super) fn words(vectors: u16) -> usize {
    usize::from(vectors.div_ceil(WORD))
}
