//! Blobs that do not decode, decode to more than one expects, or are not what they say.

use std::io::Write as _;

use careen::error::ErrorKind;
use serde_json::json;

use super::{Case, Complete, Expected, Partial, Refused, check};
use crate::support::image::{Built, Packing, gzip, pack};
use crate::support::layout::{CONFIG, LAYER, Layout, MANIFEST};
use crate::support::raw::RawTar;

const BASH: &[&str] = &["bash 5.2"];

fn layer() -> Vec<u8> {
    let status = "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n";
    RawTar::default().file("etc/hostname", "x".repeat(4000)).file("var/lib/dpkg/status", status).end()
}

/// An OCI archive whose one layer is stored as these bytes, with digest and size of those, and the diff ID of `layer`.
fn stored(media_type: &str, bytes: Vec<u8>, layer: &[u8]) -> Vec<u8> {
    let mut layout = Layout::new();
    let layer_descriptor = layout.put(media_type, bytes);
    let config = layout.put(CONFIG, Built::of(&[layer.to_vec()]).config);
    let manifest = layout.put_json(
        MANIFEST,
        &json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer_descriptor]}),
    );
    layout.list(&[manifest]);
    layout.archive()
}

fn case(name: &'static str, bytes: Vec<u8>, expected: Expected) -> Case {
    Case::new(name, stored(&format!("{LAYER}+gzip"), bytes, &layer()), expected)
}

/// A gzip member whose header has every optional field.
fn gzip_with_extras(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new()
        .extra(vec![7; 60_000])
        .filename("layer.tar")
        .comment("a comment")
        .write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn without_end(mut bytes: Vec<u8>, count: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() - count);
    bytes
}

fn changed(mut bytes: Vec<u8>, from_end: usize) -> Vec<u8> {
    let place = bytes.len() - from_end;
    bytes[place] ^= 0x55;
    bytes
}

#[test]
fn gzip_members() {
    let layer = layer();
    let third = layer.len() / 3;
    let pieces = [gzip(&layer[..third]), gzip(&[]), gzip(&layer[third..2 * third]), gzip(&layer[2 * third..])].concat();
    check(vec![
        case("independently compressed pieces", pieces.clone(), Complete(&[])).packages(BASH),
        case("pieces and zeros after them", [pieces.clone(), vec![0; 700]].concat(), Complete(&[])).packages(BASH),
        case("a header with everything", gzip_with_extras(&layer), Complete(&[])).packages(BASH),
        case("noise after the last piece", [pieces.clone(), b"noise".to_vec()].concat(), Partial(&[])).packages(BASH),
        case("a wrong checksum at the end", changed(gzip(&layer), 6), Partial(&[])).packages(BASH),
        case("a wrong length at the end", changed(gzip(&layer), 2), Partial(&[])).packages(BASH),
        case("no checksum at the end", without_end(gzip(&layer), 8), Partial(&[])).packages(BASH),
        case("cut in the data", without_end(gzip(&layer), 100), Partial(&[])),
        case("the last piece is cut", without_end(pieces, 12), Partial(&["layer-truncated"])).packages(BASH),
        case("a header and no data", gzip(&layer)[..10].to_vec(), Partial(&[])),
    ]);
}

#[test]
fn zstd_frames() {
    let layer = layer();
    let frames = pack(&layer, Packing::ZstdFrames);
    let wide = {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(28).unwrap();
        encoder.long_distance_matching(true).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&layer).unwrap();
        encoder.finish().unwrap()
    };
    let summed = {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(&layer).unwrap();
        encoder.finish().unwrap()
    };
    let skippable = [&[0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0], frames.as_slice()].concat();
    check(vec![
        case("metadata frames at start and end", frames.clone(), Complete(&["media-type-differs"])).packages(BASH),
        case("an empty metadata frame", skippable, Complete(&["media-type-differs"])).packages(BASH),
        case(
            "a metadata frame that claims gigabytes",
            [frames.clone(), vec![0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff, 1]].concat(),
            Partial(&[]),
        )
        .packages(BASH),
        case("a window of 256 MiB", wide, Partial(&[])),
        case("a checksum", summed.clone(), Complete(&["media-type-differs"])).packages(BASH),
        case("a wrong checksum", changed(summed, 2), Partial(&[])),
        case("cut", without_end(pack(&layer, Packing::Zstd), 20), Partial(&[])),
        case("metadata only", vec![0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0], Partial(&[])),
    ]);
}

#[test]
fn content_decides_not_the_media_type() {
    let layer = layer();
    let mut cases = Vec::new();
    for packing in Packing::ALL {
        for media_type in [
            LAYER.to_owned(),
            format!("{LAYER}+gzip"),
            format!("{LAYER}+zstd"),
            "application/vnd.docker.image.rootfs.diff.tar.gzip".into(),
        ] {
            let truth = match packing {
                Packing::Plain => !media_type.contains(['+']) && !media_type.ends_with("gzip"),
                Packing::Gzip | Packing::GzipTwice => media_type.ends_with("gzip"),
                Packing::Zstd | Packing::ZstdFrames => media_type.ends_with("zstd"),
                Packing::Xz | Packing::Bzip2 => false,
            };
            let expected = if truth { Complete(&[]) } else { Complete(&["media-type-differs"]) };
            let image = stored(&media_type, pack(&layer, *packing), &layer);
            cases.push(Case::new("a media type that may lie", image, expected).packages(BASH));
        }
    }
    cases.push(
        Case::new(
            "a media type nobody knows",
            stored("application/vnd.example.layer", gzip(&layer), &layer),
            Complete(&["media-type-differs"]),
        )
        .packages(BASH),
    );
    cases.push(Case::new(
        "compressed twice",
        stored(&format!("{LAYER}+gzip"), gzip(&gzip(&layer)), &layer),
        Partial(&[]),
    ));
    let lz4 = [&[0x04, 0x22, 0x4d, 0x18], layer.as_slice()].concat();
    cases.push(Case::new("a compression careen does not read", stored(LAYER, lz4, &layer), Partial(&[])));
    check(cases);
}

#[test]
fn archives_wrapped_wrongly() {
    let archive = Built::of(&[layer()]).docker_archive();
    check(vec![
        Case::new("wrapped twice", gzip(&gzip(&archive)), Refused(ErrorKind::Malformed)),
        Case::new("wrapped and cut", without_end(gzip(&archive), 30), Refused(ErrorKind::Malformed)),
        Case::new("wrapped and changed", changed(gzip(&archive), 5), Partial(&[])).packages(BASH),
        Case::new("text in gzip", gzip(b"no archive"), Refused(ErrorKind::Malformed)),
        Case::new("nothing in gzip", gzip(b""), Refused(ErrorKind::Malformed)),
    ]);
}

/// Two files of zeros, highly compressed, before the only entry that matters.
#[test]
fn what_expands_ten_thousand_fold() {
    // 64 MiB expand to no more than 7 KiB; a debug build hashes about 200 MiB a second
    let zeros = vec![0; 32 << 20];
    let status = "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n";
    let layer =
        RawTar::default().file("zeros/1", &zeros).file("zeros/2", &zeros).file("var/lib/dpkg/status", status).end();
    let packed = zstd::encode_all(layer.as_slice(), 19).unwrap();
    assert!(packed.len() * 7_000 < layer.len(), "{}", packed.len());
    check(vec![
        Case::new("zeros in zstd", stored(&format!("{LAYER}+zstd"), packed, &layer), Complete(&[])).packages(BASH),
        Case::new("zeros in gzip", stored(&format!("{LAYER}+gzip"), gzip(&layer), &layer), Complete(&[]))
            .packages(BASH),
    ]);
}

/// Archives in files of an image are files; they must not stall a scan, however deep they nest.
#[test]
fn archives_in_archives_in_archives() {
    let mut inner = b"innermost".to_vec();
    for depth in 0..40 {
        inner = gzip(&RawTar::default().file(format!("{depth}.tar.gz"), &inner).file("beside", "x").end());
    }
    let mut wide = RawTar::default();
    for index in 0..200 {
        wide = wide.file(format!("wide/{index}.tar.gz"), &inner);
    }
    check(vec![Case::layer("wide and deep", wide.end(), Partial(&["archive-not-searched"]))]);
}
