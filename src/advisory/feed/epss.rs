//! The scores of EPSS for all CVEs, one compressed CSV file that is made anew each day.
//!
//! Source: FIRST's description of the daily file ("EPSS data"): a comment with the model and the day, a line of
//! column names, and `cve,epss,percentile`.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::error::Result;
use crate::format::decompress::{Compressed, inflate};

use super::super::risk::{Epss, is_cve};
use super::{Fetched, OneFile, Sink, broken};

/// Largest file as it is fetched, in bytes; it has some 2 MiB.
const LARGEST: u64 = 64 << 20;

/// Largest file once it is expanded, in bytes; it has some 10 MiB.
const LARGEST_TEXT: usize = 256 << 20;

/// Most scores; there are some 300,000.
const MOST: usize = 3_000_000;

/// Name of the file.
const FILE: &str = "epss_scores-current.csv.gz";

/// The likelihood of exploitation.
pub(super) static EPSS: OneFile = OneFile { id: "epss", families: &["epss"], file: FILE, most: LARGEST, read };

fn read(file: &Fetched, sink: &mut Sink) -> Result<()> {
    let expanded;
    let bytes = if file.bytes.starts_with(&[0x1f, 0x8b]) {
        expanded = inflate(Compressed::Gzip, &file.bytes, LARGEST_TEXT)
            .map_err(|error| broken(file, format!("the scores of EPSS cannot be read: {error}")))?;
        expanded.as_slice()
    } else {
        file.bytes.as_slice()
    };
    let text = std::str::from_utf8(bytes).map_err(|_| broken(file, "the scores of EPSS are no text"))?;
    let mut count = 0_usize;
    for (place, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if let Some(comment) = line.strip_prefix('#') {
            sink.as_of = comment.split(',').find_map(|part| part.strip_prefix("score_date:")).map(str::to_owned);
            continue;
        }
        if line.is_empty() || line.starts_with("cve,") {
            continue;
        }
        count = count.saturating_add(1);
        if count > MOST {
            return Err(broken(file, format!("the scores of EPSS are more than {MOST}")));
        }
        let mut fields = line.split(',');
        let cve = fields.next().filter(|id| is_cve(id));
        let mut part = || fields.next()?.parse::<f32>().ok().filter(|value| (0.0..=1.0).contains(value));
        match (cve, part(), part()) {
            (Some(cve), Some(score), Some(percentile)) => sink.builder.add_fact(cve, &Epss { score, percentile })?,
            _ => sink.refuse(&format!("line {}", place.saturating_add(1)), "it is no CVE with two numbers from 0 to 1"),
        }
    }
    if sink.builder.is_empty() { Err(broken(file, "the scores of EPSS are none")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::feed::Feed as _;
    use crate::advisory::feed::testing::{file, fresh, read_back};
    use crate::format::testing::deflate;

    const TEXT: &str = "#model_version:v2025.03.14,score_date:2026-08-21T12:55:00Z\ncve,epss,percentile\n\
        CVE-1999-0150,0.52946,0.92079\r\nCVE-2026-0001,0.00043,0.1\nCVE-2026-0002,NaN,0.1\nCVE-2026-0003,2,0.1\n\
        CVE-2026-0004\n\n";

    #[test]
    fn lines_become_facts_and_odd_ones_are_told() {
        for bytes in [TEXT.as_bytes().to_vec(), deflate(Compressed::Gzip, TEXT.as_bytes())] {
            let mut sink = fresh("epss");
            EPSS.read("epss", &[Fetched { path: FILE.into(), bytes }], &mut sink).expect("reads");
            assert_eq!(sink.as_of.as_deref(), Some("2026-08-21T12:55:00Z"));
            let lines: Vec<&str> = sink.refused.iter().map(|(line, _)| line.as_str()).collect();
            assert_eq!(lines, ["line 5", "line 6", "line 7"]);
            let shard = read_back("epss/epss", sink);
            let expected = Epss { score: 0.52946, percentile: 0.92079 };
            assert_eq!(shard.fact("CVE-1999-0150").expect("reads"), Some(expected));
            assert_eq!(shard.fact::<Epss>("CVE-2026-0002").expect("reads"), None);
        }
    }

    #[test]
    fn what_is_cut_or_empty_is_refused() {
        let packed = deflate(Compressed::Gzip, TEXT.as_bytes());
        for bytes in [Vec::new(), b"cve,epss,percentile\n".to_vec(), packed[..packed.len() - 4].to_vec(), vec![0xff; 9]]
        {
            let error = EPSS.read("epss", &[Fetched { path: FILE.into(), bytes }], &mut fresh("epss"));
            assert!(error.expect_err("is refused").help.is_some());
        }
        assert!(EPSS.next("epss", &[file(FILE, "")]).is_none());
    }
}
