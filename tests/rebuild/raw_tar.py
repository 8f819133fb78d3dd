"""An own reader and writer of tar archives, member by member with the raw bytes of each.

It shares no code with careen and does not use `tarfile`, so that the two can disagree.
Sources: POSIX.1-2017 pax, GNU tar manual "Basic Tar Format", star(5).
"""

BLOCK = 512


class Member:
    """One member: headers that travel with it, its own header, what is stored of its content."""

    def __init__(self):
        self.start = 0          # offset of its first raw byte, preludes included
        self.prelude = b""      # x, L and K headers; not g
        self.globals = b""      # g headers that stand before it
        self.header = b""       # its own block
        self.extra = b""        # extension blocks of old GNU sparse files
        self.payload = b""      # stored bytes, without padding
        self.padding = b""
        self.name = b""
        self.link = b""
        self.kind = b"0"
        self.mode = self.uid = self.gid = self.mtime = 0
        self.pax = {}

    @property
    def raw(self):
        return self.globals + self.prelude + self.header + self.extra + self.payload + self.padding

    @property
    def path(self):
        parts = [part for part in self.name.split(b"/") if part not in (b"", b".")]
        return b"/".join(parts)

    def key(self):
        """What a reader of the archive sees of it."""
        return (self.path, self.kind, self.mode, self.uid, self.gid, self.mtime, self.link, self.payload,
                tuple(sorted(self.pax.items())))


def number(field):
    if field and field[0] & 0x80:
        value = int.from_bytes(field, "big") & ~(0x80 << (8 * (len(field) - 1)))
        if field[0] & 0x40:
            value -= 1 << (8 * len(field) - 1)
        return value
    text = field.strip(b" \0")
    return int(text, 8) if text else 0


def records(payload):
    found = {}
    while payload:
        size, _, rest = payload.partition(b" ")
        record, payload = payload[: int(size)], payload[int(size):]
        key, _, value = record[len(size) + 1: -1].partition(b"=")
        assert record.endswith(b"\n"), "a pax record without line feed"
        found[key] = value
    return found


def checksum_holds(header):
    stated = number(header[148:156])
    blank = header[:148] + b" " * 8 + header[156:]
    return stated == sum(blank)


def read(tar):
    """All members of an archive, and what stands behind the last."""
    at, members, shared = 0, [], {}
    while True:
        member = Member()
        member.start = at
        own, long_name, long_link = {}, None, None
        while True:
            header = tar[at: at + BLOCK]
            if len(header) < BLOCK or header == bytes(BLOCK):
                assert not (member.prelude), "a prelude without member"
                return members, tar[member.start:]
            assert checksum_holds(header), f"a wrong checksum at {at}"
            kind = header[156:157]
            size = number(header[124:136])
            if kind not in (b"x", b"g", b"L", b"K"):
                break
            end = at + BLOCK + -(-size // BLOCK) * BLOCK
            payload, raw = tar[at + BLOCK: at + BLOCK + size], tar[at:end]
            if kind == b"g":
                shared = {**shared, **records(payload)}
                member.globals += raw
            else:
                member.prelude += raw
                if kind == b"x":
                    own.update(records(payload))
                elif kind == b"L":
                    long_name = payload.rstrip(b"\0")
                else:
                    long_link = payload.rstrip(b"\0")
            at = end
        pax = {**shared, **own}
        member.header, member.pax = header, own
        member.kind = kind if kind != b"\0" else b"0"
        name, link = header[:100].split(b"\0")[0], header[157:257].split(b"\0")[0]
        if header[257:263] == b"ustar\0":
            prefix = header[345:500].split(b"\0")[0]
            name = prefix + b"/" + name if prefix else name
        member.name = pax.get(b"path", long_name if long_name is not None else name)
        member.link = pax.get(b"linkpath", long_link if long_link is not None else link)
        member.mode = number(header[100:108]) & 0o7777
        member.uid = int(pax.get(b"uid", number(header[108:116])))
        member.gid = int(pax.get(b"gid", number(header[116:124])))
        member.mtime = int(float(pax.get(b"mtime", number(header[136:148]))))
        size = int(pax.get(b"size", size))
        if member.kind in b"123456":
            size = 0 if member.kind != b"1" else size
        if member.kind == b"0" and member.name.endswith(b"/"):
            member.kind = b"5"
        at += BLOCK
        if member.kind == b"S":
            more = header[482:483] == b"\1"
            while more:
                block = tar[at: at + BLOCK]
                member.extra += block
                more = block[504:505] == b"\1"
                at += BLOCK
        end = at + -(-size // BLOCK) * BLOCK
        assert end <= len(tar), f"cut short at {at}"
        member.payload, member.padding = tar[at: at + size], tar[at + size: end]
        at = end
        members.append(member)


def octal(value, width):
    return b"%0*o\0" % (width - 1, value)


def header(name, kind, size=0, mode=0o644, uid=0, gid=0, mtime=1_600_000_000, link=b"", magic=b"ustar\x0000",
           device=(0, 0), base256=False):
    prefix = b""
    if len(name) > 100 and magic == b"ustar\x0000":
        cut = name.rfind(b"/", 0, 156)
        prefix, name = name[:cut], name[cut + 1:]
    owner = (lambda value: bytes([0x80]) + value.to_bytes(7, "big")) if base256 else (lambda value: octal(value, 8))
    block = (name.ljust(100, b"\0")[:100] + octal(mode, 8) + owner(uid) + owner(gid) + octal(size, 12)
             + octal(mtime, 12) + b" " * 8 + kind + link.ljust(100, b"\0")[:100] + magic
             + b"root".ljust(32, b"\0") + b"root".ljust(32, b"\0") + octal(device[0], 8) + octal(device[1], 8)
             + prefix.ljust(155, b"\0")).ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padded(payload):
    return payload + bytes(-len(payload) % BLOCK)


def record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    size = len(body) + 1
    while len(b"%d" % size) + len(body) != size:
        size = len(b"%d" % size) + len(body)
    return b"%d" % size + body


def member(name, payload=b"", kind=b"0", pax=None, shared=None, long_name=False, **fields):
    """The raw bytes of one member."""
    name = name if isinstance(name, bytes) else name.encode()
    raw = b""
    if shared:
        body = b"".join(record(k, v) for k, v in shared.items())
        raw += header(b"pax_global_header", b"g", len(body)) + padded(body)
    if pax:
        body = b"".join(record(k, v) for k, v in pax.items())
        raw += header(b"PaxHeaders.0/x", b"x", len(body)) + padded(body)
    magic = {}
    if long_name:
        magic = {"magic": b"ustar  \0"}
        raw += header(b"././@LongLink", b"L", len(name) + 1, **magic) + padded(name + b"\0")
    if "link" in fields and isinstance(fields["link"], str):
        fields["link"] = fields["link"].encode()
    fields.setdefault("mode", 0o755 if kind == b"5" else 0o777 if kind == b"2" else 0o644)
    return raw + header(name, kind, len(payload), **magic, **fields) + padded(payload)


def sparse(name, pieces, size):
    """An old GNU sparse file: `pieces` are (offset, bytes)."""
    block = bytearray(header(name.encode(), b"S", sum(len(data) for _, data in pieces), magic=b"ustar  \0"))
    for index, (offset, data) in enumerate(pieces[:4]):
        at = 386 + 24 * index
        block[at: at + 12], block[at + 12: at + 24] = octal(offset, 12), octal(len(data), 12)
    block[483:495] = octal(size, 12)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + padded(b"".join(data for _, data in pieces))


def archive(*members):
    return b"".join(members) + bytes(2 * BLOCK)
