//! What a worker writes: frames, each a JSON object on a line of its own, and as many bytes as that says.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::super::store::document::Packed;

/// Most bytes of a frame's first line, its line feed included.
pub(super) const LONGEST_HEADER: usize = 512;

/// What stands before the bytes of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    /// What the bytes are.
    pub(super) kind: Kind,
    /// The format of a report; empty for all else.
    pub(super) name: String,
    /// How many there are.
    pub(super) bytes: u64,
    /// How many they are once unpacked; only of a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
}

/// What a frame is. A worker writes a summary, the reports in the order in which they were asked for, and the end; or
/// a failure and the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A [`Summary`](super::summary::Summary) as JSON.
    Summary,
    /// A report, [`Packed`].
    Report,
    /// A [`Failure`](super::summary::Failure) as JSON.
    Failure,
    /// Nothing: the worker has said all.
    End,
}

/// Writes a frame.
pub(super) fn write(kind: Kind, name: &str, bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    put(&Header { kind, name: name.to_owned(), bytes: bytes.len() as u64, size: None }, bytes, out)
}

/// Writes a report.
pub(super) fn write_report(name: &str, report: &Packed, out: &mut dyn Write) -> io::Result<()> {
    let bytes = report.body.len() as u64;
    put(&Header { kind: Kind::Report, name: name.to_owned(), bytes, size: Some(report.size) }, &report.body, out)
}

fn put(header: &Header, bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let mut line = serde_json::to_vec(header)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.write_all(bytes)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_how_long_it_is() {
        let mut out = Vec::new();
        let report = Packed { size: 7, body: b"{}\n".to_vec() };
        write_report("json", &report, &mut out).expect("memory can be written");
        write(Kind::End, "", b"", &mut out).expect("memory can be written");
        let expected = "{\"kind\":\"report\",\"name\":\"json\",\"bytes\":3,\"size\":7}\n{}\n{\"kind\":\"end\",\"name\":\"\",\"bytes\":0}\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        for format in crate::output::FORMATS {
            let mut out = Vec::new();
            let report = Packed { size: u64::MAX, body: Vec::new() };
            write_report(format.id(), &report, &mut out).expect("memory can be written");
            assert!(out.len() < LONGEST_HEADER);
        }
    }
}
