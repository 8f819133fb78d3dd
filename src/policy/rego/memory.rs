//! How much memory the process holds, for a look between two steps of the interpreter.
//!
//! The interpreter's own limit needs an allocator of its own, in C, and its standard library with a clock. So the
//! kernel is asked: `/proc/self/statm` (proc(5)), whose second number is the resident pages. Where there is none,
//! nothing is known, and steps and time alone are the bounds.

use std::sync::OnceLock;

/// Type of the entry of the auxiliary vector that holds the size of a page (getauxval(3)).
const AT_PAGESZ: u64 = 6;

/// Bytes that the process holds in memory; `None` where the system does not tell.
pub(super) fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(page_size())
}

/// Bytes of a page; 4096 where the system does not tell.
fn page_size() -> u64 {
    static SIZE: OnceLock<u64> = OnceLock::new();
    *SIZE.get_or_init(|| {
        let vector = std::fs::read("/proc/self/auxv").unwrap_or_default();
        let (numbers, _) = vector.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().map(|bytes| u64::from_ne_bytes(*bytes)).collect();
        let (entries, _) = numbers.as_chunks::<2>();
        let size = entries.iter().find(|[kind, _]| *kind == AT_PAGESZ).map(|[_, size]| *size);
        size.filter(|size| size.is_power_of_two() && *size <= 1 << 20).unwrap_or(4096)
    })
}

#[cfg(all(test, target_os = "linux", target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_and_written_is_resident() {
        let size = page_size();
        assert!(size >= 4096, "{size}");
        let before = resident().expect("Linux tells");
        let bytes = vec![1_u8; 256 << 20];
        let after = resident().expect("Linux tells");
        assert!(after > before + (128 << 20), "{before} {after} {}", bytes.len());
    }
}
