//! Build steps as an image's configuration records them.

use serde::Deserialize;

use super::manifest::null_is_default;

/// The step of the layer by which `careen fix` mends an image.
pub const FIX_STEP: &str = "careen fix";

/// One build step (image-spec config.md, `history`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct HistoryEntry {
    /// RFC 3339, as written.
    #[serde(default)]
    pub created: Option<String>,
    /// The command, as the builder wrote it; may hold secrets.
    #[serde(default, deserialize_with = "null_is_default")]
    pub created_by: String,
    /// Set by commit and `BuildKit`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub comment: String,
    /// Whether the step made no layer.
    #[serde(default, deserialize_with = "null_is_default")]
    pub empty_layer: bool,
}

impl HistoryEntry {
    /// The step as a Dockerfile would say it: `RUN apt-get update`, `COPY . /app`, `CMD ["bash"]`.
    ///
    /// Takes off `/bin/sh -c #(nop)`, `/bin/sh -c`, and `BuildKit`'s `# buildkit`; build arguments
    /// (`|1 NAME=value`) stay, see [`arguments`](Self::arguments).
    pub fn instruction(&self) -> String {
        let text = self.created_by.trim();
        let text = text.strip_suffix("# buildkit").map_or(text, str::trim_end);
        if let Some(rest) = text.strip_prefix("/bin/sh -c #(nop)") {
            return rest.trim().to_owned();
        }
        if let Some(rest) = text.strip_prefix("/bin/sh -c ") {
            return format!("RUN {}", rest.trim());
        }
        if text.starts_with('|') {
            return format!("RUN {text}");
        }
        text.to_owned()
    }

    /// Build arguments of a `RUN |2 NAME=value OTHER=value /bin/sh -c …` step, split at the first `=`.
    ///
    /// A value with blanks goes on to the next word that begins as an argument does, the last to the path of the shell;
    /// where there is none, it is cut at the blank and the rest is left to the reader of the whole command.
    pub fn arguments(&self) -> Vec<(&str, &str)> {
        let text = self.created_by.trim();
        let text = text.strip_prefix("RUN ").unwrap_or(text);
        let Some(rest) = text.strip_prefix('|') else { return Vec::new() };
        let Some((count, mut rest)) = rest.split_once(' ') else { return Vec::new() };
        let count = count.parse::<usize>().unwrap_or(0);
        let mut arguments = Vec::new();
        while let Some((name, value)) = rest.split_once('=').filter(|(name, _)| is_name(name)) {
            if arguments.len() >= count {
                break;
            }
            let is_last = arguments.len() + 1 == count;
            let ends = |word: &str| if is_last { word.starts_with('/') } else { starts_argument(word) };
            let mut blanks = value.match_indices(' ').map(|(at, _)| at);
            let end = blanks.find(|at| value.get(at + 1..).is_some_and(ends));
            let end = end.or_else(|| value.find(' ')).unwrap_or(value.len());
            arguments.push((name, value.get(..end).unwrap_or_default()));
            rest = value.get(end + 1..).unwrap_or_default();
        }
        arguments
    }
}

/// Whether a text is the name of a build argument.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// Whether a text begins with `NAME=`.
fn starts_argument(text: &str) -> bool {
    let name = text.split([' ', '=']).next().unwrap_or_default();
    is_name(name) && text.get(name.len()..).is_some_and(|rest| rest.starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_freed_of_what_builders_add() {
        let cases = [
            ("/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD [\"bash\"]"),
            ("/bin/sh -c apt-get update", "RUN apt-get update"),
            ("RUN /bin/sh -c make # buildkit", "RUN /bin/sh -c make"),
            ("COPY . /app # buildkit", "COPY . /app"),
            ("|1 TOKEN=abc /bin/sh -c make", "RUN |1 TOKEN=abc /bin/sh -c make"),
        ];
        for (created_by, instruction) in cases {
            let entry = HistoryEntry { created_by: created_by.into(), ..HistoryEntry::default() };
            assert_eq!(entry.instruction(), instruction);
        }
    }

    #[test]
    fn build_arguments_are_read_from_run_steps() {
        let entry = HistoryEntry {
            created_by: "RUN |2 A=1 B=x=y /bin/sh -c FOO=3 make # buildkit".into(),
            ..HistoryEntry::default()
        };
        assert_eq!(entry.arguments(), [("A", "1"), ("B", "x=y")]);
        let of = |created_by: &str| HistoryEntry { created_by: created_by.into(), ..HistoryEntry::default() };
        let spaced = of("|2 A=one two B=x's y z /bin/sh -c make");
        assert_eq!(spaced.arguments(), [("A", "one two"), ("B", "x's y z")]);
        assert_eq!(of("|1 A=one two").arguments(), [("A", "one")]);
        assert_eq!(of("|1 A=").arguments(), [("A", "")]);
        assert_eq!(of("|x").arguments(), []);
    }
}
