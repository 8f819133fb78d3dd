"""Kills careen at random moments of a fix, and looks at what is left.

    kill.py CAREEN [--times N] [--seed N] [--size MB]

The output must not be there, or be whole; the input must be the same; whatever else is left must have a temporary name.
"""

import argparse
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import images
from cases import BASE, PLAIN, archive, env_file, file, token
from images import Image, layout

# beside the output; with spare standing for what `--in-place` writes over
TEMPORARY = re.compile(r"\.(out|image|layer)\.careen-\d+-\d+")
OUTPUTS = ("oci-archive", "docker-archive", "oci-dir", "in-place")


def noise(seed, size):
    """Text that takes a while to be deflated."""
    rng = random.Random(seed)
    words = [f"{rng.getrandbits(40):x}".encode() for _ in range(4096)]
    return b" ".join(rng.choices(words, k=size // 10))


def digest(path):
    """Of a file, or of all files of a folder; nothing where there is none."""
    if not os.path.lexists(path):
        return None
    if os.path.isfile(path):
        with open(path, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    found = hashlib.sha256()
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            full = os.path.join(folder, name)
            found.update(os.path.relpath(full, path).encode() + digest(full).encode())
    return found.hexdigest()


class Place:
    """A folder with an image, and the command that mends it."""

    def __init__(self, careen, image, form):
        self.folder = tempfile.mkdtemp(prefix="careen-kill-")
        self.image, self.out = os.path.join(self.folder, "image"), os.path.join(self.folder, "out")
        self.form, self.source = form, image
        target = f"oci-archive:{self.image}" if form == "in-place" else f"{form}:{self.out}"
        self.command = [careen, "fix", f"oci-archive:{self.image}", "-o", target, "--only", "secrets", "--yes", "--no-advisories",
                        "--no-progress", "--jobs", "2", *(["--in-place"] if form == "in-place" else [])]
        self.reset()

    def reset(self):
        shutil.rmtree(self.folder)
        os.mkdir(self.folder)
        shutil.copyfile(self.source, self.image)

    def start(self):
        # in the folder for temporary files of its own, so that what is left is seen
        return subprocess.Popen(self.command, env={**os.environ, "TMPDIR": self.folder}, start_new_session=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def whole(self):
        """How long a fix takes, and what it leaves."""
        began = time.monotonic()
        if self.start().wait() != 0:
            sys.exit(f"the fix to {self.form} fails by itself")
        return time.monotonic() - began, digest(self.image), digest(self.out)

    def killed(self, after):
        """Whether it was still at work when it was killed."""
        running = self.start()
        time.sleep(after)
        os.killpg(running.pid, signal.SIGKILL)
        return running.wait() == -signal.SIGKILL

    def flaws(self, before, whole):
        _, image, out = whole
        named = {"image", "out", "out.provenance.json", "image.provenance.json"}
        left = sorted(name for name in os.listdir(self.folder) if name not in named)
        if digest(self.out) not in (None, out):
            yield "a part of the output has its name"
        if digest(self.image) not in (before, image):
            yield "the input changed"
        yield from (f"`{name}` is no temporary name" for name in left if not TEMPORARY.fullmatch(name))
        self.left = left


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("careen")
    parser.add_argument("--times", type=int, default=100, help="kills while it is at work")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=24, help="MB of the layer that is written anew")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    secret = archive(file("srv/.env", env_file(token("kill"))), file("srv/text", noise(arguments.seed, arguments.size << 20)))
    source = tempfile.mkdtemp(prefix="careen-kill-")
    path = os.path.join(source, "image")
    images.write(layout((Image(BASE, secret, archive(file("srv/b", "b")), config=PLAIN), "1.0")), path, "archive")
    before = digest(path)
    places = [Place(os.path.abspath(arguments.careen), path, form) for form in OUTPUTS]
    wholes = {}
    for place in places:
        wholes[place.form] = place.whole()
        print(f"{place.form}: {wholes[place.form][0]:.2f} s", flush=True)
    at_work = finished = leftovers = wrong = 0
    for turn in range(4 * arguments.times):
        if at_work == arguments.times:
            break
        place = places[turn % len(places)]
        whole = wholes[place.form]
        place.reset()
        # towards the end, too, where names are given
        after = whole[0] * (rng.random() if turn % 3 else 0.8 + 0.3 * rng.random())
        was_at_work = place.killed(after)
        found = list(place.flaws(before, whole))
        at_work += was_at_work
        finished += not was_at_work
        leftovers += bool(place.left)
        wrong += bool(found)
        for what in found:
            print(f"WRONG  {place.form} after {after:.3f} s: {what}")
    for place in places:
        shutil.rmtree(place.folder)
    shutil.rmtree(source)
    print(f"{at_work} killed at work, {finished} had ended; {leftovers} left temporary files; {wrong} are wrong")
    sys.exit(1 if wrong or at_work < arguments.times else 0)


if __name__ == "__main__":
    main()
