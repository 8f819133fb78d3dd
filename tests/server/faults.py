#!/usr/bin/env python3
"""What breaks, each as one case against the real program: the store locked, damaged, unwritable, full; registries that are down,
refuse, hang and lie; workers killed, stopped and out of memory; an end under load; a clock that is set; bursts; lost events.

    tests/server/faults.py PROGRAM [WORD]

WORD: only cases with it in their names. A full disk needs root (a small tmpfs), clocks need faketime.
"""

import glob
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time

from parts import (SECRET, Health, Images, Receiver, Registry, Server, Skipped, check, digest, event, gzip, push_of, run_all, send, source,
                   tar_of, wait)

FIELDS = {"Content-Type": "application/json", "Authorization": SECRET}
OPEN = "SELECT count(*) FROM job WHERE state IN ('queued', 'leased')"


def started(folder, program, **settings):
    registry = Registry(Images())
    server = Server(program, folder, registry.host, **settings)
    server.start()
    return server, registry, registry.images


def tell(server, name, number, repository="shop/api", tag=None):
    """Status and `Retry-After` of a webhook; an answer that breaks off is none."""
    try:
        return send(server.connect(), "/hooks/shop", FIELDS, event(repository, name, number, tag))
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__, None


def known(server):
    return {row[0] for row in server.rows("SELECT digest FROM job WHERE kind = 'scan'")}


def idle(server, seconds=120):
    wait(lambda: server.rows(OPEN)[0][0] == 0, seconds, "the end of all jobs")


def a_store_that_is_locked(folder, program):
    server, _, images = started(folder, program)
    health = Health(server.port)
    acknowledged, statuses = set(), {}
    lock = sqlite3.connect(os.path.join(server.data, "careen.db"), isolation_level=None, timeout=10)
    is_over = threading.Event()

    def senders(label):
        number = 0
        while not is_over.is_set():
            number += 1
            name = images.make(f"{label} {number}")
            answer = tell(server, name, f"{label} {number}")
            statuses[answer] = statuses.get(answer, 0) + 1
            if answer[0] == 202:
                acknowledged.add(name)
            time.sleep(0.1)

    threads = [threading.Thread(target=senders, args=(label,)) for label in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    before = len(acknowledged)
    lock.execute("BEGIN IMMEDIATE")
    time.sleep(14)
    during = len(acknowledged)
    lock.execute("ROLLBACK")
    lock.close()
    time.sleep(4)
    after = len(acknowledged)
    is_over.set()
    for thread in threads:
        thread.join()
    health.end()
    check("answers", all(status == 202 or (status == 503 and after) for status, after in statuses), statuses)
    check("some were refused, and it goes on", any(status == 503 for status, _ in statuses) and after > during + 4, (before, during, after))
    check("nothing acknowledged is lost", not acknowledged - known(server), f"{len(acknowledged)} acknowledged")
    check("healthz", not health.wrong and health.slowest < 1, f"{health.wrong[:2]}, {health.slowest:.2f} s")
    idle(server)
    dead = server.rows("SELECT reason FROM job WHERE state = 'dead'")
    check("each is scanned", not dead, dead[:2])
    check("its end", server.end() == 0)
    return f"{statuses}, healthz within {health.slowest * 1e3:.0f} ms"


def start_of(server, seconds=20):
    """Starts a program that may refuse: its code, or None if it listens; and what it says."""
    process = subprocess.Popen([*server.before, server.program, "serve", "--config", server.config], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env=server.environment)
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            answer = server.get("/healthz")
            if answer[0] == 200:
                server.process = process
                return None, b""
        except OSError:
            time.sleep(0.02)
    if process.poll() is None:
        process.kill()
        return "hangs", process.communicate()[0]
    return process.returncode, process.communicate()[0]


def ended(server):
    """Ends a server whose output is a pipe."""
    server.process.terminate()
    said = server.process.communicate(timeout=40)[0]
    return server.process.returncode, said


def is_clear(said):
    """A message for people: an error with its place, no panic."""
    return b"error:" in said and b"panicked" not in said and b"\n  in: " in said


def a_tag_that_comes_late_after_other_failures(folder, program):
    """Of four answers that say nothing of the tag, and one that it is not there, nobody takes it for gone."""
    server, registry, images = started(folder, program)
    images.tags["late"] = images.make("late")
    answered = []

    def fault(request):
        if "/manifests/late" not in request.path:
            return False
        answered.append(request.command)
        heads = answered.count("HEAD")
        if heads > 5:
            return False
        status = 500 if heads <= 4 else 404
        request.answer(status, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', "application/json")
        return True

    registry.fault = fault
    tag = json.dumps({"events": [{"id": "late", "action": "push", "target": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": "shop/late", "tag": "late"}}]})
    check("it is taken", send(server.connect(), "/hooks/shop", FIELDS, tag)[0] == 202)
    scanned = "SELECT 1 FROM job WHERE kind = 'scan' AND state = 'done' AND digest = ?"
    wait(lambda: server.rows(scanned, images.tags["late"]) or server.rows("SELECT 1 FROM job WHERE state = 'dead'"), 120, "its end")
    check("it is scanned", server.rows(scanned, images.tags["late"]), server.rows("SELECT state, attempts, reason FROM job"))
    check("its end", server.end() == 0)
    return f"{len(answered)} answers"


def a_folder_that_cannot_be_written(folder, program):
    server, _, images = started(folder, program)
    tell(server, images.make(1), 1)
    idle(server)
    server.end()
    if os.geteuid() != 0:
        raise Skipped("takes root")
    # another user: may read, and not write
    os.chmod(folder, 0o755)
    for place, names, files in os.walk(folder):
        for name in names + files:
            os.chmod(os.path.join(place, name), 0o755 if name in names else 0o644)
    server.before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    code, said = start_of(server)
    check("another user's folder", code not in (None, 0, "hangs") and is_clear(said), (code, said[-300:]))
    server.before = []
    shutil.rmtree(os.path.join(server.data, "layers"), ignore_errors=True)
    # a file system that is read-only
    mounted = subprocess.run(["mount", "--bind", server.data, server.data], capture_output=True)
    if mounted.returncode == 0:
        subprocess.run(["mount", "-o", "remount,bind,ro", server.data], check=True)
        try:
            code, said = start_of(server)
            check("a read-only file system", code not in (None, 0, "hangs") and is_clear(said), (code, said[-300:]))
        finally:
            subprocess.run(["umount", server.data], check=True)
    code, said = start_of(server)
    check("it starts when that is over", code is None, said[-300:])
    # data is a file, and one below a file
    open(os.path.join(folder, "file"), "w").close()
    for data in ("file", "file/data"):
        other = os.path.join(folder, "other.toml")
        text = open(server.config).read().replace(f'data = "{server.data}"', f'data = "{folder}/{data}"')
        open(other, "w").write(text)
        refused = subprocess.run([program, "serve", "--config", other], capture_output=True, timeout=20)
        check(f"data is {data}", refused.returncode == 2 and is_clear(refused.stderr), (refused.returncode, refused.stderr[-200:]))
    second = subprocess.run([program, "serve", "--config", server.config], capture_output=True, timeout=20)
    check("a second server of one folder", second.returncode == 2 and b"another server" in second.stderr, second.stderr[-200:])
    ended(server)


def a_store_that_is_damaged(folder, program):
    server, _, images = started(folder, program)
    names = [images.make(number) for number in range(60)]
    for number, name in enumerate(names[:40]):
        tell(server, name, number, tag=f"t{number}")
    idle(server)
    for number, name in enumerate(names[40:]):
        tell(server, name, 100 + number)
    server.kill()
    kept = os.path.join(folder, "kept")
    shutil.copytree(server.data, kept)
    database, log = (os.path.join(server.data, name) for name in ("careen.db", "careen.db-wal"))
    size = os.path.getsize(os.path.join(kept, "careen.db-wal"))
    check("there is a log", size > 40_000, size)
    outcomes = {}
    dice = random.Random(7)

    def tried(name, damage):
        shutil.rmtree(server.data)
        shutil.copytree(kept, server.data)
        damage()
        code, said = start_of(server)
        if code is None:
            ready = server.get("/readyz")[0]
            answer = tell(server, images.make(f"{name} {dice.random()}"), f"{name} {dice.random()}")
            code, said = ended(server)
            whole = sqlite3.connect(database).execute("PRAGMA integrity_check(1)").fetchone()[0]
            outcome = "starts"
            check(f"{name} starts", ready == 200 and answer[0] in (202, 503) and code == 0 and whole == "ok" and b"panicked" not in said,
                  (ready, answer, code, whole, said[-200:])) if (ready, answer[0], code, whole) != (200, 202, 0, "ok") else None
        else:
            outcome = "refuses"
            check(f"{name} refuses", is_clear(said) and code == 2, (code, said[-300:])) if not (is_clear(said) and code == 2) else None
        key = (name.split(":")[0], outcome)
        outcomes[key] = outcomes.get(key, 0) + 1
        return said

    frame = 24 + 4_096
    for cut in list(range(512, frame + 512, 512)) + [size - 10, size - 32, size]:
        tried(f"log cut:{cut}", lambda: os.truncate(log, max(0, size - cut)))
    def write(file, at, text):
        with open(file, "r+b") as opened:
            opened.seek(at)
            opened.write(text)
    pages = os.path.getsize(database) // 4_096
    for at in (0, 8, 28, size // 2, size - frame, size - 100):
        tried(f"log overwritten:{at}", lambda: write(log, at, dice.randbytes(64)))
    tried("log gone:", lambda: os.remove(log))
    # what follows is in the file itself: all that is in the log goes there first
    shutil.rmtree(server.data)
    shutil.copytree(kept, server.data)
    sqlite3.connect(database).execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    for name in ("careen.db-wal", "careen.db-shm"):
        if os.path.exists(os.path.join(server.data, name)):
            os.remove(os.path.join(server.data, name))
    shutil.rmtree(kept)
    shutil.copytree(server.data, kept)
    pages = os.path.getsize(database) // 4_096
    tried("header zeroed:", lambda: write(database, 0, bytes(100)))
    tried("header text:", lambda: write(database, 0, b"not a database, but a text file"))
    tried("first page:", lambda: write(database, 100, dice.randbytes(3_000)))
    for page in sorted(dice.sample(range(1, pages), min(24, pages - 1))):
        tried(f"page overwritten:{page}", lambda: write(database, page * 4_096, dice.randbytes(4_096)))
    for page in sorted(dice.sample(range(1, pages), min(8, pages - 1))):
        tried(f"page zeroed:{page}", lambda: write(database, page * 4_096, bytes(4_096)))
    tried("cut short:", lambda: os.truncate(database, pages // 2 * 4_096))
    tried("cut inside of a page:", lambda: os.truncate(database, pages // 2 * 4_096 + 100))
    said = tried("empty:", lambda: os.truncate(database, 0))
    check("an empty one is told of", b"begun anew" in said, said[:300])
    def newer():
        store = sqlite3.connect(database)
        store.execute("PRAGMA user_version = 999")
        store.close()
    tried("newer:", newer)
    def foreign():
        os.remove(database)
        store = sqlite3.connect(database)
        store.execute("CREATE TABLE job (a)")
        store.commit()
        store.close()
    tried("of another program:", foreign)
    return ", ".join(f"{name} {outcome} {count}" for (name, outcome), count in outcomes.items())


def mount(folder, kibibytes):
    os.makedirs(folder, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        raise Skipped("no tmpfs can be mounted: " + mounted.stderr.strip())


def a_disk_that_is_full(folder, program):
    """From nothing upward: what starts refuses webhooks once the disk is full, loses nothing that it acknowledged, also when it
    is killed, and goes on when there is room."""
    data = os.path.join(folder, "small")
    outcomes = []
    registry = Registry(Images())
    images = registry.images
    # scans wait, so that what fills the disk is events
    registry.broken = True
    server = Server(program, folder, registry.host, data=os.path.join(data, "store"))
    sizes = [4, 16, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512, 640, 768, 1_024, 1_536, 2_048]
    for size in sizes:
        mount(data, size)
        try:
            code, said = start_of(server)
            if code is not None:
                check(f"{size} KiB refuses", is_clear(said) and code == 2, (code, said[-300:])) if not (is_clear(said) and code == 2) else None
                outcomes.append(f"{size}: refuses")
                # with room it starts, on what is there
                subprocess.run(["mount", "-o", "remount,size=64m", data], check=True)
                code, said = start_of(server)
                check(f"{size} KiB, then room", code is None, said[-300:]) if code is not None else None
                if code is None:
                    ended(server)
                continue
            acknowledged, refused, wrong = set(), 0, []
            reader = threading.Thread(target=lambda process: process.stdout.read(), args=(server.process,), daemon=True)
            reader.start()
            for number in range(3_000):
                name = images.make(f"{size} {number}")
                status, after = tell(server, name, f"{size} {number}")
                if status == 202:
                    acknowledged.add(name)
                elif status == 503 and after:
                    refused += 1
                    if refused > 30:
                        break
                else:
                    wrong.append(status)
            check(f"{size} KiB: 202 or 503", not wrong and refused > 30, (wrong[:3], refused)) if wrong or refused <= 30 else None
            check(f"{size} KiB: healthz", server.get("/healthz")[0] == 200) if server.get("/healthz")[0] != 200 else None
            if size % 96 == 0:
                server.kill()
                subprocess.run(["mount", "-o", "remount,size=64m", data], check=True)
                code, said = start_of(server)
                check(f"{size} KiB: starts after a kill", code is None, said[-300:]) if code is not None else None
                reader = threading.Thread(target=lambda process: process.stdout.read(), args=(server.process,), daemon=True)
                reader.start()
            else:
                subprocess.run(["mount", "-o", "remount,size=64m", data], check=True)
            name = images.make(f"{size} after")
            status, _ = tell(server, name, f"{size} after")
            check(f"{size} KiB: goes on with room", status == 202, status) if status != 202 else None
            lost = acknowledged - known(server)
            check(f"{size} KiB: nothing acknowledged is lost", not lost, f"{len(lost)} of {len(acknowledged)}") if lost else None
            server.process.terminate()
            code = server.process.wait(40)
            whole = server.rows("PRAGMA integrity_check")
            check(f"{size} KiB: whole", whole == [("ok",)] and code == 0, (whole, code)) if whole != [("ok",)] or code != 0 else None
            outcomes.append(f"{size}: {len(acknowledged)} taken")
        finally:
            if server.process and server.process.poll() is None:
                server.kill()
            subprocess.run(["umount", data], check=True)
    return ", ".join(outcomes)


def a_disk_that_is_full_while_it_scans(folder, program):
    """Reports that cannot be stored are stored when there is room: no job is lost, none is dead for it."""
    data = os.path.join(folder, "small")
    mount(data, 3_000)
    try:
        registry = Registry(Images())
        images = registry.images
        server = Server(program, folder, registry.host, data=os.path.join(data, "store"), more='\n[workers]\ncache = "0"\n')
        server.start()
        health = Health(server.port)
        acknowledged = set()
        refused = 0
        for number in range(4_000):
            name = images.make(f"scan {number}")
            status, _ = tell(server, name, f"scan {number}")
            if status == 202:
                acknowledged.add(name)
            else:
                refused += 1
                time.sleep(0.05)
            if refused > 100:
                break
        subprocess.run(["mount", "-o", "remount,size=256m", data], check=True)
        # leases of what could not be ended run out after a minute
        idle(server, 300)
        health.end()
        done = {row[0] for row in server.rows("SELECT digest FROM job WHERE state = 'done'")}
        reports = server.rows("SELECT count(*) FROM report")[0][0]
        dead = server.rows("SELECT reason FROM job WHERE state = 'dead' LIMIT 2")
        check("each acknowledged one is scanned once", acknowledged <= done and reports == len(done), (len(acknowledged), len(done), reports, dead))
        check("it was full", refused > 100, refused)
        check("healthz", not health.wrong, health.wrong[:2])
        check("its end", server.end() == 0)
        check("whole", server.rows("PRAGMA integrity_check") == [("ok",)])
    finally:
        for one in (server,):
            if one.process and one.process.poll() is None:
                one.kill()
        subprocess.run(["umount", data], check=True)
    return f"{len(acknowledged)} acknowledged"


def registries_with_faults(folder, program):
    server, registry, images = started(folder, program, more='\n[workers]\ncache = "0"\n')
    layer, config = digest(images.layer), digest(images.config)
    mended = threading.Event()
    # nobody has answered since; then it answers
    def hangs(request):
        mended.wait(8)
        return False
    answers = lambda status, **more: lambda request: request.answer(status, b'{"errors":[{"code":"X"}]}', "application/json", **more) or True

    def cut(request):
        if layer not in request.path:
            return False
        request.send_response(200)
        request.send_header("Content-Length", str(len(images.layer)))
        request.end_headers()
        request.wfile.write(images.layer[:len(images.layer) // 2])
        request.close_connection = True
        return True

    def wrong(request):
        if layer not in request.path:
            return False
        request.answer(200, gzip.compress(b"other" * 99), "application/octet-stream")
        return True

    def other_manifest(request):
        if "manifests" not in request.path:
            return False
        request.answer(200, b'{"schemaVersion":2}', "application/vnd.oci.image.manifest.v1+json")
        return True

    def closes(request):
        request.close_connection = True
        request.connection.close()
        return True

    # what the first try comes to: put back, or dead, or done
    cases = [("500", answers(500), "later"), ("502", answers(502), "later"), ("503", answers(503), "later"), ("429", answers(429, Retry_After="2"), "later"),
             ("408", answers(408), "later"), ("401", answers(401), "dead"),
             ("403", answers(403), "dead"), ("404", answers(404), "later"), ("closes", closes, "later"), ("cut layer", cut, "later"),
             ("wrong layer", wrong, "any"), ("wrong manifest", other_manifest, "dead"), ("teapot", answers(418), "dead"), ("hangs", hangs, "any")]
    told = []

    def first_try(name, fault, number):
        """What the first try came to, of an image of this name."""
        registry.fault = lambda request: fault(request) if f"/v2/fault/{number}/" in request.path else False
        image = images.make(f"fault {name}")
        tell(server, image, f"fault {name}", f"fault/{number}")
        ask = lambda: server.rows("SELECT state, reason, (not_before - created) / 1000.0 FROM job WHERE digest = ? AND "
                                  "(state IN ('done', 'dead') OR (attempts > 0 AND state = 'queued'))", image)
        state, reason, after = wait(ask, 90, name)[0]
        return image, "later" if state == "queued" else state, reason, after

    for number, (name, fault, expected) in enumerate(cases):
        image, became, reason, _ = first_try(name, fault, number)
        is_good = (expected in ("any", became)) and (became == "done" or reason)
        check(name, is_good, f"{became}: {reason}")
        told.append((name, image, became))
    # the registry is well again: what was put back is scanned, also after a start
    registry.fault = None
    mended.set()
    server.end()
    server.start()
    later = [image for name, image, became in told if became == "later"]
    wait(lambda: not server.rows(f"SELECT 1 FROM job WHERE state <> 'done' AND digest IN ({','.join('?' * len(later))}) LIMIT 1", *later), 120, "what was put back")
    gaps = server.rows("SELECT has_gaps, digest FROM report JOIN image ON image.id = report.image")
    cut_image = next(image for name, image, _ in told if name == "cut layer")
    check("nothing is missing in the report after the cut one", dict((name, gap) for gap, name in gaps).get(cut_image) == 0, gaps[:3])
    # a long pause: nobody asks the registry for what else is pushed, which waits without a try; until a start
    _, became, reason, after = first_try("429 for long", answers(429, Retry_After="600"), len(cases))
    check("Retry-After counts", became == "later" and 590 <= after <= 630, (became, reason, after))
    registry.fault = None
    asked, waits = dict(registry.asked), images.make("waits")
    tell(server, waits, "waits")
    reason, attempts = wait(lambda: server.rows("SELECT reason, attempts FROM job WHERE digest = ? AND state = 'queued' AND reason IS NOT NULL", waits), 60, "the pause")[0]
    check("a pause is one of the whole registry", attempts == 0 and "pause" in reason and registry.asked == asked, (attempts, reason))
    server.end()
    server.start()
    # a tag that is gone, by a sender that names no digest
    tag = json.dumps({"events": [{"id": "gone", "action": "push", "target": {"mediaType": "application/vnd.oci.image.manifest.v1+json",
                                                                              "repository": "shop/gone", "tag": "gone"}}]})
    send(server.connect(), "/hooks/shop", FIELDS, tag)
    state, reason, attempts = wait(lambda: server.rows("SELECT state, reason, attempts FROM job WHERE kind = 'pin' AND state = 'dead'"), 60, "the tag")[0]
    check("a tag that is gone", attempts == 3 and "404" in reason, (state, attempts, reason))
    # none at all, then back
    registry.server.shutdown()
    registry.server.server_close()
    down = images.make("down")
    tell(server, down, "down")
    reason, = wait(lambda: server.rows("SELECT reason FROM job WHERE digest = ? AND state = 'queued' AND attempts > 0", down), 60, "down")[0]
    time.sleep(4)
    again = Registry(images, port=int(registry.host.rsplit(":", 1)[1]))
    wait(lambda: server.rows("SELECT 1 FROM job WHERE digest = ? AND state = 'done'", down), 90, "it is back")
    check("down, and back", True, reason)
    check("its end", server.end() == 0)
    again.server.shutdown()


def slow_job(server, registry, images, label):
    name = images.make(label)
    tell(server, name, label, f"slow/{label.replace(' ', '-')}")
    return name


def a_worker(server, registry, asked):
    """The worker that asks for this image."""
    wait(lambda: any(asked in path and "manifests" in path for path in registry.asked), 60, "a question")
    return wait(lambda: server.workers(), 10, "a worker")[0]


def workers_that_break(folder, program):
    server, registry, images = started(folder, program, more='\n[workers]\ncache = "0"\ndeadline = "8s"\n')
    health = Health(server.port)
    registry.slowness = 3
    state = lambda name: server.rows("SELECT state, reason, attempts FROM job WHERE digest = ?", name)[0]
    # killed once
    once = slow_job(server, registry, images, "killed once")
    os.kill(a_worker(server, registry, "killed-once"), signal.SIGKILL)
    wait(lambda: state(once)[0] == "done", 60, "the second try")
    check("killed once: done by the second try", state(once)[2] == 2, state(once))
    for label, what, reason in (("killed twice", signal.SIGKILL, "signal 9"), ("segfaults", signal.SIGSEGV, "signal 11"), ("stopped", signal.SIGSTOP, "longer")):
        name = slow_job(server, registry, images, label)
        for attempt in range(2):
            worker = a_worker(server, registry, label.replace(" ", "-"))
            # what is asked next is of the next try
            registry.asked.clear()
            for _ in range(2):
                # the first SIGSEGV that comes from outside is no more than a question to Rust's handler
                os.kill(worker, what)
                time.sleep(0.05)
                if what != signal.SIGSEGV:
                    break
            wait(lambda: worker not in server.workers(), 30, "its end")
        wait(lambda: state(name)[0] == "dead", 60, "its death")
        check(label, state(name)[2] == 2 and reason in state(name)[1], state(name))
    # nothing of it is left, and others are scanned
    last = images.make("last")
    tell(server, last, "last")
    wait(lambda: state(last)[0] == "done", 60, "another one")
    check("no worker is left", not server.workers())
    health.end()
    check("healthz", not health.wrong, f"{health.asked} asked, {health.wrong[:2]}")
    # a dead one can be tried again
    token = server.token()
    job, = server.rows("SELECT id FROM job WHERE digest = ?", name)[0]
    registry.slowness = 0
    check("it can be tried again", server.get(f"/api/v1/jobs/{job}/retry", token, "POST")[0] in (200, 202))
    wait(lambda: state(name)[0] == "done", 60, "once more")
    server.end()


def a_worker_without_memory(folder, program):
    server, registry, images = started(folder, program, more='\n[workers]\ncache = "0"\nmemory = "128MiB"\n')
    # each member is kept with its name
    many = tar_of([(f"{number} {'folder/' * 200}file", b"") for number in range(120_000)])
    name = images.add([many])
    tell(server, name, "memory")
    state, reason, attempts = wait(lambda: server.rows("SELECT state, reason, attempts FROM job WHERE digest = ? AND state IN ('done', 'dead')", name), 120, "it")[0]
    check("it is dead, and says why", state == "dead" and "memory" in reason and attempts == 2, (state, reason, attempts))
    check("the server is well", server.get("/readyz")[0] == 200 and server.end() == 0)
    return reason


def an_end_under_load(folder, program):
    server, registry, images = started(folder, program)
    registry.slowness = 60
    slow = slow_job(server, registry, images, "longer than the end")
    a_worker(server, registry, "longer-than")
    acknowledged, statuses, is_over = set(), {}, threading.Event()

    def sender(label):
        number = 0
        while not is_over.is_set():
            number += 1
            name = images.make(f"end {label} {number}")
            status, _ = tell(server, name, f"end {label} {number}")
            statuses[status] = statuses.get(status, 0) + 1
            if status == 202:
                acknowledged.add(name)
            elif status not in (503,):
                time.sleep(0.05)

    threads = [threading.Thread(target=sender, args=(label,)) for label in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    start = time.monotonic()
    code = server.end()
    took = time.monotonic() - start
    is_over.set()
    for thread in threads:
        thread.join()
    check("0 within 30 s", code == 0 and took <= 30, f"{code} after {took:.1f} s")
    lost = acknowledged - known(server)
    check("nothing acknowledged is lost", acknowledged and not lost, f"{len(acknowledged)} acknowledged, {len(lost)} lost")
    state, reason = server.rows("SELECT state, reason FROM job WHERE digest = ?", slow)[0]
    check("the scan that took too long waits", state == "queued", (state, reason))
    check("no worker outlives it", not server.workers())
    registry.slowness = 0
    server.start()
    wait(lambda: server.rows("SELECT 1 FROM job WHERE digest = ? AND state = 'done'", slow), 400, "it goes on")
    start = time.monotonic()
    server.process.send_signal(signal.SIGINT)
    check("SIGINT", server.process.wait(40) == 0)
    return f"{took:.1f} s, {statuses}"


def clocks_that_are_set(folder, program):
    library = faketime()
    server, registry, images = started(folder, program, more='\n[[sweep]]\nsource = "shop"\nrepositories = ["shop/swept"]\nevery = "2s"\n')
    server.end()
    acknowledged = []
    now = lambda: time.time() * 1_000
    for number, jump in enumerate(("+1d", "-1d", "+0", "+400d", "-2d", "+0")):
        registry.broken = True
        server.environment |= {"LD_PRELOAD": library, "FAKETIME": jump, "DONT_FAKE_MONOTONIC": "1"}
        code, said = start_of(server)
        check(f"it starts at {jump}", code is None, said[-300:]) if code is not None else None
        reader = threading.Thread(target=lambda process: process.stdout.read(), args=(server.process,), daemon=True)
        reader.start()
        mine = images.make(f"clock {number}")
        check(f"taken at {jump}", tell(server, mine, f"clock {number}")[0] == 202)
        acknowledged.append(mine)
        wait(lambda: server.rows("SELECT 1 FROM job WHERE digest = ? AND attempts > 0 AND state = 'queued'", mine), 60, "a try")
        registry.broken = False
        images.tags[f"tag{number}"] = swept = images.make(f"swept {number}")
        wait(lambda: server.rows("SELECT 1 FROM job WHERE digest = ? AND state = 'done'", mine), 60, f"the scan at {jump}")
        try:
            wait(lambda: server.rows("SELECT 1 FROM job WHERE digest = ?", swept), 20, f"the sweep at {jump}")
        except Exception as error:
            check(f"the sweep at {jump}", False, error)
        # one that waits, through the next jump
        registry.broken = True
        waits = images.make(f"waits {number}")
        tell(server, waits, f"waits {number}")
        acknowledged.append(waits)
        wait(lambda: server.rows("SELECT 1 FROM job WHERE digest = ? AND attempts > 1 AND state = 'queued'", waits), 60, "tries")
        check(f"its end at {jump}", server.end() == 0)
    registry.broken = False
    for name in ("LD_PRELOAD", "FAKETIME"):
        del server.environment[name]
    server.start()
    late = server.rows("SELECT max(not_before) FROM job WHERE state = 'queued'")[0][0]
    check("nothing waits longer than a quarter of an hour", (late or 0) <= now() + 16 * 60_000, late)
    server.end()
    # what is due within that time is not waited for here
    store = sqlite3.connect(os.path.join(server.data, "careen.db"))
    store.execute("UPDATE job SET not_before = 0 WHERE state = 'queued'")
    store.commit()
    store.close()
    server.start()
    idle(server)
    states = dict(server.rows("SELECT digest, state FROM job"))
    check("all are scanned", all(states[name] == "done" for name in acknowledged), [states[name] for name in acknowledged])
    check("its end", server.end() == 0)


def faketime():
    """Debian's library that tells programs another time."""
    places = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    if not places:
        raise Skipped("there is no faketime")
    return places[0]


def a_clock_that_jumps_while_it_runs(folder, program):
    """Time that is set while the server runs: leases hold, nothing is done twice."""
    library = faketime()
    registry = Registry(Images())
    images = registry.images
    server = Server(program, folder, registry.host)
    clock = os.path.join(folder, "clock")
    open(clock, "w").write("+0")
    server.environment |= {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
    server.start()
    acknowledged = []
    for number, jump in enumerate(("+0", "+1d", "-1d", "+30d", "+0")):
        slow = slow_job(server, registry, images, f"jump {number}")
        a_worker(server, registry, f"jump-{number}")
        open(clock, "w").write(jump)
        for more in range(5):
            name = images.make(f"jump {number} {more}")
            tell(server, name, f"jump {number} {more}")
            acknowledged.append(name)
        wait(lambda: server.rows("SELECT 1 FROM job WHERE digest = ? AND state = 'done'", slow), 60, f"the scan at {jump}")
        attempts, = server.rows("SELECT attempts FROM job WHERE digest = ?", slow)[0]
        check(f"one try at {jump}", attempts == 1, attempts)
        acknowledged.append(slow)
    idle(server)
    states = dict(server.rows("SELECT digest, state FROM job"))
    check("all are scanned", all(states.get(name) == "done" for name in acknowledged))
    check("its end", server.end() == 0)


def a_burst(folder, program):
    """10,000 events at once; they are not waited for."""
    server, registry, images = started(folder, program)
    registry.broken = True
    names = [images.make(f"burst {number}") for number in range(10_000)]
    times, wrong = [], []

    def sender(part):
        connection = server.connect()
        for number in part:
            start = time.monotonic()
            status, _ = send(connection, "/hooks/shop", FIELDS, event("shop/api", names[number], f"burst {number}"))
            times.append(time.monotonic() - start)
            if status != 202:
                wrong.append(status)

    threads = [threading.Thread(target=sender, args=(range(label, 10_000, 16),)) for label in range(16)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - start
    with open(f"/proc/{server.process.pid}/status") as file:
        memory = int(next(line for line in file if line.startswith("VmRSS")).split()[1]) / 1024
    server.kill()
    check("all are taken", not wrong, wrong[:3])
    check("all are there after a kill", set(names) == known(server))
    check("memory", memory <= 150, f"{memory:.0f} MiB")
    quantiles = statistics.quantiles(times, n=1_000)
    return f"{10_000 / took:.0f} a second, p99 {quantiles[989] * 1e3:.0f} ms, p99.9 {quantiles[998] * 1e3:.0f} ms, {memory:.0f} MiB"


def a_sweep_finds_what_was_lost(folder, program):
    server, registry, images = started(folder, program, more='\n[[sweep]]\nsource = "shop"\nrepositories = ["shop/api"]\nevery = "3s"\n')
    dice = random.Random(3)
    lost = 0
    for number in range(120):
        name = images.make(f"sweep {number}")
        images.tags[f"t{number}"] = name
        if dice.random() < 0.1:
            lost += 1
        else:
            tell(server, name, f"sweep {number}", tag=f"t{number}")
    wait(lambda: set(images.tags.values()) <= known(server), 60, "the sweep")
    idle(server)
    jobs = server.rows("SELECT count(*), count(DISTINCT digest), sum(state = 'done') FROM job WHERE kind = 'scan'")[0]
    check("all, and once", jobs == (120, 120, 120), jobs)
    tags = dict(server.rows("SELECT name, digest FROM tag JOIN image ON image.id = image"))
    check("tags", tags == images.tags, len(tags))
    check("its end", server.end() == 0)
    return f"{lost} of 120 were never told"


def events_in_any_order(folder, program):
    """Pushes and deletions that come twice and in another order than they were made: each image is scanned once, and a
    sweep puts right which tag is which."""
    server, registry, images = started(folder, program, more='\n[[sweep]]\nsource = "shop"\nrepositories = ["shop/api"]\nevery = "2s"\n')
    dice = random.Random(11)
    told, all_of_them = [], []
    for number in range(60):
        name, tag = images.make(f"order {number}"), f"t{number % 20}"
        all_of_them.append(name)
        # the last one is what the tag is
        images.tags[tag] = name
        push = event("shop/api", name, f"order {number}", tag)
        gone = json.loads(event("shop/api", name, f"gone {number}"))
        gone["events"][0]["action"] = "delete"
        told += [push, push] + ([json.dumps(gone)] if number % 3 == 0 else [])
    dice.shuffle(told)
    connection = server.connect()
    statuses = {send(connection, "/hooks/shop", FIELDS, body)[0] for body in told}
    check("all are taken", statuses == {202}, statuses)
    idle(server)
    jobs = server.rows("SELECT count(*), count(DISTINCT digest), sum(state = 'done') FROM job WHERE kind = 'scan'")[0]
    check("each is scanned, and once", jobs == (60, 60, 60) and known(server) == set(all_of_them), jobs)
    tags = lambda: dict(server.rows("SELECT name, digest FROM tag JOIN image ON image.id = image WHERE deleted IS NULL"))
    wait(lambda: tags() == images.tags, 30, "the tags as they are")
    check("its end", server.end() == 0)
    return f"{len(told)} events"


def a_delivery_of_which_the_store_hears_late(folder, program):
    """The store is held by another program while a delivery is answered 503: it is tried again all the same."""
    key = os.path.join(folder, "key")
    with open(key, "w") as file:
        file.write("key-of-" + "deliveries\n")
    receiver = Receiver("key-of-" + "deliveries", refused=1)
    receiver.held = threading.Event()
    action = f'''
[[action]]
name = "told"
kind = "webhook"
on = ["failed", "passed"]
url = "http://127.0.0.1:{receiver.port}/x"
allow-private = true
secret = {{ file = "{key}" }}
'''
    server, _, images = started(folder, program, more=action)
    check("it is taken", tell(server, images.make(1), 1)[0] == 202)
    wait(lambda: receiver.tries, 30, "the first try")
    lock = sqlite3.connect(os.path.join(server.data, "careen.db"), isolation_level=None, timeout=10)
    lock.execute("BEGIN IMMEDIATE")
    receiver.held.set()
    time.sleep(12)
    lock.execute("ROLLBACK")
    lock.close()
    state = lambda: server.rows("SELECT state FROM delivery")
    wait(lambda: state() == [("done",)], 60, "the second try")
    check("tried again, and no more", list(receiver.tries.values()) == [2] and not receiver.wrong, (receiver.tries, receiver.wrong))
    check("its end", server.end() == 0)


def a_tag_that_is_gone_before_it_is_asked_for(folder, program):
    """Docker Hub names no digest: the registry is asked, and says that the tag is gone."""
    hub = source(folder, "hub", "docker-hub", '"path"')
    server, _, images = started(folder, program, more=hub)
    path, fields, body = push_of("docker-hub", "shop/api", None, "new", 1)

    def push():
        check("it is taken", send(server.connect(), "/hooks/hub" + path, fields, body)[0] == 202)
        idle(server)

    tags = lambda: dict(server.rows("SELECT name, digest FROM tag JOIN image ON image.id = image WHERE deleted IS NULL"))
    images.tags["new"] = images.make(1)
    push()
    check("it is known", tags() == images.tags, tags())
    body = body.replace('"pushed_at": 1', '"pushed_at": 2')
    del images.tags["new"]
    push()
    check("what is gone is not shown", tags() == {}, tags())
    dead = server.rows("SELECT reason FROM job WHERE state = 'dead'")
    check("and told nowhere as a failure", not dead, dead)
    check("its end", server.end() == 0)


CASES = [a_store_that_is_locked, a_delivery_of_which_the_store_hears_late, a_tag_that_is_gone_before_it_is_asked_for,
         a_tag_that_comes_late_after_other_failures, a_folder_that_cannot_be_written, a_store_that_is_damaged, a_disk_that_is_full, a_disk_that_is_full_while_it_scans,
         registries_with_faults, workers_that_break, a_worker_without_memory, an_end_under_load, clocks_that_are_set, a_clock_that_jumps_while_it_runs,
         a_burst, events_in_any_order, a_sweep_finds_what_was_lost]

if __name__ == "__main__":
    run_all(CASES, sys.argv[1], only=sys.argv[2] if len(sys.argv) > 2 else None)
