"""Images written and read by hand: OCI layouts (folder or archive) and docker archives of both forms."""

import gzip
import hashlib
import io
import json
import os
import zlib

import raw_tar

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def dumps(document):
    return json.dumps(document, separators=(",", ":")).encode()


def zstd(data, back=False):
    import subprocess
    return subprocess.run(["zstd", "-q", "-c"] + (["-d"] if back else []), input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def compress(tar, how):
    if how == "gzip":
        return gzip.compress(tar, 6, mtime=0)
    return zstd(tar) if how == "zstd" else tar


def expand(blob):
    """The tar in a blob, with nothing left behind a gzip member."""
    if blob[:2] == b"\x1f\x8b":
        machine = zlib.decompressobj(31)
        data = machine.decompress(blob) + machine.flush()
        while machine.unused_data[:2] == b"\x1f\x8b":
            rest = machine.unused_data
            machine = zlib.decompressobj(31)
            data += machine.decompress(rest) + machine.flush()
        return data
    return zstd(blob, back=True) if blob[:4] == b"\x28\xb5\x2f\xfd" else blob


class Image:
    """What a case says of an image: tars of its layers, and its configuration."""

    def __init__(self, *layers, config=None, history=None, compression="gzip", arch="amd64", top=None,
                 annotations=None, kind="oci"):
        self.tars = list(layers)
        how = compression if isinstance(compression, list) else [compression] * len(self.tars)
        self.compression = how
        self.blobs = [compress(tar, how) for tar, how in zip(self.tars, how)]
        self.annotations, self.kind = annotations, kind
        history = history if history is not None else [f"RUN step {index}" for index in range(len(self.tars))]
        self.document = {
            "created": "2024-05-06T07:08:09Z", "architecture": arch, "os": "linux", "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in self.tars]},
            "history": [step if isinstance(step, dict) else {"created": "2024-05-06T07:08:09Z", "created_by": step}
                        for step in history],
        }
        self.document.update(top or {})
        self.config_start = b""   # keys in front of the others, which may stand twice so
        self.layer_annotations = {}
        self.layer_extra = {}

    def media_types(self):
        if self.kind == "docker":
            return DOCKER + "container.image.v1+json", DOCKER + "distribution.manifest.v2+json", {
                "gzip": DOCKER + "image.rootfs.diff.tar.gzip", "none": DOCKER + "image.rootfs.diff.tar"}
        return OCI + "config.v1+json", OCI + "manifest.v1+json", {
            "gzip": OCI + "layer.v1.tar+gzip", "zstd": OCI + "layer.v1.tar+zstd", "none": OCI + "layer.v1.tar"}

    def parts(self):
        """Blobs by digest, and the descriptor of the manifest."""
        config = dumps(self.document)
        config = b"{" + self.config_start + config[1:]
        config_type, manifest_type, layer_types = self.media_types()
        layers = []
        for index, (blob, how) in enumerate(zip(self.blobs, self.compression)):
            layer = {"mediaType": layer_types[how], "digest": digest(blob), "size": len(blob)}
            if index in self.layer_annotations:
                layer["annotations"] = self.layer_annotations[index]
            layer.update(self.layer_extra.get(index, {}))
            layers.append(layer)
        manifest = {"schemaVersion": 2, "mediaType": manifest_type,
                    "config": {"mediaType": config_type, "digest": digest(config), "size": len(config)},
                    "layers": layers}
        if self.annotations:
            manifest["annotations"] = self.annotations
        manifest = dumps(manifest)
        blobs = {digest(data): data for data in [config, manifest, *self.blobs]}
        return blobs, {"mediaType": manifest_type, "digest": digest(manifest), "size": len(manifest)}


def layout(*entries, extra=None, index_annotations=None):
    """Files of an OCI layout: entries are (image, tag or None) or (list of images, tag)."""
    files, manifests = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}, []
    for image, tag in entries:
        if isinstance(image, list):
            children = []
            for child in image:
                blobs, descriptor = child.parts()
                files.update({"blobs/" + name.replace(":", "/"): data for name, data in blobs.items()})
                children.append({**descriptor, "platform": {"architecture": child.document["architecture"],
                                                            "os": "linux"}})
            data = dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": children})
            files["blobs/" + digest(data).replace(":", "/")] = data
            descriptor = {"mediaType": OCI + "index.v1+json", "digest": digest(data), "size": len(data)}
        else:
            blobs, descriptor = image.parts()
            files.update({"blobs/" + name.replace(":", "/"): data for name, data in blobs.items()})
        if tag:
            descriptor = {**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}
        manifests.append(descriptor)
    index = {"schemaVersion": 2, "manifests": manifests}
    if index_annotations:
        index["annotations"] = index_annotations
    files["index.json"] = dumps(index)
    files.update(extra or {})
    return files


def docker_old(*images, sidecars=True, extra=None):
    """Files of a `docker save` archive of old: images are (image, [tags])."""
    files, manifest, repositories = {}, [], {}
    for image, tags in images:
        config = dumps(image.document)
        name = digest(config)[7:] + ".json"
        files[name] = config
        layers = []
        for index, tar in enumerate(image.tars):
            folder = hashlib.sha256(tar + bytes([index])).hexdigest()
            files[folder + "/layer.tar"] = tar
            if sidecars:
                files[folder + "/VERSION"] = b"1.0"
                files[folder + "/json"] = dumps({"id": folder, "container_config": image.document["config"],
                                                 "config": image.document["config"]})
            layers.append(folder + "/layer.tar")
            for tag in tags:
                repository, _, version = tag.rpartition(":")
                repositories.setdefault(repository, {})[version] = folder
        manifest.append({"Config": name, "RepoTags": tags, "Layers": layers})
    files["manifest.json"] = dumps(manifest)
    if sidecars:
        files["repositories"] = dumps(repositories)
    files.update(extra or {})
    return files


def docker_hybrid(*images):
    """What Docker 25 and later save: a layout and `manifest.json`."""
    files = layout(*[(image, tags[0].rpartition(":")[2] if tags else None) for image, tags in images])
    manifest = []
    for image, tags in images:
        config = dumps(image.document)
        manifest.append({"Config": "blobs/" + digest(config).replace(":", "/"), "RepoTags": tags,
                         "Layers": ["blobs/" + digest(blob).replace(":", "/") for blob in image.blobs]})
    files["manifest.json"] = dumps(manifest)
    return files


def write(files, path, form):
    if form == "oci-dir":
        for name, data in files.items():
            place = os.path.join(path, name)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as file:
                file.write(data)
    else:
        with open(path, "wb") as file:
            file.write(raw_tar.archive(*[raw_tar.member(name, data) for name, data in files.items()]))


def load(path):
    """All files of a layout or archive by name."""
    files = {}
    if os.path.isdir(path):
        for folder, _, names in os.walk(path):
            for name in names:
                place = os.path.join(folder, name)
                with open(place, "rb") as file:
                    files[os.path.relpath(place, path)] = file.read()
        return files
    with open(path, "rb") as file:
        members, rest = raw_tar.read(file.read())
    assert not rest.strip(b"\0"), "bytes behind the end of the archive"
    for member in members:
        name = member.path.decode()
        if member.kind == b"0":
            assert name not in files, f"{name} twice in the archive"
            files[name] = member.payload
        elif member.kind in (b"1", b"2"):
            base = os.path.dirname(name) if member.kind == b"2" else ""
            files[name] = files[os.path.normpath(os.path.join(base, member.link.decode()))]
    return files
