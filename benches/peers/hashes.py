"""The users as Redis hashes, with the same names and strings that tagdb holds."""

import array
import os
import subprocess

COLUMNS = (
    ("gender", "uint8", "gender-"), ("age", "uint8", ""), ("city", "uint16", "city-"),
    ("vip_level", "uint8", ""), ("last_login_days", "uint16", ""), ("spend_30d", "uint32", ""),
    ("is_active", "uint8", ""), ("device", "uint8", "device-"),
)
CODES = {"uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q"}


def column(raw, name, kind, count):
    values = array.array(CODES[kind])
    with open(os.path.join(raw, f"{name}.{kind}"), "rb") as file:
        values.fromfile(file, count)
    return values


def load(raw, users, port):
    """Writes the hashes `u:000000000000` and so on, as redis-benchmark asks for them."""
    offsets = column(raw, "int_off", "uint64", users + 1)
    members = column(raw, "int_val", "uint8", offsets[users])
    columns = [(name, prefix, column(raw, name, kind, users)) for name, kind, prefix in COLUMNS]
    pipe = subprocess.Popen(["redis-cli", "-p", str(port), "--pipe"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    for user in range(users):
        words = ["HSET", f"u:{user:012d}"]
        for name, prefix, values in columns:
            words += [name, f"{prefix}{values[user]}"]
        interests = members[offsets[user] : offsets[user + 1]]
        words += ["interests", ",".join(f"interest-{member}" for member in interests)]
        text = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        pipe.stdin.write(text.encode())
    pipe.stdin.close()
    if pipe.wait() != 0:
        raise SystemExit("the hashes could not be loaded")
