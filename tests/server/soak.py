#!/usr/bin/env python3
"""Mixed load for hours: webhooks of several kinds, most of them repetitions, some unreadable, some by nobody known; pushes to
Debian's docker-registry; hostile images; pages and API read; workers killed; sweeps, deliveries, and reports that go.

    tests/server/soak.py PROGRAM [--hours 2] [--rate 20] [--keep]

A line a minute. At the end: memory of the last quarter against that of the second (at most 5 % more), descriptors and
temporary files no more than before, `/healthz` always 200, no job without an end. Needs docker-registry.
"""

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time

from parts import (SECRET, DockerRegistry, Health, Images, Receiver, Registry, Server, check, FAILURES, files_below, free_port,
                   hostile_images, push_of, send, source, wait)

KEY = "key-" + "word-for-soaks"
# kind: whether its source speaks of docker-registry or of the registry of hostile images
SENDERS = {"distribution": "shop", "harbor": "harbor", "acr": "azure", "docker-hub": "hub", "quay": "quay", "ghcr": "git"}
PATH_SECRET = "path-" + "word-for-soaks-0123456789"
PAGES = ["/", "/?q=shop", "/findings", "/queue", "/dead", "/data", "/api/v1/images", "/api/v1/findings?limit=50", "/api/v1/jobs",
         "/api/v1/events", "/metrics", "/readyz", "/nothing", "/api/v1/policies"]


class Soak:
    def __init__(self, program, folder, rate):
        self.rate, self.folder = rate, folder
        self.images = Images()
        self.rough_images = Images()
        self.rough_images.tags["1"] = self.rough_images.make(0)
        self.rough = Registry(self.rough_images)
        self.hostile = hostile_images(self.rough_images)
        self.receiver = Receiver(KEY, refused=1)
        hook = free_port()
        self.registry = DockerRegistry(folder, f"http://127.0.0.1:{hook}/hooks/shop")
        key = os.path.join(folder, "key")
        with open(key, "w") as file:
            file.write(KEY + "\n")
        more = "".join([
            f'\n[[registry]]\nname = "rough"\nhost = "{self.rough.host}"\ninsecure = true\n',
            source(folder, "rough", "distribution", '"header"', registry="rough"),
            source(folder, "harbor", "harbor", '"header"'),
            source(folder, "azure", "acr", '"header"'),
            source(folder, "hub", "docker-hub", '"path"', PATH_SECRET),
            source(folder, "quay", "quay", '"path"', PATH_SECRET),
            source(folder, "git", "ghcr", '"signature"'),
            '\n[[sweep]]\nsource = "shop"\nrepositories = ["shop/api", "shop/web", "shop/gone"]\nevery = "1m"\n',
            '\n[[sweep]]\nsource = "rough"\nrepositories = ["rough/sweep"]\nevery = "2m"\n',
            f'\n[[action]]\nname = "told"\nkind = "webhook"\non = ["failed", "passed", "incomplete"]\n'
            f'url = "http://127.0.0.1:{self.receiver.port}/x"\nallow-private = true\nsecret = {{ file = "{key}" }}\n',
            '\n[retention]\nreports = "15m"\nreports-of-image = 2\nevents = "15m"\n',
            '\n[workers]\ncount = 1\ncache = "64MiB"\ndeadline = "30s"\n',
        ])
        self.server = Server(program, folder, self.registry.host, more, port=hook)
        self.temporary = os.path.join(folder, "tmp")
        os.mkdir(self.temporary)
        self.server.environment["TMPDIR"] = self.temporary
        self.random = random.Random(20_261_122)
        self.is_over = threading.Event()
        self.counts = {}
        self.acknowledged = {}
        self.pushed = []
        self.known = []
        self.number = 0
        self.killed = 0

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def each(self, seconds, what):
        """Does something again and again until the end."""
        def run():
            while not self.is_over.wait(seconds * (0.5 + self.random.random())):
                try:
                    what()
                except Exception as error:
                    self.count(f"{what.__name__}: {type(error).__name__}: {error}"[:120])
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def start(self, hours):
        self.server.start()
        self.token = self.server.token()
        self.health = Health(self.server.port, 0.25)
        self.connection = self.server.connect()
        return [self.each(1 / self.rate, self.post), self.each(4, self.push), self.each(1, self.read),
                self.each(min(60, hours * 900), self.break_a_worker), self.each(8, self.post_hostile)]

    def post(self):
        """Mostly what was told before."""
        chance = self.random.random()
        if not self.pushed:
            return
        kind = self.random.choice(list(SENDERS))
        secret = PATH_SECRET if kind in ("docker-hub", "quay") else SECRET
        if chance < 0.80 and self.known:
            kind, path, fields, body = self.random.choice(self.known)
            word = "again"
            if kind == "quay" and self.random.random() < 0.9:
                return  # each of them is a question to the registry
        elif chance < 0.92:
            self.number += 1
            repository, tag, name = self.random.choice(self.pushed)
            path, fields, body = push_of(kind, repository, name, tag, self.number, secret)
            path = f"/hooks/{SENDERS[kind]}{path}"
            self.known = self.known[-200:] + [(kind, path, fields, body)]
            word = "new"
        elif chance < 0.96:
            path, fields, body = push_of("distribution", "shop/api", "sha256:none", "1", 0)
            path, word = "/hooks/shop", "unreadable"
            body = self.random.choice([body, "{", "", "[" * 500, "\x1b[31m\n", '{"events":[{"id":1}]}']) + " " * self.random.randrange(9)
        else:
            path, fields, body = push_of("distribution", "shop/api", self.pushed[0][2], "1", self.number)
            path, word, fields = "/hooks/shop", "wrong", {**fields, "Authorization": "wrong" * self.random.randrange(4)}
        try:
            status, _ = send(self.connection, path, fields, body)
        except Exception:
            self.connection.close()
            raise
        self.count(f"{word} {status}")

    def push(self):
        """A new image under one of few tags, so that the one before is nobody's any more."""
        self.number += 1
        name = self.images.make(f"{time.time()} {self.number}")
        repository, tag = self.random.choice(["shop/api", "shop/web", "shop/rare"]), str(self.random.randrange(10))
        self.registry.push(repository, tag, self.images, name)
        del self.images.manifests[name]
        self.pushed = self.pushed[-50:] + [(repository, tag, name)]
        self.acknowledged[name] = time.time()
        self.count("pushed")

    def post_hostile(self):
        word, name = self.random.choice(list(self.hostile.items()))
        # the same bytes in another place are another image
        place = f"rough/{word}-{self.random.randrange(200)}"
        path, fields, body = push_of("distribution", place, name, "1", f"{place}-{time.time()}")
        self.count(f"hostile {send(self.server.connect(), '/hooks/rough', fields, body)[0]}")

    def read(self):
        path = self.random.choice(PAGES)
        if self.random.random() < 0.4:
            rows = self.server.rows("SELECT id, image FROM report ORDER BY made DESC LIMIT 20")
            if rows:
                report, image = self.random.choice(rows)
                path = self.random.choice([f"/images/{image}", f"/reports/{report}", f"/reports/{report}/packages",
                                           f"/api/v1/reports/{report}?format=sarif", f"/api/v1/images/{image}"])
        status, _, _ = self.server.get(path, self.token)
        self.count(f"read {status}")

    def break_a_worker(self):
        """Kills one that waits for a slow registry."""
        place = f"slow/{time.time():.0f}"
        name = self.rough_images.make(place)
        path, fields, body = push_of("distribution", place, name, None, place)
        send(self.server.connect(), "/hooks/rough", fields, body)
        until = time.monotonic() + 20
        while time.monotonic() < until and not self.is_over.is_set():
            if f"/v2/{place}/manifests/{name}" in self.rough.asked:
                for worker in self.server.workers():
                    os.kill(worker, 9)
                    self.killed += 1
                break
            time.sleep(0.2)
        self.rough.asked.clear()

    def measure(self):
        process = self.server.process.pid
        with open(f"/proc/{process}/status") as file:
            status = dict(line.split(":", 1) for line in file.read().splitlines())
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        jobs = dict(self.server.rows("SELECT state, count(*) FROM job GROUP BY state"))
        data = self.server.data
        return {
            "rss": int(status["VmRSS"].split()[0]), "own": int(status["RssAnon"].split()[0]), "fds": len(os.listdir(f"/proc/{process}/fd")), "threads": int(status["Threads"]),
            "tmp": files_below(self.temporary), "files": files_below(data),
            "db": sum(os.path.getsize(os.path.join(data, name)) for name in os.listdir(data) if name.startswith("careen.db")),
            "done": jobs.get("done", 0), "dead": jobs.get("dead", 0), "queued": jobs.get("queued", 0) + jobs.get("leased", 0),
            "reports": self.server.rows("SELECT count(*) FROM report")[0][0],
            "slowest": self.health.take_slowest(), "cpu": sum(int(fields[n]) for n in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK"),
        }


def judge(soak, lines):
    quarter = max(1, len(lines) // 4)
    second, last = lines[quarter:2 * quarter], lines[-quarter:]
    mean = lambda part, key: statistics.mean(line[key] for line in part)
    # the kernel lends and takes the pages of the program itself as others need memory
    growth = mean(last, "own") / mean(second, "own") - 1
    check("memory", growth <= 0.05, f"{mean(second, 'own') / 1024:.1f} MiB of its own in the second quarter, "
          f"{mean(last, 'own') / 1024:.1f} in the last: {growth:+.1%}; all of it {mean(last, 'rss') / 1024:.1f}")
    for key, most in (("fds", 4), ("threads", 4), ("tmp", 0), ("files", 4)):
        told = f"at most {max(line[key] for line in second)}, then {max(line[key] for line in last)}"
        check(key, max(line[key] for line in last) <= max(line[key] for line in second) + most, told)
    check("healthz", not soak.health.wrong, f"{soak.health.asked} asked, not 200: {soak.health.wrong[:3]}, "
          f"slowest {max(line['slowest'] for line in lines):.3f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--keep", action="store_true", help="leave the folder")
    asked = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="careen-soak-")
    soak = Soak(asked.program, folder, asked.rate)
    end = time.monotonic() + asked.hours * 3_600
    lines = []
    try:
        threads = soak.start(asked.hours)
        every = min(60, asked.hours * 3_600 / 8)
        while time.monotonic() < end:
            time.sleep(every)
            line = soak.measure()
            lines.append(line)
            print(time.strftime("%H:%M:%S"), f"rss {line['rss'] / 1024:.1f} MiB, own {line['own'] / 1024:.1f}, fds {line['fds']}, threads {line['threads']}, "
                  f"tmp {line['tmp']}, files {line['files']}, db {line['db'] / 1e6:.1f} MB, jobs done {line['done']} dead {line['dead']} "
                  f"queued {line['queued']}, reports {line['reports']}, healthz {line['slowest'] * 1e3:.0f} ms, cpu {line['cpu']:.0f} s",
                  flush=True)
            if soak.server.process.poll() is not None:
                check("the server lives", False, soak.server.process.returncode)
                break
        soak.is_over.set()
        for thread in threads:
            thread.join(40)
        waiting = lambda: soak.server.rows("SELECT count(*) FROM job WHERE state IN ('queued', 'leased')")[0][0]
        # a broken worker's job waits for its second try
        wait(lambda: waiting() == 0, 300, "the end of all jobs")
        wait(lambda: not soak.server.rows("SELECT 1 FROM delivery WHERE state IN ('queued', 'leased') LIMIT 1"), 300, "deliveries")
        judge(soak, lines)
        recent = [name for name, when in soak.acknowledged.items() if when > time.time() - 600]
        missing = lambda: set(recent) - {row[0] for row in soak.server.rows("SELECT digest FROM job WHERE state = 'done'")}
        # docker-registry may be about to tell of the last one
        until = time.monotonic() + 60
        while missing() and time.monotonic() < until:
            time.sleep(0.5)
        check("what was pushed is scanned", recent and not missing(), f"{len(recent)} in the last ten minutes, missing: {list(missing())[:2]}")
        reasons = soak.server.rows("SELECT coalesce(reason, ''), count(*) FROM job WHERE state = 'dead' GROUP BY 1 ORDER BY 2 DESC")
        check("each dead job says why", all(reason for reason, _ in reasons), reasons[:12])
        check("deliveries", not soak.receiver.wrong and soak.receiver.tries, f"{len(soak.receiver.tries)} told, wrong: {soak.receiver.wrong[:3]}")
        check("wrong secrets", not any(word.startswith("wrong ") and word != "wrong 401" for word in soak.counts))
        check("answers", not any(word.split()[-1].startswith("5") for word in soak.counts), dict(sorted(soak.counts.items())))
        print("workers killed:", soak.killed)
        check("its end", soak.server.end() == 0)
        check("integrity", soak.server.rows("PRAGMA integrity_check") == [("ok",)])
    finally:
        soak.is_over.set()
        soak.health.end()
        soak.registry.end()
        if soak.server.process.poll() is None:
            soak.server.kill()
    if FAILURES or asked.keep:
        print("kept:", folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(FAILURES)} failed" if FAILURES else "all good")
    sys.exit(1 if FAILURES else 0)


main()
