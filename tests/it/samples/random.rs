//! Made-up values: a generator of numbers that gives the same for the same seed, and a small language of formats.

/// Sebastiano Vigna's `SplitMix64`: enough for samples, nothing for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

pub(crate) const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
pub(crate) const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
pub(crate) const DIGITS: &str = "0123456789";

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % end
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[3]).collect()
    }

    /// So many characters of a set.
    pub(crate) fn text(&mut self, set: &str, count: usize) -> String {
        let set = alphabet(set);
        (0..count).map(|_| char::from(set[self.below(set.len())])).collect()
    }

    /// A value of a format: text with `{set:count}`, `{uuid}` and the checksums of [`checksum`] in it.
    pub(crate) fn format(&mut self, format: &str) -> String {
        let mut value = String::new();
        let mut rest = format;
        while let Some((before, after)) = rest.split_once('{') {
            value.push_str(before);
            let (part, after) = after.split_once('}').expect("a part is closed");
            let made = match part.split_once(':') {
                Some((set, count)) => self.text(set, count.parse().expect("a count")),
                None if part == "uuid" => self.uuid(),
                None if part == "password" => self.password(),
                None => checksum(part, &value),
            };
            value.push_str(&made);
            rest = after;
        }
        value.push_str(rest);
        value
    }

    pub(crate) fn uuid(&mut self) -> String {
        let variant = *self.pick(&["8", "9", "a", "b"]);
        self.format("{hex:8}-{hex:4}-4{hex:3}-") + variant + &self.format("{hex:3}-{hex:12}")
    }

    /// A password as generators make them: both cases, digits, some with signs.
    pub(crate) fn password(&mut self) -> String {
        let length = 10 + self.below(9);
        let mut text: Vec<char> = self.text("b62", length).chars().collect();
        text[1] = char::from(*self.pick(b"23456789"));
        text[4] = char::from(*self.pick(b"bcdfghjkmnpqrstvwxz"));
        text[7] = char::from(*self.pick(b"BCDFGHJKMNPQRSTVWXZ"));
        if self.below(3) == 0 {
            text[6] = *self.pick(&['!', '*', '_', '.', '+', '~', '^']);
        }
        text.into_iter().collect()
    }
}

fn alphabet(set: &str) -> Vec<u8> {
    let parts: &[&str] = match set {
        "hex" => &["0123456789abcdef"],
        "HEX" => &["0123456789ABCDEF"],
        "d" => &[DIGITS],
        "low" => &[LOWER],
        "AL" => &[UPPER],
        "al" => &[LOWER, UPPER],
        "lo" => &[LOWER, DIGITS],
        "UP" => &[UPPER, DIGITS],
        "b62" => &[DIGITS, UPPER, LOWER],
        "b64" => &[DIGITS, UPPER, LOWER, "+/"],
        "b64u" => &[DIGITS, UPPER, LOWER, "-_"],
        "b32" => &[UPPER, "234567"],
        "b32l" => &[LOWER, "234567"],
        "b58" => &["123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"],
        "AD" => &["ABCD"],
        "bech" => &["qpzry9x8gf2tvdw0s3jn54khce6mua7l"],
        _ => panic!("no set {set}"),
    };
    parts.concat().into_bytes()
}

/// The checksum that a format wants of what stands before it.
fn checksum(name: &str, before: &str) -> String {
    let body = before.split_once('_').map_or(before, |(_, body)| body);
    match name {
        "crc62" => digits(crc32(body.as_bytes()), 62, 6),
        "crc36" => digits(crc32(before.as_bytes()), 36, 7),
        "crcle" => crc32(before.trim_end_matches('_').as_bytes()).to_le_bytes().map(|b| format!("{b:02x}")).concat(),
        "bech32" => bech32(before),
        _ => panic!("no checksum {name}"),
    }
}

/// CRC-32 of IEEE 802.3, bit by bit.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

fn digits(mut number: u32, base: u32, width: usize) -> String {
    let of = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = Vec::new();
    while number > 0 || text.len() < width {
        text.push(of[usize::try_from(number % base).unwrap()]);
        number /= base;
    }
    text.reverse();
    let text = String::from_utf8(text).unwrap();
    if base == 36 { text.to_ascii_lowercase() } else { text }
}

/// The six characters that end a Bech32 text (BIP 173), whose separator is the last `1`; in capitals.
fn bech32(before: &str) -> String {
    let set = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let lower = before.to_ascii_lowercase();
    let (prefix, data) = lower.rsplit_once('1').expect("a separator");
    let mut values: Vec<u32> = prefix.bytes().map(|b| u32::from(b >> 5)).collect();
    values.push(0);
    values.extend(prefix.bytes().map(|b| u32::from(b & 31)));
    values.extend(data.chars().map(|c| u32::try_from(set.find(c).expect("of the set")).unwrap()));
    values.extend([0; 6]);
    let steps = [0x3b6a_57b2_u32, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let sum = values.into_iter().fold(1_u32, |sum, value| {
        let top = sum >> 25;
        let moved = ((sum & 0x01ff_ffff) << 5) ^ value;
        (0..5).filter(|bit| (top >> bit) & 1 == 1).fold(moved, |sum, bit| sum ^ steps[bit])
    }) ^ 1;
    (0..6)
        .map(|at| {
            let index = usize::try_from((sum >> (5 * (5 - at))) & 31).unwrap();
            char::from(set.as_bytes()[index]).to_ascii_uppercase()
        })
        .collect()
}

/// Base64 (RFC 4648), with padding, or in the URL's alphabet without.
pub(crate) fn base64(bytes: impl AsRef<[u8]>, url: bool) -> String {
    let digits = [UPPER, LOWER, DIGITS, if url { "-_" } else { "+/" }].concat().into_bytes();
    let mut text = String::new();
    for chunk in bytes.as_ref().chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| (bits << 8) | usize::from(chunk.get(at).copied().unwrap_or(0)));
        text.extend((0..=chunk.len()).map(|at| char::from(digits[(bits >> (18 - 6 * at)) & 63])));
        if !url {
            text.extend(std::iter::repeat_n('=', 3 - chunk.len()));
        }
    }
    text
}

#[test]
fn checksums_are_those_of_their_standards() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    assert_eq!(base64("foob", false), "Zm9vYg==");
    assert_eq!(bech32("A1"), "2UEL5L"); // BIP 173: A12UEL5L
    assert_eq!(digits(62, 62, 3), "010");
}
