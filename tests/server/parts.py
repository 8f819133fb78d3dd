"""Parts of the server's tests: a registry that serves made-up images, and the server itself."""

import gzip
import hashlib
import http.client
import http.server
import io
import json
import os
import socket
import sqlite3
import subprocess
import tarfile
import threading
import time

SECRET = "hook-" + "word-for-tests"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Images:
    """Any number of small images, each another manifest over the same layer."""

    def __init__(self, user="1000"):
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as tar:
            member = tarfile.TarInfo("etc/os-release")
            text = b'ID=alpine\nVERSION_ID=3.22.0\n'
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
        tar = raw.getvalue()
        self.layer = gzip.compress(tar, mtime=0)
        self.config = json.dumps({
            "architecture": "amd64", "os": "linux", "config": {"User": user},
            "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
        }).encode()
        self.blobs = {digest(self.layer): self.layer, digest(self.config): self.config}
        self.manifests = {}
        self.tags = {}

    def make(self, number):
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(self.config), "size": len(self.config)},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(self.layer), "size": len(self.layer)}],
            "annotations": {"number": str(number)},
        }).encode()
        name = digest(manifest)
        self.manifests[name] = manifest
        return name


def archive(path, user="1000"):
    """A docker-archive of one small image."""
    images = Images(user)
    layer = gzip.decompress(images.layer)
    with tarfile.open(path, "w") as tar:
        def add(name, data):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        name = digest(images.config)[7:] + ".json"
        add(name, images.config)
        add("layer.tar", layer)
        add("manifest.json", json.dumps([{"Config": name, "RepoTags": ["demo:1"], "Layers": ["layer.tar"]}]).encode())
    return path


class Registry:
    """Serves images on loopback; what it is asked is counted."""

    def __init__(self, images):
        self.asked = {}
        self.broken = False
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.asked[self.path] = registry.asked.get(self.path, 0) + 1
                if registry.broken:
                    return self.answer(503, b"", "text/plain")
                parts = self.path.split("/")
                name = parts[-1]
                if self.path == "/v2/":
                    return self.answer(200, b"{}", "application/json")
                if "manifests" in parts:
                    body = images.manifests.get(images.tags.get(name, name))
                    kind = "application/vnd.oci.image.manifest.v1+json"
                else:
                    body, kind = images.blobs.get(name), "application/octet-stream"
                if body is None:
                    return self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', "application/json")
                self.answer(200, body, kind)

            do_HEAD = do_GET

            def answer(self, status, body, kind):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = "localhost:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`careen serve` in a folder of its own, which can be killed and started again."""

    def __init__(self, program, folder, registry, more=""):
        self.program, self.folder = program, folder
        self.port = free_port()
        secret = os.path.join(folder, "secret")
        with open(secret, "w") as file:
            file.write(SECRET + "\n")
        self.config = os.path.join(folder, "serve.toml")
        with open(self.config, "w") as file:
            file.write(f'''listen = "127.0.0.1:{self.port}"
data = "{folder}/data"

[[registry]]
name = "main"
host = "{registry}"
insecure = true

[[source]]
name = "shop"
kind = "distribution"
registry = "main"
auth = {{ by = "header", secret = {{ file = "{secret}" }} }}
{more}''')
        self.process = None

    def start(self):
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen([self.program, "serve", "--config", self.config], stdout=self.log, stderr=self.log)
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit("careen serve ended: see " + self.log.name)
                time.sleep(0.02)
        raise SystemExit("careen serve does not listen")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.terminate()
        return self.process.wait(40)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def rows(self, query, *values):
        store = sqlite3.connect(f"file:{self.folder}/data/careen.db?mode=ro", uri=True, timeout=10)
        try:
            return store.execute(query, values).fetchall()
        finally:
            store.close()


def event(repository, manifest, number, tag=None):
    target = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": 1, "length": 1,
              "repository": repository}
    if tag:
        target["tag"] = tag
    return json.dumps({"events": [{
        "id": f"event-{number}", "timestamp": "2026-03-01T12:00:00Z", "action": "push", "target": target,
        "request": {"id": "1", "addr": "192.0.2.1", "method": "PUT"}, "actor": {}, "source": {},
    }]})


def post(connection, body, path="/hooks/shop", secret=SECRET):
    connection.request("POST", path, body, {
        "Authorization": secret, "Content-Type": "application/vnd.docker.distribution.events.v2+json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status
