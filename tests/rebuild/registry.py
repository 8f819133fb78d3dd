#!/usr/bin/env python3
"""From a registry to a registry: Debian's docker-registry, what is asked of it counted by a proxy in front of it.

    registry.py CAREEN [IMAGE]

skopeo pushes an image, careen mends it there, skopeo pulls it back. Held: the digests that careen tells are those that come back;
only layers that changed are uploaded, the others not even read again; the input's tag is not written over without `--in-place`;
the provenance is found from the mended image. IMAGE is a layout to push; a small image is made where none is named. Needs
docker-registry and skopeo; without them it says so and ends with 0.
"""

import collections
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import images
from cases import BASE, PLAIN, archive, env_file, file, token
from check import demand
from images import Image, layout

MANIFEST = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"


class Proxy(http.server.ThreadingHTTPServer):
    """Hands requests on to a registry, and keeps their methods and paths with how many bytes they brought and took."""

    daemon_threads = True

    def __init__(self, goal):
        super().__init__(("127.0.0.1", 0), Handler)
        self.goal, self.seen = goal, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def host(self):
        return f"127.0.0.1:{self.server_address[1]}"

    def counted(self):
        """What was asked since the last call."""
        seen, self.seen = self.seen, []
        return seen


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        body = b""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept = {key: value for key, value in self.headers.items()
                if key.lower() not in ("transfer-encoding", "content-length", "connection")}
        there = http.client.HTTPConnection(self.server.goal, timeout=60)
        there.request(self.command, self.path, body or (b"" if self.command in ("PUT", "POST", "PATCH") else None), kept)
        answer = there.getresponse()
        data = answer.read()
        self.server.seen.append((self.command, self.path.partition("?")[0], self.path.partition("?")[2], len(body), len(data)))
        self.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                self.send_header(key, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else len(data)
        self.send_header("Content-Length", length or 0)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_one

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(host):
    """Until the registry answers."""
    end = time.monotonic() + 30
    while True:
        try:
            there = http.client.HTTPConnection(host, timeout=5)
            there.request("GET", "/v2/")
            there.getresponse().read()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def asked(host, path, accept=MANIFEST):
    """Status, digest and document of a request to the registry itself."""
    there = http.client.HTTPConnection(host, timeout=60)
    there.request("GET", path, headers={"Accept": accept})
    answer = there.getresponse()
    data = answer.read()
    return answer.status, images.digest(data), json.loads(data) if answer.status == 200 else None


def skopeo(*arguments):
    done = subprocess.run(["skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", *arguments],
                          capture_output=True, check=False)
    demand(done.returncode == 0, f"skopeo {arguments} ends with {done.returncode}: {done.stderr.decode()}")


def fix(careen, source, goal, *flags):
    done = subprocess.run([careen, "fix", f"registry:{source}", "-o", f"registry:{goal}", "--yes", "--no-advisories", "--no-fail",
                           "--no-progress", "--insecure", "-f", "json", *flags], capture_output=True, check=False)
    said = json.loads(done.stdout) if done.returncode == 0 else None
    return done.returncode, said, done.stderr.decode()


def uploads(seen):
    """Digests that were uploaded, and those that were mounted."""
    sent = [re.search(r"digest=(sha256[:%3A]+[0-9a-f]{64})", query)[1].replace("%3A", ":")
            for method, path, query, *_ in seen if method == "PUT" and "/blobs/uploads/" in path]
    mounted = [re.search(r"mount=(sha256[:%3A]+[0-9a-f]{64})", query)[1].replace("%3A", ":")
               for method, path, query, *_ in seen if method == "POST" and "mount=" in query]
    return sent, mounted


def provenance(host, repository, digest):
    """The statement that the registry leads to from a manifest: by its list of referrers, or the tag that stands in for it."""
    status, _, index = asked(host, f"/v2/{repository}/referrers/{digest}")
    if status != 200:
        status, _, index = asked(host, f"/v2/{repository}/manifests/{digest.replace(':', '-')}")
    demand(status == 200 and index["manifests"], "nothing leads to the provenance")
    _, _, manifest = asked(host, f"/v2/{repository}/manifests/{index['manifests'][0]['digest']}")
    demand(manifest["subject"]["digest"] == digest, "the provenance is attached to something else")
    _, _, statement = asked(host, f"/v2/{repository}/blobs/{manifest['layers'][0]['digest']}", "*/*")
    return statement


def run(careen, source, folder, host, proxy):
    secret = token("registry")
    if source is None:
        source = os.path.join(folder, "source")
        noise = bytes(range(256)) * 40_000
        images.write(layout((Image(BASE, archive(file("srv/data", noise)), archive(file("srv/.env", env_file(secret))),
                                   archive(file("srv/more", noise[7:])), config=PLAIN), "1.0")), source, "oci-dir")
    at = lambda reference: f"{proxy.host}/{reference}"
    skopeo(f"oci:{source}", f"docker://{host}/shop/api:1")
    _, before_digest, before = asked(host, "/v2/shop/api/manifests/1")
    proxy.counted()

    code, _, said = fix(careen, at("shop/api:1"), at("shop/api:1"))
    demand(code == 2 and "--in-place" in said, f"over the input's tag without a flag: {code} {said}")
    demand(asked(host, "/v2/shop/api/manifests/1")[1] == before_digest, "the input's tag leads to something else")
    demand(not any(method in ("PUT", "POST", "PATCH") for method, *_ in proxy.counted()), "something was sent before it was refused")

    code, told, said = fix(careen, at("shop/api:1"), at("shop/api:1-fixed"))
    demand(code == 0, f"careen ends with {code}: {said}")
    seen = proxy.counted()
    status, digest, after = asked(host, "/v2/shop/api/manifests/1-fixed")
    demand(status == 200 and digest == told["images"][0]["after"]["manifest"], "the tag leads to another digest than careen tells")
    old, new = ([layer["digest"] for layer in manifest["layers"]] for manifest in (before, after))
    changed = set(new) - set(old)
    demand(changed, "no layer changed")
    sent, mounted = uploads(seen)
    demand(not set(sent) & set(old), f"layers were uploaded that were there: {set(sent) & set(old)}")
    demand(set(sent) >= changed | {after["config"]["digest"]}, f"uploaded are {sent} only")
    counts = collections.Counter(method for method, *_ in seen)
    largest = max((brought for _, path, _, brought, _ in seen if "/manifests/" not in path), default=0)
    last = [path for method, path, *_ in seen if method == "PUT" and "/manifests/" in path][-1]
    demand(last.endswith("/1-fixed"), f"the tag is not the last that is written, but {last}")

    pulled = os.path.join(folder, "pulled")
    skopeo("--preserve-digests", f"docker://{host}/shop/api:1-fixed", f"oci:{pulled}:1")
    with open(os.path.join(pulled, "index.json"), "rb") as opened:
        back = json.load(opened)["manifests"][0]["digest"]
    demand(back == digest, "skopeo pulls another digest")
    statement = provenance(host, "shop/api", digest)
    demand(statement["subject"][0]["digest"]["sha256"] == digest[7:], "the provenance is about something else")
    demand(secret not in json.dumps(statement), "the provenance holds the secret")

    # to another repository of the same registry layers are mounted
    code, told, said = fix(careen, at("shop/api:1"), at("shop/copy:1"))
    demand(code == 0, f"careen ends with {code}: {said}")
    sent_there, mounted_there = uploads(proxy.counted())
    demand(asked(host, "/v2/shop/copy/manifests/1")[1] == digest, "the same fix has another digest")
    demand(not set(sent_there) & set(old), "layers were uploaded that could be mounted")
    demand(set(mounted_there) >= set(old) & set(new), "layers were not mounted")

    # nothing is left to do
    code, told, said = fix(careen, at("shop/api:1-fixed"), at("shop/api:1-again"))
    demand(code == 0, f"careen ends with {code}: {said}")
    demand(asked(host, "/v2/shop/api/manifests/1-again")[1] == digest, "fixing the fixed image changes it")
    demand(not uploads(proxy.counted())[0], "an unchanged image is uploaded")

    code, _, said = fix(careen, at("shop/api:1"), at("shop/api:1"), "--in-place")
    demand(code == 0, f"in place: {code} {said}")
    demand(asked(host, "/v2/shop/api/manifests/1")[1] == digest, "in place gives another digest")
    requests = ", ".join(f"{count} {method}" for method, count in sorted(counts.items()))
    print(f"holds: {len(old)} layers, {len(sent)} blobs uploaded of which the largest request had {largest} bytes; {requests}; "
          f"{len(mounted_there)} mounted in another repository")


def main():
    missing = [tool for tool in ("docker-registry", "skopeo") if not shutil.which(tool)]
    if missing:
        print(f"not tried: there is no {' and no '.join(missing)}")
        return
    careen = os.path.abspath(sys.argv[1])
    source = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory(prefix="careen-registry-") as folder:
        host = f"127.0.0.1:{free_port()}"
        settings = os.path.join(folder, "registry.yml")
        with open(settings, "w", encoding="utf-8") as opened:
            opened.write(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\n"
                         f"http: {{addr: {host}}}\n")
        registry = subprocess.Popen(["docker-registry", "serve", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(host)
            run(careen, source, folder, host, Proxy(host))
        finally:
            registry.kill()
            registry.wait()


if __name__ == "__main__":
    main()
