"""Mends images made by chance, and has each checked by `check.py`.

    random_images.py CAREEN [--times N] [--seed N]

Layers hold files, folders, links, whiteouts and odd headers under few names, so that they meet; some of the files hold a secret. What is
mended is chosen by chance, too. A refusal is told and counted, and must leave nothing behind. The plan of each, carried out by
`--apply`, must give the same bytes and have the same digest.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile

import check
import images
from cases import BASE, PLAIN, archive, env_file, file, folder, symlink, token
from images import Image, docker_hybrid, docker_old, layout
from raw_tar import member, sparse

FOLDERS = ["srv", "srv/app", "opt", "root/.cache/pip", "var/cache/apt/archives", "var/log", "link", "usr/share/" + "long" * 40]
FILES = ["a", "b.tmp", ".env", "main.py~", "c.tmp", "n" * 110]


def one_member(rng, known, secret):
    name = f"{rng.choice(FOLDERS)}/{rng.choice(FILES)}"
    if rng.random() < 0.1:
        name = "./" + name
    text = rng.randbytes(rng.choice((0, 1, 511, 512, 513, 3000))) if rng.random() < 0.8 else env_file(secret).encode()
    odd = {"mode": rng.choice((0o644, 0o755, 0o600, 0o4755, 0o666)), "uid": rng.choice((0, 7, 70_000)),
           "mtime": rng.choice((0, 1_600_000_000))}
    kind = rng.random()
    if kind < 0.45:
        how = rng.choice(({}, {"long_name": True}, {"pax": {b"path": name.encode(), b"mtime": b"1600000000.25"}},
                          {"shared": {b"comment": b"x"}}, {"pax": {b"SCHILY.xattr.user.x": b"y\nz"}}))
        known[name] = odd
        if len(name) > 90 and not how:
            how = {"long_name": True}
        if len(name) > 90 and "path" not in str(how) and "long_name" not in how:
            how = {"pax": {b"path": name.encode()}}
        return file(name if "pax" not in how or len(name) < 90 else "short", text, **odd, **how)
    # a link that leads to itself means nothing
    short = [old for old in known if len(old) < 90 and os.path.normpath(old) != os.path.normpath(name)]
    if kind < 0.65 and short and len(name) < 90:
        # all names of a file have its mode and owner, as writers of archives have it
        target = rng.choice(short)
        known[name] = known[target]
        return member(name, kind=b"1", link=target, **known[target])
    if kind < 0.70 and len(name) < 90:
        return symlink(name, rng.choice(FILES[:5]))
    if kind < 0.75:
        return symlink("link", rng.choice(("srv", "srv/app", "opt/none", "/root/.cache/pip", "usr")))
    if kind < 0.85:
        return folder(rng.choice(FOLDERS[:5]))
    if kind < 0.95:
        head, _, tail = name.rpartition("/")
        marker = f"{head}/.wh.{tail if rng.random() < 0.8 else '.wh..opq'}"
        return file(marker) if len(marker) < 90 else folder("srv")
    return rng.choice((sparse("srv/disk", [(0, b"ab" * 256), (8192, b"cd" * 256)], 16384), member("run/pipe", kind=b"6")))


def one_image(rng, secret):
    layers = []
    for _ in range(rng.randint(1, 4)):
        known = {}
        layers.append(archive(*[one_member(rng, known, secret) for _ in range(rng.randint(0, 12))]))
    how = rng.choice(("gzip", "zstd", "none"))
    config = rng.choice((PLAIN, {"Cmd": ["/bin/sh"]}, {**PLAIN, "Env": [f"GITHUB_TOKEN={secret}", "A=1"], "Labels": {"x": "y"}}))
    return Image(BASE, *layers, config=config, compression=how)


FLAGS = [["--only", "secrets"], ["--only", "caches,leftovers"], ["--waste"], ["--only", "permissions,setuid"], ["--skip", "user"],
         ["--only", "healthcheck", "--remove", "**/*.tmp"], ["--remove", "srv/app/**", "--only", "secrets"],
         ["--clear-setid", "--only", "env", "--unset-env", "A"], ["--user", "1001:1001", "--set-label", "team=shop"], [],
         ["--user", "1001:0", "--remove", "opt/**", "--remove", "**/a", "--clear-setid"], ["--waste", "--remove", "**/b.tmp"],
         ["--redact-in-place", "--only", "secrets,leftovers"], ["--touch-base", "--redact", "GITHUB_TOKEN"]]


def applied(careen, before, after, plan, digest):
    """What is wrong with what the plan gives by itself."""
    kind, again = before.partition(":")[0], after + ".again"
    done = subprocess.run([careen, "fix", before, "-o", f"{kind}:{again}", "--apply", plan, "--no-advisories", "--no-fail",
                           "--allow-partial", "-f", "json"], capture_output=True, timeout=120, check=False)
    if done.returncode != 0:
        return f"its plan is refused: {done.stderr.decode()[:400]}"
    if json.loads(done.stdout)["plan_digest"] != digest:
        return "its plan has another digest by --apply"
    return None if images.load(after) == images.load(again) else "its plan gives another image by --apply"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("careen")
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    counts, wrong = {}, 0
    for seed in range(arguments.seed, arguments.seed + arguments.times):
        rng = random.Random(seed)
        image = one_image(rng, token(str(seed)))
        form, files = rng.choice((("oci-dir", layout((image, "1.0"))), ("oci-archive", layout((image, "1.0"))),
                                  ("docker-archive", docker_hybrid((image, ["a/b:1"]))),
                                  ("docker-archive", docker_old((image, ["a/b:1"])))))
        flags = rng.choice(FLAGS)
        with tempfile.TemporaryDirectory() as place:
            before, after, plan = (os.path.join(place, name) for name in ("before", "after", "plan.json"))
            images.write(files, before, "oci-dir" if form == "oci-dir" else "archive")
            done = subprocess.run([arguments.careen, "fix", f"{form}:{before}", "-o", f"{form}:{after}", "--plan", plan, "--yes",
                                   "--no-advisories", "--no-fail", "--allow-partial", "-f", "json", *flags], capture_output=True, timeout=120, check=False)
            said = done.stderr.decode().splitlines()
            kind = f"ends with {done.returncode}"
            if done.returncode == 0:
                try:
                    with open(plan, "rb") as opened:
                        check.check(before, after, json.load(opened))
                    kind = "holds"
                    digest = json.loads(done.stdout)["plan_digest"]
                    flaw = applied(arguments.careen, f"{form}:{before}", after, plan, digest)
                    assert flaw is None, flaw
                except Exception as error:  # noqa: BLE001 - one image must not hide the others
                    wrong += 1
                    print(f"WRONG  seed {seed} {flags}: {type(error).__name__}: {error}", flush=True)
            else:
                # names and numbers differ, the reason is one
                kind += ": " + re.sub(r"[0-9a-f]{12,}|\d+|`[^`]*`|/\S+", "…", " ".join(said)[:160])
                if os.path.lexists(after):
                    wrong += 1
                    print(f"WRONG  seed {seed} {flags}: there is an output")
                if done.returncode not in (2, 3, 4):
                    wrong += 1
                    print(f"WRONG  seed {seed} {flags}: {done.returncode}: {' '.join(said)[:400]}", flush=True)
            counts[kind] = counts.get(kind, 0) + 1
    for kind, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        print(f"{count:5} {kind}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
