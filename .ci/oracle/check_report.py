"""Holds a JSON report of careen against the oracle: for each package that counts, the records that affect it.

Usage: check_report.py REPORT.json ADVISORIES --tools TOOLS

What careen leaves out on purpose is told apart: packages that the distribution judges, records withdrawn or about other
platforms, kernels, and those that say of no flaw (errata of bugs).
"""
import argparse
import collections
import json

import osv
from order import Orders, scheme_of

LANGUAGES = {
    "bitnami": "Bitnami", "cargo": "crates" + ".io", "composer": "Packagist", "gem": "RubyGems", "golang": "Go",
    "hex": "Hex", "julia": "Julia", "maven": "Maven", "npm": "npm", "nuget": "NuGet", "pub": "Pub", "pypi": "PyPI",
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("report")
    arguments.add_argument("advisories")
    arguments.add_argument("--tools", required=True)
    arguments = arguments.parse_args()
    report = json.load(open(arguments.report))
    folders = osv.load(arguments.advisories)
    orders = Orders(arguments.tools)
    indexes = {folder: osv.Index(records, orders) for folder, records in folders.items()}

    found = collections.defaultdict(set)
    for finding in report["findings"]:
        for match in finding["evidence"].get("matches", []) if isinstance(finding["evidence"], dict) else []:
            found[finding["location"]["purl"], finding["location"]["path"]].add(match["id"])
    questions = []
    for package in report["packages"]:
        question = question_of(package, report["target"])
        if question and question[0].split(":")[0] in indexes and "removed_in_layer" not in package:
            questions.append((package, question))
    needed = collections.defaultdict(list)
    for _, (ecosystem, name, version) in questions:
        if scheme := scheme_of(ecosystem):
            needed[scheme] += indexes[ecosystem.split(":")[0]].needed(ecosystem, name, version)
    for scheme, pairs in needed.items():
        orders.ask(scheme, pairs)

    same, asked, hits, differences = 0, 0, 0, collections.defaultdict(list)
    for package, (ecosystem, name, version) in questions:
        expected = set(indexes[ecosystem.split(":")[0]].match(ecosystem, name, version)["ids"])
        own = set().union(*(found[package["purl"], place["path"]] for place in package["locations"]))
        asked += 1
        hits += len(expected)
        if own == expected:
            same += 1
            continue
        why = "owned by a package of the system" if "owned_by" in package else "not counted" if not package["counted"] else "?"
        differences[why].append(f"{package['purl']}: only the oracle {sorted(expected - own)}, only careen {sorted(own - expected)}")
    print(f"{same} of {asked} packages agree; the oracle has {hits} hits")
    for why, lines in differences.items():
        print(f"{why}: {len(lines)}")
        for line in lines if why == "?" else lines[:3]:
            print(f"  {line}")


def question_of(package, target):
    if family := LANGUAGES.get(package["type"]):
        return family, package["name"], package["version"]
    source = package.get("source", package)
    release = target.get("distro_version", "")
    if package["type"] == "deb" and target.get("distro_id") == "debian":
        return f"Debian:{release}", source["name"], source["version"]
    if package["type"] == "apk" and target.get("distro_id") == "alpine":
        return "Alpine:v" + ".".join(release.split(".")[:2]), source["name"], source["version"]
    return None


if __name__ == "__main__":
    main()
