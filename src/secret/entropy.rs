//! How random a value looks.

/// Shannon entropy in bits for each byte; 0 for nothing.
pub(super) fn shannon(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = as_float(value.len());
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

/// How many different bytes there are.
pub(super) fn distinct(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in value {
        if let Some(flag) = seen.get_mut(usize::from(*byte)) {
            *flag = true;
        }
    }
    seen.iter().filter(|flag| **flag).count()
}

/// Length of the longest run of equal bytes, or of bytes that each follow the one before (`abcd`, `4321`).
pub(super) fn longest_run(value: &[u8]) -> usize {
    let mut longest = usize::from(!value.is_empty());
    for step in [0_i16, 1, -1] {
        let mut run = 1;
        for pair in value.windows(2) {
            let &[a, b] = pair else { continue };
            run = if i16::from(b) - i16::from(a) == step { run + 1 } else { 1 };
            longest = longest.max(run);
        }
    }
    longest
}

fn as_float(length: usize) -> f64 {
    f64::from(u32::try_from(length).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_of_known_texts() {
        assert!(shannon(b"").abs() < 1e-9);
        assert!(shannon(b"aaaa").abs() < 1e-9);
        assert!((shannon(b"abcd") - 2.0).abs() < 1e-9);
        assert!((shannon(b"0123456789abcdef") - 4.0).abs() < 1e-9);
    }

    #[test]
    fn runs_go_up_down_or_stay() {
        assert_eq!(longest_run(b""), 0);
        assert_eq!(longest_run(b"a"), 1);
        assert_eq!(longest_run(b"xaaaay"), 4);
        assert_eq!(longest_run(b"q12345x"), 5);
        assert_eq!(longest_run(b"q54321x"), 5);
        assert_eq!(distinct(b"abca"), 3);
    }
}
