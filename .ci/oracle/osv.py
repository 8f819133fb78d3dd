"""Records in the layout of the OSV bucket, and "Evaluation" of the OSV schema, stated anew."""
import functools
import itertools
import json
import pathlib
import re
import zipfile

from order import scheme_of


def load(root):
    """The records of each `<Ecosystem>/all.zip`, by folder, in the order of ids."""
    folders = {}
    for path in sorted(pathlib.Path(root).glob("*/all.zip")):
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".json"))
            folders[path.parent.name] = [json.loads(archive.read(name)) for name in names]
    return folders


def normal_name(ecosystem, name):
    match ecosystem.split(":")[0]:
        case "PyPI": return re.sub(r"[-_.]+", "-", name).lower()
        case "NuGet" | "Packagist": return name.lower()
    return name


def fits(entry, ecosystem):
    """Whether a query's ecosystem is the entry's; an entry without suffix fits any suffix."""
    return entry == ecosystem or (":" not in entry and ecosystem.split(":")[0] == entry)


def ranges(entry):
    """The ranges of an entry that versions can be held against, as lists of (kind, version)."""
    for span in entry.get("ranges") or []:
        if span.get("type") != "GIT":
            yield [(kind, at) for event in span.get("events") or [] for kind, at in event.items()]


def versions(entry):
    return entry.get("versions") or []


def needed(entry, version):
    """The pairs of versions whose order `affects` will ask for."""
    yield version, version
    for events in ranges(entry):
        real = [at for kind, at in events if not is_boundless(kind, at)]
        for at in real:
            yield version, at
        yield from itertools.product(real, real)


def is_boundless(kind, at):
    return (kind, at) in (("introduced", "0"), ("limit", "*"))


class Index:
    """The affected entries of one ecosystem's file, by package; withdrawn records are left out."""

    def __init__(self, records, orders):
        self.orders = orders
        self.packages = {}
        for record in records:
            if record.get("withdrawn"):
                continue
            for entry in record.get("affected") or []:
                package = entry.get("package")
                if package:
                    key = package["ecosystem"].split(":")[0], normal_name(package["ecosystem"], package["name"])
                    self.packages.setdefault(key, []).append((record["id"], entry))

    def entries(self, ecosystem, package):
        key = ecosystem.split(":")[0], normal_name(ecosystem, package)
        return [(id, entry) for id, entry in self.packages.get(key, []) if fits(entry["package"]["ecosystem"], ecosystem)]

    def needed(self, ecosystem, package, version):
        for _, entry in self.entries(ecosystem, package):
            yield from needed(entry, version)
        yield version, version

    def match(self, ecosystem, package, version):
        """What a scanner must answer.

        `ids`: certain; `undecided`: depends on an event that the tool refuses; `error`: the version cannot be ordered.
        """
        scheme = scheme_of(ecosystem)
        error = scheme is None or not self.orders.takes(scheme, version)
        ids, undecided = set(), set()
        for id, entry in self.entries(ecosystem, package):
            match affects(entry, version, None if error else functools.partial(self.orders.order, scheme)):
                case True: ids.add(id)
                case None: undecided.add(id)
        return {"ids": sorted(ids), "undecided": sorted(undecided - ids), "error": error}


def affects(entry, version, order):
    """True, False, or None where it cannot be told. Without `order`, only the list of versions is looked at."""
    if version in versions(entry):
        return True
    if order is None:
        return False
    found = [in_range(events, version, order) for events in ranges(entry)]
    return True if True in found else None if None in found else False


def in_range(events, version, order):
    real = [at for kind, at in events if not is_boundless(kind, at)]
    if any(order(version, at) is None for at in real):
        return None
    limits = [at for kind, at in events if kind == "limit"]
    if limits and not any(at == "*" or order(version, at) == "<" for at in limits):
        return False

    def by_version(left, right):
        (left_kind, left_at), (right_kind, right_at) = left, right
        left_least, right_least = is_boundless(left_kind, left_at), is_boundless(right_kind, right_at)
        if left_least or right_least:
            return right_least - left_least
        return {"<": -1, "=": 0, ">": 1}[order(left_at, right_at)]

    inside = False
    line = [(kind, at) for kind, at in events if kind != "limit"]
    for kind, at in sorted(line, key=functools.cmp_to_key(by_version)):
        match kind:
            case "introduced" if at == "0" or order(version, at) in ("=", ">"): inside = True
            case "fixed" if order(version, at) in ("=", ">"): inside = False
            case "last_affected" if order(version, at) == ">": inside = False
    return inside
