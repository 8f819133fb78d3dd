#!/usr/bin/env python3
"""From a push to a report: Debian's docker-registry tells careen of what skopeo pushes.

    tests/server/push.py PROGRAM [ARCHIVE]

Needs docker-registry and skopeo. ARCHIVE is a docker-archive to push; a small image is made where none is named.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

from parts import DockerRegistry, Server, archive, free_port


def main():
    program = sys.argv[1]
    folder = tempfile.mkdtemp(prefix="careen-push-")
    source = sys.argv[2] if len(sys.argv) > 2 else archive(os.path.join(folder, "image.tar"))
    hook = free_port()
    registry = DockerRegistry(folder, f"http://127.0.0.1:{hook}/hooks/shop")
    port = registry.port
    server = Server(program, folder, registry.host, port=hook)
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
    finally:
        registry.end()
        code = server.end()
    shutil.rmtree(folder)
    sys.exit(0 if good and code == 0 else 1)


main()
