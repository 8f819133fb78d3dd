#!/usr/bin/env python3
"""Asks the command-line tools themselves about pairs whose order came from a library or was stated anew.

crosscheck.py FOLDER [--count N]: dpkg and rpm, and `apk version -t` where apk is installed
"""
import argparse
import json
import pathlib
import shutil
import subprocess


def dpkg(a, b):
    for sign, relation in ("<", "lt"), ("=", "eq"), (">", "gt"):
        code = subprocess.run(["dpkg", "--compare-versions", a, relation, b], capture_output=True).returncode
        if code == 0:
            return sign
        if code > 1:
            return None
    return None


def rpm(a, b):
    done = subprocess.run(["rpm", "--eval", f"%{{lua:print(rpm.vercmp([[{a}]], [[{b}]]))}}"], capture_output=True, text=True)
    return {"-1": "<", "0": "=", "1": ">"}.get(done.stdout.strip())


def apk(a, b):
    for text in a, b:
        if subprocess.run(["apk", "version", "-c", text], capture_output=True).returncode:
            return None
    return subprocess.run(["apk", "version", "-t", a, b], capture_output=True, text=True).stdout.strip()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=pathlib.Path, help="what generate.py wrote")
    arguments.add_argument("--count", type=int, default=2000, help="pairs of each scheme")
    arguments = arguments.parse_args()
    with open(arguments.folder / "pairs.jsonl") as file:
        pairs = [json.loads(line) for line in file]
    for scheme, tool, order in ("deb", "dpkg", dpkg), ("rpm", "rpm", rpm), ("apk", "apk", apk):
        if not shutil.which(tool):
            print(f"{scheme}: {tool} is not installed")
            continue
        chosen = [pair for pair in pairs if pair["scheme"] == scheme][: arguments.count]
        wrong = [pair for pair in chosen if order(pair["a"], pair["b"]) != pair.get("op")]
        print(f"{scheme}: {tool} agrees on {len(chosen) - len(wrong)} of {len(chosen)}")
        for pair in wrong[:10]:
            print(f"  {json.dumps(pair)}, {tool} says {order(pair['a'], pair['b'])}")


main()
