//! Input that several benchmarks share.

/// A tar of so many files, some 27 KB each, that compresses to about a third, the same each time.
pub(crate) fn made_up_layer(files: u64) -> Vec<u8> {
    const WORDS: [&str; 8] = ["return ", "0x", "\n    ", "self.", "import ", "struct ", "\0\0\0\0", "license "];
    let mut state = 1_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut builder = tar::Builder::new(Vec::new());
    for index in 0..files {
        let size = if index % 50 == 0 { 600_000 + random(800_000) } else { random(14_000) };
        let mut content = Vec::new();
        while (content.len() as u64) < size {
            let word = usize::try_from(random(8)).expect("below eight");
            content.extend_from_slice(WORDS[word].as_bytes());
            if random(3) == 0 {
                content.extend_from_slice(&random(1 << 31).to_le_bytes()[..4]);
            }
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let name = format!("usr/lib/package-{}/file-{index}", index / 20);
        builder.append_data(&mut header, name, &content[..]).expect("writes to memory");
    }
    builder.into_inner().expect("writes to memory")
}
