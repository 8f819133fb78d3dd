//! Numbers at offsets that the file itself gives.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// The `N` bytes at `at`, for `from_be_bytes` and its kin; `None` where the bytes end before.
pub fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// `length` bytes at `at`; `None` where the bytes end before.
pub fn span(bytes: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(length)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let bytes = [1, 2, 3];
        let cases = [(0, Some([1, 2])), (1, Some([2, 3])), (2, None), (3, None), (usize::MAX, None)];
        for (at, expected) in cases {
            assert_eq!(chunk::<2>(&bytes, at), expected, "{at}");
            assert_eq!(span(&bytes, at, 2), expected.as_ref().map(|pair| &pair[..]), "{at}");
        }
        assert_eq!(span(&bytes, 1, usize::MAX), None);
    }
}
