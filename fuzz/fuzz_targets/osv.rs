//! Any OSV record is read or refused; what was read can be written and read again, and both ways to look for a version
//! in its ranges agree.
#![no_main]

use careen::advisory::record::{Event, Versions};
use careen::advisory::{name, osv, range};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(advisory) = osv::parse(bytes) else { return };
    let again = osv::of_value(&osv::facts(&advisory)).expect("facts are a record");
    assert_eq!(again.id, advisory.id);
    for affected in &advisory.affected {
        let scheme = name::scheme(&affected.ecosystem);
        let ranges = affected.versions.ranges.get(..32).unwrap_or(&affected.versions.ranges);
        let prepared = range::Prepared::of(scheme, ranges);
        let versions = Versions { ranges: ranges.to_vec(), ..Versions::default() };
        let own = ranges.iter().flat_map(|range| &range.events).take(50).map(|event| match event {
            Event::Introduced(version) | Event::Fixed(version) | Event::LastAffected(version) | Event::Limit(version) => {
                version
            }
        });
        for version in own.chain(affected.versions.listed.iter().take(50)) {
            let is_hit = matches!(range::evaluate(scheme, &versions, version), Ok(Some(_)));
            assert_eq!(prepared.covers(version), is_hit, "{version} in {ranges:?}");
        }
    }
});
