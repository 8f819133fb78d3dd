"""Images made to be mended, each checked by `check.py` and, where they are installed, opened by other tools.

    cases.py CAREEN [NAME]... [--keep DIR] [--tools]

Each case writes an image, lets careen mend it, and says what must be so afterwards.
"""

import argparse
import copy
import base64
import bz2
import gzip
import hashlib
import io
import json
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
import zlib

import check
import images
import raw_tar
from images import Image, docker_hybrid, docker_old, layout
from raw_tar import archive, member, sparse

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def token(seed):
    """A personal access token of the form that GitHub gives: its last six letters are a checksum."""
    state, body = hashlib.sha256(seed.encode()).digest(), ""
    while len(body) < 30:
        state = hashlib.sha256(state).digest()
        body += "".join(LETTERS[byte % 62] for byte in state)
    body, rest, tail = body[:30], zlib.crc32(body[:30].encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        tail = LETTERS[digit] + tail
    return "gh" + "p_" + body + tail


def file(name, text=b"", **fields):
    return member(name, text.encode() if isinstance(text, str) else text, **fields)


def folder(name, **fields):
    return member(name.rstrip("/") + "/", kind=b"5", **fields)


def link(name, target):
    return member(name, kind=b"1", link=target)


def symlink(name, target):
    return member(name, kind=b"2", link=target)


OS = file("etc/os-release", 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
PASSWD = file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
GROUP = file("etc/group", "root:x:0:\n")
SHADOW = file("etc/shadow", "root:*:19000:0:99999:7:::\n", mode=0o640, gid=42)
BASE = archive(folder("etc"), OS, PASSWD, GROUP, SHADOW, folder("bin"), file("bin/sh", b"\x7fELF" + b"x" * 600, mode=0o755))
PLAIN = {"User": "1000:1000", "Env": ["PATH=/usr/bin:/bin"], "Cmd": ["/bin/sh"]}


class Case:
    """One image, the flags to mend it with, and what must then be so."""

    def __init__(self, files, args=(), needles=(), gone=(), there=(), form="oci-archive", out=None, code=0,
                 changed=True, then=None, drops_empty=False, stays=(), still_fails=False, policy=None, settles=True, unapproved=None):
        self.files, self.args, self.form, self.out = files, list(args), form, out or form
        self.needles = [needle.encode() if isinstance(needle, str) else needle for needle in needles]
        self.gone, self.there = gone, there       # names in the merged tree
        self.code, self.changed, self.then, self.drops_empty = code, changed, then, drops_empty
        self.stays = list(stays)                  # where the plan says that a value stays
        self.still_fails = still_fails            # by a rule, once more
        self.policy = policy                      # the table `[fix]` of a policy
        self.unapproved = unapproved              # the start of an action's id: without it, nothing is hidden
        self.settles = settles                    # whether what comes out needs no mending: a copy on top is one's own


def env_file(secret):
    return f"# settings\nGITHUB_TOKEN={secret}\nLEVEL=info\n"


def one(*layers, **named):
    return layout((Image(BASE, *[archive(*layer) for layer in layers], **{"config": PLAIN, **named}), "1.0"))


def zipped(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def packed_tar(*members, behind=b""):
    return gzip.compress(archive(*members) + behind, mtime=0)


def half_listed(name, data):
    """A zip archive with a file that its directory does not list."""
    hidden = zipped(name, data)
    return hidden[:hidden.index(b"PK\x01\x02")] + zipped("readme", "nothing")


SECRETS = ["--only", "secrets", "--yes"]


def secret_cases():
    def secret(name, *layers, **named):
        value = token(name)
        layers = [layer(value) if callable(layer) else layer for layer in layers]
        return Case(one(*layers), SECRETS, [value], **named)

    env = lambda value: [folder("srv"), file("srv/.env", env_file(value), uid=7), file("srv/main", "run")]
    keep = [file("srv/other", "other")]
    yield "secret-in-top", secret("top", keep, env, gone=["srv/.env"], there=["srv/main", "srv/other"])
    yield "secret-in-lower", secret("lower", env, keep, gone=["srv/.env"], there=["srv/main", "srv/other"])
    yield "secret-deleted", secret("deleted", env, [file("srv/.wh..env")], gone=["srv/.env"], there=["srv/main"])
    yield "secret-overwritten", secret("overwritten", env, [file("srv/.env", "LEVEL=info\n")], there=["srv/.env", "srv/main"])
    yield "secret-opaque", secret("opaque", env, [folder("srv"), file("srv/.wh..wh..opq"), file("srv/new", "n")],
                                  gone=["srv/.env", "srv/main"], there=["srv/new"])
    yield "secret-hard-linked", secret("linked", lambda value: env(value) + [link("srv/copy", "srv/.env")],
                                       gone=["srv/.env", "srv/copy"], there=["srv/main"])
    value = token("another-name")
    yield "removed-name-of-a-linked-secret", Case(
        one([folder("srv"), file("srv/.env", env_file(value)), link("srv/copy", "srv/.env")]),
        ["--only", "healthcheck", "--remove", "srv/.env"], gone=["srv/.env"], there=["srv/copy"], code=1)
    packed = gzip.compress(env_file(value).encode(), mtime=0)
    yield "removed-name-of-a-linked-archive-with-a-secret", Case(
        one([folder("srv"), file("srv/a.gz", packed), link("srv/copy", "srv/a.gz")]),
        ["--only", "healthcheck", "--remove", "srv/a.gz"], gone=["srv/a.gz"], there=["srv/copy"], code=1)
    yield "removed-names-of-secrets-of-which-one-stays", Case(
        one([folder("srv"), file("srv/y.tmp", env_file(value))],
            [file("srv/x.tmp", env_file(value)), link("srv/copy", "srv/x.tmp")]),
        ["--only", "healthcheck", "--yes", "--remove", "**/*.tmp"], gone=["srv/x.tmp", "srv/y.tmp"], there=["srv/copy"], code=1)
    yield "secret-of-one-name-in-many-members", secret(
        "many", lambda value: [folder("srv")] + [file("srv/.env", env_file(value))] * 300 + [file("srv/main", "run")],
        gone=["srv/.env"], there=["srv/main"])
    yield "removed-name-of-a-file-with-many", Case(
        one([folder("srv"), file("srv/a", "text")] + [link(f"srv/{index}", "srv/a") for index in range(300)]
            + [link("srv/7", "srv/8"), file("srv/0", "other"), link("srv/last", "srv/a")]),
        ["--only", "healthcheck", "--remove", "srv/a", "--remove", "srv/1"], gone=["srv/a", "srv/1"],
        there=["srv/0", "srv/2", "srv/7", "srv/299", "srv/last"])
    value = token("log")
    yield "secret-in-a-log", Case(
        one([folder("var/log"), file("var/log/.env", env_file(value)), file("var/log/shop.log", "x" * 70_000)]),
        ["--only", "secrets,leftovers", "--yes"], [value], gone=["var/log/.env"], there=["var/log/shop.log"])
    value = token("log-in-place")
    yield "secret-in-a-log-that-is-emptied", Case(
        one([folder("var/log"), file("var/log/.env", env_file(value))]),
        ["--only", "secrets,leftovers", "--yes", "--redact-in-place"], [value], there=["var/log/.env"])
    yield "secret-beside-a-file-of-the-same-owner", secret(
        "owner", lambda value: [folder("srv"), file("srv/.env", env_file(value), uid=4711), file("srv/app", "run", uid=4711)],
        gone=["srv/.env"], there=["srv/app"])
    yield "secret-in-link-chain", secret(
        "chain", lambda value: env(value) + [link("srv/a", "srv/.env"), link("srv/b", "srv/a"), link("srv/c", "./srv/b")],
        gone=["srv/.env", "srv/a", "srv/b", "srv/c"], there=["srv/main"])
    yield "secret-symlinked", secret("symlinked", lambda value: env(value) + [symlink("srv/see", ".env")],
                                     gone=["srv/.env"], there=["srv/main"])
    yield "secret-through-linked-folder", secret(
        "parent", [folder("usr/app"), symlink("app", "usr/app")],
        lambda value: [file("app/.env", env_file(value))], gone=["usr/app/.env"])
    yield "secret-twice-in-a-layer", secret(
        "twice", lambda value: [file("srv/.env", env_file(value)), file("srv/x", "x"), file("./srv/.env", env_file(value) + "#\n")],
        gone=["srv/.env"], there=["srv/x"])
    yield "secret-copied", secret("copied", env, lambda value: [file("opt/backup.env", env_file(value))],
                                  gone=["srv/.env", "opt/backup.env"], there=["srv/main"])
    yield "secret-in-two-files", secret("two", env, lambda value: [file("opt/other.conf", f"token = {value}\n")],
                                        gone=["srv/.env", "opt/other.conf"])
    yield "secret-long-name", secret("long", lambda value: [
        file("srv/" + "n" * 120 + ".env", env_file(value), long_name=True), file("srv/after", "a")], there=["srv/after"])
    yield "secret-pax-name", secret("pax", lambda value: [
        file("srv/p", env_file(value), pax={b"path": b"srv/" + b"p" * 130 + b".env"}), file("srv/after", "a")], there=["srv/after"])
    yield "secret-behind-globals", secret("globals", lambda value: [
        file("srv/.env", env_file(value), shared={b"comment": b"from a build"}), file("srv/after", "a")],
        gone=["srv/.env"], there=["srv/after"])
    yield "secret-beside-sparse", secret("sparse", lambda value: [
        sparse("srv/disk", [(0, b"ab" * 256), (8192, b"cd" * 256)], 16384), file("srv/.env", env_file(value)),
        file("srv/big", "b", base256=True, uid=70_000)], gone=["srv/.env"], there=["srv/disk", "srv/big"])
    yield "secret-beside-devices", secret("devices", lambda value: [
        member("dev/null", kind=b"3", device=(1, 3)), member("run/pipe", kind=b"6"), file("srv/.env", env_file(value)),
        file(b"srv/\xff\xfe", "odd")], gone=["srv/.env"], there=["dev/null", "run/pipe"])
    yield "secret-in-zip", secret("zip", lambda value: [file("srv/a.zip", zipped("in/.env", env_file(value))), file("srv/x", "x")],
                                  gone=["srv/a.zip"], there=["srv/x"])
    yield "secret-in-gzip", secret("gz", lambda value: [file("srv/dump.sql.gz", gzip.compress(env_file(value).encode(), mtime=0)),
                                                        file("srv/x", "x")], there=["srv/x"])
    # blocks of deflate that are compressed, and such that are not
    rng = random.Random(11)
    words = [f"{rng.getrandbits(24):x} " for _ in range(3000)]
    noise, text = (lambda: rng.randbytes(150_001)), (lambda: "".join(rng.choices(words, k=40_000)))
    yield "secret-between-blocks", secret(
        "blocks", lambda value: [file("srv/1", noise()), file("srv/2", text()), file("srv/3", noise()), file("srv/.env", env_file(value)),
                                 file("srv/4", text()), file("srv/5", noise()), file("srv/6", text()), file("srv/7", noise())],
        gone=["srv/.env"], there=[f"srv/{number}" for number in range(1, 8)])
    yield "only-file-of-its-layer", secret("only", lambda value: [file("srv/.env", env_file(value))], keep, gone=["srv/.env"])
    value = token("dropempty")
    yield "emptied-layer-dropped", Case(one([file("srv/.env", env_file(value))], keep), [*SECRETS, "--drop-empty-layers"],
                                        [value], gone=["srv/.env"], there=["srv/other"], drops_empty=True)
    value = token("inplace")
    yield "redacted-in-place", Case(one([file("srv/.env", env_file(value))]), [*SECRETS, "--redact-in-place"], [value],
                                    there=["srv/.env"])


    value = token("coded")
    coded = base64.b64encode(value.encode()).decode()
    yield "coded-secret-redacted-in-place", Case(
        one([file("srv/secret.yaml", f"apiVersion: v1\nkind: Secret\ndata:\n  token: {coded}\n")]),
        [*SECRETS, "--redact-in-place"], [value, coded[40:]], there=["srv/secret.yaml"])


def word(seed):
    """A value that no rule knows by its form."""
    return "kQ" + hashlib.sha256(seed.encode()).hexdigest()[:14] + "xZ"


def password_file(value):
    return f"DB_PASSWORD={value}\nLEVEL=info\n"


def elsewhere_cases():
    """A value that goes with its file, and stands once more where no rule knows it."""
    def once_more(name, path, data, stays):
        value = word(name)
        layer = [file("srv/.env", password_file(value)), file(path, data(value)), file("srv/a", "a")]
        return Case(one(layer), SECRETS, gone=["srv/.env"], there=["srv/a", path], code=1, stays=stays)

    yield "value-in-a-name-in-an-archive", once_more(
        "name-inside", "opt/a.tgz", lambda value: packed_tar(file(f"in/{value}", "x")), ["/opt/a.tgz!a.tar"])
    padded = lambda value: archive(file("in/x", "x" * 100)).replace(
        b"x" + b"\0" * 100, b"x" + (b"\0" * 8 + value.encode()).ljust(100, b"\0"))
    value = token("global-header")
    yield "value-in-a-header-of-several-files", Case(
        one([folder("srv"), file("srv/.env", env_file(value), shared={b"comment": value.encode()}), file("srv/a", "a")]),
        SECRETS, gone=["srv/.env"], there=["srv/a"], code=1, stays=["(a header of several files)"])
    yield "value-in-a-header-of-files-that-go", Case(
        one([folder("srv"), file("srv/a", "a"), file("srv/.env", env_file(value), shared={b"comment": value.encode()})]),
        SECRETS, [value], gone=["srv/.env"], there=["srv/a"])
    value = token("crowd")
    yield "value-of-which-a-file-has-very-many", Case(
        one([folder("srv"), file("srv/.env", env_file(value) + f"{value}\n" * 110_000),
             file("srv/x.bin", b"\0" + value.encode().hex().encode() + b"\0")]),
        SECRETS, gone=["srv/.env"], there=["srv/x.bin"], code=1, stays=["/srv/x.bin"])
    yield "value-in-padding-in-an-archive", once_more(
        "padding-inside", "opt/a.tgz", lambda value: gzip.compress(padded(value), mtime=0), ["/opt/a.tgz!a.tar"])
    yield "value-behind-an-archive", once_more(
        "behind-inside", "opt/a.tgz", lambda value: packed_tar(file("in/x", "x"), behind=value.encode() * 60),
        ["/opt/a.tgz!(behind the archive)"])
    yield "value-two-levels-down", once_more(
        "deep-name", "opt/a.tgz", lambda value: packed_tar(file("b.tgz", packed_tar(file(f"in/{value}", "x")))),
        ["/opt/a.tgz!b.tgz!b.tar"])
    yield "value-that-a-directory-does-not-list", once_more(
        "unlisted", "opt/a.zip", lambda value: half_listed("conf/x", f"see {value} " + "seeing is believing " * 30),
        ["/opt/a.zip!conf/x"])
    value = word("unlisted-removed")
    yield "removed-archive-with-an-unlisted-value", Case(
        one([file("srv/.env", password_file(value)), file("opt/a.zip", half_listed("conf/x", value)), file("srv/a", "a")]),
        [*SECRETS, "--remove", "opt/a.zip"], [value], gone=["srv/.env", "opt/a.zip"], there=["srv/a"])


def spelled_cases():
    """The value stands once more in another spelling, where no rule knows it."""
    value = "kQ7/vT2+xw&Zm9" + "$Lp4<f8W>1sR"
    utf8 = value + "\u00e4"
    mime = lambda text: base64.encodebytes(f"{'#' * 31}{text}{'!' * 99}".encode())
    entities = {ord(sign): f"&#{ord(sign)};" for sign in "&<>$+/"}
    spellings = {
        "json-of-php": lambda text: json.dumps(text).replace("/", "\\/"),
        "json-of-go": lambda text: json.dumps(text).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003E").replace("+", "\\u002B"),
        "xml": lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        "html-with-numbers": lambda text: text.translate(entities),
        "shell": lambda text: "".join("\\" + sign if sign in "&$<>" else sign for sign in text),
        "url-in-part": lambda text: text.replace("/", "%2f").replace("&", "%26").replace("+", "%2b"),
        "base64-in-lines": lambda text: mime(text),
        "base64-in-lines-of-windows": lambda text: mime(text).replace(b"\n", b"\r\n"),
        "base64-in-lines-indented": lambda text: b"  key: |\n    " + mime(text).replace(b"\n", b"\n    "),
        "base64-for-urls-in-lines": lambda text: mime(text).replace(b"+", b"-").replace(b"/", b"_"),
        "latin-1": lambda text: text.encode("latin-1"),
        "latin-1-in-base64": lambda text: base64.b64encode(text.encode("latin-1")),
    }
    for name, spell in spellings.items():
        own = utf8 if "latin" in name else value
        note = spell(own)
        note = note.encode() if isinstance(note, str) else note
        members = [file("srv/.env", f"DB_PASSWORD='{own}'\nLEVEL=info\n"), file("opt/note", b"a\n\nsee " + note + b"\n"), file("srv/a", "a")]
        yield f"spelled-{name}", Case(one(members), SECRETS, gone=["srv/.env"], there=["opt/note"], code=1, stays=["/opt/note"])
        yield f"spelled-{name}-removed", Case(one(members), [*SECRETS, "--remove", "opt/note"], [own, note],
                                              gone=["srv/.env", "opt/note"], there=["srv/a"])


def settings_cases():
    """A value that two settings hold, of which one can go."""
    def two(name, config, stays):
        value = token(name)
        return Case(layout((Image(BASE, archive(file("srv/a", "a")), config=config(value)), "1.0")), SECRETS, code=1, stays=[stays], still_fails=True)

    env = lambda value, **more: {**PLAIN, "Env": [f"GITHUB_TOKEN={value}", f"AGAIN_TOKEN={value}"], **more}
    yield "value-in-env-and-working-folder", two("folder", lambda value: env(value, WorkingDir=f"/srv/{value}"), "/config/WorkingDir")
    yield "value-in-env-and-user", two("user", lambda value: env(value, User=value), "/config/User")
    yield "value-in-env-and-a-name-of-a-label", two(
        "label-name", lambda value: env(value, Labels={value: "x", "a": "b"}), "/config/Labels/(a name that holds it)")
    yield "value-in-env-and-command", two("command", lambda value: env(value, Cmd=["run", "--token", value]), "/config/Cmd/2")


def repeated_cases():
    """A value that a key of the configuration holds which stands once more behind: no parser shows it."""
    def twice(name, make):
        value = token(name)
        image = Image(BASE, archive(file("srv/.env", env_file(value)), file("srv/a", "a")), config=PLAIN)
        image.config_start = make(value.encode().hex().encode())
        return Case(layout((image, "1.0")), SECRETS, gone=["srv/.env"], there=["srv/a"], code=1, stays=["a key that stands twice"])

    yield "value-in-a-repeated-key", twice("repeated", lambda coded: b'"x-note":"' + coded + b'","x-note":"w",')
    yield "value-below-a-repeated-key", twice(
        "below-repeated", lambda coded: b'"x-note":{"a":["' + coded + b'"]},"x-note":{"b":"w"},')


def document_cases():
    def documents(name, make, **named):
        value = token(name)
        return Case(layout((make(value), "1.0")), SECRETS, [value], **named)

    def image(**named):
        return Image(BASE, archive(file("srv/a", "a")), **{"config": PLAIN, **named})

    yield "secret-in-history", documents("history", lambda v: image(
        history=["base", f"RUN git clone https://{v}@github.example/a/b /srv # buildkit"]))
    yield "secret-in-argument", documents("argument", lambda v: image(
        history=["base", {"created_by": f"|1 GITHUB_TOKEN={v} /bin/sh -c make"}]))
    yield "secret-in-history-of-empty-step", documents("empty", lambda v: image(
        history=["base", "RUN a", {"created_by": f"ARG GITHUB_TOKEN={v}", "empty_layer": True}]))
    yield "secret-in-env", documents("env", lambda v: image(
        config={**PLAIN, "Env": ["A=1", f"GITHUB_TOKEN={v}", "B=2"]},
        history=["base", "RUN a", {"created_by": f"ENV GITHUB_TOKEN={v}", "empty_layer": True}]))
    yield "secret-in-label", documents("label", lambda v: image(
        config={**PLAIN, "Labels": {"vendor": "x", "build.token": v}},
        history=["base", "RUN a", {"created_by": f"LABEL build.token={v}", "empty_layer": True}]))
    yield "secret-in-json-of-env", documents("json", lambda v: image(
        config={**PLAIN, "Env": ["SETTINGS=" + json.dumps({"github": {"token": v}, "level": "info"})]}))
    yield "secret-in-comment", documents("comment", lambda v: image(
        history=["base", {"created_by": "flattened", "comment": json.dumps([{"created_by": f"ARG T={v}"}])}]))
    named = token("name-of-a-setting")
    for name, config in (("label", lambda v: {"Labels": {named: v}}), ("variable", lambda v: {"Env": ["A=1", f"{named}={v}"]})):
        value = token(f"value-of-a-{name}")
        yield f"secret-in-a-{name}-whose-name-is-one", Case(
            layout((image(config={**PLAIN, **config(value)}), "1.0")), SECRETS, [value, named])
    yield "secret-that-is-the-name-of-an-annotation", documents("annotation-name", lambda v: image(annotations={v: "q", "keep": "me"}))
    yield "secret-in-author", documents("author", lambda v: image(top={"author": f"see {v}"}))
    yield "secret-in-an-unknown-key", documents("unknown-key", lambda v: image(top={"x-note": {"token": v}}))
    yield "secret-in-annotation", documents("annotation", lambda v: image(annotations={"build.token": v, "keep": "me"}))
    text = "plainword" + "secretvalue42"
    yield "redacted-annotations", Case(
        layout((image(annotations={"m": text, "keep": "me"}), "1.0"), index_annotations={"i": f"see {text}"}),
        ["--only", "caches", "--redact", text], [text])
    yield "secret-in-classic-config", documents("classic", lambda v: image(
        config={**PLAIN, "Env": [f"GITHUB_TOKEN={v}"]},
        top={"container_config": {"Env": [f"GITHUB_TOKEN={v}"], "Cmd": ["/bin/sh"]}, "docker_version": "18.09"}))
    yield "unknown-keys-stay", documents("unknown", lambda v: image(
        config={**PLAIN, "Env": [f"GITHUB_TOKEN={v}"], "Healthcheck": {"Test": ["NONE"]}, "OnBuild": ["RUN x"],
                "Shell": ["/bin/ash"], "x-vendor": {"b": 1, "a": [1.50, 1e3]}},
        top={"x-top": {"z": 1, "a": None}, "variant": "v8"}))


def form_cases():
    def with_secret(name, **named):
        value = token(name)
        return value, Image(BASE, archive(file("srv/.env", env_file(value)), file("srv/a", "a")),
                            archive(file("srv/b", "b")), **{"config": PLAIN, **named})

    def case(name, files, value, **named):
        return name, Case(files, SECRETS, [value], gone=["srv/.env"], there=["srv/a", "srv/b"], **named)

    value, image = with_secret("old")
    yield case("docker-archive-old", docker_old((image, ["shop/api:1.4"])), value, form="docker-archive")
    value, image = with_secret("two-tags")
    yield case("two-tags", docker_old((image, ["shop/api:1.4", "shop/api:latest"])), value, form="docker-archive")
    value, image = with_secret("hybrid", compression="none")
    yield case("docker-archive-hybrid", docker_hybrid((image, ["shop/api:1.4"])), value, form="docker-archive")
    value, image = with_secret("folder")
    yield case("oci-folder", layout((image, "1.0")), value, form="oci-dir")
    value, image = with_secret("zstd", compression="zstd")
    yield case("zstd", layout((image, "1.0")), value)
    value, image = with_secret("none", compression="none")
    yield case("uncompressed", layout((image, "1.0")), value)
    value, image = with_secret("mixed", compression=["zstd", "gzip", "none"])
    yield case("mixed-compression", layout((image, "1.0")), value)
    value, image = with_secret("docker-types", kind="docker")
    yield case("docker-media-types", layout((image, "1.0")), value)
    value, image = with_secret("orphan")
    orphan = token("orphan").encode() + b" in a blob nobody names"
    yield case("orphan-blob", layout((image, "1.0"), extra={
        "blobs/" + images.digest(orphan).replace(":", "/"): orphan}), value)
    value, image = with_secret("data")
    image.layer_extra[1] = {"data": base64.b64encode(image.blobs[1]).decode()}
    yield case("inlined-data", layout((image, "1.0")), value)
    value, image = with_secret("notes")
    image.layer_annotations[1] = {"containerd.io/snapshot/stargz/toc.digest": "sha256:" + "0" * 64, "keep": "me"}
    yield case("stale-annotations", layout((image, "1.0")), value)
    value = token("estargz")
    toc = Image(BASE, archive(file(".prefetch.landmark", b"\x0f"), file("srv/.env", env_file(value)), file("srv/a", "a"),
                              file("stargz.index.json", '{"version":1,"entries":[]}')),
                archive(file("srv/b", "b")), config=PLAIN)
    yield case("estargz", layout((toc, "1.0")), value)
    value, image = with_secret("platforms")
    other = Image(BASE, archive(file("srv/a", "arm")), config=PLAIN, arch="arm64")
    yield "one-of-two-platforms", Case(layout(([image, other], "1.0")), [*SECRETS, "--platform", "all"], [value])
    first, second = token("both"), token("both")
    shared = archive(file("srv/.env", env_file(first)), file("srv/a", "a"))
    both = [Image(BASE, shared, config=PLAIN, arch=arch) for arch in ("amd64", "arm64")]
    yield "both-platforms", Case(layout((both, "1.0")), [*SECRETS, "--platform", "all"], [first])
    value, image = with_secret("trailing")
    image.blobs[1] += gzip.compress(b"", mtime=0)
    yield case("empty-gzip-member-behind", layout((image, "1.0")), value)
    value, image = with_secret("slack")
    hidden = Image(BASE, archive(file("srv/.env", env_file(value)), file("srv/a", "a")) + value.encode().ljust(512, b"\0"),
                   archive(file("srv/b", "b")), config=PLAIN)
    yield case("behind-the-end-of-the-archive", layout((hidden, "1.0")), value)
    value, image = with_secret("old-none")
    yield case("old-archive-to-layout", docker_old((image, ["shop/api:1.4"])), value, form="docker-archive", out="oci-dir")
    value, image = with_secret("to-archive")
    yield case("layout-to-docker-archive", layout((image, "1.0")), value, form="oci-dir", out="docker-archive")


def hygiene_cases():
    debian = archive(folder("etc"), OS, PASSWD, GROUP, SHADOW,
                     file("var/lib/dpkg/status", "Package: base-files\nStatus: install ok installed\nVersion: 12\n"
                          "Architecture: amd64\nMaintainer: x\nDescription: x\n\n"))

    def dirty(*members, **named):
        return layout((Image(debian, archive(*members), **{"config": PLAIN, **named}), "1.0"))

    caches = {
        "apt": ["var/lib/apt/lists/deb.example_dists_stable_main_binary-amd64_Packages", "var/cache/apt/pkgcache.bin",
                "var/cache/apt/archives/curl_8_amd64.deb"],
        "pip": ["root/.cache/pip/http/a/b/c"], "npm": ["root/.npm/_cacache/index-v5/aa/bb"],
        "go": ["root/.cache/go-build/00/00aa-d"], "cargo": ["usr/local/cargo/registry/cache/index-1/serde-1.crate"],
        "yarn": ["usr/local/share/.cache/yarn/v6/npm-a/package.json"], "composer": ["root/.composer/cache/files/a.zip"],
        "gem": ["usr/local/bundle/cache/rake-1.gem"], "apk": ["var/cache/apk/APKINDEX.0123abcd.tar.gz"],
        "dnf": ["var/cache/dnf/base-0a1b/repodata/primary.xml.gz"],
    }
    for name, paths in caches.items():
        yield f"cache-of-{name}", Case(dirty(*[file(path, "c" * 200_000) for path in paths], file("srv/a", "a")),
                                       ["--only", "caches", "--yes"], gone=paths, there=["srv/a"])
    yield "user-with-passwd", Case(dirty(file("srv/a", "a"), config={"Cmd": ["/bin/sh"]}), ["--user", "10001", "--yes"],
                                   then=lambda image: check.demand(
                                       image.document["config"]["User"].split(":")[0] == "10001", "the user is another"))
    yield "user-in-place-of-a-number-that-has-files", Case(
        dirty(file("usr/lib/x", "x", uid=1000), file("etc/z", "z", uid=1000)), ["--user", "1001:1001"], there=["usr/lib/x", "etc/z"])
    bare = Image(archive(file("app", b"\x7fELF" + b"x" * 100, mode=0o755)), config={"Entrypoint": ["/app"]})
    yield "user-without-passwd", Case(layout((bare, "1.0")), ["--user", "65532:65532", "--yes"],
                                      then=lambda image: check.demand(
                                          image.document["config"]["User"] == "65532:65532", "the user is another"))
    tool = file("usr/local/bin/tool", b"\x7fELF" + b"x" * 100, mode=0o4755)
    yield "setuid-in-own-layer", Case(dirty(tool, file("srv/a", "a")), ["--clear-setid", "--yes"], there=["usr/local/bin/tool"])
    yield "setuid-in-base", Case(
        layout((Image(archive(OS, PASSWD, GROUP, tool), archive(file("srv/a", "a")), config=PLAIN,
                      annotations={"org.opencontainers.image.base.name": "base.example/os:1"},
                      history=["base", "COPY a /srv # buildkit"]), "1.0")),
        ["--clear-setid", "--yes"], there=["usr/local/bin/tool"])
    yield "removed-by-glob", Case(dirty(file("srv/a", "a"), file("srv/b.tmp", "b"), link("srv/c.keep", "srv/b.tmp")),
                                  ["--remove", "srv/*.tmp", "--yes"], gone=["srv/b.tmp"], there=["srv/a", "srv/c.keep"])
    yield "environment-and-labels", Case(
        dirty(file("srv/a", "a"), config={**PLAIN, "Env": ["A=1", "B=2", "A=3"], "Labels": {"a": "b"}}),
        ["--unset-env", "A", "--set-label", "team=shop", "--yes"],
        then=lambda image: check.demand(image.document["config"]["Env"] == ["B=2"]
                                        and image.document["config"]["Labels"] == {"a": "b", "team": "shop"},
                                        "environment or labels are others"))
    yield "redacted-text", Case(
        dirty(file("srv/a", "a"), history=["base", "RUN echo internal-name > /dev/full"],
              config={**PLAIN, "Labels": {"host": "internal-name.example"}}),
        ["--redact", "internal-name", "--yes"], ["internal-name"])
    yield "nothing-to-do", Case(one([file("srv/a", "a")]), ["--yes", "--only", "secrets,caches"], changed=False)
    yield "nothing-to-do-in-docker-archive", Case(docker_hybrid((Image(BASE, config=PLAIN), ["a/b:1"])),
                                                  ["--yes", "--only", "secrets,caches"], form="docker-archive", changed=False)
    empty = Image(BASE, bytes(1024), archive(file("srv/.env", env_file(token("empties")))), bytes(1024), config=PLAIN)
    yield "empty-layers-stay", Case(layout((empty, "1.0")), SECRETS, [token("empties")])
    none = Image(BASE, archive(file("srv/.env", env_file(token("nohistory")))), config=PLAIN, history=[])
    yield "no-history", Case(layout((none, "1.0")), SECRETS, [token("nohistory")])


def gone_cases():
    """What something else hangs on: folders, links, names that others have."""
    remove = ["--only", "healthcheck", "--remove"]
    here = {**PLAIN, "WorkingDir": "/srv/app"}
    yield "removed-working-folder", Case(one([folder("srv"), folder("srv/app"), file("srv/app/x", "x")], config=here),
                                         [*remove, "srv/app"], gone=["srv/app", "srv/app/x"], there=["srv"])
    yield "removed-last-file-of-the-working-folder", Case(one([folder("srv"), file("srv/app/x", "x")], config=here),
                                                          [*remove, "srv/app/x"], gone=["srv/app/x"], there=["srv"])
    users = [file("srv/x", "x", uid=1000), file("etc/passwd", "app:x:1000:1000::/:/bin/sh\n")]
    yield "removed-users", Case(one(users, config={**PLAIN, "User": "1000:1000"}), [*remove, "etc/passwd"], gone=["etc/passwd"])
    yield "removed-users-of-which-one-runs", Case(one(users, config={**PLAIN, "User": "app"}), [*remove, "etc/passwd"],
                                                  there=["etc/passwd"], code=3)
    yield "removed-last-file-of-a-folder", Case(one([file("opt/deep/x", "x"), symlink("see", "opt/deep")]),
                                                [*remove, "opt/deep/x"], gone=["opt/deep/x"], there=["see"])
    yield "last-file-of-a-folder-that-others-lie-in-by-a-link", Case(
        one([symlink("app", "usr/app"), file("usr/app/x", "x")], [file("app/y", "y")]), [*remove, "usr/app/x"],
        there=["usr/app/x", "usr/app/y", "app"], code=3, changed=False)
    yield "removed-both-files-of-a-linked-folder", Case(
        one([symlink("app", "usr/app"), file("usr/app/x", "x")], [file("app/y", "y")]), [*remove, "usr/app/*"],
        gone=["usr/app/x", "usr/app/y"], there=["app"])
    value = token("nowhere")
    yield "secret-below-a-link-to-nowhere", Case(
        one([folder("srv"), symlink("srv/app", "../usr/app")], [file("srv/app/.env", env_file(value))]), SECRETS, [value],
        gone=["srv/app/.env", "srv/app"], there=["srv"])
    key = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n" + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n" * 6 + "-----END OPENSSH " \
        + "PRIVATE KEY-----\n"
    yield "removed-name-of-a-host-key", Case(
        one([file("tmp/key", key), link("etc/ssh/ssh_host_rsa_key", "tmp/key")]), [*remove, "tmp/key"], gone=["tmp/key"],
        there=["etc/ssh/ssh_host_rsa_key"], code=1)
    yield "one-of-many-of-a-kind", Case(one([file(f"srv/{index:02}/.env", "LEVEL=1\n") for index in range(40)]),
                                        [*remove, "srv/00/.env"], gone=["srv/00/.env"], there=["srv/01/.env", "srv/39/.env"])
    program = lambda name, text: file(name, text, mode=0o4755)
    other = lambda name, target: member(name, kind=b"1", link=target, mode=0o4755)
    yield "setuid-of-names-that-two-layers-write", Case(
        one([program("srv/kelp", "k"), other("srv/reed", "srv/kelp")], [program("srv/kelp", "l"), other("srv/reed", "srv/kelp")]),
        ["--only", "setuid", "--yes"], there=["srv/kelp", "srv/reed"])
    yield "setuid-by-way-of-a-linked-folder", Case(
        one([folder("srv/bin"), symlink("bin2", "srv/bin"), program("srv/bin/kelp", "k"), other("srv/bin/reed", "bin2/kelp")]),
        ["--only", "setuid", "--yes"], there=["srv/bin/kelp", "srv/bin/reed"])
    value = token("a-name")
    yield "removed-name-that-is-a-secret", Case(one([folder("srv"), file(f"srv/{value}", "x"), file("srv/y", "y")]),
                                                [*remove, "srv/ghp*"], [value], there=["srv/y"])


def name_cases():
    """Files with several names, names that lie elsewhere, and what comes on top of them."""
    remove = ["--only", "healthcheck", "--remove"]
    linked = [folder("usr/app"), symlink("app", "usr/app")]
    program = lambda name: file(name, b"\x7fELF" + b"x" * 300, mode=0o4755)
    other = lambda name, target, mode: member(name, kind=b"1", link=target, mode=mode)

    def based(*members, top=(), **named):
        """The first layer counts as the base."""
        base = archive(folder("etc"), OS, PASSWD, GROUP, folder("bin"), file("bin/sh", b"\x7fELF" + b"x" * 600, mode=0o755), *members)
        return layout((Image(base, archive(file("opt/x", "x"), *top), **{
            "config": PLAIN, "history": [
                "COPY a / # b", {"created_by": "CMD [\"sh\"]", "empty_layer": True}, "COPY a /srv # buildkit"], **named}), "1.0"))

    value = token("kept-where-it-lies")
    yield "kept-where-it-lies", Case(one(linked, [file("app/.env", env_file(value))]), SECRETS, there=["usr/app/.env"],
                                     policy='keep = ["usr/app/**"]', code=1, changed=False)
    for words in ('keep = ["srv/copy"]', 'keep-setid = ["srv/copy"]'):
        yield f"kept-setid-of-another-name-by-{words.split()[0]}", Case(
            one([folder("srv"), program("srv/a"), other("srv/copy", "srv/a", 0o4755)]), ["--only", "setuid", "--yes"],
            there=["srv/a", "srv/copy"], policy=words, changed=False)
    yield "setid-of-a-started-name", Case(
        one([folder("srv"), program("srv/a"), other("srv/copy", "srv/a", 0o4755)], config={**PLAIN, "Cmd": ["/srv/copy"]}),
        ["--only", "setuid", "--yes"], there=["srv/a", "srv/copy"], changed=False)
    yield "kept-mode-of-another-name", Case(
        one([folder("srv"), file("srv/a", "a", mode=0o666), other("srv/copy", "srv/a", 0o666)]), ["--only", "permissions", "--yes"],
        there=["srv/a", "srv/copy"], policy='keep = ["srv/copy"]', changed=False)
    for what, below in {"link": symlink("usr/app/x", "y"), "folder": folder("usr/app/x"), "file": file("usr/app/x", "old")}.items():
        yield f"removed-link-by-which-a-newer-file-lies-over-a-{what}", Case(
            one([folder("usr/app"), file("usr/app/y", "y"), below, symlink("app", "usr/app")], [file("app/x", "new")]),
            [*remove, "app"], there=["app", "usr/app/x", "usr/app/y"], policy='keep = ["usr/app/x"]', code=3, changed=False)
    value = token("folder-for-a-time")
    yield "secret-that-makes-a-folder-for-a-time", Case(
        one([symlink("app", "usr/app"), file("usr/app/a.env", env_file(value))], [file("app/x", "x")], [folder("usr/app")]),
        SECRETS, there=["usr/app/a.env", "usr/app/x"], code=1, changed=False)
    two = [program("usr/local/bin/a"), other("usr/local/bin/b", "usr/local/bin/a", 0o4755)]
    yield "removed-name-of-a-setuid-program-of-the-base", Case(
        based(*two), ["--only", "setuid", "--yes", "--remove", "usr/local/bin/b"], gone=["usr/local/bin/b"],
        there=["usr/local/bin/a"], then=modes(("usr/local/bin/a", 0o755)))
    yield "removed-machine-id-of-the-base", Case(
        based(file("etc/machine-id", "0123456789abcdef" * 2 + "\n")), ["--only", "leftovers", "--yes", "--remove", "etc/machine-id"],
        gone=["etc/machine-id"], then=lambda image: check.demand(len(image.layers) == 2, "there is a layer on top"))
    open_file = [folder("srv"), folder("srv/x"), file("srv/x/a", "a", mode=0o666)]
    yield "removed-folder-with-an-open-file", Case(
        based(*open_file), ["--only", "permissions", "--yes", "--remove", "srv/x"], gone=["srv/x", "srv/x/a"], there=["srv"])
    yield "removed-open-folder", Case(
        based(folder("srv"), folder("srv/x", mode=0o777)), ["--only", "permissions", "--yes", "--remove", "srv/x"],
        gone=["srv/x"], there=["srv"])
    yield "removed-working-folder-of-a-new-user", Case(
        based(folder("srv"), file("srv/q", "q"), config={"Cmd": ["/bin/sh"], "WorkingDir": "/srv"}),
        ["--only", "user", "--yes", "--user", "1001:1001", "--remove", "srv"], gone=["srv", "srv/q"])
    to_root = {"config": {"Cmd": ["/bin/sh"]}}
    tables = {"passwd": "root:x:0:0:root:/root:/bin/sh\n", "group": "root:x:0:\n", "shadow": "root::1::::::\n"}
    for table, text in tables.items():
        yield f"open-{table}-and-a-new-account", Case(
            based(file("etc/shadow", "root:*:1::::::\n", mode=0o600), top=[folder("etc"), file(f"etc/{table}", text, mode=0o666)],
                  **to_root), ["--yes"], then=modes((f"etc/{table}", 0o664)))
    yield "open-folder-of-accounts-and-a-new-one", Case(
        based(top=[folder("etc", mode=0o777), file("etc/x", "x")], **to_root), ["--yes"], then=modes(("etc", 0o1777)))
    yield "open-folder-by-way-of-a-link-above-a-program-of-the-base", Case(
        based(folder("usr"), folder("usr/lib"), symlink("lib", "usr/lib"), folder("usr/lib/foo"), program("usr/lib/foo/prog"),
              top=[folder("lib/foo", mode=0o777), file("lib/foo/z", "z")]), ["--yes"], then=modes(("usr/lib/foo/prog", 0o755)))
    id_of_machine = "0123456789abcdef" * 2 + "\n"
    for mode in (0o644, 0o666):
        yield f"machine-id-of-mode-{mode:o}-and-a-link-to-it", Case(
            based(file("etc/machine-id", id_of_machine, mode=mode), folder("var/lib/dbus"),
                  symlink("var/lib/dbus/machine-id", "/etc/machine-id")), ["--yes"], there=["var/lib/dbus/machine-id"],
            then=modes(("etc/machine-id", mode & ~0o002)))
    noted = {b"SCHILY.xattr.user.k": b"v"}
    yield "open-file-below-a-folder-with-attributes", Case(
        based(folder("srv", pax=noted), file("srv/a", "a", mode=0o666)), ["--only", "permissions", "--yes"],
        there=["srv/a"], changed=False)
    yield "account-below-a-folder-with-attributes", Case(
        layout((Image(archive(folder("etc", pax=noted), OS, PASSWD, GROUP), config={"Cmd": ["/bin/sh"]}), "1.0")),
        ["--user", "10001:10001"], there=["etc/passwd"], changed=False, code=3)
    yield "leftover-by-way-of-a-linked-folder", Case(
        one(linked, [file("app/.bash_history", "ls\n")]), ["--only", "leftovers", "--yes"], gone=["usr/app/.bash_history"],
        there=["usr/app", "app"])
    yield "name-that-stays-and-tells-of-a-secret", Case(
        one([folder("srv"), file("srv/x", password_file(word("told-by-a-name"))), link("opt/.env", "srv/x")]), [*remove, "srv/x"],
        gone=["srv/x"], there=["opt/.env"])
    value = token("deleted-name")
    yield "name-that-stays-and-is-deleted-later", Case(
        one([folder("srv"), file("srv/a.gz", gzip.compress(env_file(value).encode(), mtime=0)), link("srv/b.gz", "srv/a.gz")],
            [file("srv/.wh.b.gz")]),
        [*remove, "srv/a.gz"], gone=["srv/a.gz", "srv/b.gz"], code=1)


def modes(*expected):
    return lambda image: check.demand(
        [flatten(image.layers)[path.encode()].mode for path, _ in expected] == [mode for _, mode in expected], "modes are others")


def beside_cases():
    """What is done beside something that is not: it hides, changes or counts nothing of that."""
    def over(target, *layers):
        name = target.lstrip("/").split("/")[-1]
        return layout((Image(archive(folder("etc"), OS, PASSWD, GROUP, symlink(name, target)),
                             *[archive(*layer) for layer in layers], config=PLAIN), "1.0"))

    value = token("beside")
    secret = lambda name: file(name, env_file(value))
    seen = lambda image: check.demand(all(b".wh.app" not in images.expand(layer) for layer in image.layers), "it is hidden")
    yield "leftover-below-a-link-that-leads-nowhere", Case(
        over("/usr/app", [file("app/a.py~", "x" * 300), file("usr/app/z", "z")], [secret("app/d.env")], [file("app/c", "c")]),
        ["--yes"], [value], there=["usr/app/z"], then=seen)
    yield "secrets-below-a-link-that-leads-nowhere", Case(
        over("/usr/app", [secret("app/n.env"), file("usr/app/z", "z")], [secret("app/d.sql")], [file("app/c", "c")]),
        SECRETS, there=["usr/app/z"], then=seen, code=1)
    yield "leftover-that-is-not-approved-below-a-link", Case(
        over("/none/app", [secret("app/d.sql")], [file("app/.env", "A=1\n")]), ["--yes"], [value],
        gone=["app/.env", "app/d.sql"], unapproved="leftovers-")
    for mode in (0o644, 0o666, 0o4755):
        yield f"secret-by-which-a-file-of-mode-{mode:o}-lies-elsewhere", Case(
            over("/usr/app", [secret("usr/app/.env"), file("app/tool", "x" * 900, mode=mode), symlink("app", "usr/app")]),
            ["--yes"], there=["usr/app/.env", "usr/app/tool"], code=1, changed=mode != 0o644)
    yield "secret-deleted-that-is-a-leftover", Case(
        one([folder("srv"), secret("srv/.env"), file("srv/a", "a")], [file("srv/.wh..env")]), [], [value], there=["srv/a"])
    other = token("below-a-name")
    yield "secret-below-a-key-that-is-one", Case(
        one([file("srv/a", "a")], config={**PLAIN, "x-y": {value: other}}), ["--yes"], [other], code=1)
    many = [token(f"many-{number}") for number in range(1_010)]
    listed = "\n".join(f"T{number}={one}" for number, one in enumerate(many))
    yield "more-secrets-than-are-listed", Case(
        one([folder("srv"), file("srv/.env", listed), file("opt/x", b"\0" + many[-1].encode().hex().encode())]), SECRETS,
        there=["srv/.env"], code=1, changed=False)
    crypted = "$6$saltsaltsalt$" + "qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
    accounts = file("etc/passwd", f"root:{crypted}:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n")

    def of_user(*members, **config):
        return layout((Image(archive(folder("etc"), OS, *members), archive(file("opt/x", "x")),
                             config={"Cmd": ["/bin/sh"], **config}), "1.0"))

    yield "group-that-is-looked-up", Case(
        of_user(accounts, GROUP, User="1000"), ["--only", "secrets", "--yes"], there=["etc/passwd"], changed=False)
    yield "user-without-a-table-of-accounts", Case(
        of_user(PASSWD, GROUP), ["--user", "1001:1001", "--remove", "etc/passwd", "--only", "user"], gone=["etc/passwd"],
        then=lambda image: check.demand(len(image.layers) == 2, "there is a layer on top"))
    yield "account-with-a-name-that-has-a-password", Case(
        of_user(PASSWD, GROUP, file("etc/shadow", f"root:*:1::::::\napp:{crypted}:1::::::\n", mode=0o640)),
        ["--user", "1001:1001", "--only", "user"],
        then=lambda image: check.demand(b"app2:!:" in images.expand(image.layers[-1]), "the account is not locked"))
    full = layout((Image(BASE, *[archive(file(f"opt/{number}", "x")) for number in range(126)], config={"Cmd": ["/bin/sh"]}), "1.0"))
    yield "user-of-an-image-with-as-many-layers-as-there-may-be", Case(full, ["--user", "1001:1001"], changed=False)
    yield "user-of-an-image-with-almost-as-many-layers", Case(
        layout((Image(BASE, *[archive(file(f"opt/{number}", "x")) for number in range(125)], config={"Cmd": ["/bin/sh"]}), "1.0")),
        ["--user", "1001:1001"], then=lambda image: check.demand(len(image.layers) == 127, "no layer is on top"))
    owned = [folder("var/lib/dpkg/info"), file("var/lib/dpkg/status", "Package: tool\nStatus: install ok installed\nVersion: 12\n"
             "Architecture: amd64\nMaintainer: x\nDescription: x\n\n"), file("var/lib/dpkg/info/tool.list", "/.\n/opt/x/f\n")]
    yield "open-folder-with-a-file-of-a-package", Case(
        one(owned, [folder("opt"), folder("opt/x", mode=0o777), file("opt/x/f", "f", mode=0o666), file("opt/x/g", "g", mode=0o666)]),
        ["--only", "permissions", "--yes"], there=["opt/x/f"], then=modes(("opt/x/f", 0o666), ("opt/x/g", 0o664)))
    for number, packed in enumerate((gzip.compress(env_file(value).encode(), mtime=0), bz2.compress(env_file(value).encode()))):
        yield f"packed-secret-of-which-a-name-stays-{number}", Case(
            one([folder("srv"), file("srv/.env", env_file(value)), file("srv/a.dat", packed), link("srv/b.dat", "srv/a.dat")]),
            [*SECRETS, "--remove", "srv/a.dat"], gone=["srv/a.dat"], there=["srv/b.dat"], policy='keep = ["srv/b.dat"]', code=1)
    for key in (b"SCHILY.xattr.user.x", b"comment"):
        yield f"value-in-a-header-of-which-a-name-stays-{key.decode().split('.')[0].lower()}", Case(
            one([folder("srv"), file("srv/.env", env_file(value)), file("srv/a", "a", pax={key: value.encode()}),
                 link("srv/b", "srv/a")]), [*SECRETS, "--remove", "srv/a"], gone=["srv/a"], there=["srv/b"], stays=["/srv/b"], code=1,
            settles=False)


def copied_cases():
    """A file of the base comes on top with another mode or lines, and has something else that stays, or goes."""
    steps = ["COPY a / # b", {"created_by": 'CMD ["sh"]', "empty_layer": True}, "COPY a /srv # buildkit"]

    def based(*members, config=PLAIN):
        lower = archive(folder("etc"), OS, GROUP, *members, folder("srv"))
        return layout((Image(lower, archive(file("opt/x", "x")), config=config, history=steps), "1.0"))

    crypted = "root:$6$saltsaltsalt$" + "qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
    shadow = crypted + ":19000:0:99999:7:::\n"
    hashed = file("etc/shadow", shadow, mode=0o640, gid=42)
    bare = {"Cmd": ["/bin/sh"]}
    yield "user-beside-the-hash-of-a-password", Case(
        based(PASSWD, hashed, config=bare), ["--user", "10001:10001"], there=["etc/shadow"], settles=False)
    yield "user-alone-beside-the-hash-of-a-password", Case(
        based(PASSWD, hashed, config=bare), ["--user", "10001:10001", "--skip", "secrets"], there=["etc/shadow"])
    empty = [file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh\n"),
             file("etc/shadow", shadow + "u::19000::::::\n", mode=0o640, gid=42)]
    yield "account-without-password-beside-the-hash-of-one", Case(based(*empty), there=["etc/shadow"], settles=False)
    value = token("tool")
    tool = file("srv/tool", b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x02\0\x3e\0\1\0\0\0" + b"\0" * 40 + b"x" * 500
                + env_file(value).encode(), mode=0o4755)
    yield "setuid-program-of-the-base-with-a-secret", Case(based(PASSWD, tool), ["--yes"], there=["srv/tool"], code=1)
    yield "open-file-of-the-base-with-another-name", Case(
        based(PASSWD, file("srv/a", "aa", mode=0o666), member("srv/b", kind=b"1", link="srv/a", mode=0o666)),
        ["--only", "permissions", "--yes"], there=["srv/a", "srv/b"])
    yield "open-leftovers-of-the-base", Case(
        based(PASSWD, file("srv/.DS_Store", "q", mode=0o666), file("srv/.env", "LEVEL=1\n", mode=0o666),
              file("root/.cache/pip/http/a/b/c", "c" * 300_000, mode=0o666)),
        ["--yes"], there=["srv/.DS_Store", "srv/.env"], settles=False)
    noise = random.Random(7).randbytes(3 << 20)
    yield "large-open-file-of-the-base", Case(
        based(PASSWD, file("srv/big", noise, mode=0o666)), ["--only", "permissions", "--yes"], there=["srv/big"])
    yield "large-setuid-program-of-the-base", Case(
        based(PASSWD, file("srv/big", b"\x7fELF" + noise, mode=0o4755)), ["--yes"], there=["srv/big"], settles=False)
    other = lambda name, target, mode: member(name, kind=b"1", link=target, mode=mode)
    yield "open-file-of-the-base-that-is-a-leftover-by-another-name", Case(
        based(PASSWD, file("srv/a", "a" * 500, mode=0o666), other("srv/a~", "srv/a", 0o666)), ["--only", "permissions", "--yes"],
        there=["srv/a", "srv/a~"])
    yield "setuid-program-of-the-base-in-a-cache-by-another-name", Case(
        based(PASSWD, file("srv/a", b"z" * 300_000, mode=0o4755), other("var/cache/apt/archives/a.deb", "srv/a", 0o4755)),
        ["--clear-setid", "--only", "healthcheck"], there=["srv/a"])
    value = token("of-two-names")
    yield "open-file-of-the-base-with-two-names-and-a-value-of-a-label", Case(
        based(PASSWD, file("srv/a.txt", env_file(value), mode=0o666), other("srv/b.txt", "srv/a.txt", 0o666),
              config={**PLAIN, "Labels": {"build.token": value}}), ["--only", "permissions,secrets"], there=["srv/a.txt", "srv/b.txt"],
        policy='allow = ["permissions"]', code=1, settles=False)
    for what, mode in (("setuid", 0o4755), ("permissions", 0o666)):
        yield f"host-key-of-the-base-{what}", Case(
            based(PASSWD, file("etc/ssh/ssh_host_rsa_key", "DB=x\n", mode=mode)), ["--only", what, "--yes"],
            there=["etc/ssh/ssh_host_rsa_key"])
    lower = archive(folder("./", mode=0o777), folder("etc"), OS, PASSWD, GROUP)
    yield "open-root-folder-of-the-base", Case(
        layout((Image(lower, archive(file("opt/x", "x")), config=PLAIN, history=steps), "1.0")),
        ["--only", "permissions", "--yes"], changed=False)
    made = lambda by: {"created": "2024-05-06T07:08:09Z", "created_by": by}
    dated = [made("COPY a / # b"), made("COPY a / # b"), steps[1], made("COPY a /srv # buildkit")]
    yield "emptied-layer-of-the-base-dropped", Case(
        layout((Image(BASE, archive(folder("srv"), file("srv/a", "a")), archive(file("opt/x", "x")), config=PLAIN, history=dated), "1.0")),
        ["--remove", "srv", "--only", "healthcheck", "--drop-empty-layers"], gone=["srv"], drops_empty=True)
    value = token("open-blanked")
    yield "open-file-of-the-base-that-is-blanked", Case(
        based(PASSWD, file("srv/.env", env_file(value), mode=0o666)), ["--yes", "--redact-in-place"], [value],
        there=["srv/.env"], settles=False)


def cases():
    for group in (secret_cases, elsewhere_cases, spelled_cases, settings_cases, repeated_cases, document_cases, form_cases, hygiene_cases,
                  gone_cases, name_cases, beside_cases, copied_cases):
        yield from group()


def flatten(layers):
    """Names of the merged tree; links of folders are followed where a layer goes through them."""
    tree, links = {}, {}

    def real(path):
        for _ in range(8):
            parts = path.split(b"/")
            for size in range(1, len(parts)):
                head = b"/".join(parts[:size])
                if head in links:
                    path = os.path.normpath(os.path.join(os.path.dirname(head), links[head], *parts[size:])).lstrip(b"/")
                    break
            else:
                return path
        return path

    for layer in layers:
        members, _ = raw_tar.read(images.expand(layer))
        for entry in members:
            head, _, name = entry.path.rpartition(b"/")
            if name == b".wh..wh..opq":
                for path in [path for path in tree if path.startswith(head + b"/")]:
                    del tree[path]
            elif name.startswith(b".wh."):
                path = real((head + b"/" if head else b"") + name[4:])
                for other in [other for other in tree if other == path or other.startswith(path + b"/")]:
                    del tree[other]
        for entry in members:
            if entry.path.rpartition(b"/")[2].startswith(b".wh."):
                continue
            path = real(entry.path)
            tree[path] = entry
            links.pop(path, None)
            if entry.kind == b"2":
                links[path] = entry.link
    return tree


def choices(args):
    """Of the flags of a case those that are no part of its plan."""
    kept = [flag for flag in args if flag in ("--drop-empty-layers", "--allow-partial")]
    return kept + (["--platform", args[args.index("--platform") + 1]] if "--platform" in args else [])


def run(careen, case, place, tools):
    before = os.path.join(place, "before")
    images.write(case.files, before, "oci-dir" if case.form == "oci-dir" else "archive")
    plan_path = os.path.join(place, "plan.json")

    policy = []
    if case.policy:
        policy = ["-p", os.path.join(place, "policy.toml")]
        with open(policy[1], "w", encoding="utf-8") as opened:
            opened.write(f'extends = ["careen:2026"]\n[fix]\n{case.policy}\n')

    def mend(source, target, *more):
        command = [careen, "fix", source, "-o", target, "--no-advisories", *policy, *case.args, *more]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)

    source = f"{case.form}:{before}"
    after = os.path.join(place, "after")
    done = mend(source, f"{case.out}:{after}", "--plan", plan_path)
    said = done.stdout + done.stderr
    for needle in case.needles:
        check.demand(needle not in said, "the program shows the value")
    check.demand(done.returncode == case.code, f"it ends with {done.returncode}:\n{said.decode()}")
    with open(plan_path, "rb") as opened:
        written = opened.read()
    for needle in case.needles:
        check.demand(all(spelling not in written for spelling in check.spellings(needle)), "the plan shows the value")
    plan = json.loads(written)
    stays = sorted(remains["path"] for image in plan["images"] for remains in image["remains"])
    check.demand(case.code != 0 or stays == [], f"it ends with 0, and values stay: {stays}")
    check.demand(not case.stays or stays == sorted(case.stays), f"values stay elsewhere: {stays}")
    if case.form == case.out:
        _, new = check.check(before, after, plan, case.needles, case.drops_empty)
    else:
        files = images.load(after)
        new, used = check.read(files)
        check.demand(set(files) == used, f"nothing leads to {sorted(set(files) - used)}")
        check.absent(files, case.needles)
    old, _ = check.read(images.load(before))
    of = lambda images_: [(image.config_bytes, (image.manifest or {}).get("annotations")) for image in images_]
    same = of(old) == of(new)
    check.demand(case.changed != same, "nothing changed" if same else "something changed")
    if not case.changed and case.form == case.out:
        check.demand([image.descriptor for image in old] == [image.descriptor for image in new], "the manifest changed")
    tree = flatten(new[0].layers)
    for path in case.gone:
        check.demand(path.encode() not in tree, f"{path} is still there")
    for path in case.there:
        check.demand(path.encode() in tree, f"{path} is gone")
    if case.then:
        case.then(new[0])

    # the same input and plan make the same bytes, with any number of threads; the mended image needs no mending
    again = os.path.join(place, "again")
    done = mend(source, f"{case.out}:{again}", "--jobs", "1")
    check.demand(done.returncode == case.code, f"the second time it ends with {done.returncode}")
    check.demand(images.load(after) == images.load(again), "the second time makes other bytes")
    # and so does the plan by itself
    shutil.rmtree(again) if os.path.isdir(again) else os.remove(again)
    by_plan = ["--apply", plan_path, "--no-advisories", *policy, *choices(case.args)]
    done = subprocess.run([careen, "fix", source, "-o", f"{case.out}:{again}", *by_plan], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, check=False)
    check.demand(done.returncode == case.code, f"--apply ends with {done.returncode}:\n{done.stderr.decode()}")
    check.demand(images.load(after) == images.load(again), "--apply makes other bytes")
    if case.unapproved:
        left_out(careen, case, source, plan, place, policy)
    twice = os.path.join(place, "twice")
    if not case.settles:
        return opened_by_others(case, place, after, plan, flatten(old[0].layers)) if tools else set()
    # what a flag asks for is not there any more
    done = mend(f"{case.out}:{after}", f"{case.out}:{twice}", *(["--allow-partial"] if case.code == 0 else []))
    # where no rule knows it, nothing says any more that what stays is a secret
    unknown = all(remains["rule"] is None for image in plan["images"] for remains in image["remains"])
    check.demand(done.returncode == (0 if case.stays and unknown and not case.still_fails else case.code), f"mending it twice ends with {done.returncode}:\n{done.stderr.decode()}")
    check.demand(images.load(after) == images.load(twice), "mending it twice changes it")

    return opened_by_others(case, place, after, plan, flatten(old[0].layers)) if tools else set()


def left_out(careen, case, source, plan, place, policy):
    """The plan without one of its actions makes another image, in which nothing hides what that one would take out."""
    start, plan = case.unapproved, copy.deepcopy(plan)
    for action in plan["images"][0]["actions"]:
        if action["id"].startswith(start):
            action["approved"] = False
    changed, target = os.path.join(place, "changed.json"), os.path.join(place, "left-out")
    with open(changed, "w", encoding="utf-8") as opened:
        json.dump(plan, opened)
    command = [careen, "fix", source, "-o", f"{case.out}:{target}", "--apply", changed, "--no-advisories", *policy]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
    check.demand(done.returncode in (0, 1), f"without `{start}` it ends with {done.returncode}:\n{done.stderr.decode()}")
    new, _ = check.read(images.load(target))
    for layer in new[0].layers:
        hidden = [entry.path for entry in raw_tar.read(images.expand(layer))[0] if b".wh." in entry.path]
        check.demand(not hidden, f"without `{start}` it hides {hidden}")


def copied(form, path, tag, options, target):
    """What skopeo says against the image, copied to a layout; nothing if it takes it."""
    done = subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", *options, f"{form}:{path}{tag}", f"oci:{target}:x"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.decode() if done.returncode else None


def unpacked(layout_path, target):
    """The same of umoci, unpacked to a folder."""
    done = subprocess.run(["umoci", "unpack", "--rootless", "--image", f"{layout_path}:x", target],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.decode() if done.returncode else None


def pulled(form, path, tag, place):
    """The same of buildah, with a store of its own."""
    store = [f"--root={place}/buildah", f"--runroot={place}/buildah-run", "--storage-driver=vfs"]
    command = ["buildah", *store, "pull", "-q", f"{form}:{path}{tag}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    shutil.rmtree(f"{place}/buildah", ignore_errors=True)
    return done.stdout.decode() if done.returncode else None


def look(path):
    """What a file is, without what unpacking itself gives it."""
    found = os.lstat(path)
    kind = stat.S_IFMT(found.st_mode)
    content = None
    if stat.S_ISLNK(found.st_mode):
        return kind, os.readlink(path)
    if stat.S_ISREG(found.st_mode):
        with open(path, "rb") as opened:
            content = opened.read()
    noted = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    # folders above a new file get its time
    time = None if stat.S_ISDIR(found.st_mode) else found.st_mtime
    return kind, found.st_mode, found.st_uid, found.st_gid, time, content, noted


def names(root):
    return {os.path.relpath(os.path.join(folder, name), root)
            for folder, folders, files in os.walk(root) for name in folders + files}


def inside_of(root, path):
    """Where a path of the image lies in a folder, its folders followed."""
    head, tail = os.path.split(os.path.normpath(path.lstrip("/")))
    for _ in range(8):
        parts, at = head.split("/"), ""
        for part in parts:
            at = os.path.join(at, part)
            if os.path.islink(os.path.join(root, at)):
                target = os.readlink(os.path.join(root, at))
                head = os.path.normpath(os.path.join(os.path.dirname(at), target, head[len(at) + 1:])).lstrip("/")
                break
        else:
            break
    return os.path.normpath(os.path.join(head, tail))


def unplanned(before, after, plan, members):
    """Names of two unpacked images that differ, though no edit speaks of them."""
    edits = [edit for found in check.planned(plan).values() for edit in found]
    paths = [edit["member"]["path"] if "member" in edit else edit.get("path") for edit in edits]
    paths = {inside_of(root, path) for path in paths if path for root in (before, after)}
    old, new = names(before), names(after)
    paths |= {table.decode() for table in check.TOC}
    # a folder that no layer holds is there as long as something in it
    paths |= {name for name in old - new if os.path.isdir(os.path.join(before, name)) and name.encode() not in members}
    # a name that is a secret is masked in the plan
    masked = [re.compile("[^/]*".join(map(re.escape, path.split("****")))) for path in paths if "****" in path]
    for name in sorted((old | new) - paths):
        if any(pattern.fullmatch(name) for pattern in masked):
            continue
        if name not in old or name not in new or look(os.path.join(before, name)) != look(os.path.join(after, name)):
            yield name


def opened_by_others(case, place, after, plan, members):
    """Other tools take what comes out, where they took what went in; what umoci unpacks differs as planned."""
    forms = {"oci-dir": "oci", "oci-archive": "oci-archive", "docker-archive": "docker-archive"}
    options = ["--all"] if "all" in case.args else []
    at = lambda name: os.path.join(place, name)
    tag = lambda form: ":1.0" if form != "docker-archive" and case.form != "docker-archive" else ""
    counted = set()
    if shutil.which("buildah") and not pulled(forms[case.form], at("before"), tag(case.form), place):
        said = pulled(forms[case.out], after, tag(case.out), place)
        check.demand(said is None, f"buildah refuses it: {said}")
        counted.add("buildah")
    if copied(forms[case.form], at("before"), tag(case.form), options, at("copied-before")):
        return counted
    said = copied(forms[case.out], after, tag(case.out), options, at("copied-after"))
    check.demand(said is None, f"skopeo refuses it: {said}")
    counted.add("skopeo")
    if options or not shutil.which("umoci") or unpacked(at("copied-before"), at("unpacked-before")):
        return counted
    said = unpacked(at("copied-after"), at("unpacked-after"))
    check.demand(said is None, f"umoci refuses it: {said}")
    old, root = (os.path.join(at(name), "rootfs") for name in ("unpacked-before", "unpacked-after"))
    for path in case.gone:
        check.demand(not os.path.lexists(os.path.join(root, path)), f"umoci unpacks {path}")
    for path in case.there:
        check.demand(os.path.lexists(os.path.join(root, path)), f"umoci does not unpack {path}")
    other = list(unplanned(old, root, plan, members))
    check.demand(not other, f"umoci unpacks other files than planned: {other}")
    counted.add("umoci")
    return counted


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("careen")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--keep", help="a folder for what is made")
    parser.add_argument("--tools", action="store_true", help="let skopeo, umoci and buildah open what comes out")
    arguments = parser.parse_args()
    failed = count = 0
    taken = dict.fromkeys(("skopeo", "umoci", "buildah"), 0)
    for name, case in cases():
        if arguments.names and name not in arguments.names:
            continue
        count += 1
        with tempfile.TemporaryDirectory() as place:
            if arguments.keep:
                place = os.path.join(arguments.keep, name)
                shutil.rmtree(place, ignore_errors=True)
                os.makedirs(place)
            try:
                for tool in run(os.path.abspath(arguments.careen), case, place, arguments.tools):
                    taken[tool] += 1
                print(f"holds  {name}")
            except Exception as error:  # noqa: BLE001 - one case must not hide the others
                failed += 1
                print(f"WRONG  {name}: {type(error).__name__}: {error}")
    print(f"{count - failed} of {count} hold")
    if arguments.tools:
        print("taken by " + ", ".join(f"{tool}: {number}" for tool, number in taken.items()))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
