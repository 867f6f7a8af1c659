//! The address-dependent pattern that memory and disks are filled with: the little-endian 64-bit word at byte offset
//! (or physical address) `a` is `(a + seed * 2^40) * 0x9E3779B97F4A7C15`, modulo 2^64. The host computes the same.

const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The word at `offset`.
pub fn word(offset: u64, seed: u64) -> u64 {
    offset.wrapping_add(seed << 40).wrapping_mul(FACTOR)
}

/// Fills words whose first is at `offset`.
pub fn fill(words: &mut [u64], offset: u64, seed: u64) {
    let mut value = word(offset, seed);
    for place in words {
        *place = value;
        value = value.wrapping_add(FACTOR.wrapping_mul(8));
    }
}

/// The index of the first word that is not the pattern's.
pub fn first_difference(words: &[u64], offset: u64, seed: u64) -> Option<usize> {
    let mut value = word(offset, seed);
    for (index, place) in words.iter().enumerate() {
        if *place != value {
            return Some(index);
        }
        value = value.wrapping_add(FACTOR.wrapping_mul(8));
    }
    None
}

/// The seed with which `word` is the word at `offset`; `None`: none gives it.
pub fn seed(word: u64, offset: u64) -> Option<u64> {
    /// The inverse of [`FACTOR`] modulo 2^64, by Newton's iteration: each step doubles the number of right bits.
    const INVERSE: u64 = {
        let (mut inverse, mut step) = (FACTOR, 0);
        while step < 6 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(FACTOR.wrapping_mul(inverse)));
            step += 1;
        }
        inverse
    };
    let shifted = word.wrapping_mul(INVERSE).wrapping_sub(offset);
    shifted.is_multiple_of(1 << 40).then_some(shifted >> 40)
}
