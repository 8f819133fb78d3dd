#!/usr/bin/env python3
"""What the server does by itself, with Debian's docker-registry: a sweep finds what no webhook told, the report goes to a
receiver that is down at first and answers late, to the registry as a referrer, and the image gets a tag of quarantine; a
careen that is killed in between sends nothing under another id. Then a copy of the store is made and looked at.

    tests/server/tell.py PROGRAM

Needs docker-registry and skopeo.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

from parts import DockerRegistry, Receiver, Server, archive, wait

KEY = "key-" + "word-for-tests"


def main():
    program = sys.argv[1]
    folder = tempfile.mkdtemp(prefix="careen-tell-")
    receiver = Receiver(KEY, refused=2)
    registry = DockerRegistry(folder)
    port = registry.port
    key = os.path.join(folder, "key")
    with open(key, "w") as file:
        file.write(KEY + "\n")
    server = Server(program, folder, f"localhost:{port}", f'''
[[sweep]]
source = "shop"
repositories = ["shop/api"]
every = "2s"

[[policy]]
policy = ["strict"]

[[action]]
name = "hook"
kind = "webhook"
on = ["failed", "passed", "incomplete"]
url = "http://127.0.0.1:{receiver.port}/x"
allow-private = true
secret = {{ file = "{key}" }}

[[action]]
name = "beside"
kind = "referrer"
on = ["failed", "passed", "incomplete"]
formats = ["sarif", "cyclonedx"]

[[action]]
name = "apart"
kind = "quarantine"
on = ["failed", "incomplete"]
tag = "quarantine"
''')
    good = False
    try:
        source = archive(os.path.join(folder, "image.tar"), user="0")
        subprocess.run(["skopeo", "copy", "-q", "--dest-tls-verify=false", f"docker-archive:{source}",
                        f"docker://localhost:{port}/shop/api:1"], check=True)
        server.start()
        start = time.monotonic()
        (image,) = wait(lambda: server.rows("SELECT i.digest FROM report r JOIN image i ON i.id = r.image"))[0]
        print(f"a report {time.monotonic() - start:.2f} s after the start, by a sweep")
        wait(lambda: receiver.tries)
        server.kill()
        server.start()
        wait(lambda: server.rows("SELECT 1 FROM delivery WHERE action = 'hook' AND state = 'done'"))
        print("tries:", list(receiver.tries.values()), "wrong:", receiver.wrong)
        body = json.loads(next(iter(receiver.bodies.values())))
        print("told:", body["verdict"], body["image"], body["counts"], body["new_findings"]["count"])
        wait(lambda: server.rows("SELECT 1 FROM delivery WHERE action = 'beside' AND state <> 'queued' AND state <> 'leased'"))
        wait(lambda: server.rows("SELECT 1 FROM delivery WHERE action = 'apart' AND state <> 'queued' AND state <> 'leased'"))
        print(server.rows("SELECT action, state, attempts, reason FROM delivery"))
        fallback = f"http://localhost:{port}/v2/shop/api/manifests/{image.replace(':', '-')}"
        ask = urllib.request.Request(fallback, headers={"Accept": "application/vnd.oci.image.index.v1+json"})
        listed = [entry["artifactType"] for entry in json.load(urllib.request.urlopen(ask))["manifests"]]
        ask = urllib.request.Request(f"http://localhost:{port}/v2/shop/api/manifests/quarantine", method="HEAD", headers={
            "Accept": "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"})
        tagged = urllib.request.urlopen(ask).headers["Docker-Content-Digest"]
        print("beside it:", listed, "quarantine:", tagged == image)
        # a sweep over the new tags finds nothing new
        time.sleep(5)
        jobs = server.rows("SELECT count(*) FROM job")[0][0]
        copy = os.path.join(folder, "copy.db")
        subprocess.run([program, "serve", "--config", server.config, "--backup", copy], check=True)
        rows = sqlite3.connect(copy).execute("SELECT count(*) FROM report").fetchone()[0]
        with open(os.path.join(folder, "log")) as log:
            text = log.read()
        told = [word for word in (KEY, "word-for-tests") if word in text]
        lines = [line for line in text.splitlines() if line.startswith("{")]
        bad = [line for line in lines if not isinstance(json.loads(line), dict)]
        print("jobs:", jobs, "reports in the copy:", rows, "lines of the log:", len(lines), "secrets in it:", told)
        good = (not receiver.wrong and len(receiver.tries) == 1 and tagged == image and len(listed) == 2 and jobs == 1
                and rows == 1 and not told and not bad)
    finally:
        registry.end()
        code = server.end()
        if not good:
            print("see", folder)
    if good:
        shutil.rmtree(folder)
    sys.exit(0 if good and code == 0 else 1)


main()
