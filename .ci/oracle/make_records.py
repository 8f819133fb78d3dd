#!/usr/bin/env python3
"""Made-up records in the bucket's layout, with everything of the OSV schema that real ones seldom have.

make_records.py OUT [--seed N] [--records N]

Unsorted events, limits, ties, several ranges, GIT ranges first, withdrawn records, records of several ecosystems, records
with and without a suffix, names in several spellings, versions that no tool takes. `generate.py` reads OUT as any other folder.
"""
import argparse
import collections
import json
import pathlib
import random as _random
import zipfile

import mutate
from order import scheme_of

ECOSYSTEMS = [
    "AlmaLinux:9", "AlmaLinux:8", "Alpine:v3.19", "Alpine:v3.20", "Azure Linux:3", "Bitnami", "Chainguard", "Debian:12", "Debian:11",
    "Go", "Julia", "Maven", "Maven:https://packages.example/maven", "Mageia:9", "NuGet", "Packagist", "Packagist:https://packages.example/php",
    "Photon OS:5.0", "PyPI", "Red Hat:enterprise_linux:9::baseos", "Red Hat:enterprise_linux:9::appstream", "Rocky Linux:9", "RubyGems",
    "SUSE:Linux Enterprise Server 15 SP5", "SwiftURL", "Ubuntu:22.04:LTS", "Ubuntu:Pro:22.04:LTS", "Ubuntu:24.10", "Wolfi",
    "crates" + ".io", "npm", "openEuler:24.03-LTS", "openSUSE:Leap 15.6",
]
NAMES = {
    "Go": ["example.com/alpha", "example.com/alpha/v2", "example.com/Beta", "stdlib"],
    "Maven": ["org.example:alpha", "org.example:alpha-core", "org.example.beta:Beta"],
    "Packagist": ["example/alpha", "Example/Alpha", "example/beta"],
    "PyPI": ["alpha.one", "Alpha_One", "alpha-one", "beta"],
    "NuGet": ["Alpha.One", "alpha.one", "Beta"],
    "SwiftURL": ["example.com/alpha", "example.com/beta"],
    "npm": ["alpha", "@example/alpha", "Alpha"],
}
NUMBERS = [0, 0, 1, 1, 2, 3, 9, 10, 11]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--records", type=int, default=3000)
    arguments = arguments.parse_args()
    random = _random.Random(f"records {arguments.seed}")
    folders = collections.defaultdict(dict)
    for number in range(arguments.records):
        record = record_of(number, random)
        for entry in record["affected"]:
            if "package" in entry:
                folders[entry["package"]["ecosystem"].split(":")[0]][record["id"]] = record
    for folder, records in folders.items():
        (arguments.out / folder).mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(arguments.out / folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for id, record in sorted(records.items()):
                archive.writestr(f"{id}.json", json.dumps(record))
        rows = sorted(((record["modified"], id) for id, record in records.items()), key=lambda row: (row[0], row[1]), reverse=True)
        (arguments.out / folder / "modified_id.csv").write_text("".join(f"{modified},{id}\n" for modified, id in rows))
    (arguments.out / "ecosystems.txt").write_text("".join(f"{folder}\n" for folder in sorted(folders)))
    print(f"{arguments.records} records in {len(folders)} ecosystems")


def record_of(number, random):
    ecosystems = [random.choice(ECOSYSTEMS)]
    if random.random() < 0.15:
        ecosystems.append(random.choice(ECOSYSTEMS))
    if random.random() < 0.3:
        ecosystems *= 2
    record = {
        "schema_version": "1.7.0",
        "id": f"TEST-{2000 + number % 27}-{number}",
        "modified": modified(random),
        "summary": "made up",
        "affected": [entry_of(ecosystem, random) for ecosystem in ecosystems],
    }
    if random.random() < 0.1:
        record["withdrawn"] = record["modified"]
    if random.random() < 0.05:
        record["affected"].append({"ranges": [git(random)]})
    random.shuffle(record["affected"])
    return record


def modified(random):
    year, month, day = random.randrange(2010, 2026), random.randrange(1, 10), random.randrange(10, 29)
    return f"{year}-0{month}-{day}T0{random.randrange(10)}:00:00{random.choice(['', '.123456'])}Z"


def entry_of(ecosystem, random):
    family = ecosystem.split(":")[0]
    scheme = scheme_of(ecosystem)
    entry = {"package": {"ecosystem": ecosystem, "name": random.choice(NAMES.get(family, ["alpha", "beta", "Alpha"]))}}
    ranges = [range_of(scheme, random) for _ in range(random.choice([0, 1, 1, 1, 2, 3]))]
    if random.random() < 0.2:
        ranges.insert(random.randrange(len(ranges) + 1), git(random))
    if ranges or random.random() < 0.5:
        entry["ranges"] = ranges
    if random.random() < 0.4 or not ranges:
        entry["versions"] = [version(scheme, random) for _ in range(random.randrange(8))]
    return entry


def git(random):
    return {"type": "GIT", "repo": "https://git.example/alpha", "events": [{"introduced": "0"}, {"fixed": f"{random.getrandbits(160):040x}"}]}


def range_of(scheme, random):
    events = []
    if random.random() < 0.6:
        events.append({"introduced": "0"})
    kinds = ["introduced", "introduced", "fixed", "fixed", "last_affected"]
    if not events or random.random() < 0.7:
        events += [{kind: version(scheme, random)} for kind in random.choices(kinds, k=random.randrange(1, 7))]
    if random.random() < 0.1:
        events.append({"limit": random.choice(["*", version(scheme, random), version(scheme, random)])})
        if random.random() < 0.3:
            events.append({"limit": version(scheme, random)})
    # the schema wants one `introduced` at least
    if not any("introduced" in event for event in events):
        events.insert(0, {"introduced": version(scheme, random)})
    if random.random() < 0.5:
        random.shuffle(events)
    return {"type": "SEMVER" if scheme in ("semver", "npm", "go", "bitnami") else "ECOSYSTEM", "events": events}


def version(scheme, random):
    if random.random() < 0.004 and scheme in mutate.BROKEN:
        return random.choice(mutate.BROKEN[scheme])
    count = 3 if scheme in ("semver", "npm", "go", "bitnami") else random.choice([1, 2, 2, 3, 3, 4])
    text = ".".join(str(random.choice(NUMBERS)) for _ in range(count))
    if scheme in ("deb", "rpm") and random.random() < 0.6:
        text += f"-{random.choice(NUMBERS)}"
    if random.random() < 0.25:
        suffix = random.choice(mutate.SUFFIXES[scheme])
        # a fourth number would not be semantic
        text += suffix if suffix != ".0" or count != 3 else "-1"
    return text


main()
