"""Makes key_groups.json with other people's MessagePack and MurmurHash3 (PyPI: msgpack, mmh3)."""
import json
import pathlib

import mmh3
import msgpack

KEYS = [
    ("string", ""), ("string", "a"), ("string", "user-1"), ("string", "Zürich"), ("string", "x" * 40),
    ("integer", 0), ("integer", 1), ("integer", 127), ("integer", 128), ("integer", 65536), ("integer", 2**32),
    ("integer", 2**63 - 1), ("integer", -1), ("integer", -32), ("integer", -33), ("integer", -(2**63)),
    ("boolean", True), ("boolean", False),
    ("pair of string and integer", ["a", 1]), ("pair of string and integer", ["user-1", -7]),
]

vectors = []
for kind, key in KEYS:
    data = msgpack.packb(key)
    hashed = mmh3.hash(data, 0, signed=False)
    groups = {str(most): hashed % most for most in (1, 128, 4096, 32768)}
    vectors.append({"type": kind, "key": key, "bytes": data.hex(), "murmur3_32": hashed, "key_group": groups})
target = pathlib.Path(__file__).with_name("key_groups.json")
target.write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
