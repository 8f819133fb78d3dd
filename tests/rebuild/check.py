"""Proves that a rebuilt image is what its plan says, with a reader of its own.

    check.py BEFORE AFTER PLAN [--absent FILE]...

BEFORE and AFTER are folders or archives; PLAN is the JSON of `careen fix --plan`. Prints what does not hold; ends with 1
if anything does not.
"""

import argparse
import base64
import bz2
import copy
import io
import json
import lzma
import os
import re
import sys
import zipfile
import zlib

import images
import raw_tar

MARK = "[REDACTED]"


class Wrong(Exception):
    """Something does not hold."""


def demand(holds, what):
    if not holds:
        raise Wrong(what)


# --- documents -----------------------------------------------------------------------------------------------------

class Found:
    """An image of an archive."""

    def __init__(self, config, layers, manifest=None, descriptor=None, tags=()):
        self.config_bytes, self.document = config, json.loads(config)
        self.layers, self.manifest, self.descriptor, self.tags = layers, manifest, descriptor, list(tags)

    @property
    def config_digest(self):
        return images.digest(self.config_bytes)


def blob(files, descriptor, used):
    name = "blobs/" + descriptor["digest"].replace(":", "/")
    demand(name in files, f"{name} is missing")
    data = files[name]
    demand(images.digest(data) == descriptor["digest"], f"{name} has another digest")
    demand(len(data) == descriptor["size"], f"{name} has another size than its descriptor says")
    if "data" in descriptor:
        demand(base64.b64decode(descriptor["data"]) == data, f"the inlined data of {name} is other data")
    used.add(name)
    return data


def walk(files, descriptor, used, found, attestations):
    document = json.loads(blob(files, descriptor, used))
    if "manifests" in document:
        digests = [entry["digest"] for entry in document["manifests"]]
        for entry in document["manifests"]:
            reference = entry.get("annotations", {}).get("vnd.docker.reference.digest")
            demand(reference is None or reference in digests, f"an attestation is about {reference}, which is not there")
            walk(files, entry, used, found, attestations)
        return
    config = blob(files, document["config"], used)
    layers = [blob(files, layer, used) for layer in document["layers"]]
    if "diff_ids" in json.loads(config or b"{}").get("rootfs", {}):
        found.append(Found(config, layers, document, descriptor))
    else:
        attestations.append(descriptor)


def read(files):
    """The images of an archive, each checked in itself, and all names that belong to them."""
    found, used = [], set()
    if "index.json" in files:
        used |= {"index.json", "oci-layout"}
        for descriptor in json.loads(files["index.json"])["manifests"]:
            walk(files, descriptor, used, found, [])
    if "manifest.json" in files:
        used.add("manifest.json")
        by_config = {image.config_digest: image for image in found}
        for entry in json.loads(files["manifest.json"]):
            for name in [entry["Config"], *entry["Layers"]]:
                demand(name in files, f"{name} is missing")
            used |= {entry["Config"], *entry["Layers"]}
            config, layers = files[entry["Config"]], [files[name] for name in entry["Layers"]]
            image = by_config.get(images.digest(config))
            if "index.json" in files:
                demand(image is not None, "manifest.json names a configuration that the index does not lead to")
                demand([images.expand(a) for a in image.layers] == [images.expand(b) for b in layers],
                       "the two views have other layers")
                image.tags += entry["RepoTags"] or []
            else:
                stated = re.fullmatch(r"([0-9a-f]{64})\.json", os.path.basename(entry["Config"]))
                demand(not stated or images.digest(config) == "sha256:" + stated[1], "the configuration's name is not its digest")
                found.append(Found(config, layers, tags=entry["RepoTags"] or []))
    for image in found:
        diff_ids = image.document["rootfs"]["diff_ids"]
        demand(len(diff_ids) == len(image.layers), "more or fewer diff IDs than layers")
        for index, (layer, diff_id) in enumerate(zip(image.layers, diff_ids)):
            demand(images.digest(images.expand(layer)) == diff_id, f"layer {index} has another diff ID")
        history = image.document.get("history") or []
        filled = [step for step in history if not step.get("empty_layer")]
        demand(not history or len(filled) == len(diff_ids), "more or fewer steps with a layer than layers")
    return found, used


# --- what the plan says, carried out once more ---------------------------------------------------------------------

def steps(pointer):
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def at(document, parts):
    for part in parts:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def known(shown, names):
    """The one of these names that a plan shows so: one that is a secret is masked."""
    if "****" not in shown:
        return shown
    pattern = re.compile("[^/]*".join(map(re.escape, shown.split("****"))))
    found = {name for name in names if pattern.fullmatch(name)}
    demand(len(found) == 1, f"{shown} may be any of {len(found)} names")
    return found.pop()


def unmasked(edit, old):
    """An edit of the documents with the names that the image has."""
    edit = dict(edit)
    if "pointer" in edit:
        holder, parts = old.document, []
        for part in steps(edit["pointer"]):
            parts.append(known(part, holder) if isinstance(holder, dict) else part)
            if isinstance(holder, (dict, list)):
                holder = holder[int(part)] if isinstance(holder, list) else holder.get(parts[-1])
        edit["pointer"] = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
    if "name" in edit:
        edit["name"] = known(edit["name"], [entry.partition("=")[0] for entry in old.document["config"].get("Env") or []])
    if "key" in edit:
        edit["key"] = known(edit["key"], (old.manifest or {}).get("annotations") or {})
    return edit


def blank(text, spans, mark):
    data = text if isinstance(text, bytes) else text.encode()
    for span in sorted(spans, key=lambda span: -span["offset"]):
        start, end = span["offset"], span["offset"] + span["length"]
        demand(end <= len(data), "a span beyond the end")
        data = data[:start] + (mark.encode() if mark else b"*" * (end - start)) + data[end:]
    return data if isinstance(text, bytes) else data.decode()


def expected_config(document, edits):
    document = copy.deepcopy(document)
    spans, removed = {}, []
    for edit in edits:
        if edit["op"] == "redact-config":
            spans.setdefault(edit["pointer"], []).extend(edit["spans"])
        elif edit["op"] == "remove-config":
            removed.append(steps(edit["pointer"]))
    for pointer, found in spans.items():
        parts = steps(pointer)
        holder, last = at(document, parts[:-1]), parts[-1]
        last = int(last) if isinstance(holder, list) else last
        holder[last] = blank(holder[last], found, MARK)
    for edit in edits:
        if edit["op"] == "set-config":
            *parts, last = steps(edit["pointer"])
            holder = document
            for part in parts:
                holder = holder[int(part)] if isinstance(holder, list) else holder.setdefault(part, {})
            holder[int(last) if isinstance(holder, list) else last] = edit["value"]
    order = lambda parts: [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]
    for parts in sorted(removed, key=order, reverse=True):
        holder = at(document, parts[:-1])
        del holder[int(parts[-1]) if isinstance(holder, list) else parts[-1]]
    names = {edit["name"] for edit in edits if edit["op"] == "remove-env"}
    for part in ("config", "container_config"):
        settings = document.get(part) or {}
        if names and settings.get("Env"):
            settings["Env"] = [entry for entry in settings["Env"] if entry.partition("=")[0] not in names]
    return document


def locked(payload, user):
    lines = payload.split(b"\n")
    for index, line in enumerate(lines):
        fields = line.split(b":")
        if fields[0] == user.encode() and len(fields) > 1 and fields[1] == b"":
            fields[1] = b"!"
            lines[index] = b":".join(fields)
    return b"\n".join(lines)


def cleaned(name):
    return b"/".join(part for part in name.split(b"/") if part not in (b"", b"."))


TOC = {b"stargz.index.json", b".prefetch.landmark", b".no.prefetch.landmark"}


def expected_layer(members, edits):
    """(what a reader sees, raw bytes or None where they may differ) of each member that must be there."""
    by_member = {}
    for edit in edits:
        by_member.setdefault(edit["member"]["member"], []).append(edit)
    for index, found in by_member.items():
        demand(index < len(members), f"the plan names member {index} of {len(members)}")
    dropped = {index for index, found in by_member.items() if any(edit["op"] == "drop-member" for edit in found)}
    dropped |= {index for index, member in enumerate(members) if member.path in TOC}
    latest, origin, moved, named, modes, result = {}, {}, {}, {}, {}, []
    for index, member in enumerate(members):
        # nobody unpacks a whiteout as a name of a file
        is_marker = member.path.rpartition(b"/")[2].startswith(b".wh.")
        source = latest.get(cleaned(member.link)) if member.kind == b"1" and not is_marker else None
        origin[index] = origin.get(source, source) if source is not None else index
        if not is_marker:
            latest[member.path] = index
        if index in dropped:
            continue
        path, kind, mode, uid, gid, mtime, link, payload, pax = member.key()
        is_raw = True
        start = origin[index]
        others = [name for name in named.get(start, []) if name != member.path and origin.get(latest[name]) == start]
        named.setdefault(start, []).append(member.path)
        if member.kind == b"1" and start in dropped and start != index and members[start].kind not in b"1":
            # names that stay, but for those that something else has taken since
            stays = moved.setdefault(start, [])
            stays[:] = [name for name in stays if name != member.path and origin.get(latest[name]) == start]
            is_raw = bool(stays) and cleaned(member.link) in stays
            if stays and not is_raw:
                link = stays[0]
            stays.append(member.path)
            if len(stays) == 1:
                _, kind, mode, uid, gid, mtime, link, payload, pax = members[start].key()
        elif member.kind == b"1" and source in dropped:
            is_raw, link = False, (others or [members[start].path])[0]
        # one header is that of all names of a file
        of_file = by_member.get(start, []) if start != index and start not in dropped else []
        # what is emptied may have been blanked before
        own = sorted(by_member.get(index, []), key=lambda edit: edit["op"] == "truncate")
        for edit in [edit for edit in of_file if edit["op"] == "set-header"] + own:
            is_raw = False
            if edit["op"] == "set-header":
                if edit.get("mode") is not None:
                    # two actions each take their bits away; the sticky bit is added
                    told = modes.get(index)
                    mode = edit["mode"] if told is None else (told & edit["mode"]) | ((told | edit["mode"]) & 0o1000)
                    modes[index] = mode
                uid = edit["uid"] if edit.get("uid") is not None else uid
                gid = edit["gid"] if edit.get("gid") is not None else gid
            elif edit["op"] == "truncate":
                payload = b""
            elif edit["op"] == "blank-bytes":
                payload = blank(payload, edit["spans"], "")
            elif edit["op"] == "lock-password":
                payload = locked(payload, edit["user"])
        result.append(((path, kind, mode, uid, gid, mtime, cleaned(link) if kind == b"1" else link, payload),
                       member.prelude + member.header + member.extra + member.payload + member.padding
                       if is_raw else None))
    return result


def check_layer(index, before, after, edits):
    old, _ = raw_tar.read(images.expand(before))
    new, rest = raw_tar.read(images.expand(after))
    demand(rest == bytes(1024), f"layer {index} does not end with two blocks of zeros")
    expected = expected_layer(old, edits)
    demand(len(new) == len(expected), f"layer {index} has {len(new)} members, not {len(expected)}")
    for member, (seen, raw) in zip(new, expected):
        path, kind, mode, uid, gid, mtime, link, payload, _ = member.key()
        now = (path, kind, mode, uid, gid, mtime, cleaned(link) if kind == b"1" else link, payload)
        names = ("path", "kind", "mode", "uid", "gid", "mtime", "link", "content")
        other = [name for name, a, b in zip(names, now, seen) if a != b]
        demand(not other, f"layer {index}: {path!r} has another {', '.join(other)} than planned")
        own = member.prelude + member.header + member.extra + member.payload + member.padding
        demand(raw is None or own == raw, f"layer {index}: the bytes of {path!r} changed without need")
    shared = lambda members: b"".join(member.globals for member in members)
    demand(shared(old).startswith(shared(new)), f"layer {index}: global headers changed")


def resolved(path, links):
    """Where a path lies, the folders above it followed."""
    for _ in range(16):
        parts = path.split(b"/")
        for end in range(1, len(parts)):
            head = b"/".join(parts[:end])
            if head in links:
                target = links[head]
                above = b"" if target.startswith(b"/") else b"/".join(parts[:end - 1])
                path = os.path.normpath(b"/".join([above, target, *parts[end:]]).lstrip(b"/"))
                break
        else:
            break
    return path


def check_top(before, after, edits, in_layers=None):
    members, rest = raw_tar.read(images.expand(after))
    demand(rest == bytes(1024), "the new layer does not end with two blocks of zeros")
    tars = [raw_tar.read(images.expand(layer))[0] for layer in before]
    tops = {}
    for edit in edits:
        if edit["op"] == "whiteout":
            folder, _, name = edit["path"].encode().rpartition(b"/")
            tops[(folder + b"/" if folder else b"") + b".wh." + name] = {"kind": b"0", "mode": None, "payload": b""}
            continue
        top = tops.setdefault(edit["path"].encode(), {"mode": edit["mode"], "lock": set(), "append": set(), "base": b""})
        # two actions each take their bits away; the sticky bit is added
        top["mode"] = (top["mode"] & edit["mode"]) | ((top["mode"] | edit["mode"]) & 0o1000)
        top["owner"] = (edit["uid"], edit["gid"])
        top["kind"] = b"5" if edit["op"] == "add-folder" else b"0"
        content = edit.get("content", {"from": "text", "text": ""})
        source = content.get("member")
        if source:
            top["source"] = (source["layer"], source["member"])
        # who writes a file anew does not mind that another copies it for its mode
        if source and not top.get("text"):
            top["base"] = tars[source["layer"]][source["member"]].payload
        elif not source:
            top["base"] = (top["base"] if top.get("text") else b"") + content["text"].encode()
            top["text"] = True
        # no copy has what goes in the layer it is of
        for other in (in_layers or {}).get(source["layer"], []) if source else []:
            is_same = other["member"]["member"] == source["member"] and not top.get("text")
            if is_same and other["op"] in ("blank-bytes", "truncate"):
                top["base"] = blank(top["base"], other["spans"], "") if other["op"] == "blank-bytes" else b""
        top["append"] |= set(content.get("lines", []) + content.get("append", []))
        top["lock"] |= set(content.get("lock", []) + ([content["user"]] if content["from"] == "locked" else []))
    # what a header gets in its layer, its copy on top gets, too: copies of files, and folders by whatever name
    links, at = {}, {}
    for layer, entries in enumerate(tars):
        for number, entry in enumerate(entries):
            if entry.kind == b"2":
                links[entry.path] = entry.link
            else:
                links.pop(entry.path, None)
            at[(layer, number)] = entry.path
    for layer, found in (in_layers or {}).items():
        for edit in found:
            if edit["op"] != "set-header":
                continue
            source = (layer, edit["member"]["member"])
            for path, top in tops.items():
                if top.get("source") == source or (top["kind"] == b"5" and top["mode"] is not None
                                                   and resolved(at[source], links) == path):
                    if edit.get("mode") is not None:
                        top["mode"] = (top["mode"] & edit["mode"]) | ((top["mode"] | edit["mode"]) & 0o1000)
                    uid, gid = top["owner"]
                    top["owner"] = (uid if edit.get("uid") is None else edit["uid"], gid if edit.get("gid") is None else edit["gid"])
    wanted = {}
    for path, top in tops.items():
        payload = top.get("payload", top.get("base"))
        for user in sorted(top.get("lock", ())):
            payload = locked(payload, user)
        if top.get("append"):
            payload += b"" if payload.endswith(b"\n") or not payload else b"\n"
            payload += b"".join(line.encode() + b"\n" for line in sorted(top["append"]))
        wanted[path] = (top["kind"], top["mode"], *top.get("owner", (None, None)), payload)
    got = {member.path: member for member in members}
    demand(len(got) == len(members), "a name twice in the new layer")
    demand(set(got) == set(wanted), f"the new layer holds {sorted(got)}, not {sorted(wanted)}")
    demand([m.path for m in members] == sorted(got, key=lambda p: (b".wh." not in p, p.replace(b".wh.", b"")))
           or [m.path for m in members] == sorted(got), "the new layer is not sorted")
    for path, (kind, mode, uid, gid, payload) in wanted.items():
        member = got[path]
        demand(member.kind == kind and member.payload == payload, f"{path!r} of the new layer has other content")
        demand(mode is None or (member.mode, member.uid, member.gid) == (mode, uid, gid),
               f"{path!r} of the new layer has another mode or owner")


def check_image(old, new, edits, drops_empty):
    edits = [unmasked(edit, old) for edit in edits]
    in_layers, on_top = {}, []
    for edit in edits:
        if "member" in edit:
            in_layers.setdefault(edit["member"]["layer"], []).append(edit)
        elif edit["op"] in ("add-file", "add-folder", "whiteout"):
            on_top.append(edit)
    # passwords are locked where the file is written anew
    place = lambda member: (member["layer"], member["member"])
    copies = {place(edit["content"]["member"]): edit for edit in on_top if "member" in edit.get("content", {})}
    for layer, found in list(in_layers.items()):
        for edit in [edit for edit in found if edit["op"] == "lock-password" and place(edit["member"]) in copies]:
            found.remove(edit)
            copy_on_top = copies[place(edit["member"])]
            on_top.append({**copy_on_top, "content": {"from": "locked", "member": edit["member"], "user": edit["user"]}})
        if not found:
            del in_layers[layer]
    layers = list(new.layers)
    empty = images.digest(bytes(1024))
    kept = list(range(len(old.layers)))
    if drops_empty:
        kept = [index for index in kept if index not in in_layers or
                expected_layer(raw_tar.read(images.expand(old.layers[index]))[0], in_layers[index])]
    demand(len(layers) == len(kept) + bool(on_top), f"{len(layers)} layers, not {len(kept) + bool(on_top)}")
    for place, index in enumerate(kept):
        if index in in_layers:
            check_layer(index, old.layers[index], layers[place], in_layers[index])
        else:
            demand(old.layers[index] == layers[place], f"layer {index} changed, which the plan does not touch")
    if on_top:
        check_top(old.layers, layers[-1], on_top, in_layers)

    wanted, got = expected_config(old.document, edits), copy.deepcopy(new.document)
    wanted["rootfs"]["diff_ids"] = got["rootfs"]["diff_ids"]
    if on_top and "history" in got:
        step = got["history"].pop()
        demand(not step.get("empty_layer"), "the step of the new layer says that it has none")
        demand(step.get("created") == old.document.get("created"), "the new step has another time than the image")
    if drops_empty and len(kept) != len(old.layers):
        filled = [step for step in wanted["history"] if not step.get("empty_layer")]
        for index, step in enumerate(filled):
            if index not in kept:
                step["empty_layer"] = True
    demand(images.dumps(wanted) == images.dumps(got), "the configuration differs from the plan:\n  "
           + images.dumps(wanted).decode() + "\n  " + images.dumps(got).decode())

    if old.manifest and new.manifest:
        wanted, got = copy.deepcopy(old.manifest), copy.deepcopy(new.manifest)
        for document in (wanted, got):
            for part in ("digest", "size", "data"):
                document["config"].pop(part, None)
        stale = ("containerd.io/snapshot/stargz/toc.digest", "io.github.containers.zstd-chunked")
        for index, layer in enumerate(wanted["layers"]):
            if index in in_layers:
                notes = {key: value for key, value in layer.pop("annotations", {}).items()
                         if not key.startswith(stale) and "uncompressed" not in key}
                if notes:
                    layer["annotations"] = notes
                for part in ("digest", "size", "data"):
                    layer.pop(part, None)
        wanted["layers"] = [wanted["layers"][index] for index in kept]
        for place, index in enumerate(kept):
            if index in in_layers:
                layer = got["layers"][place]
                notes = {key: value for key, value in layer.pop("annotations", {}).items() if "uncompressed" not in key}
                if notes:
                    layer["annotations"] = notes
                for part in ("digest", "size", "data"):
                    layer.pop(part, None)
        if on_top:
            got["layers"].pop()
        notes = dict(wanted.pop("annotations", {}) or {})
        for edit in edits:
            if edit["op"] == "set-annotation":
                notes[edit["key"]] = edit["value"]
            elif edit["op"] == "remove-annotation":
                notes.pop(edit["key"], None)
            elif edit["op"] == "redact-annotation" and edit["key"] in notes:
                text = notes[edit["key"]].encode()
                for span in sorted(edit["spans"], key=lambda span: -span["offset"]):
                    text = text[:span["offset"]] + b"[REDACTED]" + text[span["offset"] + span["length"]:]
                notes[edit["key"]] = text.decode()
        now = dict(got.pop("annotations", {}) or {})
        demand(now.pop("dev.careen.rebuilt-from", None) == images.digest(images.dumps(old.manifest))
               or old.descriptor["digest"] == new.manifest["annotations"]["dev.careen.rebuilt-from"],
               "the manifest does not say what it was rebuilt from")
        now.pop("dev.careen.plan", None)
        demand(notes == now, f"the annotations are {now}, not {notes}")
        demand(images.dumps(wanted) == images.dumps(got), "the manifest differs from the plan")


# --- what must be nowhere ------------------------------------------------------------------------------------------

def spellings(needle):
    """A value as it is, and in each alignment of base64."""
    yield needle
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            coded = encode(b"\0" * shift + needle)
            first = -(-shift * 8 // 6)
            last = (shift + len(needle)) * 8 // 6
            if last - first >= 12:
                yield coded[first:last]
    yield needle.decode("latin-1").encode("utf-16-le")
    yield needle.hex().encode()


def inside(data, depth=0):
    """The data and all that is packed in it."""
    yield data
    if depth > 3 or len(data) > 1 << 29:
        return
    inner = []
    try:
        if data[:2] == b"\x1f\x8b":
            inner.append(images.expand(data))
        elif data[:3] == b"BZh":
            inner.append(bz2.decompress(data))
        elif data[:6] == b"\xfd7zXZ\0":
            inner.append(lzma.decompress(data))
        elif data[:4] == b"\x28\xb5\x2f\xfd":
            inner.append(images.zstd(data, back=True))
        elif data[:4] == b"PK\3\4":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                inner += [archive.read(name) for name in archive.namelist()]
        elif data[257:262] == b"ustar":
            members, rest = raw_tar.read(data)
            inner += [member.payload for member in members if member.payload] + [rest]
        elif data[:1] == b"x":
            inner.append(zlib.decompress(data))
    except Exception:  # noqa: BLE001 - what cannot be opened was searched as it is
        pass
    for part in inner:
        yield from inside(part, depth + 1)


def absent(files, needles):
    wanted = [(needle, spelling) for needle in needles for spelling in spellings(needle)]
    for name, data in files.items():
        for part in inside(data):
            for needle, spelling in wanted:
                demand(spelling not in part, f"{name} still holds a value of {len(needle)} bytes")


# --- all of it -----------------------------------------------------------------------------------------------------

def planned(plan):
    """Edits by the digest of the configuration that they are about."""
    edits = {}
    for image in plan["images"]:
        done = [action for action in image["actions"] if action["approved"] and action["safety"] != "never"]
        edits[image["image"]["config"]] = [edit for action in done for edit in action["edits"]]
    return edits


def digest_of(plan):
    """What the annotation of a changed manifest says: docs/formats/fix-plan.md."""
    canonical = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    listed = []
    for image in plan["images"]:
        done = [action for action in image["actions"] if action["approved"] and action["safety"] != "never"]
        edits = sorted({canonical(edit) for action in done for edit in action["edits"]})
        listed.append('{"edits":[' + ",".join(edits) + '],"image":' + canonical(image["image"]) + "}")
    drops = '"drop_empty_layers":true,' if plan.get("drop_empty_layers") else ""
    return images.digest(("{" + drops + '"images":[' + ",".join(listed) + '],"schema":' + canonical(plan["schema"]) + "}").encode())


def check(before_path, after_path, plan, needles=(), drops_empty=False, applied=None):
    """`applied` says which actions count, where not all of a plan's were carried out."""
    before, after = images.load(before_path), images.load(after_path)
    old, _ = read(before)
    new, used = read(after)
    orphans = {name for name in after if name not in used}
    demand(not orphans, f"nothing leads to {sorted(orphans)}")
    edits = planned(plan)
    demand(len(old) == len(new), f"{len(new)} images, not {len(old)}")
    for one, other in zip(old, new):
        wanted = edits.get(one.config_digest, [])
        if wanted:
            check_image(one, other, wanted, drops_empty)
        else:
            demand(one.config_bytes == other.config_bytes, "a configuration changed that the plan does not touch")
            demand([images.expand(layer) for layer in one.layers] == [images.expand(layer) for layer in other.layers],
                   "layers changed that the plan does not touch")
    for other in new:
        said = ((other.manifest or {}).get("annotations") or {}).get("dev.careen.plan")
        demand(said in (None, digest_of(plan)), f"the manifest names the plan {said}, not {digest_of(plan)}")
    absent(after, needles)
    return old, new


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("plan")
    parser.add_argument("--absent", action="append", default=[], help="a file whose bytes must be nowhere")
    parser.add_argument("--drop-empty-layers", action="store_true")
    arguments = parser.parse_args()
    needles = []
    for path in arguments.absent:
        with open(path, "rb") as file:
            needles.append(file.read())
    with open(arguments.plan, "rb") as file:
        plan = json.load(file)
    try:
        check(arguments.before, arguments.after, plan, needles, arguments.drop_empty_layers)
    except Wrong as wrong:
        sys.exit(f"wrong: {wrong}")
    print("holds")


if __name__ == "__main__":
    main()
