"""The order of .NET's packages, stated anew from "Package versioning" of NuGet's documentation and SemVer 2.0.0.

Unlike SemVer, `NuGetVersion` takes one to four numbers, with leading zeros, and compares labels without regard to case.
"""
import re

LABEL = r"[0-9A-Za-z-]+"
FORM = re.compile(rf"([0-9]+(?:\.[0-9]+){{0,3}})(?:-({LABEL}(?:\.{LABEL})*))?(?:\+{LABEL}(?:\.{LABEL})*)?", re.ASCII)


def parse(text):
    """A key that orders as the versions do, or None where NuGet refuses the version."""
    parts = FORM.fullmatch(text.strip(" \t\r\n\v\f"))
    if not parts:
        return None
    numbers = [int(number) for number in parts[1].split(".")]
    if max(numbers) > 2**31 - 1:
        return None
    labels = []
    for label in (parts[2] or "").split(".") if parts[2] else []:
        if re.fullmatch(r"0[0-9]+", label):
            return None
        # a label is a number as soon as a signed one of 32 bits can be read from it
        is_number = re.fullmatch(r"-?[0-9]+", label) and -(2**31) <= int(label) < 2**31
        labels.append((0, int(label), "") if is_number else (1, 0, label.upper()))
    return numbers + [0] * (4 - len(numbers)), not labels, labels


def compare(a, b):
    """-1, 0 or 1, or None where NuGet refuses one of the two."""
    left, right = parse(a), parse(b)
    if left is None or right is None:
        return None
    return (left > right) - (left < right)
