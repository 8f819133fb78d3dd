//! What stands before the command that is meant: `sudo -u a`, `env A=b`, `exec`, `timeout 5`.

use super::Word;

/// Runners in front of each other that are taken off.
const MOST: usize = 4;

/// How many of the words only run what stands behind them; never all of them.
pub(in crate::dockerfile) fn length(words: &[Word]) -> usize {
    let mut left = words;
    for _ in 0..MOST {
        let Some((first, rest)) = left.split_first() else { break };
        let name = if first.is_literal { first.text.rsplit('/').next().unwrap_or_default() } else { "" };
        let rest = match name {
            "sudo" => behind_flags(rest, &["-u", "-g", "-C", "-D", "-h", "-p", "-r", "-t", "-T", "-U"], 0),
            "env" => behind_flags(rest, &["-u", "-C"], 0),
            "exec" => behind_flags(rest, &["-a"], 0),
            "nice" => behind_flags(rest, &["-n"], 0),
            "timeout" => behind_flags(rest, &["-k", "-s"], 1),
            "gosu" | "su-exec" => behind_flags(rest, &[], 1),
            "command" if rest.first().is_none_or(|next| !next.text.starts_with('-')) => rest,
            "nohup" | "eatmydata" | "retry" => rest,
            _ => break,
        };
        if rest.is_empty() {
            break;
        }
        left = rest;
    }
    words.len().saturating_sub(left.len())
}

/// The words behind flags, assignments and `operands` more.
fn behind_flags<'w>(words: &'w [Word], with_value: &[&str], operands: usize) -> &'w [Word] {
    let mut at = 0_usize;
    while let Some(word) = words.get(at) {
        let is_assignment = word
            .text
            .split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        if with_value.contains(&word.text.as_str()) {
            at = at.saturating_add(1);
        } else if !word.text.starts_with('-') && !is_assignment {
            break;
        }
        at = at.saturating_add(1);
    }
    words.get(at.saturating_add(operands)..).unwrap_or_default()
}
