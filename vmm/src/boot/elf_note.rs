//! The PVH entry point in an ELF note segment.

/// `XEN_ELFNOTE_PHYS32_ENTRY`: the physical address of the 32-bit entry point (Xen's public/elfnote.h).
const PHYS32_ENTRY: u32 = 18;
/// Who defines that type.
const OWNER: &[u8] = b"Xen\0";

/// The PVH entry point that the notes of one segment name. Notes end where they stop to make sense.
///
/// The fields of a note are padded to 4 bytes, also in segments that say 8: what the toolchains write.
pub(super) fn pvh_entry(mut notes: &[u8]) -> Option<u64> {
    while let Some((header, rest)) = notes.split_first_chunk::<12>() {
        let [namesz, descsz, kind] = words(header);
        let (name, rest) = field(rest, namesz)?;
        let (desc, rest) = field(rest, descsz)?;
        if kind == PHYS32_ENTRY && name == OWNER {
            // 4 bytes by Xen's rule; Linux writes a pointer of 8.
            return match *desc {
                [a, b, c, d] => Some(u32::from_le_bytes([a, b, c, d]).into()),
                [a, b, c, d, e, f, g, h] => Some(u64::from_le_bytes([a, b, c, d, e, f, g, h])),
                _ => None,
            };
        }
        notes = rest;
    }
    None
}

fn words(bytes: &[u8; 12]) -> [u32; 3] {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *bytes;
    [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_le_bytes)
}

/// A field of `len` bytes, and what follows its padding.
fn field(bytes: &[u8], len: u32) -> Option<(&[u8], &[u8])> {
    let len = usize::try_from(len).ok()?;
    let padded = len.checked_next_multiple_of(4)?;
    Some((bytes.get(..len)?, bytes.get(padded..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::note;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_entry_is_found_with_4_and_8_bytes() {
        assert_eq!(pvh_entry(&note(b"Xen\0", 18, &[0, 0, 0x10, 0])), Some(0x10_0000));
        assert_eq!(pvh_entry(&note(b"Xen\0", 18, &[0x60, 4, 0, 1, 0, 0, 0, 0])), Some(0x100_0460));
    }

    #[test]
    fn other_notes_are_skipped_with_their_padding() {
        let mut notes = note(b"GNU\0", 3, &[1, 2, 3, 4, 5]);
        notes.extend(note(b"Linux\0", 257, &[]));
        notes.extend(note(b"Xen\0", 6, b"linux\0"));
        notes.extend(note(b"Xem\0", 18, &[9, 9, 9, 9]));
        assert_eq!(pvh_entry(&notes), None);
        notes.extend(note(b"Xen\0", 18, &[0, 0, 0x20, 0]));
        assert_eq!(pvh_entry(&notes), Some(0x20_0000));
    }

    #[test]
    fn the_last_note_needs_no_padding() {
        let mut notes = note(b"GNU\0", 3, &[1, 2, 3, 4, 5]);
        notes.truncate(notes.len() - 3);
        assert_eq!(pvh_entry(&notes), None);
        notes.extend([0; 3]);
        notes.extend(note(b"Xen\0", 18, &[0, 0, 0x20, 0]));
        assert_eq!(pvh_entry(&notes), Some(0x20_0000));
    }

    #[test]
    fn an_address_of_another_size_is_no_entry() {
        for size in [0, 1, 3, 5, 7, 9] {
            assert_eq!(pvh_entry(&note(b"Xen\0", 18, &vec![0; size])), None);
        }
    }

    #[test]
    fn notes_that_lie_about_their_length_are_no_entry() {
        let good = note(b"Xen\0", 18, &[0, 0, 0x10, 0]);
        for len in 0..good.len() {
            assert_eq!(pvh_entry(&good[..len]), None, "{len} bytes");
        }
        for at in [0, 4] {
            let mut bad = good.clone();
            bad[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            assert_eq!(pvh_entry(&bad), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_with_an_answer(mut junk in prop::collection::vec(0..20u8, 0..64)) {
            pvh_entry(&junk);
            junk.extend(note(b"Xen\0", 18, &[1, 0, 0, 0]));
            pvh_entry(&junk);
        }
    }
}
