"""The order of Alpine's versions, stated anew from apk-tools 3 ("Package versions" of apk-package(5) and what
`apk version -t` answers).

A version is a row of tokens; two versions are compared token by token while the kinds agree, then by the kinds.
"""
import re

INITIAL, DIGIT, LETTER, SUFFIX, SUFFIX_NUMBER, HASH, REVISION, END = range(8)
SUFFIXES = ["alpha", "beta", "pre", "rc", None, "cvs", "svn", "git", "hg", "p"]
PLAIN = SUFFIXES.index(None)
FORM = re.compile(r"([0-9]+)((?:\.[0-9]+)*)([a-z])?((?:_[a-z]+[0-9]*)*)(?:~([0-9a-f]+))?(?:-r([0-9]+))?")


def tokens(text):
    """The tokens as (kind, value), or None where apk refuses the version."""
    parts = FORM.fullmatch(text)
    if not parts or not text.isascii():
        return None
    first, more, letter, suffixes, commit, revision = parts.groups()
    found = [(INITIAL, int(first))]
    found += [(DIGIT, number) for number in more.split(".")[1:]]
    if letter:
        found.append((LETTER, letter))
    for name, number in re.findall(r"_([a-z]+)([0-9]*)", suffixes):
        if name not in SUFFIXES:
            return None
        found.append((SUFFIX, SUFFIXES.index(name)))
        if number:
            found.append((SUFFIX_NUMBER, int(number)))
    if commit:
        found.append((HASH, commit))
    if revision:
        found.append((REVISION, int(revision)))
    return found + [(END, 0)]


def compare(a, b):
    """-1, 0 or 1, or None where apk refuses one of the two."""
    left, right = tokens(a), tokens(b)
    if left is None or right is None:
        return None
    for (kind, x), (other, y) in zip(left, right):
        if kind != other:
            if kind == SUFFIX and x < PLAIN:
                return -1
            if other == SUFFIX and y < PLAIN:
                return 1
            return -1 if kind > other else 1
        # numbers after a dot are text as soon as one of them starts with 0
        if kind == DIGIT and not (x.startswith("0") or y.startswith("0")):
            x, y = int(x), int(y)
        if x != y:
            return -1 if x < y else 1
    return 0
