#!/usr/bin/env python3
"""From a push to a report: Debian's docker-registry tells careen of what skopeo pushes, and of what careen itself pushes
beside it, of which nothing more comes.

    tests/server/push.py PROGRAM [ARCHIVE]

Needs docker-registry and skopeo. ARCHIVE is a docker-archive to push; a small image is made where none is named.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

from parts import DockerRegistry, Server, archive, free_port, wait

# what is pushed beside an image is a manifest of its own
BESIDE = '''
[[action]]
name = "beside"
kind = "referrer"
on = ["failed", "passed", "incomplete"]
formats = ["sarif"]
'''


def main():
    program = sys.argv[1]
    folder = tempfile.mkdtemp(prefix="careen-push-")
    source = sys.argv[2] if len(sys.argv) > 2 else archive(os.path.join(folder, "image.tar"))
    hook = free_port()
    registry = DockerRegistry(folder, f"http://127.0.0.1:{hook}/hooks/shop")
    port = registry.port
    server = Server(program, folder, registry.host, port=hook, more=BESIDE)
    server.start()
    times = []
    try:
        for tag in ("1", "2", "3"):
            start = time.monotonic()
            subprocess.run(["skopeo", "copy", "-q", "--dest-tls-verify=false", "--additional-tag", f"localhost:{port}/shop/api:{tag}b",
                            f"docker-archive:{source}", f"docker://localhost:{port}/shop/api-{tag}:{tag}"], check=True)
            pushed = time.monotonic()
            while not server.rows("SELECT 1 FROM report JOIN image ON image.id = report.image WHERE repository = ?", f"shop/api-{tag}"):
                if time.monotonic() - pushed > 60:
                    raise SystemExit("no report: see " + folder)
                time.sleep(0.01)
            times.append((pushed - start, time.monotonic() - pushed))
        outcome = server.rows("SELECT repository, outcome FROM report JOIN image ON image.id = report.image")
        tags = server.rows("SELECT repository, name FROM tag")
        dead = server.rows("SELECT reason FROM event WHERE state = 'dead'")
        print("push, then to the report, in seconds:", ", ".join(f"{push:.2f} + {report:.2f}" for push, report in times))
        print("reports:", outcome, "tags:", tags, "dead letters:", dead)
        good = len(outcome) >= 3 and not dead
        beside = [f"shop/api-{tag}" for tag in ("1", "2", "3")]
        artifacts = "SELECT DISTINCT repository FROM job WHERE reason LIKE 'not an image%' ORDER BY repository"
        wait(lambda: [row[0] for row in server.rows(artifacts) if row[0] in beside] == beside, 60, "events of referrers")
        wait(lambda: not server.rows("SELECT 1 FROM delivery WHERE state IN ('queued', 'leased')"), 60, "deliveries")
        wait(lambda: not server.rows("SELECT 1 FROM job WHERE state IN ('queued', 'leased')"), 60, "jobs")
        counts = "SELECT (SELECT count(*) FROM job), (SELECT count(*) FROM report), (SELECT count(*) FROM delivery), (SELECT count(*) FROM job WHERE state = 'dead')"
        before = server.rows(counts)
        # what would go in a circle does so by now
        time.sleep(3)
        after = server.rows(counts)
        print("jobs, reports, deliveries, dead jobs:", *after, "and before:", *before)
        images = len(outcome)
        good = good and before == after == [(2 * images, images, images, 0)]
    finally:
        registry.end()
        code = server.end()
    shutil.rmtree(folder)
    sys.exit(0 if good and code == 0 else 1)


main()
