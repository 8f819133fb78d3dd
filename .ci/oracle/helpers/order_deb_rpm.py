#!/usr/bin/python3
"""Orders versions as dpkg or rpm does. Reads lines `a<TAB>b`, answers `<`, `=`, `>` or `!` (refused), one a line.

order_deb_rpm.py deb|rpm, with the system's Python, which has the modules of apt and rpm
"""
import re
import subprocess
import sys

# What dpkg takes for certain; of everything else it is asked itself.
PLAIN = re.compile(r"(?:[0-9]{1,9}:)?[0-9](?:[A-Za-z0-9.+~-]*[A-Za-z0-9.+~])?")


def deb():
    import apt_pkg

    apt_pkg.init_system()
    taken = {}

    def takes(text):
        if text not in taken:
            taken[text] = bool(PLAIN.fullmatch(text)) or (
                text != ""
                and subprocess.run(["dpkg", "--compare-versions", text, "eq", text], capture_output=True).returncode == 0
            )
        return taken[text]

    return lambda a, b: apt_pkg.version_compare(a, b) if takes(a) and takes(b) else None


def rpm():
    import rpm

    read = {}

    def version(text):
        if text not in read:
            try:
                read[text] = rpm.ver(text)
            except (ValueError, TypeError):
                read[text] = None
        return read[text]

    def order(a, b):
        a, b = version(a), version(b)
        if a is None or b is None:
            return None
        return -1 if a < b else 1 if a > b else 0

    return order


def main():
    order = {"deb": deb, "rpm": rpm}[sys.argv[1]]()
    out = []
    for line in sys.stdin:
        a, b = line.rstrip("\n").split("\t")
        found = order(a, b)
        out.append("!" if found is None else "<" if found < 0 else ">" if found > 0 else "=")
    sys.stdout.write("".join(answer + "\n" for answer in out))


main()
