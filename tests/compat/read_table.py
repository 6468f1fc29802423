#!/usr/bin/env python3
"""Prints a table of a closed and flushed tagdb data folder as NDJSON, one subject a line by rising
key. Written from docs/file-format.md, and on purpose without anything that tagdb itself runs.

usage: read_table.py DATA_FOLDER TABLE
"""

import json
import os
import struct
import sys
import zlib

from zstd import decompress

KINDS = {0: "BOOLEAN", 1: "KEYWORD", 2: "LONGTEXT", 3: "SET", 16: "SMALLINT", 17: "INT",
         18: "BIGINT", 19: "DECIMAL", 20: "DOUBLE", 21: "DATE", 22: "TIMESTAMP"}


class Damaged(Exception):
    """The folder is not as the page says."""


def expect(holds, what):
    if not holds:
        raise Damaged(what)


class Input:
    """Reads encoded fields front to back."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def raw(self, count):
        expect(self.at + count <= len(self.data), "a record ends too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, count, signed=False):
        return int.from_bytes(self.raw(count), "little", signed=signed)

    def varint(self):
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def bytes(self):
        return self.raw(self.varint())

    def str(self):
        return self.bytes().decode("utf-8")

    def many(self, read):
        return [read() for _ in range(self.varint())]

    def finish(self):
        expect(self.at == len(self.data), "a record goes on after its end")


# Manifest

def read_manifest(folder):
    names = [name for name in os.listdir(os.path.join(folder, "manifest")) if name.isdigit()]
    expect(names, "there is no manifest")
    with open(os.path.join(folder, "manifest", max(names)), "rb") as file:
        data = file.read()
    magic, version, length, crc = struct.unpack("<8sIQI", data[:24])
    expect(magic == b"TAGDBMAN" and version == 1, "not a manifest of version 1")
    expect(length == len(data) - 24, "a manifest of another length")
    expect(zlib.crc32(data[:20] + data[24:]) == crc, "the manifest's checksum")
    source = Input(data[24:])
    manifest = {"number": source.number(8)}
    expect(manifest["number"] == int(max(names)), "a manifest of another number")
    source.raw(12)
    manifest["lsn"] = source.number(8)
    expect(source.number(1) == 1, "an unknown partition hash")
    source.raw(8)
    manifest["tables"] = source.many(lambda: read_schema(source))
    manifest["partitions"] = source.many(lambda: read_partition(source))
    source.many(lambda: skip_write(source))
    source.many(lambda: source.raw(12))
    expect(source.varint() == 0, "sources, which version 1 does not have")
    source.finish()
    return manifest


def read_schema(source):
    table = {"id": source.number(4), "name": source.str(), "key": source.str(),
             "key_type": source.number(1)}
    source.str()
    table["partitions"] = source.number(2)
    table["tags"] = source.many(lambda: read_tag(source))
    return table


def read_tag(source):
    tag = {"id": source.number(4), "name": source.str()}
    kind, _, tag["scale"] = source.number(1), source.number(1), source.number(1)
    tag["kind"], tag["map"] = KINDS[kind & 0x7F], kind >= 0x80
    source.str()
    return tag


def read_file(source, suffix):
    name = "%08x-%012x.%s" % (source.number(4), source.number(8), suffix)
    return {"name": name, "length": source.number(8)}


def read_partition(source):
    def read_layers():
        layers = read_file(source, "seg")
        layers["first"], layers["last"] = source.number(8), source.number(8)
        layers["tags"] = source.many(lambda: source.number(4))
        return layers

    return {"table": source.number(4), "partition": source.number(2),
            "next": source.number(4), "dead": set(read_bitmap(source.bytes())),
            "segments": source.many(read_layers),
            "keys": source.many(lambda: read_file(source, "key")),
            "vocabularies": source.many(lambda: read_file(source, "voc"))}


def skip_write(source):
    source.str()
    source.raw(16)
    source.bytes()
    source.raw(16)
    for _ in range(4):
        source.varint()


# Log: only to be sure that everything is in segments

def check_log(folder, lsn):
    for name in sorted(os.listdir(os.path.join(folder, "log"))):
        if not name.endswith(".log"):
            continue
        with open(os.path.join(folder, "log", name), "rb") as file:
            data = file.read()
        expect(data[:8] == b"tagdblog", "not a log file")
        expect(zlib.crc32(data[:124]) == struct.unpack("<I", data[124:128])[0], "a log header")
        salt, at = data[28:36], 128
        while at + 29 <= len(data):
            length, own, _, kind, _, crc = struct.unpack("<IQQBII", data[at:at + 29])
            if length == 0:
                break
            place = salt + struct.pack("<Q", at)
            expect(zlib.crc32(place + data[at:at + 25]) == crc, "a frame")
            expect(kind == 2 or own <= lsn, "the log has batches that no segment has: flush first")
            at += length


# Segment files

class Segment:
    """A file of blobs."""

    def __init__(self, folder, partition, file, kind):
        path = os.path.join(folder, "data", "%04x" % partition, file["name"])
        with open(path, "rb") as opened:
            self.data = opened.read()
        expect(len(self.data) == file["length"], path + ": another length")
        magic, version, own, self.salt = struct.unpack("<8sII8s", self.data[:24])
        expect(magic == b"TAGDBSEG" and version == 1 and own == kind, path + ": another kind")
        expect(zlib.crc32(self.data[:60]) == struct.unpack("<I", self.data[60:64])[0], path)
        name = "%04x/%s" % (partition, file["name"])
        expect(zlib.crc32(name.encode()) == struct.unpack("<I", self.data[24:28])[0], path)
        at = len(self.data) - 32
        trailer = self.data[at:]
        crc = zlib.crc32(self.salt + struct.pack("<Q", at) + trailer[:28])
        expect(trailer[16:24] == b"TAGDBEND" and crc == struct.unpack("<I", trailer[28:])[0], path)
        self.footer = Input(self.blob(trailer[:16]))

    def blob(self, reference):
        offset, length, crc = struct.unpack("<QII", reference)
        if length == 0:
            return b""
        offset, packed = offset & ~1, offset & 1
        blob = self.data[offset:offset + length]
        expect(zlib.crc32(self.salt + struct.pack("<Q", offset) + blob) == crc, "a blob's checksum")
        if not packed:
            return blob
        length, count = struct.unpack("<IB", blob[:5])
        parts = [struct.unpack("<BI", part) for part in pieces(blob[5:5 + 5 * count], 5)]
        content = decompress(blob[5 + 5 * count:])
        expect(len(content) == length, "a compressed blob's length")
        return restored(content, parts) if parts else content

    def directory(self, reference):
        """(key, extra, first reference, second reference) by rising key."""
        return [(*struct.unpack("<II", row[:8]), row[8:24], row[24:])
                for row in pieces(self.blob(reference), 40)]


def restored(content, parts):
    """The blob whose bytes were rearranged before it was compressed."""
    out, at, bounds = [], 0, []
    for form, count in parts:
        width, step = form & 15, form >> 4
        planes = pieces(content[at:at + width * count], count) if count else []
        at += width * count
        items = [int.from_bytes(bytes(item), "little") for item in zip(*planes)]
        runs = {0: [], 1: [(0, count)], 2: list(zip(bounds, bounds[1:]))}[step]
        for start, end in runs:
            for place in range(start + 1, end):
                items[place] = (items[place - 1] + items[place]) % (1 << 8 * width)
        if step == 1:
            bounds = items
        out += [item.to_bytes(width, "little") for item in items]
    expect(at == len(content), "the parts of a compressed blob")
    return b"".join(out)


def pieces(data, size):
    return [data[at:at + size] for at in range(0, len(data), size)]


def read_bitmap(data):
    """The members of a portable Roaring bitmap, rising."""
    if not data:
        return []
    source = Input(data)
    cookie = source.number(4)
    if cookie & 0xFFFF == 12347:
        count = (cookie >> 16) + 1
        flags = source.raw((count + 7) // 8)
    else:
        expect(cookie == 12346, "not a bitmap")
        count, flags = source.number(4), None
    heads = [(source.number(2), source.number(2) + 1) for _ in range(count)]
    if flags is None or count >= 4:
        source.raw(4 * count)
    members = []
    for index, (key, cardinality) in enumerate(heads):
        if flags is not None and flags[index // 8] >> (index % 8) & 1:
            lows = []
            for _ in range(source.number(2)):
                start, more = source.number(2), source.number(2)
                lows += range(start, start + more + 1)
        elif cardinality <= 4096:
            lows = struct.unpack("<%dH" % cardinality, source.raw(2 * cardinality))
        else:
            bits = source.raw(8192)
            lows = [low for low in range(65536) if bits[low // 8] >> (low % 8) & 1]
        expect(len(lows) == cardinality, "a container's cardinality")
        members += [key << 16 | low for low in lows]
    source.finish()
    return members


def read_vector(data):
    if not data:
        return []
    width, count, least, _ = struct.unpack("<QQqq", data[:32])
    if width == 0:
        return [least] * count
    values = [least + int.from_bytes(piece, "little") for piece in pieces(data[32:], width)]
    expect(len(values) == count, "a vector's number of values")
    return values


def read_lists(data):
    """Lists of items, and the place of each item among all."""
    if not data:
        return []
    length = struct.unpack("<Q", data[:8])[0]
    bounds, items = read_vector(data[8:8 + length]), read_vector(data[8 + length:])
    return [[(items[place], place) for place in range(start, end)]
            for start, end in zip(bounds, bounds[1:])]


def read_texts(data):
    if not data:
        return []
    count, blocks = struct.unpack("<QQ", data[:16])
    heads = [struct.unpack("<QQII", data[at:at + 24]) for at in range(16, 16 + 24 * blocks, 24)]
    heads.append((count, len(data), 0, 0))
    texts = []
    for (first, offset, length, form), (after, end, _, _) in zip(heads, heads[1:]):
        content = data[offset:end]
        if form == 1:
            content = decompress(content)
        expect(len(content) == length, "a block's length")
        strings = 4 * (after - first)
        start = 0
        for stop in struct.unpack("<%dI" % (after - first), content[:strings]):
            texts.append(content[strings + start:strings + stop].decode("utf-8"))
            start = stop
    return texts


# Layers: each becomes {ordinal: ("is", value) | ("none",) | ("edit", drops, puts)}

def read_layer(segment, wanted):
    footer = segment.footer
    footer.at = 0
    footer.raw(16)
    for _ in range(footer.varint()):
        tag, family, base = footer.number(4), footer.number(1), footer.number(1)
        footer.varint()
        footer.varint()
        references = [footer.raw(16) for _ in range(7)]
        if tag == wanted:
            if base:
                return read_base(segment, family, references)
            return read_delta(segment, family, references)
    raise Damaged("a segment without a tag that it should have")


def read_delta(segment, family, references):
    decided, other = (read_bitmap(segment.blob(reference)) for reference in references[:2])
    values, index, puts, payload, drops = references[2:]
    if family in (1, 2):
        read = read_vector if family == 1 else read_texts
        return with_cleared(decided, read(segment.blob(values)), other)
    rows = read_rows(segment.blob(values), segment.blob(index), family)
    layer = {ordinal: ("is", row) for ordinal, row in zip(decided, rows)}
    puts = read_rows(segment.blob(puts), segment.blob(payload), family)
    drops = read_rows(segment.blob(drops), b"", 3)
    expect(len(rows) == len(decided) and len(puts) == len(drops) == len(other), "rows of a delta")
    for ordinal, put, drop in zip(other, puts, drops):
        layer[ordinal] = ("edit", drop, put)
    return layer


def with_cleared(decided, values, cleared):
    expect(len(decided) == len(values), "as many values as ordinals")
    layer = {ordinal: ("is", value) for ordinal, value in zip(decided, values)}
    layer.update((ordinal, ("none",)) for ordinal in cleared)
    return layer


def read_rows(lists, payload, family):
    """For each ordinal a dictionary from codes to values; 0 in sets."""
    values = read_vector(payload)
    return [{code: values[place] if family == 4 else 0 for code, place in row}
            for row in read_lists(lists)]


def read_base(segment, family, references):
    decided = read_bitmap(segment.blob(references[0]))
    cleared = read_bitmap(segment.blob(references[1])) if family < 3 else []
    chunks = {}
    for ordinal in decided:
        chunks.setdefault(ordinal >> 16, []).append(ordinal)
    found = []
    for chunk, extra, first, second in segment.directory(references[2]):
        own = chunks.pop(chunk)
        if family == 2:
            values = read_texts(segment.blob(first))
        elif family == 1:
            values = read_vector(segment.blob(first))
            if extra == 1:
                values = [values[ordinal & 0xFFFF] for ordinal in own]
        else:
            values = read_rows(segment.blob(first), segment.blob(second), family)
        expect(len(values) == len(own), "as many values as ordinals of a chunk")
        found += values
    expect(not chunks, "a row group for each chunk")
    layer = with_cleared(decided, found, cleared)
    check_index(segment, family, references[3], layer)
    return layer


def check_index(segment, family, reference, layer):
    """The bitmaps by value say what the rows say."""
    turned = {}
    for ordinal, (_, *value) in layer.items():
        if value:
            entries = value[0].items() if family > 2 else [(value[0], 0)]
            for code, payload in entries:
                turned.setdefault(code, {})[ordinal] = payload
    rows = segment.directory(reference)
    if not rows:
        # Numbers and texts have no bitmaps, and empty sets have no entries.
        expect(family < 3 or not turned, "bitmaps of the entries")
        return
    expect([row[0] for row in rows] == sorted(turned), "a bitmap for each value")
    for code, extra, first, second in rows:
        members = read_bitmap(segment.blob(first))
        values = read_vector(segment.blob(second)) if family == 4 else [0] * len(members)
        expect(extra == len(members), "the cardinality in the directory")
        expect(dict(zip(members, values)) == turned[code], "a bitmap that agrees with the rows")


def value_of(layers, ordinal):
    """What a stack of layers, oldest first, says of an ordinal."""
    said = [layer[ordinal] for layer in layers if ordinal in layer]
    below = max((at for at, word in enumerate(said) if word[0] != "edit"), default=-1)
    value = None
    if below >= 0 and said[below][0] == "is":
        value = said[below][1]
    for _, drops, puts in said[below + 1:]:
        value = dict(value or {})
        for code in drops:
            value.pop(code, None)
        value.update(puts)
    return None if value == {} else value


# Keys and strings

def read_keys(segment):
    footer = segment.footer
    kind, first, count = footer.number(1), footer.number(4), footer.number(4)
    footer.raw(1)
    blocks = footer.raw(16)
    keys = []
    for _, _, places, texts in segment.directory(blocks):
        places, texts = read_vector(segment.blob(places)), segment.blob(texts)
        if kind == 1:
            keys += places
        else:
            starts = [0] + places[:-1]
            keys += [texts[start:end].decode("utf-8") for start, end in zip(starts, places)]
    expect(len(keys) == count, "as many keys as ordinals")
    return dict(enumerate(keys, first))


def read_strings(segment, strings):
    footer = segment.footer
    for _ in range(footer.varint()):
        tag, first, count = footer.number(4), footer.number(4), footer.varint()
        source = Input(segment.blob(footer.raw(16)))
        known = strings.setdefault(tag, [])
        expect(first == len(known), "strings that follow each other")
        known += [source.str() for _ in range(count)]
        source.finish()


def murmur3(data):
    def scramble(word):
        word = word * 0xCC9E2D51 & 0xFFFFFFFF
        word = (word << 15 | word >> 17) & 0xFFFFFFFF
        return word * 0x1B873593 & 0xFFFFFFFF

    state = 0
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        state ^= scramble(int.from_bytes(data[at:at + 4], "little"))
        state = (state << 13 | state >> 19) & 0xFFFFFFFF
        state = (state * 5 + 0xE6546B64) & 0xFFFFFFFF
    state ^= scramble(int.from_bytes(data[whole:], "little"))
    state ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state = (state ^ state >> shift) * factor & 0xFFFFFFFF
    return state ^ state >> 16


def partition_of(key, partitions):
    data = struct.pack("<q", key) if isinstance(key, int) else key.encode("utf-8")
    return (murmur3(data) & 0x7FFFFFFF) % partitions


# Values for people

def show_number(tag, value):
    kind = tag["kind"]
    if kind == "DECIMAL":
        digits = str(abs(value)).rjust(tag["scale"] + 1, "0")
        point = len(digits) - tag["scale"]
        text = digits[:point] + ("." + digits[point:] if tag["scale"] else "")
        return "-" * (value < 0) + text
    if kind == "DOUBLE":
        bits = value if value >= 0 else value ^ 0x7FFFFFFFFFFFFFFF
        return struct.unpack("<d", struct.pack("<q", bits))[0]
    if kind == "DATE":
        return show_date(value)
    if kind == "TIMESTAMP":
        days, micros = divmod(value, 86_400_000_000)
        seconds, fraction = divmod(micros, 1_000_000)
        clock = "%02d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)
        tail = (".%06d" % fraction).rstrip("0") if fraction else ""
        return "%sT%s%sZ" % (show_date(days), clock, tail)
    return value


def show_date(days):
    """Counts in eras of 400 years that begin on a 1st of March."""
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    year += 400 * era + (month >= 10)
    return "%04d-%02d-%02d" % (year, month + 3 if month < 10 else month - 9, day + 1)


def show(tag, strings, value):
    if value is None or tag["kind"] == "LONGTEXT":
        return value
    if tag["map"]:
        return {strings[code]: show_number(tag, number) for code, number in value.items()}
    if tag["kind"] == "SET":
        return sorted((strings[code] for code in value), key=lambda text: text.encode("utf-8"))
    if tag["kind"] == "KEYWORD":
        return strings[value]
    return value == 1 if tag["kind"] == "BOOLEAN" else show_number(tag, value)


def read_rows_of(folder, table, files):
    number = files["partition"]
    keys, strings = {}, {}
    for file in files["keys"]:
        keys.update(read_keys(Segment(folder, number, file, 2)))
    for file in files["vocabularies"]:
        read_strings(Segment(folder, number, file, 3), strings)
    segments = sorted(files["segments"], key=lambda segment: segment["first"])
    opened = [(file, Segment(folder, number, file, 1)) for file in segments]
    stacks = {tag["id"]: [read_layer(segment, tag["id"]) for file, segment in opened
                          if tag["id"] in file["tags"]] for tag in table["tags"]}
    for ordinal in range(files["next"]):
        if ordinal in files["dead"]:
            continue
        key = keys[ordinal]
        expect(partition_of(key, table["partitions"]) == number, "a key in its own partition")
        row = {table["key"]: key}
        for tag in table["tags"]:
            value = value_of(stacks[tag["id"]], ordinal)
            row[tag["name"]] = show(tag, strings.get(tag["id"], []), value)
        yield row


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, name = sys.argv[1:]
    manifest = read_manifest(folder)
    check_log(folder, manifest["lsn"])
    tables = [table for table in manifest["tables"] if table["name"] == name]
    expect(tables, "there is no such table")
    table = tables[0]
    rows = []
    for files in manifest["partitions"]:
        if files["table"] == table["id"]:
            rows += read_rows_of(folder, table, files)
    key = table["key"]
    rows.sort(key=lambda row: row[key].encode("utf-8") if isinstance(row[key], str) else row[key])
    for row in rows:
        print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
