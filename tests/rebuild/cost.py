"""What a fix of one layer costs, against copying the rest of the image and compressing that layer again with pigz.

    cost.py CAREEN [--size MB] [--layers N] [--threads N] [--runs N] [--image LAYOUT --remove PATH --layer N]

Without `--image` an image is made: one layer of `--size` MB with a file to remove, and `--layers` more of the same size together.
Both commands run in turn; prints processor seconds, time and memory of each, and the median of the ratios pair by pair.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import images
from cases import BASE, PLAIN, archive, file
from images import Image, layout


def made_up(seed, size, *others):
    """A tar of files as in `/usr`: most small, some large; words with noise between."""
    rng = random.Random(seed)
    words = [f"{rng.getrandbits(rng.choice((16, 24, 40))):x} ".encode() for _ in range(20000)]
    pool = b"".join(rng.choices(words, k=1 << 20)) + rng.randbytes(1 << 18)
    members, total = list(others), 0
    while total < size:
        length = rng.choice((900, 4_000, 12_000, 30_000, 30_000, 400_000))
        start = rng.randrange(len(pool) - length)
        members.append(file(f"usr/share/made/{seed}/{len(members)}", pool[start:start + length]))
        total += length + 1024
    return archive(*members)


def make(path, size, layers):
    """Writes an image of a large layer and of several that are as large together."""
    rest = [made_up(seed + 2, size // layers) for seed in range(layers)]
    images.write(layout((Image(BASE, made_up(1, size, file("usr/share/made/scrap", "scrap")), *rest, config=PLAIN), "1.0")), path, "oci-dir")


def measured(command):
    """(processor seconds, seconds, KiB at most) of a command and its children."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = running.stderr.read()
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - began
    if running.returncode != 0:
        sys.exit(f"{command} ends with {running.returncode}: {said.decode()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, took, used.ru_maxrss


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("careen")
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--layers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--image")
    parser.add_argument("--remove", default="usr/share/made/scrap")
    parser.add_argument("--layer", type=int, default=1, help="which layer of the image holds what is removed")
    arguments = parser.parse_args()
    place = tempfile.mkdtemp(prefix="careen-cost-")
    image = arguments.image
    if not image:
        image = os.path.join(place, "image")
        # by a process of its own: what this one holds would count for the commands that it starts
        made = multiprocessing.Process(target=make, args=(image, arguments.size << 20, arguments.layers))
        made.start()
        made.join()
    read = lambda digest: json.load(open(os.path.join(image, "blobs", *digest.split(":")), "rb"))
    with open(os.path.join(image, "index.json"), "rb") as index:
        manifest = read(json.load(index)["manifests"][0]["digest"])
    blobs = [layer["digest"].replace(":", "/") for layer in manifest["layers"]]
    touched = blobs.pop(arguments.layer)
    copy, out = os.path.join(place, "copy"), os.path.join(place, "out")
    at = lambda blob: os.path.join(image, "blobs", blob)
    pigz = f"pigz -dc {at(touched)} | pigz -6 -n -p {arguments.threads} > {copy}/layer"
    plain = f"mkdir {copy}; {f'cp {chr(32).join(map(at, blobs))} {copy} && ' if blobs else ''}{pigz}"
    fix = [os.path.abspath(arguments.careen), "fix", f"oci-dir:{image}", "-o", f"oci-dir:{out}", "--only", "healthcheck", "--yes",
           "--remove", arguments.remove, "--no-advisories", "--no-fail", "--no-progress", "--jobs", str(arguments.threads)]
    scan = [fix[0], "scan", *fix[2:3], *fix[-5:]]
    rows = []
    for _ in range(arguments.runs + 1):
        row = [measured(["sh", "-c", plain]), measured(fix), measured(scan)]
        rows.append(row)
        shutil.rmtree(copy)
        shutil.rmtree(out)
    rows = rows[1:]
    for name, place_ in (("copy and pigz", 0), ("fix", 1), ("scan alone", 2)):
        cpu, took, memory = (statistics.median(row[place_][part] for row in rows) for part in range(3))
        print(f"{name}: {cpu:.2f} s of processors, {took:.2f} s, {memory / 1024:.0f} MiB")
    for name, part in (("processors", 0), ("time", 1)):
        ratios = [row[1][part] / row[0][part] for row in rows]
        rest = [(row[1][part] - row[2][part]) / row[0][part] for row in rows]
        print(f"{name}: fix to copy and pigz {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), "
              f"without a scan {statistics.median(rest):.2f}")
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
