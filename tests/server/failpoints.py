#!/usr/bin/env python3
"""Lets the server fail at each of its failpoints, in each way, and looks whether an event it acknowledged was lost.

    tests/server/failpoints.py PROGRAM

PROGRAM is built with the feature `failpoints`. For each point and way the server is started, told of images that nobody
saw before, given time to meet the point, killed, and its store checked. A sender that was told to come back, or nothing,
sends the same event to the next server. At the end a server without faults does what is left: every event must have been
acknowledged, every image have one report, and the receiver of reports have been told of each, under one id for all tries.
"""

import http.server
import json
import os
import shutil
import sys
import tempfile
import threading
import time

from parts import Images, Registry, Server, event, free_port, post

# of those that every writing meets, some early and some late ones: the first is the start's own
ONCE = ["body", "auth", "insert", "answer", "lease", "worker", "report", "done", "before-delivery", "after-delivery"]
COMMITS = ["before-commit", "after-commit"]
WAYS = ["abort", "error", "delay:200"]
# seconds that a server has to meet its point, and to be done with what it was told
PATIENCE = 6


class Receiver:
    """Takes what is told of reports."""

    def __init__(self):
        self.told = {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                image = json.dumps(body)
                receiver.told.setdefault(self.headers["X-Careen-Delivery"], set()).add(image)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Trial:
    def __init__(self, program):
        self.folder = tempfile.mkdtemp(prefix="careen-failpoints-")
        self.images = Images()
        self.registry = Registry(self.images)
        self.receiver = Receiver()
        # who is killed leaves connections behind
        for served in (self.registry, self.receiver):
            served.server.handle_error = lambda *_: None
        key = os.path.join(self.folder, "key")
        with open(key, "w") as file:
            file.write("key-" + "word-for-tests\n")
        self.server = Server(program, self.folder, self.registry.host, f'''
[[action]]
name = "chat"
kind = "webhook"
on = ["passed", "failed", "incomplete"]
url = "http://127.0.0.1:{self.receiver.port}/"
secret = {{ file = "{key}" }}
allow-private = true
''')
        self.number = 0
        self.open = []  # events that nobody acknowledged yet
        self.acknowledged = set()

    def log(self):
        try:
            with open(os.path.join(self.folder, "log"), errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def ended(self):
        return self.server.process.poll() is not None

    def start(self, fault):
        self.server.environment["CAREEN_FAILPOINTS"] = fault
        try:
            self.server.start()
        except SystemExit:
            # the fault came with the start
            if not self.ended():
                raise

    def send(self):
        """Sends what is open; what is answered with 202 is the server's from then on."""
        left = []
        for manifest, number in self.open:
            try:
                connection = self.server.connect()
                status = post(connection, event("shop/api", manifest, number))
                connection.close()
            except Exception:
                status = None
            if status == 202:
                self.acknowledged.add(manifest)
            else:
                left.append((manifest, number))
        self.open = left

    def waiting(self):
        return self.server.rows("SELECT (SELECT count(*) FROM job WHERE state IN ('queued', 'leased')) + "
                                "(SELECT count(*) FROM delivery WHERE state IN ('queued', 'leased'))")[0][0]

    def one(self, fault):
        before = self.log().count("a failpoint")
        self.start(fault)
        for _ in range(2):
            self.number += 1
            self.open.append((self.images.make(self.number), self.number))

        def is_met():
            return self.log().count("a failpoint") > before

        def is_done():
            return self.ended() or ("abort" not in fault and is_met() and not self.waiting())

        until = time.monotonic() + PATIENCE
        self.send()
        while time.monotonic() < until and not is_done():
            time.sleep(0.05)
        assert is_met(), f"{fault}: the point was never met"
        assert self.ended() == ("abort" in fault) or "commit=error" in fault, f"{fault}: ended {self.ended()}"
        if not self.ended():
            # most senders come back soon
            self.send()
        self.server.kill()
        self.check(fault)

    def check(self, fault):
        checked = self.server.rows("PRAGMA integrity_check")
        assert checked == [("ok",)], f"{fault}: {checked}"
        known = {row[0] for row in self.server.rows("SELECT digest FROM job")}
        lost = self.acknowledged - known
        assert not lost, f"{fault}: {len(lost)} acknowledged events are lost"
        twice = self.server.rows("SELECT image FROM report GROUP BY image HAVING count(*) > 1")
        assert not twice, f"{fault}: {len(twice)} images have two reports"
        dead = self.server.rows("SELECT reason FROM job WHERE state = 'dead'")
        assert not dead, f"{fault}: {dead}"

    def end(self):
        self.start("")
        # a server that answers hears signals, too
        connection = self.server.connect()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        connection.close()
        self.send()
        assert not self.open, f"{len(self.open)} events are refused by a server without faults"
        until = time.monotonic() + 60
        while self.waiting() and time.monotonic() < until:
            time.sleep(0.1)
        code = self.server.end()
        self.check("the end")
        reports = {row[0] for row in self.server.rows("SELECT digest FROM report JOIN image ON image.id = report.image")}
        assert reports == self.acknowledged and len(reports) == self.number, (len(reports), len(self.acknowledged), self.number)
        states = self.server.rows("SELECT state, count(*) FROM delivery GROUP BY state")
        assert states == [("done", self.number)], states
        assert len(self.receiver.told) == self.number, (len(self.receiver.told), self.number)
        assert all(len(bodies) == 1 for bodies in self.receiver.told.values()), "tries of one delivery differ"
        assert code == 0, code


def main():
    trial = Trial(sys.argv[1])
    faults = [f"{point}={way}@1" for point in ONCE for way in WAYS]
    faults += [f"{point}={way}@{nth}" for point in COMMITS for way in WAYS for nth in (1, 3, 5)]
    start = time.monotonic()
    try:
        for fault in faults:
            trial.one(fault)
        trial.end()
    except BaseException:
        if trial.server.process and not trial.ended():
            trial.server.kill()
        print("kept:", trial.folder)
        raise
    shutil.rmtree(trial.folder)
    print(f"{len(faults)} failures, {trial.number} events, each one report and one delivery, "
          f"in {time.monotonic() - start:.0f} s")


main()
