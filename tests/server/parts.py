"""Parts of the server's tests: registries that serve made-up images, the senders of webhooks, and the server itself."""

import gzip
import hashlib
import hmac
import http.client
import http.server
import io
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

SECRET = "hook-" + "word-for-tests"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar_of(files):
    """A tar of these files: name, bytes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, text in files:
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return raw.getvalue()


class Images:
    """Any number of small images, each another manifest over the same layer; and others."""

    def __init__(self, user="1000"):
        tar = tar_of([("etc/os-release", b'ID=alpine\nVERSION_ID=3.22.0\n')])
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

    def add(self, layers, config=None, annotations=None, tag=None):
        """An image of these layers, as tars or, in pairs, as blobs with the digest of what they hold."""
        blobs = [layer if isinstance(layer, tuple) else (gzip.compress(layer, mtime=0), digest(layer)) for layer in layers]
        settings = {"architecture": "amd64", "os": "linux", "config": {"User": "1000"}, **(config or {})}
        settings["rootfs"] = {"type": "layers", "diff_ids": [inner for _, inner in blobs]}
        return self.put([blob for blob, _ in blobs], json.dumps(settings).encode(), annotations, tag)

    def put(self, layers, config, annotations=None, tag=None):
        """An image of blobs as they are."""
        for blob in (config, *layers):
            self.blobs[digest(blob)] = blob
        told = lambda kind, blob: {"mediaType": kind, "digest": digest(blob), "size": len(blob)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": told(CONFIG, config),
                    "layers": [told(LAYER, blob) for blob in layers]}
        if annotations:
            manifest["annotations"] = annotations
        return self.put_manifest(json.dumps(manifest).encode(), tag)

    def put_manifest(self, manifest, tag=None):
        """Bytes that pass for a manifest."""
        name = digest(manifest)
        self.manifests[name] = manifest
        if tag:
            self.tags[tag] = name
        return name


def hostile_images(images):
    """Some images made to break a scanner, by name: their digests. The tests of the library have more of them."""
    layer = lambda tar: [(gzip.compress(tar, mtime=0), digest(tar))]
    whole = tar_of([("app/data", bytes(range(256)) * 4_000)])
    packed = gzip.compress(whole, mtime=0)
    escapes = "\x1b]0;t\x07\r\n<script>alert(1)</script>\u202e"
    up = tar_of([("../../../../etc/passwd", b"root::0:0::/:\n"), ("/abs", b"x"), ("a/../../b", b"x")])
    many = tar_of([(f"many/{n}", b"") for n in range(20_000)])
    names = tar_of([(f"usr/{escapes.replace('/', '_')}{n}", b"x") for n in range(50)] + [("n" * 5_000, b"x")])
    bomb = tar_of([("zeros", bytes(64 << 20))])
    cut = tar_of([("a", b"a" * 5_000)])[:2_000]
    deep = b"[" * 100_000
    found = {
        "cut-gzip": images.add([(packed[:len(packed) // 2], digest(whole))]),
        "cut-tar": images.add(layer(cut)),
        "bomb": images.add(layer(bomb)),
        "up": images.add(layer(up)),
        "many": images.add(layer(many)),
        "names": images.add(layer(names), {"config": {"Labels": {escapes: escapes}, "User": escapes, "Env": [escapes]}}),
        "no-gzip": images.add([(b"no gzip at all" * 99, digest(b""))]),
        "wrong-inside": images.add([(packed, digest(b"something else"))]),
        "config-is-none": images.put([packed], b"\x00\xff{"),
        "config-is-deep": images.put([packed], deep),
        "manifest-is-none": images.put_manifest(b"{}"),
        "manifest-is-deep": images.put_manifest(b'{"schemaVersion":2,"a":' + deep),
        "layers-are-gone": images.put_manifest(json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest(b"nobody has it"), "size": 13}, "layers": []}).encode()),
    }
    size = json.loads(images.manifests[found["up"]])
    size["layers"][0]["size"] = 1 << 60
    found["size-lies"] = images.put_manifest(json.dumps(size).encode())
    return found


# texts that would be elements, scripts or orders to a terminal
MARKUP = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'><svg/onload=alert(1)>", "</title></style><script>alert(1)</script>",
          "{{7*7}}{% raw %}", "javascript:alert(1)", "&lt;b&gt;<x-b>", "\x1b]8;;http://a\x07", "\u202e<i>", "\ud7ff\ufffd<u>", "a\r\nSet-Cookie: a=b"]


def marked_image(images, texts):
    """An image that has these texts wherever an image can have one."""
    files = [(f"usr/bin/{text.replace('/', '_')}", b"\x7fELF") for text in texts]
    files += [("lib/apk/db/installed", "".join(f"P:{text.splitlines()[0]}\nV:1.0<b>\nA:x86_64\n\n" for text in texts).encode()),
              ("etc/os-release", b'ID=alpine\nPRETTY_NAME="<script>alert(2)</script>"\nVERSION_ID=3.22.0\n')]
    files += [(f"app/{text.replace('/', '_')}.pem", private_key()) for text in texts[:3]]
    config = {"config": {"User": texts[0], "Labels": {text: text for text in texts}, "Env": [f"{text}=x" for text in texts] + ["PASSWORD=" + texts[0]],
                         "Entrypoint": texts, "ExposedPorts": {text: {} for text in texts}},
              "history": [{"created_by": text, "comment": text, "author": text} for text in texts]}
    return images.add([tar_of(files)], config, {text: text for text in texts})


def private_key():
    """No key, but shaped as one; put together here, so that no file holds it."""
    return ("-----BEGIN " + "RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA" + "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ" * 12
            + "\n-----END " + "RSA PRIVATE KEY-----\n").encode()


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
    """Serves images on loopback; what it is asked is counted. `fault`, if it is set, is called with each request first,
    and has answered it if it returns true. What is asked of a repository `slow/…` for blobs takes `slowness` seconds."""

    def __init__(self, images, port=0):
        self.images = images
        self.asked = {}
        self.broken = False
        self.fault = None
        self.slowness = 3
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.asked[self.path] = registry.asked.get(self.path, 0) + 1
                if registry.broken:
                    return self.answer(503, b"", "text/plain")
                if registry.fault and registry.fault(self):
                    return
                parts = self.path.split("/")
                name = parts[-1]
                if self.path == "/v2/":
                    return self.answer(200, b"{}", "application/json")
                if parts[-2:] == ["tags", "list"] or self.path.split("?")[0].endswith("/tags/list"):
                    listed = {"name": "/".join(parts[2:-2]), "tags": sorted(images.tags)}
                    return self.answer(200, json.dumps(listed).encode(), "application/json")
                if "blobs" in parts and parts[2] == "slow":
                    time.sleep(registry.slowness)
                if "manifests" in parts:
                    body = images.manifests.get(images.tags.get(name, name))
                    kind = "application/vnd.oci.image.manifest.v1+json"
                else:
                    body, kind = images.blobs.get(name), "application/octet-stream"
                if body is None:
                    return self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', "application/json")
                self.answer(200, body, kind)

            do_HEAD = do_GET

            def answer(self, status, body, kind, **more):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                for name, value in more.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def handle(self):
                try:
                    super().handle()
                except OSError:  # a worker that was killed
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.host = "localhost:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class DockerRegistry:
    """Debian's docker-registry on loopback; tells careen at `hook` of what it is sent, if there is one."""

    def __init__(self, folder, hook=None, secret=SECRET):
        self.port = free_port()
        self.host = f"localhost:{self.port}"
        told = f"""notifications:
  endpoints:
    - name: careen
      url: {hook}
      headers: {{Authorization: [{secret}]}}
      timeout: 1s
      threshold: 10
      backoff: 1s
""" if hook else ""
        config = os.path.join(folder, "registry.yml")
        with open(config, "w") as file:
            file.write(f"""version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/registry}}, delete: {{enabled: true}}}}
http: {{addr: 127.0.0.1:{self.port}}}
{told}""")
        if not shutil.which("docker-registry"):
            raise SystemExit("docker-registry is needed: apt-get install docker-registry")
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait(lambda: listens(self.port), 20, "docker-registry")

    def push(self, repository, tag, images, name):
        """Sends an image by plain HTTP, as clients do: what it calls the registry is what the registry's events name."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=30)

        def ask(method, path, body=None, kind="application/octet-stream"):
            connection.request(method, path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 400 and method != "HEAD":
                raise RuntimeError(f"docker-registry says {answer.status} to {method} {path}")
            return answer

        manifest = images.manifests[name]
        read = json.loads(manifest)
        for part in [read["config"], *read["layers"]]:
            blob = part["digest"]
            if ask("HEAD", f"/v2/{repository}/blobs/{blob}").status != 200:
                begun = ask("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
                path = begun[begun.index("/v2/"):]
                ask("PUT", f"{path}{'&' if '?' in path else '?'}digest={blob}", images.blobs[blob])
        ask("PUT", f"/v2/{repository}/manifests/{tag}", manifest, MANIFEST)
        connection.close()

    def end(self):
        self.process.kill()
        self.process.wait()


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def wait(what, seconds=60, name="it"):
    """What `what` says, once it says something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise Failed(f"{name}: waited {seconds} s in vain")


class Failed(Exception):
    """What was to be did not come."""


def changed(first, again):
    """What a later try of a delivery says otherwise: nothing, but that the tag is another image by now."""
    first, again = json.loads(first), json.loads(again)
    if first.get("tag") and not again.get("tag"):
        again["tag"], again["image"] = first["tag"], first["image"]
    return sorted(key for key in first | again if first.get(key) != again.get(key))


class Receiver:
    """Takes deliveries; the first `refused` tries of each get 503. `held`, if it is set to an event, is waited for before
    an answer."""

    def __init__(self, key, refused=0):
        self.tries = {}
        self.held = None
        self.bodies = {}
        self.wrong = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
                name = self.headers["X-Careen-Delivery"]
                if self.headers["X-Careen-Signature-256"] != signature:
                    receiver.wrong.append("signature")
                receiver.tries[name] = receiver.tries.get(name, 0) + 1
                first = receiver.bodies.setdefault(name, body)
                if first != body:
                    other = changed(first, body)
                    if other:
                        receiver.wrong.append(f"body: {other}")
                if receiver.held:
                    receiver.held.wait(60)
                self.send_response(503 if receiver.tries[name] <= refused else 204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(parent):
    """Processes that this one started, and their command lines."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) != parent:
                    continue
            with open(f"/proc/{name}/cmdline", "rb") as file:
                found.append((int(name), file.read().split(b"\0")))
        except OSError:  # it has ended
            continue
    return found


class Server:
    """`careen serve` in a folder of its own, which can be killed and started again. `top` are keys of its configuration
    before all tables, `registry_keys` those of its registry, `more` are tables; `before` is what starts it."""

    def __init__(self, program, folder, registry, more="", top="", registry_keys="", before=(), data=None, port=None):
        self.program, self.folder, self.before = program, folder, list(before)
        self.port = port or free_port()
        self.data = data or os.path.join(folder, "data")
        self.environment = dict(os.environ)
        secret = os.path.join(folder, "secret")
        with open(secret, "w") as file:
            file.write(SECRET + "\n")
        self.config = os.path.join(folder, "serve.toml")
        with open(self.config, "w") as file:
            file.write(f'''listen = "127.0.0.1:{self.port}"
data = "{self.data}"
{top}
[[registry]]
name = "main"
host = "{registry}"
insecure = true
{registry_keys}

[[source]]
name = "shop"
kind = "distribution"
registry = "main"
auth = {{ by = "header", secret = {{ file = "{secret}" }} }}
{more}''')
        self.process = None
        SERVERS.append(self)

    def start(self):
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen([*self.before, self.program, "serve", "--config", self.config],
                                        stdout=self.log, stderr=self.log, env=self.environment)
        self.log.close()
        for _ in range(3_000):
            if listens(self.port):
                return
            if self.process.poll() is not None:
                raise SystemExit("careen serve ended: see " + self.log.name)
            time.sleep(0.02)
        raise SystemExit("careen serve does not listen")

    def run(self, *arguments):
        """A command of `careen serve` beside the server: what it says."""
        return subprocess.run([self.program, "serve", "--config", self.config, *arguments], check=True,
                              capture_output=True, text=True, env=self.environment).stdout

    def token(self, name="me", scope="admin", source=None):
        """A new token."""
        return self.run("token", "add", name, "--scope", scope, *(["--source", source] if source else [])).strip()

    def get(self, path, token=None, method="GET", body=None, **headers):
        """Status, fields and body of an answer."""
        connection = self.connect()
        if token:
            headers["Authorization"] = "Bearer " + token
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        read = answer.read()
        connection.close()
        return answer.status, answer.headers, read

    def log_text(self):
        with open(os.path.join(self.folder, "log"), "rb") as file:
            return file.read()

    def workers(self):
        """Processes that scan now."""
        return [process for process, words in children(self.process.pid) if b"worker" in words]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.terminate()
        return self.process.wait(40)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def rows(self, query, *values):
        store = sqlite3.connect(f"file:{self.data}/careen.db?mode=ro", uri=True, timeout=10)
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


def source(folder, name, kind, by, secret=SECRET, registry="main"):
    """A `[[source]]` of a configuration, whose secret is in a file of its own. `by` may hold further keys."""
    path = os.path.join(folder, "secret-" + name)
    with open(path, "w") as file:
        file.write(secret + "\n")
    return f'''
[[source]]
name = "{name}"
kind = "{kind}"
registry = "{registry}"
auth = {{ by = {by}, secret = {{ file = "{path}" }} }}
'''


def push_of(kind, repository, name, tag, number, secret=SECRET):
    """What a sender of this kind posts for a push: what follows `/hooks/NAME`, the fields, and the body."""
    plain = {"Content-Type": "application/json", "Authorization": secret}
    if kind == "distribution":
        return "", {**plain, "Content-Type": "application/vnd.docker.distribution.events.v2+json"}, event(repository, name, number, tag)
    if kind == "harbor":
        resource = {"digest": name, "tag": tag}
        body = {"type": "PUSH_ARTIFACT", "occur_at": number, "operator": "builder", "event_data": {
            "resources": [resource], "repository": {"repo_full_name": repository, "repo_type": "private"}}}
        return "", plain, json.dumps(body)
    if kind == "acr":
        body = {"id": f"acr-{number}", "action": "push", "target": {
            "mediaType": MANIFEST, "digest": name, "size": 1, "repository": repository, "tag": tag}}
        return "", plain, json.dumps(body)
    if kind == "docker-hub":
        body = {"push_data": {"tag": tag, "pushed_at": number}, "repository": {"repo_name": repository}}
        return "/" + secret, {"Content-Type": "application/json"}, json.dumps(body)
    if kind == "quay":
        return "/" + secret, {"Content-Type": "application/json"}, json.dumps({"repository": repository, "updated_tags": [tag]})
    if kind == "ghcr":
        owner, _, package = repository.partition("/")
        body = json.dumps({"action": "published", "registry_package": {
            "namespace": owner, "name": package, "ecosystem": "CONTAINER",
            "package_version": {"version": name, "container_metadata": {"tag": {"name": tag, "digest": name}}}}})
        signature = "sha256=" + hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
        return "", {"Content-Type": "application/json", "X-GitHub-Event": "registry_package",
                    "X-GitHub-Delivery": f"ghcr-{number}", "X-Hub-Signature-256": signature}, body
    raise ValueError(kind)


def send(connection, path, fields, body):
    """Posts a webhook: status and `Retry-After`."""
    connection.request("POST", path, body, fields)
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers["Retry-After"]


def files_below(folder):
    """Number of files."""
    return sum(len(files) for _, _, files in os.walk(folder))


class Health(threading.Thread):
    """Asks `/healthz` again and again; keeps what was not 200, and the slowest answer."""

    def __init__(self, port, every=0.05):
        super().__init__(daemon=True)
        self.port, self.every = port, every
        self.asked, self.wrong, self.slowest, self.is_over = 0, [], 0.0, False
        self.start()

    def run(self):
        connection = None
        while not self.is_over:
            start = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                connection.request("GET", "/healthz")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.wrong.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(repr(error))
                connection = None
            self.slowest = max(self.slowest, time.monotonic() - start)
            self.asked += 1
            time.sleep(self.every)

    def take_slowest(self):
        slowest, self.slowest = self.slowest, 0.0
        return slowest

    def end(self):
        self.is_over = True
        self.join()


def check(name, is_good, told=""):
    """Prints one line; a check that fails ends the script with 1 when it is over, see `main`."""
    print(f"{'ok  ' if is_good else 'FAIL'} {name}{': ' + str(told) if told != '' else ''}", flush=True)
    if not is_good:
        FAILURES.append(name)
    return is_good


FAILURES = []


def run_all(cases, *arguments, only=None):
    """Runs each function in a folder of its own, named after what it checks; then ends the script."""
    for case in cases:
        name = case.__name__.replace("_", " ")
        if only and only not in name:
            continue
        folder = tempfile.mkdtemp(prefix="careen-" + case.__name__[:24] + "-")
        failed = len(FAILURES)
        start = time.monotonic()
        try:
            told = case(folder, *arguments)
            if len(FAILURES) == failed:
                check(name, True, f"{told or 'as it should be'} ({time.monotonic() - start:.1f} s)")
        except Skipped as why:
            print(f"skip {name}: {why}", flush=True)
        except Exception as error:
            check(name, False, f"{type(error).__name__}: {error}")
        finally:
            for server in SERVERS:
                if server.process and server.process.poll() is None:
                    server.kill()
            SERVERS.clear()
        if len(FAILURES) == failed:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print("     kept:", folder, flush=True)
    print(f"{len(FAILURES)} failed" if FAILURES else "all good", flush=True)
    sys.exit(1 if FAILURES else 0)


# those that a case started, to be ended after it
SERVERS = []


class Skipped(Exception):
    """A case that cannot be run here, with the reason."""
