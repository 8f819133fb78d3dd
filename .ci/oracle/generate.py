#!/usr/bin/env python3
"""What careen must answer about a folder of advisories, by the ecosystems' own comparators.

generate.py ADVISORIES OUT --tools FOLDER [--seed N], with the Python that `install` made
"""
import argparse
import collections
import json
import pathlib
import random as _random

import cvss_vectors
import mutate
import osv
from order import SCHEMES, Orders, scheme_of


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("advisories", type=pathlib.Path, help="folder with `<Ecosystem>/all.zip`")
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--tools", required=True, help="folder that `install` made")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--cases", type=int, default=24_000)
    arguments.add_argument("--sets", type=int, default=6_000)
    arguments.add_argument("--pairs", type=int, default=26_000)
    arguments = arguments.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    folders = osv.load(arguments.advisories)
    orders = Orders(arguments.tools)
    indexes = {folder: osv.Index(records, orders) for folder, records in folders.items()}
    pool = Pool(folders)
    write = Writer(arguments.out)
    cases = cases_of(folders, pool, _random.Random(f"cases {arguments.seed}"), arguments.cases)
    write("cases.jsonl", judge_cases(cases, indexes, orders))
    sets = sets_of(folders, pool, _random.Random(f"sets {arguments.seed}"), arguments.sets)
    write("sets.jsonl", judge_sets(sets, indexes, orders))
    pairs = pairs_of(pool, _random.Random(f"pairs {arguments.seed}"), arguments.pairs // len(SCHEMES))
    write("pairs.jsonl", judge_pairs(pairs, orders))
    write("cvss.jsonl", cvss_vectors.lines(vectors_of(folders), f"cvss {arguments.seed}", 400))
    (arguments.out / "oddities.txt").write_text(oddities(folders, orders))


class Writer:
    def __init__(self, folder):
        self.folder = folder

    def __call__(self, name, lines):
        counts = collections.Counter()
        with open(self.folder / name, "w") as file:
            for line in lines:
                counts[line.get("ecosystem", line.get("scheme", line.get("kind", ""))).split(":")[0]] += 1
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        print(f"{name}: {sum(counts.values())} ({', '.join(f'{key} {count}' for key, count in sorted(counts.items()))})", flush=True)


class Pool:
    """Every version that occurs, by scheme and by package."""

    def __init__(self, folders):
        self.of_package = collections.defaultdict(dict)
        self.of_scheme = collections.defaultdict(dict)
        for _, entry in own_entries(folders):
            package = entry["package"]
            key = package["ecosystem"], osv.normal_name(package["ecosystem"], package["name"])
            for text in events_of(entry) + osv.versions(entry):
                if text == text.strip() and text and "\t" not in text:
                    self.of_package[key][text] = None
                    self.of_scheme[scheme_of(key[0])][text] = key

    def package(self, ecosystem, name):
        return list(self.of_package.get((ecosystem, osv.normal_name(ecosystem, name)), ()))


def events_of(entry):
    """The versions of an entry's events."""
    return [at for events in osv.ranges(entry) for kind, at in events if not osv.is_boundless(kind, at)]


def own_entries(folders):
    """The affected entries that belong to their folder's ecosystem, with their records."""
    for folder, records in folders.items():
        for record in records:
            for entry in record.get("affected") or []:
                if (entry.get("package") or {}).get("ecosystem", "").split(":")[0] == folder:
                    yield record, entry


def by_folder(folders):
    found = collections.defaultdict(list)
    for record, entry in own_entries(folders):
        # releases of a distribution share its quota
        found[entry["package"]["ecosystem"].split(":")[0]].append((record, entry))
    return found


def spread(counts, total):
    """How many to take from each of `counts`: the few give all they have, the rest share what is left of `total`."""
    quotas, left = {}, total
    for at, (key, count) in enumerate(sorted(counts.items(), key=lambda item: item[1])):
        quotas[key] = min(count, left // (len(counts) - at))
        left -= quotas[key]
    return quotas


def near(entry, pool, random, each):
    """Versions at and beside each event of an entry, of the package's other events, and listed ones."""
    ecosystem, name = entry["package"]["ecosystem"], entry["package"]["name"]
    scheme = scheme_of(ecosystem)
    events = events_of(entry)
    events = random.sample(events, min(len(events), 4))
    found = list(events)
    everything = pool.package(ecosystem, name)
    found += random.sample(everything, min(len(everything), 3))
    found += random.sample(osv.versions(entry), min(len(osv.versions(entry)), 2))
    if scheme:
        for at in events or everything[:2]:
            if at == at.strip():
                found += mutate.beside(scheme, at, random, each)
        if random.random() < 0.15 and scheme in mutate.BROKEN:
            found.append(random.choice(mutate.BROKEN[scheme]))
    return [text for text in dict.fromkeys(found) if text and text == text.strip() and "\t" not in text]


def written(ecosystem, name, random):
    """The name as somebody else may write it: the same to some ecosystems, another package to the rest."""
    if random.random() < 0.9:
        return name
    match ecosystem.split(":")[0]:
        case "PyPI": return random.choice([name.upper(), name.replace("-", "_"), name.replace("-", "."), name.replace("_", "--")])
        case "NuGet" | "Packagist": return random.choice([name.upper(), name.title()])
    return name.swapcase() if random.random() < 0.3 else name


def cases_of(folders, pool, random, total):
    groups = by_folder(folders)
    for folder, quota in spread({folder: 8 * len(group) for folder, group in groups.items()}, total).items():
        group = random.sample(groups[folder], len(groups[folder]))
        # ranges whose events meet at one version come first: there the order of the list decides
        group = [item for item in group if has_tie(item[1])][:40] + group
        count = 0
        for record, entry in group:
            found = near(entry, pool, random, 3)
            found = random.sample(found, min(len(found), 8))
            ecosystem, name = entry["package"]["ecosystem"], entry["package"]["name"]
            for version in found:
                yield folder, record["id"], ecosystem, written(ecosystem, name, random), version
            count += len(found)
            if count >= quota:
                break


class Kept:
    """Of the versions that a tool refuses, every fourth of an ecosystem is kept."""

    def __init__(self):
        self.seen = collections.Counter()

    def __call__(self, ecosystem):
        family = ecosystem.split(":")[0]
        self.seen[family] += 1
        return self.seen[family] % 4 == 1


def has_tie(entry):
    return any(len({at for _, at in events}) < len(events) for events in osv.ranges(entry))


def judge_cases(cases, indexes, orders):
    cases, kept = list(dict.fromkeys(cases)), Kept()
    ask_all([(folder, *query) for folder, _, *query in cases], indexes, orders)
    for folder, id, ecosystem, package, version in cases:
        answer = indexes[folder].match(ecosystem, package, version)
        if id in answer["undecided"] or (answer["error"] and not kept(ecosystem)):
            continue
        line = {"ecosystem": ecosystem, "package": package, "version": version, "record": id, "affected": id in answer["ids"]}
        yield line | ({"error": True} if answer["error"] else {})


def sets_of(folders, pool, random, total):
    packages = collections.defaultdict(lambda: collections.defaultdict(list))
    for folder, group in by_folder(folders).items():
        for _, entry in group:
            packages[folder][entry["package"]["ecosystem"], entry["package"]["name"]].append(entry)
    for folder, quota in spread({folder: 40 * len(found) for folder, found in packages.items()}, total).items():
        # half of the packages with the most records, half of any
        found = random.sample(sorted(packages[folder]), len(packages[folder]))
        busy = sorted(found, key=lambda key: -len(packages[folder][key]))
        chosen = [key for both in zip(busy, found) for key in both]
        count = 0
        # again and again where packages are few
        for ecosystem, name in 10 * list(dict.fromkeys(chosen)):
            entries = packages[folder][ecosystem, name]
            versions = near(random.choice(entries), pool, random, 2)
            versions = random.sample(versions, min(len(versions), 4))
            for version in versions:
                asked = ecosystem
                if ecosystem in ("Maven", "Packagist") and random.random() < 0.05:
                    asked += ":https://packages.example/"
                yield folder, asked, written(ecosystem, name, random), version
            count += len(versions)
            if count >= quota:
                break


def judge_sets(sets, indexes, orders):
    sets, kept = list(dict.fromkeys(sets)), Kept()
    ask_all(sets, indexes, orders)
    for folder, ecosystem, package, version in sets:
        answer = indexes[folder].match(ecosystem, package, version)
        if answer["error"] and not kept(ecosystem):
            continue
        line = {"ecosystem": ecosystem, "package": package, "version": version, "ids": answer["ids"]}
        for key in "undecided", "error":
            if answer[key]:
                line[key] = answer[key]
        yield line


def ask_all(queries, indexes, orders):
    needed = collections.defaultdict(dict)
    for folder, ecosystem, package, version in queries:
        scheme = scheme_of(ecosystem)
        if scheme:
            needed[scheme].update(dict.fromkeys(indexes[folder].needed(ecosystem, package, version)))
    for scheme, pairs in needed.items():
        orders.ask(scheme, pairs)


def pairs_of(pool, random, each):
    for scheme in SCHEMES:
        real = dict(pool.of_scheme[scheme])
        # what npm has are semantic versions, and .NET's packages, of which few are known, take them too
        if scheme in ("semver", "nuget"):
            real |= pool.of_scheme["npm"]
        texts = [text for text in real if mutate.is_told_apart(scheme, text)]
        seen = set()
        while len(seen) < each:
            a = random.choice(texts)
            match random.randrange(20):
                case 0 if scheme in mutate.BROKEN: b = random.choice(mutate.BROKEN[scheme])
                case 1 | 2 | 3: b = random.choice(texts)
                case 4 | 5 | 6 | 7 | 8 | 9: b = random.choice(list(pool.of_package[real[a]]))
                case 10 | 11 | 12:
                    a = (mutate.beside(scheme, a, random, 1) or [a])[0]
                    b = random.choice(texts if random.random() < 0.3 else list(pool.of_package[real.get(a, real[random.choice(texts)])]))
                case 13: a, b = mutate.wild(scheme, a, random), random.choice([a, mutate.wild(scheme, a, random)])
                case 14: a, b = (mutate.beside(scheme, a, random, 2) + [a, a])[:2]
                case _: b = (mutate.beside(scheme, a, random, 1) or [a])[0]
            if mutate.is_told_apart(scheme, b):
                a, b = (a, b) if random.random() < 0.5 else (b, a)
                if (a, b) not in seen:
                    seen.add((a, b))
                    yield scheme, a, b


def judge_pairs(pairs, orders):
    pairs, kept = list(pairs), Kept()
    for scheme in SCHEMES:
        orders.ask(scheme, [(a, b) for of, a, b in pairs if of == scheme])
    for scheme, a, b in pairs:
        op = orders.order(scheme, a, b)
        if op is None and not kept(scheme):
            continue
        yield {"scheme": scheme, "a": a, "b": b} | ({"op": op} if op else {"error": True})


def vectors_of(folders):
    found = {}
    for records in folders.values():
        for record in records:
            for place in [record, *(record.get("affected") or [])]:
                for severity in place.get("severity") or []:
                    if severity.get("type", "").startswith("CVSS"):
                        found[severity["score"]] = None
    return found


def oddities(folders, orders):
    """What is out of the ordinary in the data."""
    lines = []
    names, bodies, homes = collections.Counter(), {}, collections.defaultdict(set)
    for folder, records in folders.items():
        for record in records:
            homes[record["id"]].add(folder)
            body = json.dumps(record, sort_keys=True)
            if bodies.setdefault(record["id"], body) != body:
                lines.append(f"{record['id']}: not the same in every folder that has it")
            for entry in record.get("affected") or []:
                names[(entry.get("package") or {}).get("ecosystem")] += 1
    for folder, records in folders.items():
        for record in records:
            for entry in record.get("affected") or []:
                package = entry.get("package")
                if not package:
                    lines.append(f"{record['id']} in {folder}: an affected entry without package")
                elif package["ecosystem"].split(":")[0] not in homes[record["id"]]:
                    lines.append(f"{record['id']}: affects {package['ecosystem']} {package['name']} but is only in {sorted(homes[record['id']])}")
    needed = collections.defaultdict(dict)
    for _, entry in own_entries(folders):
        scheme = scheme_of(entry["package"]["ecosystem"])
        if scheme:
            needed[scheme].update({(text, text): None for text in events_of(entry) + osv.versions(entry)})
    for scheme, pairs in needed.items():
        orders.ask(scheme, pairs)
    listed = collections.Counter()
    for record, entry in own_entries(folders):
        ecosystem, name = entry["package"]["ecosystem"], entry["package"]["name"]
        scheme = scheme_of(ecosystem)
        for text in osv.versions(entry) if scheme else []:
            listed[ecosystem] += not orders.takes(scheme, text)
        for events in osv.ranges(entry):
            refused = [at for kind, at in events if scheme and not osv.is_boundless(kind, at) and not orders.takes(scheme, at)]
            if refused:
                lines.append(f"{record['id']}: {ecosystem} {name}: events that {scheme} refuses: {refused}")
            kinds = [kind for kind, _ in events]
            if kinds and "introduced" not in kinds:
                lines.append(f"{record['id']}: {ecosystem} {name}: a range without `introduced`")
    lines += [f"{ecosystem}: {count} listed versions that {scheme_of(ecosystem)} refuses" for ecosystem, count in sorted(listed.items()) if count]
    lines += ["", "affected entries by ecosystem"] + [f"{count}\t{name}" for name, count in sorted(names.items(), key=lambda item: str(item[0]))]
    return "\n".join(lines) + "\n"


main()
