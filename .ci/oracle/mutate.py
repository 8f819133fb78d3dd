"""Versions just beside a version, in forms that its scheme takes, and a few that it may refuse."""
import re

# What is put after a version.
SUFFIXES = {
    "apk": ["-r0", "-r10", "_p1", "_alpha1-r2", "_rc2", "_git20200101", "a", ".0", ".1", ".01-r1", "_pre", "_alpha_p2-r0", "~ab12"],
    "bitnami": ["-0", "-1", "-2", "-10", "+1", "-rc.1"],
    "composer": ["-RC1", "-dev", ".0", "-p1", "-alpha1", "-beta", ".1", "-beta2", "rc2", "-patch1", ".x-dev"],
    "deb": ["~", "~1", "+1", "-1", ".0", "+deb11u1", "+b1", "ubuntu1", "~rc1", "-0ubuntu0.1", "+dfsg", "a", "~~", "+esm1"],
    "gem": [".pre", ".0", ".1", ".rc1", "-x", ".beta2", "a", ".0.0", ".pre.1"],
    "go": ["-0", "-rc.1", "+incompatible", "-0.20200101000000-abcdefabcdef", ".0", "-alpha", "+1", "-pre.0.20200101000000-abcdefabcdef"],
    "maven": ["-SNAPSHOT", "-rc1", ".Final", "-1", ".1", "-jre", ".0", "-alpha-1", "-sp", ".RELEASE", "-M1", ".GA", "-beta", ".v20200101"],
    "npm": ["-0", "-rc.1", "+1", "-1", "-alpha", "-alpha.1", "-alpha.10", "-beta.2.3", ".0"],
    "nuget": ["-rc1", ".0", "+1", "-RC1", "-alpha.1", "-alpha.10", ".1", "-beta", "-preview.2.1", "-0"],
    "pep440": ["rc1", ".post1", ".dev1", "a1", "+local", ".0", "b2", ".1", "-1", "rc1.dev2", "+1.abc", ".post1.dev0", "-alpha", ".RC2"],
    "rpm": ["~", "~rc1", "^1", ".1", ".el8_6", "_1", "-1", "-2.el9", "a", "+1", "^", ".0"],
    "semver": ["-0", "-rc.1", "+1", "-1", "-alpha", "-alpha.1", "-alpha.10", "-beta.2.3", ".0", "-0.0", "--"],
}
PREFIXES = {
    "deb": ["0:", "1:"], "rpm": ["0:", "1:"], "pep440": ["v", "1!", "0!"], "go": ["v"], "npm": ["v"], "composer": ["v"],
}
# What `wild` puts into a version.
ANY = "0123456789019.-.abrc"
CHARACTERS = {"deb": ANY + "~+:", "rpm": ANY + "~^_:+", "apk": ANY + "_~r", "pep440": ANY + "!+_dpost", "maven": ANY + "xSm", "npm": ANY + "+"}
# Of no scheme, or of a lenient one only.
BROKEN = {
    "apk": ["latest", "1.0-1", "1.0_foo", "v1.0", "1..0", "1.0-r"],
    "bitnami": ["latest", "1.2", "v1.0.0", "1.2.3.4"],
    "composer": ["dev-master", "dev-feature", "latest", "1.0.0.0.0.0", "1.0-foo"],
    "deb": ["1.0_1", "1:2:3_4", "1.0 1", "1.0-"],
    "gem": ["latest", "1.0_1", "v1.0", "1..0"],
    "go": ["latest", "(devel)", "1.2.3.4", "v1.02.3", "1.2.3-01"],
    "npm": ["latest", "1.2", "1", "1.2.3.4", "1.2.3-01", "01.2.3"],
    "nuget": ["latest", "1.2.3.4.5", "v1.0", "1.0-", "1.0.0-a_b"],
    "pep440": ["latest", "1.0-foo", "1.0+", "2004d-x", "1.0.x"],
    "semver": ["latest", "1.2", "1", "v1.2.3", "1.2.3.4", "1.2.3-01", "01.2.3"],
}


def beside(scheme, version, random, count):
    """Up to `count` versions near a version."""
    # nothing may follow apk's revision
    stem = re.sub(r"-r[0-9]+$", "", version) if scheme == "apk" else version
    found = [stem + suffix for suffix in SUFFIXES[scheme]]
    found += [prefix + version for prefix in PREFIXES.get(scheme, [])]
    # each run of digits one up and one down
    for run in re.finditer(r"[0-9]+", version):
        if len(run[0]) < 15:
            for number in (int(run[0]) + 1, int(run[0]) - 1):
                if number >= 0:
                    found.append(version[: run.start()] + str(number) + version[run.end() :])
    if version[1:2] == ":" and scheme in ("deb", "rpm"):
        found.append(version[2:])
    # without what comes last, with a part more in the middle, in the other case
    for mark in ".-+~_":
        if mark in version[1:]:
            found.append(version[: version.rindex(mark)])
    found.append(re.sub(r"^([0-9]+)\.", r"\1.0.", version))
    if scheme in ("composer", "maven", "nuget", "pep440"):
        found.append(version.upper())
    found = [text for text in dict.fromkeys(found) if text and text != version and is_told_apart(scheme, text)]
    return random.sample(found, min(count, len(found)))


def wild(scheme, version, random):
    """A version with one to three characters put in, left out or exchanged, or two pieces in each other's place."""
    characters = list(version)
    for _ in range(random.choice([1, 1, 2, 3])):
        at = random.randrange(len(characters) + 1)
        match random.randrange(4):
            case 0: characters.insert(at, random.choice(CHARACTERS.get(scheme, ANY)))
            case 1: characters[at : at + 1] = [random.choice(CHARACTERS.get(scheme, ANY))]
            case 2: del characters[at : at + 1]
            case 3:
                pieces = re.split(r"([.+_~-])", "".join(characters))
                one, other = random.randrange(len(pieces)), random.randrange(len(pieces))
                pieces[one], pieces[other] = pieces[other], pieces[one]
                characters = list("".join(pieces))
    text = "".join(characters)
    return text if text and is_told_apart(scheme, text) else version


def is_told_apart(scheme, text):
    """Whether the tool's own answer is the one to want: forms that only a tool's leniency orders are left out."""
    if text != text.strip() or "\t" in text or "\n" in text or len(text) > 200:
        return False
    # Go's module order knows no `1.2-pre`; its toolchain has such names for vendors' builds
    if scheme == "go" and re.fullmatch(r"v?[0-9]+\.[0-9]+[^0-9.].*", text):
        return False
    return not re.search(r"[0-9]{16,}", text) or scheme in ("deb", "rpm", "maven", "gem", "pep440")
