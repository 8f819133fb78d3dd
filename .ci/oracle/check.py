#!/usr/bin/env python3
"""Holds careen against what `generate.py` found.

check.py CAREEN --db PATH FOLDER [--show N]

Exit code 1 if anything differs beyond what `--pairs-share` allows for pairs of versions.
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys

CVSS_BAND = 0.05


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("careen")
    arguments.add_argument("folder", type=pathlib.Path, help="what generate.py wrote")
    arguments.add_argument("--db", required=True, help="careen's store of the same advisories")
    arguments.add_argument("--show", type=int, default=5, help="disagreements shown of each group")
    arguments.add_argument("--only", choices=["match", "compare", "cvss"], action="append")
    arguments.add_argument("--pairs-share", type=float, default=0.999, help="share of pairs that must agree")
    arguments = arguments.parse_args()
    only = arguments.only or ["match", "compare", "cvss"]
    fine = True
    if "match" in only:
        cases, sets = read(arguments.folder / "cases.jsonl"), read(arguments.folder / "sets.jsonl")
        query = lambda line: {key: line[key] for key in ("ecosystem", "package", "version")}
        answers = ask([arguments.careen, "db", "match", "--jsonl", "--db", arguments.db], [query(line) for line in cases + sets])
        family = lambda line: line["ecosystem"].split(":")[0]
        fine &= table("cases", cases, answers[: len(cases)], family, case_agrees, arguments.show) == 1
        fine &= table("sets", sets, answers[len(cases) :], family, set_agrees, arguments.show) == 1
    if "compare" in only:
        pairs = read(arguments.folder / "pairs.jsonl")
        answers = [None] * len(pairs)
        for scheme in sorted({pair["scheme"] for pair in pairs}):
            places = [at for at, pair in enumerate(pairs) if pair["scheme"] == scheme]
            asked = [{key: pairs[at][key] for key in ("a", "b")} for at in places]
            for at, answer in zip(places, ask([arguments.careen, "db", "compare", scheme, "--jsonl"], asked)):
                answers[at] = answer
        fine &= table("pairs", pairs, answers, lambda line: line["scheme"], pair_agrees, arguments.show) >= arguments.pairs_share
    if "cvss" in only:
        vectors = read(arguments.folder / "cvss.jsonl")
        answers = ask([arguments.careen, "db", "cvss", "--jsonl"], [{"vector": line["vector"]} for line in vectors])
        fine &= table("cvss", vectors, answers, lambda line: line["kind"], cvss_agrees, arguments.show) == 1
    sys.exit(0 if fine else 1)


def read(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def ask(command, lines):
    """One answer a line, in order; the answer must hold the fields that were asked."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(lines):
        sys.exit(f"{' '.join(map(str, command))}: {len(answers)} answers to {len(lines)} lines, exit code {done.returncode}\n{done.stderr[-2000:]}")
    for line, answer in zip(lines, answers):
        if any(answer.get(key) != value for key, value in line.items()):
            sys.exit(f"asked {json.dumps(line)}, answered {json.dumps(answer)}")
    return answers


def case_agrees(line, answer):
    found = (line["record"] in answer.get("ids", [])) == line["affected"]
    if line.get("error"):
        # of a version without order only what lists it may be named; if nothing does, it must be refused
        return found and ("error" in answer or bool(answer.get("ids")))
    return found and "ids" in answer


def set_agrees(line, answer):
    undecided = set(line.get("undecided", []))
    found = sorted(set(answer.get("ids", [])) - undecided)
    if found != line["ids"] or len(answer.get("ids", [])) != len(set(answer.get("ids", []))):
        return False
    # both may be there: a version that cannot be ordered can be listed
    return ("error" in answer or bool(line["ids"])) if line.get("error") else "ids" in answer


def pair_agrees(line, answer):
    return ("error" in answer and "op" not in answer) if line.get("error") else answer.get("op") == line["op"]


def cvss_agrees(line, answer):
    if line.get("error"):
        return "error" in answer and "base_score" not in answer
    score = answer.get("base_score")
    return score is not None and abs(score - line["base_score"]) < CVSS_BAND and str(answer.get("severity")).lower() == line["severity"]


def table(name, lines, answers, group, agrees, show):
    right, total, wrong = collections.Counter(), collections.Counter(), collections.defaultdict(list)
    for line, answer in zip(lines, answers):
        key = group(line)
        total[key] += 1
        if agrees(line, answer):
            right[key] += 1
        else:
            wrong[key].append((line, answer))
    print(f"\n{name}: {sum(right.values())} of {sum(total.values())} agree")
    for key in sorted(total):
        print(f"  {key:32} {right[key]:6} of {total[key]:6}  {100 * right[key] / total[key]:7.3f} %")
    for key in sorted(wrong):
        for line, answer in wrong[key][:show]:
            print(f"  {key}: expected {json.dumps(line, ensure_ascii=False)}\n  {' ' * len(key)}  answered {json.dumps(answer, ensure_ascii=False)}")
        if len(wrong[key]) > show:
            print(f"  {key}: {len(wrong[key]) - show} more")
    return sum(right.values()) / sum(total.values()) if total else 1


main()
