#!/usr/bin/env python3
"""A second verifier of an audit log in files, written from docs/concepts/audit-log.md with the standard library alone.

verify_log.py DIR KEYS   exit 0: every leaf, tile and checkpoint fits and is signed; 1: says what does not
"""
import base64, hashlib, sys
from pathlib import Path

# Ed25519 (RFC 8032 section 5.1)
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

def x_of(y, sign):
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - xx) % P or y >= P or (x == 0 and sign):
        raise ValueError("no point of the curve")
    return x if x % 2 == sign else P - x

def add(a, b):
    A, B = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    C, E = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = B - A, E - C, E + C, B + A
    return (e * f % P, g * h % P, f * g % P, e * h % P)

def times(n, point):
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, point)
        point, n = add(point, point), n >> 1
    return total

def point(data):
    n = int.from_bytes(data, "little")
    y, sign = n % 2**255, n >> 255
    x = x_of(y, sign)
    return (x, y, 1, x * y % P)

BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

def signed(key, text, signature):
    try:
        r, a = point(signature[:32]), point(key)
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % L
    one, two = times(s, BASE), add(r, times(k, a))
    return s < L and not ((one[0] * two[2] - two[0] * one[2]) % P or (one[1] * two[2] - two[1] * one[2]) % P)

# The tree (RFC 6962 section 2.1), the tiles (C2SP tlog-tiles), the notes (C2SP signed-note and tlog-checkpoint)
def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def push(stack, node, level=0):
    while stack and stack[-1][0] == level:
        node, level = sha(b"\1", stack.pop()[1], node), level + 1
    stack.append((level, node))

def root(stack):
    if not stack:
        return sha()
    total = stack[-1][1]
    for _, node in reversed(stack[:-1]):
        total = sha(b"\1", node, total)
    return total

def path(kind, index, width):
    groups = [f"{index // 1000**i % 1000:03}" for i in range(max(1, -(-len(str(index)) // 3)))][::-1]
    name = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
    return f"tile/{kind}/{name}" + ("" if width == 256 else f".p/{width}")

def entries(data):
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        assert end <= len(data), "a leaf is cut off"
        yield data[at + 2 : end]
        at = end

def checkpoint(note, keys):
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    origin, size, encoded = text.split("\n")[:3]
    for name, key, first, last in keys:
        ident = sha(name.encode() + b"\n\1" + key)[:4]
        for line in lines.split("\n"):
            mark, _, rest = line.partition(" ")
            by, _, signature = rest.partition(" ")
            raw = base64.b64decode(signature or "", validate=True)
            if mark == "\u2014" and by == name == origin and raw[:4] == ident and first <= int(size) <= last:
                assert signed(key, text.encode(), raw[4:]), f"the checkpoint at {size} leaves: bad signature"
                return int(size), base64.b64decode(encoded, validate=True), origin
    raise AssertionError(f"the checkpoint at {size} leaves: no key that is trusted signed it")

def read_keys(text):
    for words in (line.split() for line in text.split("\n") if line.strip() and not line.startswith("#")):
        name, _, raw = words[0].partition("+")
        limits = dict(word.split("=") for word in words[1:])
        yield name, base64.b64decode(raw.partition("+")[2])[1:], int(limits.get("from", 0)), int(limits.get("until", 2**63))

def verify(folder, keys):
    newest = checkpoint((folder / "checkpoint").read_text(), keys)
    kept = (folder / "checkpoints").read_text() if (folder / "checkpoints").exists() else ""
    parts = kept.split("\n\n")[:-1]
    claims = [checkpoint(f"{text}\n\n{lines}\n", keys) for text, lines in zip(parts[::2], parts[1::2])] or [newest]
    assert claims[-1] == newest, "the newest checkpoint is not the last of those kept"
    assert [c[0] for c in claims] == sorted(c[0] for c in claims), "checkpoints are out of order"
    size, stack, count, levels = newest[0], [], 0, {}
    for index in range(-(-size // 256)):
        width = min(256, size - index * 256)
        leaves = list(entries((folder / path("entries", index, width)).read_bytes()))
        assert len(leaves) == width, f"bundle {index} has {len(leaves)} and not {width} leaves"
        tile = (folder / path(0, index, width)).read_bytes()
        for place, leaf in enumerate(leaves):
            node, count = sha(b"\0", leaf), count + 1
            assert tile[place * 32 : place * 32 + 32] == node, f"leaf {count - 1} does not have its hash"
            push(stack, node)
            for claim in [c for c in claims if c[0] == count]:
                assert claim[1] == root(stack), f"the leaves are not those of the checkpoint at {count} leaves"
        assert len(tile) == width * 32, f"tile {index} has another length"
        levels.setdefault(0, []).append(tile)
    level = 0
    while len(levels[level]) > 1 or len(levels[level][0]) == 8192:
        below = []
        for tile in levels[level]:
            if len(tile) == 8192:
                inner = []
                for place in range(256):
                    push(inner, tile[place * 32 : place * 32 + 32])
                below.append(inner[0][1])
        level += 1
        levels[level] = []
        for index in range(-(-len(below) // 256)):
            hashes = below[index * 256 : index * 256 + 256]
            data = (folder / path(level, index, len(hashes))).read_bytes()
            assert data == b"".join(hashes), f"tile {level}/{index} is not that of the tiles below it"
            levels[level].append(data)
    return size, newest[2]

if __name__ == "__main__":
    try:
        size, origin = verify(Path(sys.argv[1]), list(read_keys(Path(sys.argv[2]).read_text())))
        print(f"sound: {size} leaves of {origin}")
    except (AssertionError, OSError, ValueError, IndexError) as error:
        print(f"NOT sound: {error}")
        sys.exit(1)
