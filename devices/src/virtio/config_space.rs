//! Reading a device's configuration space (VIRTIO 1.2 2.5).

/// Copies the bytes of `space` from `offset` on into `data`; bytes beyond its end are zero.
pub(super) fn read_space(space: &[u8], offset: u64, data: &mut [u8]) {
    data.fill(0);
    let Some(rest) = usize::try_from(offset).ok().and_then(|offset| space.get(offset..)) else { return };
    for (to, from) in data.iter_mut().zip(rest) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beyond_the_end_read_zero() {
        let space = [1, 2, 3, 4, 5];
        for (offset, expected) in [(0, [1, 2, 3, 4]), (2, [3, 4, 5, 0]), (4, [5, 0, 0, 0]), (5, [0; 4]), (6, [0; 4])] {
            let mut data = [0xff; 4];
            read_space(&space, offset, &mut data);
            assert_eq!(data, expected, "offset {offset}");
        }
        let mut data = [0xff];
        read_space(&space, u64::MAX, &mut data);
        assert_eq!(data, [0]);
    }
}
