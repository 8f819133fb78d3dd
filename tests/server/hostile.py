#!/usr/bin/env python3
"""Every image of a folder through the server: `/healthz` is always 200, and every job ends done, or dead with a reason.

    tests/server/hostile.py PROGRAM FOLDER [FOLDER…]

The images which the tests of the library make come by

    CAREEN_KEEP=FOLDER cargo test --locked --test it hostile

What an archive holds is handed out as it is, lies included; each file is served as a layer too, whatever it is.
"""

import collections
import gzip
import io
import json
import os
import sys
import tarfile
import time

from parts import SECRET, Health, Images, Registry, Server, check, digest, event, run_all, send

# larger ones take this script's memory
LARGEST = 300 << 20
FIELDS = {"Content-Type": "application/json", "Authorization": SECRET}


def members(data):
    """Files of an archive by their names; of what cannot be read, as many as came."""
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(LARGEST)
        except (OSError, EOFError):
            return {}
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                if len(found) > 20_000:
                    break
                try:
                    opened = tar.extractfile(member) if member.isfile() or member.islnk() or member.issym() else None
                    if opened and member.size < LARGEST:
                        found[member.name.removeprefix("./")] = opened.read()
                except (KeyError, tarfile.TarError, OSError, RecursionError, ValueError, MemoryError, OverflowError):
                    continue
    except (tarfile.TarError, EOFError, OSError, RecursionError, ValueError, OverflowError):
        pass
    return found


def images_of(data, images):
    """Digests of what to scan."""
    found = members(data)
    told = []
    for name, blob in found.items():
        if name.startswith("blobs/sha256/"):
            images.blobs["sha256:" + name.rsplit("/", 1)[1]] = blob
            if len(blob) < 8 << 20:
                images.manifests["sha256:" + name.rsplit("/", 1)[1]] = blob
    try:
        told += [entry["digest"] for entry in json.loads(found["index.json"])["manifests"][:20]]
    except (KeyError, ValueError, TypeError, RecursionError):
        pass
    try:
        for entry in json.loads(found["manifest.json"])[:20]:
            layers = [found[name.removeprefix("./")] for name in entry["Layers"]]
            told.append(images.put(layers, found[entry["Config"].removeprefix("./")]))
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        pass
    told.append(images.add([(data, digest(data))]))
    return [name for name in told if isinstance(name, str)]


def files_of(folders):
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in sorted(names):
                path = os.path.join(place, name)
                if os.path.getsize(path) <= LARGEST and (name.endswith((".tar", ".tar.gz", ".tgz", ".oci")) or len(folders) == 1):
                    yield path


def every_image(folder, program, folders):
    images = Images()
    registry = Registry(images)
    server = Server(program, folder, registry.host, more='\n[workers]\ncount = 2\ndeadline = "2m"\nattempts = 2\ncache = "64MiB"\n')
    temporary = os.path.join(folder, "tmp")
    os.mkdir(temporary)
    server.environment["TMPDIR"] = temporary
    server.start()
    health = Health(server.port)
    paths = {}
    count = 0
    start = time.monotonic()
    left = lambda: server.rows("SELECT count(*) FROM job WHERE state IN ('queued', 'leased')")[0][0]
    slowest = (0, "")
    for path in files_of(folders):
        count += 1
        with open(path, "rb") as file:
            data = file.read()
        before = time.monotonic()
        for name in images_of(data, images):
            if name in paths:
                continue
            paths[name] = path
            status, _ = send(server.connect(), "/hooks/shop", FIELDS, event("shop/api", name, f"{count} {name}"))
            if status != 202 or not server.rows("SELECT 1 FROM job WHERE digest = ?", name):
                # names that are none are dead letters
                paths[name] = None
        # few at once, so that what they take is let go
        until = time.monotonic() + 300
        while left() and time.monotonic() < until:
            time.sleep(0.02)
        slowest = max(slowest, (time.monotonic() - before, os.path.basename(path)))
        images.blobs.clear()
        images.manifests.clear()
    until = time.monotonic() + 300
    while left() and time.monotonic() < until:
        time.sleep(0.2)
    health.end()
    jobs = server.rows("SELECT digest, state, reason, attempts FROM job")
    states = collections.Counter(state for _, state, _, _ in jobs)
    check("every job ends", not left() and set(states) <= {"done", "dead"}, dict(states))
    silent = [name for name, state, reason, _ in jobs if state == "dead" and not reason]
    check("dead ones say why", not silent, silent[:3])
    reasons = collections.Counter(reason.split("`")[0].split("sha256:")[0][:80] for _, state, reason, _ in jobs if state == "dead")
    for reason, number in reasons.most_common(40):
        print(f"     {number:4} {reason}")
    broken = [(os.path.basename(paths.get(name) or ""), reason) for name, state, reason, _ in jobs if state == "dead" and "worker" in (reason or "")
              or "memory" in (reason or "") or "longer than" in (reason or "")]
    print("     workers that broke:", broken[:20])
    check("healthz", not health.wrong, f"{health.asked} asked, not 200: {health.wrong[:3]}, slowest {health.slowest:.2f} s")
    check("temporary files", not os.listdir(temporary), os.listdir(temporary)[:3])
    log = server.log_text()
    check("no panic", b"panicked" not in log and b"defect of its own" not in log)
    check("its end", server.end() == 0)
    check("whole", server.rows("PRAGMA integrity_check") == [("ok",)])
    return f"{count} files, {len(jobs)} images in {time.monotonic() - start:.0f} s, the slowest file {slowest[1]} {slowest[0]:.1f} s"


if __name__ == "__main__":
    run_all([every_image], sys.argv[1], sys.argv[2:])
