//! File capabilities: what of root's power a program gets whoever starts it (capabilities(7); `struct vfs_cap_data` of
//! `linux/capability.h`).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

/// The capabilities of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Those the program has, one bit each; nothing where the value was not understood.
    pub permitted: u64,
    /// Those it may take over from who starts it.
    pub inheritable: u64,
    /// Whether it has them in effect from the start.
    pub is_effective: bool,
}

/// The names, by bit.
const NAMES: &[&str] = &[
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// Those with which a program can make itself root, or read and write whatever root can.
const AS_ROOT: &[&str] = &[
    "bpf",
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "mknod",
    "setfcap",
    "setgid",
    "setuid",
    "sys_admin",
    "sys_module",
    "sys_ptrace",
    "sys_rawio",
];

impl Capabilities {
    /// Reads the value of `security.capability`, of any revision.
    pub fn parse(value: &[u8]) -> Self {
        let word = |at: usize| {
            let raw = value.get(at..).and_then(|rest| rest.first_chunk().copied());
            raw.map_or(0, |raw| u64::from(u32::from_le_bytes(raw)))
        };
        let magic = word(0);
        // the first revision has 32 of them; the third has the number of a user behind them
        let (needed, high) = match magic >> 24 {
            1 => (12, 0),
            2 | 3 => (20, 32),
            _ => return Self::default(),
        };
        if value.len() < needed {
            return Self::default();
        }
        let both = |low: usize, upper: usize| word(low) | if high == 0 { 0 } else { word(upper) << 32 };
        Self { permitted: both(4, 12), inheritable: both(8, 16), is_effective: magic & 1 == 1 }
    }

    /// Names of those it has that are as good as being root.
    pub fn as_root(self) -> Vec<&'static str> {
        names(self.permitted).filter_map(Result::ok).filter(|name| AS_ROOT.contains(name)).collect()
    }
}

/// The names of a set; the numbers of those that have none.
fn names(set: u64) -> impl Iterator<Item = Result<&'static str, u32>> {
    (0..u64::BITS)
        .filter(move |bit| set.checked_shr(*bit).is_some_and(|rest| rest & 1 == 1))
        .map(|bit| NAMES.get(bit as usize).copied().ok_or(bit))
}

impl fmt::Display for Capabilities {
    /// As `getcap` writes them: `cap_net_raw+ep`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effective = if self.is_effective { "e" } else { "" };
        let both = self.permitted & self.inheritable;
        let groups = [
            (both, format!("{effective}ip")),
            (self.permitted & !both, format!("{effective}p")),
            (self.inheritable & !both, format!("{effective}i")),
        ];
        let mut is_first = true;
        for (set, flags) in groups.into_iter().filter(|(set, _)| *set != 0) {
            let listed: Vec<String> = names(set)
                .map(|name| name.map_or_else(|bit| format!("cap_{bit}"), |name| format!("cap_{name}")))
                .collect();
            write!(out, "{}{}+{flags}", if is_first { "" } else { " " }, listed.join(","))?;
            is_first = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_linux_writes_them() {
        let value = |magic: u32, words: &[u32]| {
            [magic].iter().chain(words).flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>()
        };
        let cases: &[(Vec<u8>, &str, &[&str])] = &[
            (value(0x0200_0001, &[1 << 13, 0, 0, 0]), "cap_net_raw+ep", &[]),
            (value(0x0200_0000, &[1 << 10, 1 << 10, 0, 0]), "cap_net_bind_service+ip", &[]),
            (
                value(0x0300_0001, &[(1 << 7) | (1 << 21), 0, 0, 0, 1000]),
                "cap_setuid,cap_sys_admin+ep",
                &["setuid", "sys_admin"],
            ),
            (value(0x0200_0001, &[0, 0, 1 << 7, 0]), "cap_bpf+ep", &["bpf"]),
            (value(0x0200_0001, &[1, 2, 0, 0]), "cap_chown+ep cap_dac_override+ei", &["chown"]),
            (value(0x0100_0001, &[1 << 31, 0]), "cap_setfcap+ep", &["setfcap"]),
            (value(0x0200_0001, &[0, 0, 1 << 31, 0]), "cap_63+ep", &[]),
            (value(0x0200_0001, &[1 << 13]), "", &[]),
            (value(0x0900_0001, &[1 << 13, 0, 0, 0]), "", &[]),
            (vec![1, 0], "", &[]),
        ];
        for (bytes, shown, as_root) in cases {
            let capabilities = Capabilities::parse(bytes);
            assert_eq!((capabilities.to_string().as_str(), capabilities.as_root().as_slice()), (*shown, *as_root));
        }
    }
}
