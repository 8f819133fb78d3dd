#!/usr/bin/env python3
"""What attackers try, each as one case against the real program: who has no secret, who sends slowly or much, who would have
the server ask other hosts, who repeats himself, who looks for other people's reports, who writes into logs and pages.

    tests/server/threats.py PROGRAM [WORD]

WORD: only cases with it in their names. Needs strace for one case.
"""

import hashlib
import hmac
import html.parser
import http.server
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

from parts import (MARKUP, SECRET, Health, Images, Receiver, Registry, Server, Skipped, check, children, digest, event, hostile_images,
                   marked_image, private_key, push_of, run_all, send, source, tar_of, wait)

PATH_SECRET = "path-" + "word-for-threats-0123456789"
OTHER = "other-" + "word-for-threats"
FIELDS = {"Content-Type": "application/json", "Authorization": SECRET}


def started(folder, program, registry=None, **settings):
    images = Images()
    registry = registry or Registry(images)
    server = Server(program, folder, registry.host, **settings)
    server.start()
    return server, registry


def rows(server):
    return sum(server.rows(f"SELECT count(*) FROM {table}")[0][0] for table in ("event", "job", "image", "tag"))


def no_trigger_without_the_secret(folder, program):
    more = "".join([source(folder, "hub", "docker-hub", '"path"', PATH_SECRET), source(folder, "git", "ghcr", '"signature"', OTHER),
                    source(folder, "basic", "harbor", '"basic", username = "u"', OTHER), source(folder, "other", "acr", '"header"', OTHER),
                    source(folder, "named", "acr", '"header", name = "X-Hook"', OTHER)])
    server, registry = started(folder, program, more=more)
    name = digest(b"some image")
    connection = server.connect()
    tried = 0

    def refused(path, kind, fields, **change):
        nonlocal tried
        tail, good, body = push_of(kind, "shop/api", name, "1", 1)
        good = {key: value for key, value in {**good, **fields}.items() if value is not None}
        status, _ = send(connection, path, good, change.get("body", body))
        tried += 1
        check(f"{path[:60]} {list(fields.items())[:1]}", status == 401, status) if status != 401 else None

    for secret in (None, "", "wrong-secret-here", OTHER, SECRET + "x", SECRET[:-1], SECRET.upper(), "Bearer " + SECRET, "x" * 8_000):
        refused("/hooks/shop", "distribution", {"Authorization": secret})
    refused("/hooks/shop/" + SECRET, "distribution", {"Authorization": None})
    refused("/hooks/other", "acr", {"Authorization": SECRET})
    refused("/hooks/named", "acr", {"Authorization": OTHER})
    for path in ("/hooks/hub", "/hooks/hub/wrong-word-which-is-long-enough", "/hooks/hub/" + PATH_SECRET[:-1], "/hooks/hub/" + OTHER,
                 "/hooks/hub/%2e%2e", "/hooks/hub/%00"):
        refused(path, "docker-hub", {})
    for value in (None, "", "sha256=", "sha256=" + "0" * 64, "sha1=" + "0" * 40, "0" * 64):
        refused("/hooks/git", "ghcr", {"X-Hub-Signature-256": value})
    # signed by the right key, but another body; and signed by another source's key
    tail, good, body = push_of("ghcr", "shop/api", name, "1", 1, OTHER)
    refused("/hooks/git", "ghcr", good, body=body + " ")
    tail, good, body = push_of("ghcr", "shop/api", name, "1", 1, SECRET)
    refused("/hooks/git", "ghcr", good, body=body)
    for value in (None, "Basic", "Basic !!", "Basic dTp3cm9uZw==", "Bearer dTp3cm9uZw==", "Basic dTo="):
        refused("/hooks/basic", "harbor", {"Authorization": value})
    for path in ("/hooks/nobody", "/hooks", "/hooks/shop/a/b"):
        status, _ = send(server.connect(), path, FIELDS, event("shop/api", name, 1))
        check(path, status == 404, status) if status != 404 else None
    # twice: another program before this one may have looked at the other
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        body = event("shop/api", name, 1).encode()
        raw.sendall(b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nAuthorization: wrong\r\nAuthorization: " + SECRET.encode()
                    + b"\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        answer = raw.recv(100)
        check("two fields of the proof", b" 401 " in answer, answer[:20])
    check("no row was written", rows(server) == 0, rows(server))
    check("the registry was not asked", not registry.asked, registry.asked)
    tail, good, body = push_of("ghcr", "shop/api", name, "1", 1, OTHER)
    check("the right one is taken", send(server.connect(), "/hooks/git", good, body)[0] == 202)
    # an open hook
    text = open(server.config).read().replace('auth = { by = "header"', 'auth = { by = "none" } #', 1)
    config = os.path.join(folder, "open.toml")
    open(config, "w").write(text)
    refused_start = subprocess.run([program, "serve", "--config", config, "--check"], capture_output=True, text=True)
    check("an open hook does not start", refused_start.returncode == 2 and "anybody could send" in refused_start.stderr, refused_start.stderr)
    told = subprocess.run([program, "serve", "--config", config, "--check", "--insecure-no-auth"], capture_output=True, text=True)
    check("unless it is told to", told.returncode == 0, told.stderr)
    return f"{tried} refused"


def drip(server, first, piece, count, seconds):
    """Opens connections that send a piece a second: how many were still open after `seconds`, and when the first and the
    last were closed."""
    sockets = []
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", server.port))
        one.sendall(first)
        one.setblocking(False)
        sockets.append(one)
    start, closed, answers = time.monotonic(), [], set()
    while sockets and time.monotonic() - start < seconds:
        time.sleep(0.5)
        for one in list(sockets):
            try:
                answer = one.recv(1_000)
                if answer:
                    answers.add(answer.split(b"\r\n", 1)[0])
                    continue
                gone = True
            except BlockingIOError:
                gone = False
            except OSError:
                gone = True
            if not gone:
                try:
                    one.send(piece)
                    continue
                except BlockingIOError:
                    continue
                except OSError:
                    pass
            closed.append(time.monotonic() - start)
            sockets.remove(one)
            one.close()
    left = len(sockets)
    for one in sockets:
        one.close()
    return left, closed, answers


def heads_that_drip(folder, program):
    server, _ = started(folder, program)
    health = Health(server.port)
    left, closed, answers = drip(server, b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\n", b"X", 300, 25)
    health.end()
    check("all are closed", left == 0, f"{left} left")
    check("healthz", not health.wrong and health.slowest < 1, f"{health.wrong[:2]} {health.slowest:.2f} s")
    return f"closed after {min(closed, default=0):.0f} to {max(closed, default=0):.0f} s, healthz within {health.slowest * 1e3:.0f} ms"


def bodies_that_drip(folder, program):
    server, _ = started(folder, program)
    health = Health(server.port)
    first = b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nAuthorization: " + SECRET.encode() + b"\r\nContent-Length: 100000\r\n\r\n{"
    left, closed, answers = drip(server, first, b" ", 300, 25)
    chunked = first.replace(b"Content-Length: 100000", b"Transfer-Encoding: chunked")[:-1]
    left_chunked, more, answers_chunked = drip(server, chunked, b"1\r\n{\r\n", 100, 25)
    health.end()
    check("all are closed", left + left_chunked == 0, f"{left} and {left_chunked} left")
    check("healthz", not health.wrong and health.slowest < 1, f"{health.wrong[:2]} {health.slowest:.2f} s")
    check("no row was written", rows(server) == 0, rows(server))
    return f"{sorted(answers | answers_chunked)} after {min(closed, default=0):.0f} to {max(closed, default=0):.0f} s"


def rss(server):
    with open(f"/proc/{server.process.pid}/status") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1]) / 1024


def pour(server, head, chunk, most):
    """Sends without end: the answer's first line, and how much went out."""
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port)) as one:
        one.settimeout(20)
        one.sendall(head)
        try:
            while sent < most:
                one.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
        try:
            answer = one.recv(1_000).split(b"\r\n", 1)[0].decode()
        except OSError as error:
            answer = type(error).__name__
    return answer, sent


def bodies_without_end(folder, program):
    server, _ = started(folder, program)
    start = rss(server)
    fields = b"Host: x\r\nAuthorization: " + SECRET.encode() + b"\r\n"
    chunk = b"10000\r\n" + b"{" * 65_536 + b"\r\n"
    post = b"POST /hooks/shop HTTP/1.1\r\n" + fields
    endless = pour(server, post + b"Transfer-Encoding: chunked\r\n\r\n", chunk, 1 << 30)
    declared = pour(server, post + b"Content-Length: 1000000000\r\n\r\n", b"{" * 65_536, 1_000_000_000)
    elsewhere = pour(server, post.replace(b"/hooks/shop", b"/api/v1/scan") + b"Content-Length: 1000000000\r\n\r\n", b"{" * 65_536, 1 << 30)
    login = pour(server, post.replace(b"/hooks/shop", b"/login") + b"Content-Length: 1000000000\r\n\r\n", b"a" * 65_536, 1 << 30)
    both = pour(server, post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", chunk, 1 << 20)
    # an answer may be lost where the rest of the body was on its way
    for name, (answer, sent) in (("chunked", endless), ("declared", declared), ("api", elsewhere), ("login", login)):
        # what a known sender sends is a dead letter
        taken = (" 202 ",) if name in ("chunked", "declared") else ()
        is_refused = any(status in answer for status in (" 413 ", " 401 ", " 403 ", "Connection", "Broken", *taken))
        check(name, is_refused and sent < 64 << 20, f"{answer}, {sent >> 20} MiB sent")
    check("length and chunks", " 202 " not in both[0], both)
    check("memory", rss(server) < start + 32, f"{start:.0f} MiB, then {rss(server):.0f}")
    status, _ = send(server.connect(), "/hooks/shop", FIELDS, b"{" * ((1 << 20) + 1))
    check("one byte more than 1 MiB", status == 202, status)
    large = server.rows("SELECT count(*), max(length(body)) FROM event WHERE reason LIKE 'it is larger than 1.0 MiB%'")
    check("it is a dead letter, of which the first bytes are kept", large == [(1, 65_536)], large)
    status, _ = send(server.connect(), "/hooks/shop", FIELDS, b"{" * (1 << 20))
    check("1 MiB", status == 202, status)
    check("rows", rows(server) == 2, rows(server))
    return f"chunked {endless[0]} after {endless[1] / 2**20:.1f} MiB"


def large_bodies_of_nobody(folder, program):
    """GHCR signs the body, so that it has to be read first: all of what nobody vouches for must not fill the memory."""
    server, _ = started(folder, program, more=source(folder, "git", "ghcr", '"signature"', OTHER))
    start = rss(server)
    head = (b"POST /hooks/git HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=" + b"0" * 64 + b"\r\nContent-Length: %d\r\n\r\n" % (24 << 20))
    sockets = []
    body = b"{" * ((24 << 20) - 1)

    def one_of_them():
        one = socket.create_connection(("127.0.0.1", server.port))
        sockets.append(one)
        one.settimeout(8)
        try:
            one.sendall(head)
            one.sendall(body)
        except OSError:
            pass

    threads = [threading.Thread(target=one_of_them) for _ in range(24)]
    for thread in threads:
        thread.start()
    most = 0
    until = time.monotonic() + 10
    while time.monotonic() < until:
        most = max(most, rss(server))
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    alive = server.get("/healthz")[0]
    for one in sockets:
        one.close()
    check("healthz", alive == 200)
    check("memory", most < 256, f"{start:.0f} MiB before, {most:.0f} MiB with 24 bodies of 24 MiB that nobody signed")
    return f"{most:.0f} MiB"


def encoded_bodies(folder, program):
    import gzip
    server, _ = started(folder, program)
    connection = server.connect()
    body = event("shop/api", digest(b"x"), 1).encode()
    for coding in ("gzip", "deflate", "br", "zstd", "x", "gzip, identity"):
        status, _ = send(connection, "/hooks/shop", {**FIELDS, "Content-Encoding": coding}, gzip.compress(body))
        check(coding, status == 415, status) if status != 415 else None
    check("no row was written", rows(server) == 0)
    check("identity", send(server.connect(), "/hooks/shop", {**FIELDS, "Content-Encoding": "identity"}, body)[0] == 202)


def deep_json(folder, program):
    server, _ = started(folder, program, more=source(folder, "azure", "acr", '"header"'))
    connection = server.connect()
    good = json.loads(push_of("acr", "shop/api", digest(b"x"), "1", 1)[2])
    for depth, expected in ((60, 0), (80, 1), (200_000, 2)):
        nested = "[" * depth + "]" * depth
        body = json.dumps({**good, "id": f"deep-{depth}"})[:-1] + ', "more": ' + nested + "}"
        status, _ = send(connection, "/hooks/azure", FIELDS, body)
        dead = server.rows("SELECT count(*) FROM event WHERE state = 'dead'")[0][0]
        check(f"{depth} levels", status == 202 and dead == expected, f"{status}, {dead} dead letters")
    check("an open one", send(connection, "/hooks/azure", FIELDS, '{"a":' * 100_000)[0] == 202)
    check("alive", server.get("/healthz")[0] == 200)


def large_heads(folder, program):
    server, _ = started(folder, program)
    for name, head in (("one field", b"X-A: " + b"a" * 20_000 + b"\r\n"), ("many fields", b"".join(b"X-%d: a\r\n" % n for n in range(3_000))),
                       ("without end", b"")):
        with socket.create_connection(("127.0.0.1", server.port)) as one:
            one.settimeout(15)
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + head)
            sent = 0
            try:
                one.sendall(b"\r\n" if head else b"X: ")
                while not head and sent < 1 << 26:
                    one.sendall(b"a" * 65_536)
                    sent += 65_536
            except OSError:
                pass
            try:
                answer = one.recv(100).split(b"\r\n", 1)[0].decode()
            except OSError as error:
                answer = type(error).__name__
            check(name, " 431 " in answer or answer == "" or answer.startswith("Connection"), f"{answer!r} after {sent >> 10} KiB")
    # a path as long
    with socket.create_connection(("127.0.0.1", server.port)) as one:
        one.sendall(b"GET /" + b"a" * 30_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = one.recv(100).split(b"\r\n", 1)[0].decode()
        check("a long path", any(status in answer for status in (" 414 ", " 431 ", " 400 ", " 404 ")), answer)
    check("alive", server.get("/healthz")[0] == 200)


def more_connections_than_it_takes(folder, program):
    """Idle ones, and ones in the middle of a body, under the limit of descriptors that shells give."""
    server, _ = started(folder, program, before=["prlimit", "--nofile=1024:4096", "--"] if shutil.which("prlimit") else [])
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (8_192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    quiet = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    health = Health(server.port, 0.2)
    sockets = []
    part = b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nAuthorization: " + SECRET.encode() + b"\r\nContent-Length: 1000\r\n\r\n{"
    for number in range(1_500):
        one = socket.socket()
        one.setblocking(False)
        try:
            one.connect(("127.0.0.1", server.port))
        except BlockingIOError:
            pass
        sockets.append(one)
        if number % 50 == 0:
            time.sleep(0.02)
    for one in sockets:
        try:
            one.send(part)
        except OSError:
            pass
    time.sleep(3)
    start = time.monotonic()
    try:
        status = server.get("/healthz")[0]
    except OSError as error:
        status = repr(error)
    new = time.monotonic() - start
    most = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    time.sleep(17)
    for one in sockets:
        one.close()
    health.end()
    check("a new client", status == 200 and new < 2, f"{status} after {new:.1f} s")
    check("a client that was there before", not health.wrong and health.slowest < 2, f"{health.wrong[:2]}, slowest {health.slowest:.1f} s")
    try:
        wait(lambda: len(os.listdir(f"/proc/{server.process.pid}/fd")) <= quiet + 8, 30, "descriptors go back")
    except Exception as error:
        check("descriptors", False, error)
    body = event("shop/api", digest(b"after it"), 1)
    check("a webhook after it", send(server.connect(), "/hooks/shop", FIELDS, body)[0] == 202)
    return f"{most} descriptors, a new client in {new * 1e3:.0f} ms"


class Listener:
    """Notes who connects, and what they say."""

    def __init__(self, answer=None, address="127.0.0.1", port=0):
        self.heads = []
        self.socket = socket.create_server((address, port))
        self.port = self.socket.getsockname()[1]
        self.answer = answer or b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                one, _ = self.socket.accept()
            except OSError:
                return
            with one:
                one.settimeout(2)
                try:
                    self.heads.append(one.recv(65_536).decode("latin-1"))
                    one.sendall(self.answer)
                except OSError:
                    self.heads.append("")

    def end(self):
        self.socket.close()


LOGIN = 'username = "robot"\npassword = { file = "%s" }'
PASSWORD = "registry-" + "password-of-threats"


def login(folder):
    path = os.path.join(folder, "password")
    with open(path, "w") as file:
        file.write(PASSWORD + "\n")
    return LOGIN % path


def payloads_that_name_hosts(folder, program):
    listener = Listener()
    more = source(folder, "hub", "docker-hub", '"path"', PATH_SECRET) + source(folder, "quay", "quay", '"path"', PATH_SECRET) \
        + source(folder, "harbor", "harbor", '"header"') + source(folder, "azure", "acr", '"header"')
    server, registry = started(folder, program, more=more)
    connection = server.connect()
    port = listener.port
    hosts = [f"127.0.0.1:{port}", f"localhost:{port}", f"2130706433:{port}", f"0177.0.0.1:{port}", f"0x7f.1:{port}", f"127.1:{port}",
             f"[::1]:{port}", f"[::ffff:127.0.0.1]:{port}", f"[::ffff:7f00:1]:{port}", f"0.0.0.0:{port}", "169.254.169.254",
             "[fd00:ec2::254]", f"user:word@127.0.0.1:{port}", f"{registry.host}@127.0.0.1:{port}", f"127.0.0.1:{port}#{registry.host}",
             f"127.0.0.1:{port}/{registry.host}", f"\x1b[2J127.0.0.1:{port}"]
    sent = 0
    for number, host in enumerate(hosts):
        name = digest(host.encode())
        payload = json.loads(event("shop/api", name, f"host-{number}", "1"))
        payload["events"][0]["request"]["host"] = host
        payload["events"][0]["target"]["url"] = f"http://{host}/v2/shop/api/manifests/{name}"
        for body in (payload, {"events": [{**payload["events"][0], "id": f"url-{number}", "request": {}}]}):
            sent += send(connection, "/hooks/shop", FIELDS, json.dumps(body))[0] == 202
        harbor = json.loads(push_of("harbor", "shop/api", name, "1", number)[2])
        harbor["event_data"]["resources"][0]["resource_url"] = f"{host}/shop/api:1"
        sent += send(connection, "/hooks/harbor", FIELDS, json.dumps(harbor))[0] == 202
        quay = {"repository": "shop/api", "docker_url": f"{host}/shop/api", "updated_tags": [f"t{number}"]}
        sent += send(connection, "/hooks/quay/" + PATH_SECRET, FIELDS, json.dumps(quay))[0] == 202
        for repository in (f"{host}/shop/api", f"../../{host}", f"//{host}/x", f"@{host}/x"):
            azure = json.loads(push_of("acr", repository, name, "1", f"{number} {repository}")[2])
            sent += send(connection, "/hooks/azure", FIELDS, json.dumps(azure))[0] == 202
    hub = {"callback_url": f"http://127.0.0.1:{port}/callback", "push_data": {"tag": "1", "pushed_at": 1},
           "repository": {"repo_name": "shop/api", "repo_url": f"http://127.0.0.1:{port}/"}}
    sent += send(connection, "/hooks/hub/" + PATH_SECRET, FIELDS, json.dumps(hub))[0] == 202
    del hub["repository"]["repo_url"]
    hub["push_data"]["pushed_at"] = 2
    sent += send(connection, "/hooks/hub/" + PATH_SECRET, FIELDS, json.dumps(hub))[0] == 202
    wait(lambda: not server.rows("SELECT 1 FROM job WHERE state = 'leased' OR (state = 'queued' AND attempts = 0)"), 60, "jobs")
    dead = server.rows("SELECT count(*) FROM event WHERE state = 'dead'")[0][0]
    taken = server.rows("SELECT source, repository, tag FROM event WHERE state = 'taken'")
    check("taken", sent == len(hosts) * 8 + 2, f"{sent} of {len(hosts) * 8 + 2}")
    # user:word@…: what is before the first `/` is no host; repositories such as `localhost:1/x` fit no grammar
    check("the listener saw nobody", not listener.heads, listener.heads[:2])
    asked = [path for path in registry.asked if "shop/api" not in path and path != "/v2/"]
    check("only the configured repositories were asked for", not asked, asked[:3])
    return f"{dead} dead letters, {len(taken)} believed: {sorted(set(taken))[:4]}"


def scan_of(server, images, repository="shop/api", name=None, number=0, tag=None, seconds=60):
    """Posts a push and waits for what becomes of it: state and reason of the job."""
    name = name or images.make(f"{repository} {number} {time.time()}")
    send(server.connect(), "/hooks/shop", FIELDS, event(repository, name, f"{repository} {name} {time.time()}", tag))
    ask = lambda: server.rows("SELECT state, reason FROM job WHERE digest = ? AND (state IN ('done', 'dead') OR reason IS NOT NULL)", name)
    return wait(ask, seconds, "a job")[0]


def registries_that_redirect(folder, program):
    images = Images()
    registry = Registry(images)
    allowed = Listener()
    server = Server(program, folder, registry.host, registry_keys=login(folder),
                    more=f"\n[workers]\nattempts = 1\ncache = \"0\"\nports = [{allowed.port}]\n")
    server.start()
    told = []
    # the registry wants the password, so that there is one to be sent on; a port that is allowed is asked, without it
    def wants_password(request, what):
        if "Basic" not in (request.headers["Authorization"] or ""):
            request.answer(401, b"", "text/plain", WWW_Authenticate='Basic realm="x"')
            return True
        if what in request.path.split("/"):
            request.answer(307, b"", "text/plain", Location=f"http://127.0.0.1:{allowed.port}{request.path}")
            return True
        return False

    for what in ("manifests", "blobs"):
        registry.fault = lambda request, what=what: wants_password(request, what)
        state, reason = scan_of(server, images)
        credentials = [head for head in allowed.heads if "authorization" in head.lower()]
        check(f"{what} at a port that is allowed, without credentials", allowed.heads and not credentials, credentials or (state, reason))
        allowed.heads.clear()
    for what in ("manifests", "blobs"):
        for where in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"):
            listener = Listener()

            def fault(request, where=where, what=what, port=listener.port):
                if what not in request.path.split("/"):
                    return False
                request.answer(307, b"", "text/plain", Location=f"http://{where}:{port}{request.path}")
                return True

            registry.fault = fault
            state, reason = scan_of(server, images)
            credentials = [head for head in listener.heads if "authorization:" in head.lower() or PASSWORD in head]
            check(f"{what} at {where}", not credentials, credentials)
            told.append(f"{what} {where}: {len(listener.heads)} connections, {state}: {reason}")
            listener.end()
    # round and round
    registry.fault = lambda request: "manifests" in request.path and (request.answer(302, b"", "text/plain", Location=request.path) or True)
    state, reason = scan_of(server, images)
    check("a circle ends", state == "dead" and "redirect" in reason, (state, reason))
    for location in ("", "file:///etc/passwd", "gopher://127.0.0.1/", "http://", "http:///x", "\x00", "javascript:1"):
        registry.fault = lambda request: "manifests" in request.path and (
            request.answer(302, b"", "text/plain", Location=location) or True)
        state, reason = scan_of(server, images)
        check(f"to {location!r}", state == "dead", (state, reason)) if state != "dead" else None
    return "; ".join(told)


def metadata_addresses(folder, program):
    if not shutil.which("strace"):
        raise Skipped("there is no strace")
    images = Images()
    registry = Registry(images)
    trace = os.path.join(folder, "trace")
    server = Server(program, folder, registry.host, registry_keys=login(folder), more="\n[workers]\nattempts = 1\ncache = \"0\"\n",
                    before=["strace", "-f", "-qq", "-e", "trace=connect,sendto", "-o", trace])
    server.start()
    for where in ("169.254.169.254", "[::ffff:169.254.169.254]", "2852039166", "0xa9fea9fe", "[fd00:ec2::254]", "169.254.169.254."):
        registry.fault = lambda request: "/v2/shop" in request.path and (
            request.answer(307, b"", "text/plain", Location=f"http://{where}/latest/meta-data/") or True)
        state, reason = scan_of(server, images)
        check(f"redirect to {where}", state == "dead", (state, reason)) if state != "dead" else None
    # a tag is asked for by the server itself
    more = push_of("distribution", "shop/tagged", "", "1", 5)[2].replace('"digest": "", ', "")
    send(server.connect(), "/hooks/shop", FIELDS, more)
    wait(lambda: server.rows("SELECT 1 FROM job WHERE kind = 'pin' AND state = 'dead'"), 60, "the pin")
    registry.fault = lambda request: (request.answer(
        401, b"", "text/plain", WWW_Authenticate='Bearer realm="http://169.254.169.254/token",service="x"') or True)
    state, reason = scan_of(server, images)
    check("realm", state == "dead", (state, reason))
    for process, _ in children(server.process.pid):
        os.kill(process, signal.SIGTERM)
    server.process.wait(40)
    lines = open(trace).read().splitlines()
    bad = [line for line in lines if "169.254" in line or "fd00:ec2" in line or "a9fe" in line]
    check("nothing connected there", not bad and len(lines) > 5, bad[:3] or f"{len(lines)} calls")
    return f"{len(lines)} calls of connect and sendto, none of them there"


def credentials_stay(folder, program):
    """A realm on another host sees no password, unless the configuration names it."""
    images = Images()
    registry = Registry(images)
    answer = json.dumps({"token": "t" * 40}).encode()
    listener = Listener(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(answer) + answer)
    realm = f"http://127.0.0.1:{listener.port}/token"

    def fault(request):
        if "Bearer" in (request.headers["Authorization"] or ""):
            return False
        request.answer(401, b"", "text/plain", WWW_Authenticate=f'Bearer realm="{realm}",service="x",scope="repository:shop/api:pull"')
        return True

    registry.fault = fault
    server = Server(program, folder, registry.host, registry_keys=login(folder), more="\n[workers]\nattempts = 1\n")
    server.start()
    state, reason = scan_of(server, images)
    seen = [head for head in listener.heads if "authorization" in head.lower() or PASSWORD in head or "robot" in head]
    check("a foreign realm sees no password", not seen, seen)
    told = f"{len(listener.heads)} connections to the foreign realm, {state}: {reason}"
    server.end()
    listener.heads.clear()
    text = open(server.config).read().replace("insecure = true", f'insecure = true\ntrusted-realms = ["127.0.0.1:{listener.port}"]', 1)
    open(server.config, "w").write(text)
    server.start()
    state, reason = scan_of(server, images)
    check("one that is named does", state == "done" and any("authorization: basic" in head.lower() for head in listener.heads), (state, reason))
    log = server.log_text().decode()
    check("neither is in the log", PASSWORD not in log and "t" * 40 not in log)
    return told


def redirects_to_this_machine(folder, program):
    """A registry elsewhere sends the worker to loopback."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        probe.connect(("192.0.2.1", 9))
        address = probe.getsockname()[0]
    except OSError:
        raise Skipped("this machine has no address but loopback")
    if address.startswith("127."):
        raise Skipped("this machine has no address but loopback")
    images = Images()
    registry = Registry(images)
    # the same registry, by the address of the machine
    outside = http.server.ThreadingHTTPServer((address, 0), registry.server.RequestHandlerClass)
    threading.Thread(target=outside.serve_forever, daemon=True).start()
    server = Server(program, folder, f"{address}:{outside.server_address[1]}", more="\n[workers]\nattempts = 1\ncache = \"0\"\n")
    server.start()
    state, reason = scan_of(server, images)
    check("it is asked as it stands", state == "done", (state, reason))
    # by names, too, that only a resolver knows to be this machine
    with open("/etc/hosts") as hosts:
        lines = [line.split("#")[0].split() for line in hosts]
    names = {name for line in lines if line and line[0].startswith(("127.", "::1", address)) for name in line[1:]}
    for where in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "127.0.0.1.", "[::ffff:127.0.0.1]", *sorted(names - {"localhost"})):
        listener = Listener()
        registry.fault = lambda request: "/v2/shop" in request.path and (
            request.answer(307, b"", "text/plain", Location=f"http://{where}:{listener.port}/") or True)
        state, reason = scan_of(server, images)
        check(f"redirect to {where}", state == "dead" and not listener.heads, (state, reason, listener.heads[:1]))
        listener.end()
    outside.shutdown()


def replays(folder, program):
    images = Images()
    server, registry = started(folder, program, registry=Registry(images))
    name = images.make(1)
    same = event("shop/api", name, 1, "1")
    statuses = []

    def post(bodies):
        connection = server.connect()
        statuses.extend(send(connection, "/hooks/shop", FIELDS, body)[0] for body in bodies)

    for bodies in ([same] * 1_000, [event("shop/api", name, f"other-{n}", "1") for n in range(1_000)]):
        threads = [threading.Thread(target=post, args=(bodies[n::8],)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    wait(lambda: not server.rows("SELECT 1 FROM job WHERE state IN ('queued', 'leased')"), 60, "jobs")
    jobs, reports = server.rows("SELECT count(*) FROM job")[0][0], server.rows("SELECT count(*) FROM report")[0][0]
    asked = registry.asked.get(f"/v2/shop/api/manifests/{name}")
    check("2,000 times 202", statuses == [202] * 2_000, set(statuses))
    check("one scan", (jobs, reports, asked) == (1, 1, 1), f"{jobs} jobs, {reports} reports, asked {asked} times")
    events = server.rows("SELECT count(*) FROM event")[0][0]
    check("one row for each id", events == 1_001, events)


def floods(folder, program):
    """One source floods; the other goes on as before, and the queue does not grow beyond its bound."""
    images = Images()
    registry = Registry(images)
    server = Server(program, folder, registry.host, more=source(folder, "flood", "distribution", '"header"', OTHER)
                    + "\n[queue]\nmost = 3000\nmost-of-source = 2000\n")
    server.start()

    def posts(count, label):
        connection, times = server.connect(), []
        for number in range(count):
            body = event("shop/api", images.make(f"{label} {number}"), f"{label} {number}")
            start = time.monotonic()
            status, _ = send(connection, "/hooks/shop", FIELDS, body)
            times.append(time.monotonic() - start)
            if status != 202:
                check("the quiet source", False, status)
            time.sleep(0.02)
        return statistics.quantiles(times, n=100)[98] * 1e3

    def served(label):
        name = images.make("served " + label)
        start = time.monotonic()
        send(server.connect(), "/hooks/shop", FIELDS, event("shop/served", name, label))
        wait(lambda: server.rows("SELECT 1 FROM job WHERE digest = ? AND state = 'done'", name), 120, "the quiet source's scan")
        return time.monotonic() - start

    quiet = posts(50, "quiet")
    # the queue of the quiet source is empty for this
    wait(lambda: not server.rows("SELECT 1 FROM job WHERE state IN ('queued', 'leased') LIMIT 1"), 120, "jobs")
    served_quiet = served("quiet")
    counts, is_over = {}, threading.Event()

    def flood(number):
        mine = server.connect()
        count = 0
        while not is_over.is_set():
            count += 1
            body = event("flood/it", digest(f"{number} {count}".encode()), f"{number} {count}")
            answer = send(mine, "/hooks/flood", {**FIELDS, "Authorization": OTHER}, body)
            counts[answer] = counts.get(answer, 0) + 1

    floods = [threading.Thread(target=flood, args=(number,), daemon=True) for number in range(8)]
    for one in floods:
        one.start()
    time.sleep(2)
    loud = posts(50, "loud")
    wait(lambda: any(status == 503 for status, _ in counts), 60, "the bound of the queue")
    is_over.set()
    for one in floods:
        one.join()
    waiting = dict(server.rows("SELECT source, count(*) FROM job WHERE state = 'queued' GROUP BY source"))
    served_loud = None
    wait(lambda: not server.rows("SELECT 1 FROM job WHERE state = 'queued' AND source = 'shop' LIMIT 1"), 240, "the quiet source's jobs")
    left = dict(server.rows("SELECT source, count(*) FROM job WHERE state = 'queued' GROUP BY source"))
    served_loud = served("loud")
    full = [(status, after) for status, after in counts if status == 503]
    check("503 and Retry-After", full and all(after and 1 <= int(after) <= 120 for _, after in full), counts)
    check("nothing else", {status for status, _ in counts} <= {202, 503}, counts)
    # what was with a worker meanwhile may be put back
    check("the bound", waiting.get("flood", 0) <= 2_000 + 2, waiting)
    check("the quiet one's p99", loud <= max(100, quiet * 4), f"{quiet:.1f} ms, {loud:.1f} ms beside the flood")
    check("the quiet one's scans", left.get("flood", 0) > 100 and served_loud < served_quiet + 5,
          f"{served_quiet:.2f} s, {served_loud:.2f} s with {left.get('flood', 0)} of the other before it")
    return f"p99 {quiet:.1f} → {loud:.1f} ms, {counts}"


TRAVERSALS = ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/x", "..", "%2e%2e", "%00", "a%00b", "a" * 10_000, "%ff%fe", "-1", "0",
              "1e9", "9" * 18, "9" * 40, "1;DROP TABLE report", "1%20OR%201=1", "'", '"', "%0d%0aX:1", "*", "\\..\\", "%5c..%5c", "１"]


def ids_that_lead_elsewhere(folder, program):
    images = Images()
    server, _ = started(folder, program, registry=Registry(images))
    scan_of(server, images)
    wait(lambda: server.rows("SELECT 1 FROM report"), 60, "a report")
    token = server.token()
    (report, image), = server.rows("SELECT id, image FROM report")
    places = ["/reports/{}", "/reports/{}/packages", "/images/{}", "/api/v1/reports/{}", "/api/v1/images/{}", "/api/v1/jobs/{}",
              "/api/v1/scan/{}/report"]
    posts = ["/dead/events/{}", "/dead/jobs/{}", "/api/v1/events/{}/retry", "/api/v1/jobs/{}/retry"]
    tried = 0
    for method, patterns in (("GET", places), ("POST", posts)):
        for pattern in patterns:
            for word in TRAVERSALS + [report.upper(), report + "x", report[:-1], report + "%00", f"../reports/{report}"]:
                path = pattern.format(word).encode("utf-8").decode("latin-1")
                with socket.create_connection(("127.0.0.1", server.port)) as one:
                    one.settimeout(10)
                    one.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nSec-Fetch-Site: same-origin\r\n"
                                "Connection: close\r\nContent-Length: 0\r\n\r\n".encode("latin-1"))
                    answer = b""
                    while piece := one.recv(65_536):
                        answer += piece
                tried += 1
                status = answer.split(b" ", 2)[1:2]
                is_good = status in ([b"404"], [b"400"]) or (pattern == "/images/{}" and status == [b"303"])
                if not is_good or b"root:" in answer:
                    check(f"{method} {path[:60]}", False, answer[:60])
    check("the right one is there", server.get(f"/api/v1/reports/{report}", token)[0] == 200)
    return f"{tried} paths"


def reports_of_others(folder, program):
    images = Images()
    registry = Registry(images)
    server = Server(program, folder, registry.host, more=source(folder, "other", "distribution", '"header"', OTHER))
    server.start()
    mine, theirs = images.make("mine"), images.make("theirs")
    send(server.connect(), "/hooks/shop", FIELDS, event("shop/api", mine, 1, "1"))
    send(server.connect(), "/hooks/other", {**FIELDS, "Authorization": OTHER}, event("veiled/api", theirs, 1, "1"))
    send(server.connect(), "/hooks/other", {**FIELDS, "Authorization": OTHER}, "not to be read")
    wait(lambda: server.rows("SELECT count(*) FROM report")[0][0] == 2, 60, "reports")
    token, wrong = server.token("shop", "admin", "shop"), "careen_" + "0" * 64
    (hidden, image), = server.rows("SELECT id, image FROM report WHERE source = 'other'")
    job, = server.rows("SELECT id FROM job WHERE source = 'other'")[0]
    letter, = server.rows("SELECT id FROM event WHERE state = 'dead'")[0]
    nothing = "0" * 8 + hidden[8:]
    for pattern, real, none in (("/api/v1/reports/{}", hidden, nothing), ("/reports/{}", hidden, nothing), ("/reports/{}/packages", hidden, nothing),
                                ("/api/v1/images/{}", image, 99), ("/images/{}", image, 99), ("/api/v1/jobs/{}", job, 99)):
        there, absent = server.get(pattern.format(real), token), server.get(pattern.format(none), token)
        plain = lambda answer: re.sub(rb"[0-9a-f-]", b"", answer[2])
        check(pattern, there[0] == absent[0] == 404 and plain(there) == plain(absent), (there[0], absent[0]))
    for pattern, real in (("/api/v1/events/{}/retry", letter), ("/api/v1/jobs/{}/retry", job)):
        check(pattern, server.get(pattern.format(real), token, "POST")[0] == 404)
    for path in ("/", "/api/v1/images", "/api/v1/findings", "/api/v1/jobs", "/api/v1/events", "/findings", "/queue", "/dead", "/data",
                 "/api/v1/images?repository=veiled/api", "/api/v1/policies"):
        status, _, body = server.get(path, token)
        told = [word for word in (b"veiled", theirs.encode(), hidden.encode()) if word in body and word.decode() not in path]
        check(path, not told and status in (200, 400), (status, told)) if told or status not in (200, 400) else None
    scan = json.dumps({"source": "other", "repository": "veiled/api", "tag": "1"})
    status = server.get("/api/v1/scan", token, "POST", scan, **{"Content-Type": "application/json"})[0]
    check("a scan on another's behalf", status in (400, 403, 404, 422), status)
    check("metrics of all", server.get("/metrics", token)[0] == 404)
    for bad in (None, wrong, token[:-1], token.upper(), ""):
        for path in ("/api/v1/images", f"/api/v1/reports/{hidden}", "/metrics", "/api/v1/findings"):
            status = server.get(path, bad)[0]
            check(f"{path} with a wrong token", status == 401, status) if status != 401 else None
        status, fields, _ = server.get(f"/reports/{hidden}", bad)
        check("a page without a login", status == 303 and fields["Location"].startswith("/login"), status) if status != 303 else None


class Shape(html.parser.HTMLParser):
    """Elements and attributes of a page."""

    def __init__(self, page):
        super().__init__()
        self.shape, self.script = set(), []
        self.feed(page.decode())

    def handle_starttag(self, tag, attributes):
        self.shape.add((tag, tuple(sorted(name for name, _ in attributes))))
        self.script += [(tag, name, value) for name, value in attributes
                        if name.startswith("on") or (value or "").strip().lower().startswith(("javascript:", "data:", "vbscript:"))]


def markup_in_pages(folder, program):
    """No element or attribute of a page is of an image's making."""
    images = Images()
    server, _ = started(folder, program, registry=Registry(images))
    tame = marked_image(images, [f"word{n}" for n in range(len(MARKUP))])
    wild = marked_image(images, MARKUP)
    for name in (tame, wild):
        state, reason = scan_of(server, images, "shop/" + ("tame" if name == tame else "wild"), name, tag="1")
        check("scanned", state == "done", (state, reason))
    # what nobody can read is shown too
    for text in MARKUP:
        send(server.connect(), "/hooks/shop", FIELDS, json.dumps({"events": [{"id": text, "action": text, "target": {"repository": text}}]}))
        send(server.connect(), "/hooks/shop", FIELDS, text.encode("utf-8", "replace"))
    token = server.token()
    pages = 0
    ids = {name: server.rows("SELECT report.id, image.id FROM report JOIN image ON image.id = image WHERE digest = ?", name)[0] for name in (tame, wild)}
    for pattern in ("/reports/{0}", "/images/{1}", "/reports/{0}/packages"):
        shapes = []
        for name in (tame, wild):
            status, fields, page = server.get(pattern.format(*ids[name]), token)
            check(pattern, status == 200, status) if status != 200 else None
            shape = Shape(page)
            shapes.append(shape.shape)
            check(f"{pattern} scripts", not shape.script, shape.script) if shape.script else None
            policy = fields["Content-Security-Policy"] or ""
            check("policy", "default-src 'none'" in policy and "unsafe" not in policy and fields["X-Content-Type-Options"] == "nosniff", policy) \
                if "default-src 'none'" not in policy else None
            pages += 1
        # a gap is told in bold letters by the page itself
        more = shapes[1] - shapes[0] - {("b", ())}
        check(f"{pattern}: the same elements and attributes", not more, more)
    for path in ("/", "/findings", "/queue", "/dead", "/data", "/?q=" + "%3Cscript%3E", "/findings?rule=%22%3E%3Cscript%3E", "/login?to=%22%3E%3Cscript%3E",
                 "/nowhere%3Cscript%3E", "/?repository=%22onload=%22x"):
        _, fields, page = server.get(path, token)
        shape = Shape(page)
        bad = [tag for tag, _ in shape.shape if tag in ("script", "img", "svg", "iframe", "object", "embed", "i", "x-b", "u")] + shape.script
        check(path, not bad and b"\x1b" not in page and "\u202e".encode() not in page, bad) if bad or b"\x1b" in page else None
        pages += 1
    for report, _ in ids.values():
        for form in ("json", "sarif", "html", "text", "markdown"):
            _, fields, body = server.get(f"/api/v1/reports/{report}?format={form}", token)
            check(f"{form} is no page", not (fields["Content-Type"] or "").startswith("text/html") or form == "html", fields["Content-Type"])
            check(f"{form} has no escapes", b"\x1b" not in body) if b"\x1b" in body else None
    return f"{pages} pages"


def writing_into_the_log(folder, program):
    lines = ['x"}\n{"level":"ERROR","message":"made up"}', "\r\nmade up", "\x1b[2J\x1b]0;made up\x07", "\x9b31m", "\u2028made up\u2029", "\u202emade up",
             "\x00", "\x7f", "\\n", "%0amade up"]
    images = Images()
    registry = Registry(images)
    more = source(folder, "harbor", "harbor", '"header"') + source(folder, "azure", "acr", '"header"') + source(folder, "git", "ghcr", '"signature"', OTHER)
    server = Server(program, folder, registry.host, more=more, top='log = "trace"', registry_keys=login(folder))
    server.start()
    for number, text in enumerate(lines):
        # one that was idle is closed
        connection = server.connect()
        for field in ("id", "action", "timestamp", "target", "repository", "tag", "digest", "mediaType", "host", "url"):
            one = json.loads(event("shop/api", digest(b"x"), f"{number} {field}", "1"))["events"][0]
            if field in one:
                one[field] = text
            elif field == "host":
                one["request"]["host"] = text
            else:
                one["target"][field] = text
            send(connection, "/hooks/shop", FIELDS, json.dumps({"events": [one]}))
        azure = json.loads(push_of("acr", "shop/api", digest(b"y"), "1", number)[2])
        azure["target"]["repository"] = text
        send(connection, "/hooks/azure", FIELDS, json.dumps(azure))
        harbor = json.loads(push_of("harbor", text, digest(b"y"), text, number)[2])
        send(connection, "/hooks/harbor", FIELDS, json.dumps(harbor))
        send(connection, "/hooks/shop", FIELDS, text.encode())
        send(server.connect(), "/hooks/shop", {**FIELDS, "Authorization": "a\tb\x80"}, b"{}")
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            path = text.encode().replace(b"\n", b"").replace(b"\r", b"")
            raw.sendall(b"POST /hooks/" + path + b" HTTP/1.1\r\nHost: " + path + b"\r\nX-A: " + path + b"\r\nContent-Length: 0\r\n\r\n")
            raw.recv(100)
        # the registry speaks as well
        body = json.dumps({"errors": [{"code": text, "message": text, "detail": text}]}).encode()
        clean = re.sub(r"[^ -~]", "", text)
        registry.fault = lambda request: "manifests" in request.path and (request.answer(
            404, body, "application/json", WWW_Authenticate=f'Bearer realm="{clean}"', Location=clean, Warning=clean) or True)
        scan_of(server, images, f"shop/r{number}")
    registry.fault = None
    wild = marked_image(images, lines[:3] + MARKUP)
    scan_of(server, images, "shop/wild", wild)
    broken = hostile_images(images)["names"]
    scan_of(server, images, "shop/names", broken)
    token = server.token()
    for path in ("/reports/%0amade%20up", "/login?to=%0d%0amade", "/api/v1/images?repository=%1b%5b2J", "/nothing%0a%1b"):
        server.get(path, token)
    server.end()
    log = server.log_text()
    bad = [line for line in log.split(b"\n") if line and not is_plain_json(line)]
    check("one JSON object a line", len(bad) <= 1 and all(line.startswith(b"careen listens on ") for line in bad), bad[:3])
    steering = re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]", log)
    check("no sign that steers", not steering, log[max(0, steering.start() - 80):steering.end() + 20] if steering else "")
    made = [line for line in log.split(b"\n") if is_plain_json(line) and json.loads(line).get("message") == "made up"]
    check("no line is made up", not made, made[:1])
    return f"{log.count(10)} lines"


def is_plain_json(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def secrets_stay_secret(folder, program):
    """Tokens, secrets of webhooks, the registry's login, and one that lies in an image: in no log, page, answer, nor on the disk."""
    key = "action-" + "key-of-threats"
    planted = {"github": "ghp_" + hashlib.sha256(b"planted").hexdigest()[:30] + "3fKxZ9"[:6], "aws": "AKIA" + "QYLPMN5HFIQR7BBB"[:16],
               "env": "Xk9" + "vRt27LqPz8MwNb4HsYd6"}
    aws_secret = "wJalr7XUt" + "nFEMIK7MDENGbPxRfiCYzT4qLpOe1"
    images = Images()
    registry = Registry(images)
    bearer = "bearer-" + hashlib.sha256(b"bearer").hexdigest()
    answer = json.dumps({"token": bearer}).encode()

    def fault(request):
        if request.path.startswith("/token"):
            request.answer(200, answer, "application/json")
            return True
        if (request.headers["Authorization"] or "") == "Bearer " + bearer:
            return False
        request.answer(401, json.dumps({"errors": [{"message": str(request.headers["Authorization"])}]}).encode(), "application/json",
                       WWW_Authenticate=f'Bearer realm="http://{registry.host}/token",service="x",scope="repository:shop/api:pull"')
        return True

    registry.fault = fault
    receiver = Receiver(key)
    key_file = os.path.join(folder, "key")
    open(key_file, "w").write(key + "\n")
    more = source(folder, "hub", "docker-hub", '"path"', PATH_SECRET) + source(folder, "git", "ghcr", '"signature"', OTHER) + f'''
[[action]]
name = "told"
kind = "webhook"
on = ["failed", "passed", "incomplete"]
url = "http://127.0.0.1:{receiver.port}/x"
allow-private = true
secret = {{ file = "{key_file}" }}

[workers]
cache = "0"
'''
    server = Server(program, folder, registry.host, more=more, top='log = "trace"', registry_keys=login(folder))
    temporary = os.path.join(folder, "tmp")
    os.mkdir(temporary)
    server.environment["TMPDIR"] = temporary
    server.start()
    files = [("app/settings.env", f"GITHUB_TOKEN={planted['github']}\nAWS_ACCESS_KEY_ID={planted['aws']}\nAWS_SECRET_ACCESS_KEY={aws_secret}\n".encode()),
             ("app/key.pem", private_key()), (f"app/{planted['github']}.txt", b"x"), ("etc/os-release", b"ID=alpine\nVERSION_ID=3.22.0\n")]
    config = {"config": {"User": "0", "Env": [f"DATABASE_PASSWORD={planted['env']}", f"GITHUB_TOKEN={planted['github']}"],
                         "Labels": {"token": planted["github"]}, "Entrypoint": ["run", "--token", planted["github"]]},
              "history": [{"created_by": f"/bin/sh -c curl -H 'Authorization: Bearer {planted['github']}' https://x.example"}]}
    name = images.add([tar_of(files)], config, {"note": planted["github"]})
    state, reason = scan_of(server, images, "shop/api", name, tag="1")
    check("scanned", state == "done", (state, reason))
    # wrong in many ways, since errors are what shows things
    token = server.token()
    connection = server.connect()
    body = event("shop/api", name, 1)
    for path in (f"/hooks/hub/{PATH_SECRET}x", f"/hooks/shop/{SECRET}", f"/hooks/hub/{PATH_SECRET}", "/hooks/git"):
        send(connection, path, {**FIELDS, "X-Hub-Signature-256": "sha256=" + hmac.new(OTHER.encode(), b"x", "sha256").hexdigest()}, body)
    send(connection, "/hooks/shop", FIELDS, json.dumps({"events": [{"id": "1", "action": "push", "target": {"repository": "A B"}}]}))
    wait(lambda: receiver.bodies, 30, "a delivery")
    registry.broken = True
    scan_of(server, images, "shop/broken")
    registry.broken = False
    secrets = {"webhook": SECRET, "path": PATH_SECRET, "signature": OTHER, "password": PASSWORD, "bearer": bearer, "action": key, "token": token,
               "planted token": planted["github"], "planted password": planted["env"], "planted key": aws_secret, "aws": planted["aws"],
               "pem": private_key().decode().splitlines()[1][:60],
               "basic": __import__("base64").b64encode(f"robot:{PASSWORD}".encode()).decode()}
    report, image = server.rows("SELECT id, image FROM report ORDER BY made LIMIT 1")[0]
    shown = {}
    for path in ("/", f"/images/{image}", f"/reports/{report}", f"/reports/{report}/packages", "/findings", "/queue", "/dead", "/data", "/api/v1/images",
                 f"/api/v1/images/{image}", "/api/v1/findings", "/api/v1/jobs", "/api/v1/events", "/api/v1/policies", "/metrics", "/login?to=/"):
        shown[path] = server.get(path, token)[2]
    formats = [row[0] for row in server.rows("SELECT format FROM document WHERE report = ?", report)]
    for form in formats:
        shown[form] = server.get(f"/api/v1/reports/{report}?format={form}", token)[2]
    for number, told in enumerate(receiver.bodies.values()):
        shown[f"delivery {number}"] = told
    shown["token list"] = server.run("token", "list").encode()
    shown["check"] = server.run("--check").encode()
    server.run("--backup", os.path.join(folder, "data", "copy.db"))
    server.end()
    shown["log"] = server.log_text()
    for below in (server.data, temporary):
        for place, _, names in os.walk(below):
            for file in names:
                with open(os.path.join(place, file), "rb") as opened:
                    shown[os.path.join(place, file)] = opened.read()
    found = [(what, place) for what, secret in secrets.items() for place, text in shown.items() if secret.encode() in text]
    # the name of a file is where a finding is; what a name holds is masked as well
    check("in none of them", not found, found[:6])
    findings = shown["json"].count(b"secret/")
    check("the planted ones were found", findings >= 3, findings)
    return f"{len(secrets)} secrets, {len(shown)} places, formats {', '.join(formats)}"


def workers_show_nothing(folder, program):
    """Neither the arguments nor the environment of a worker hold the registry's password."""
    images = Images()
    registry = Registry(images)
    server = Server(program, folder, registry.host, registry_keys=login(folder))
    server.environment["SOME_SECRET"] = "environment-" + "of-the-server"
    server.start()
    name = images.make("slow")
    send(server.connect(), "/hooks/shop", FIELDS, event("slow/api", name, 1))
    worker = wait(lambda: server.workers(), 20, "a worker")[0]
    wait(lambda: any("slow" in path for path in registry.asked), 20, "a question")
    shown = b"".join(open(f"/proc/{worker}/{file}", "rb").read() for file in ("cmdline", "environ"))
    check("neither", PASSWORD.encode() not in shown and b"environment-of" not in shown and b"worker" in shown, shown[:200])
    descriptors = [os.readlink(f"/proc/{worker}/fd/{fd}") for fd in os.listdir(f"/proc/{worker}/fd")]
    check("no descriptor of the store", not [link for link in descriptors if "careen.db" in link or link.endswith("/lock")], descriptors)
    limits = open(f"/proc/{worker}/limits").read()
    check("limits", re.search(r"Max core file size\s+0 ", limits) and not re.search(r"Max data size\s+unlimited", limits), limits)


PACKAGES = 50_000


def reports_that_nobody_reads(folder, program):
    """An image of many packages is judged, each format of its report is given out, and who asks and does not read holds little memory,
    and not for long; one that reads slowly has it whole."""
    images = Images()
    installed = "".join(f"P:libfoo{number}\nV:1.{number}-r0\nA:x86_64\nL:MIT\nT:a library\n\n" for number in range(PACKAGES)).encode()
    image = images.add([tar_of([("etc/os-release", b"ID=alpine\nVERSION_ID=3.22.0\n"), ("lib/apk/db/installed", installed)])])
    server = Server(program, folder, Registry(images).host)
    server.start()
    token = server.token()
    start = most = rss(server)
    send(server.connect(), "/hooks/shop", FIELDS, event("large/api", image, 1, "1"))

    def ended():
        nonlocal most
        most = max(most, rss(server))
        return server.rows("SELECT state, reason FROM job WHERE state IN ('done', 'dead') OR reason IS NOT NULL")
    state = wait(ended, 600, "the scan")[0]
    check("judged", state == ("done", None), state)
    scanned = most
    report, = server.rows("SELECT id FROM report")[0]
    formats = dict(server.rows("SELECT format, size FROM document"))
    for name, size in formats.items():
        status, fields, body = server.get(f"/api/v1/reports/{report}?format={name}", token)
        most = max(most, rss(server))
        check(name, (status, len(body)) == (200, size), f"{status}, {len(body)} of {size} bytes") if (status, len(body)) != (200, size) else None
        if name in ("json", "cyclonedx", "spdx", "sarif"):
            json.loads(body)
    packages = len(json.loads(server.get(f"/api/v1/reports/{report}?format=json", token)[2])["packages"])
    check("all packages", packages == PACKAGES, packages)
    served, largest = most, max(formats, key=formats.get)

    def ask():
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        one.connect(("127.0.0.1", server.port))
        one.sendall(f"GET /api/v1/reports/{report}?format={largest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        return one
    slow = ask()
    got = len(slow.recv(1_000))
    before = rss(server)

    def connections():
        links = []
        for file in os.listdir(f"/proc/{server.process.pid}/fd"):
            try:
                links.append(os.readlink(f"/proc/{server.process.pid}/fd/{file}"))
            except FileNotFoundError:
                pass
        return sum(link.startswith("socket:") for link in links)
    open_before = connections()
    silent = [ask() for _ in range(40)]
    until = time.monotonic() + 45
    while time.monotonic() < until:
        most = max(most, rss(server))
        got += len(slow.recv(4_096))
        time.sleep(0.2)
    held = most
    left = connections() - open_before
    check("they are left", left <= 0, f"{left} of {len(silent)} are still there")
    answers = []
    for one in silent:
        try:
            answers.append(one.recv(100)[9:12].decode())
        except OSError:
            answers.append("reset")
        one.close()
    check("the others are told to come back", set(answers) <= {"200", "503", "reset"}, set(answers))
    while piece := slow.recv(1 << 20):
        got += len(piece)
    check("one that is slow has it whole", got > formats[largest], f"{got} of {formats[largest]}")
    check("healthz", server.get("/healthz")[0] == 200)
    check("memory", most < start + 256, f"{start:.0f} MiB, then {most:.0f}")
    return (f"{PACKAGES} packages, {sum(formats.values()) >> 20} MiB in {len(formats)} formats, the largest {formats[largest] >> 20}; "
            f"MiB: {start:.0f} at the start, {scanned:.0f} with the scan, {served:.0f} while formats were asked for, {before:.0f} before and {held:.0f} with "
            f"{len(silent)} who do not read ({answers.count('200')} have begun to get it)")


CASES = [no_trigger_without_the_secret, heads_that_drip, bodies_that_drip, bodies_without_end, large_bodies_of_nobody, encoded_bodies, deep_json,
         large_heads, more_connections_than_it_takes, payloads_that_name_hosts, registries_that_redirect, metadata_addresses, credentials_stay,
         redirects_to_this_machine, replays, floods, ids_that_lead_elsewhere, reports_of_others, reports_that_nobody_reads, markup_in_pages, writing_into_the_log,
         secrets_stay_secret, workers_show_nothing]

if __name__ == "__main__":
    run_all(CASES, sys.argv[1], only=sys.argv[2] if len(sys.argv) > 2 else None)
