"""Decompression of one zstd frame (RFC 8878), without dictionaries and without verifying the
optional checksum: tagdb's own checksums cover the compressed bytes."""

LITERAL_LENGTHS = [(n, 0) for n in range(16)] + [
    (16, 1), (18, 1), (20, 1), (22, 1), (24, 2), (28, 2), (32, 3), (40, 3), (48, 4), (64, 6),
    (128, 7), (256, 8), (512, 9), (1024, 10), (2048, 11), (4096, 12), (8192, 13), (16384, 14),
    (32768, 15), (65536, 16)]
MATCH_LENGTHS = [(n + 3, 0) for n in range(32)] + [
    (35, 1), (37, 1), (39, 1), (41, 1), (43, 2), (47, 2), (51, 3), (59, 3), (67, 4), (83, 4),
    (99, 5), (131, 7), (259, 8), (515, 9), (1027, 10), (2051, 11), (4099, 12), (8195, 13),
    (16387, 14), (32771, 15), (65539, 16)]
PREDEFINED = {
    "literals": (6, [4, 3] + [2] * 11 + [1] * 3 + [2] * 9 + [3, 2] + [1] * 5 + [-1] * 4),
    "offsets": (5, [1] * 6 + [2] * 3 + [1] * 15 + [-1] * 5),
    "matches": (6, [1, 4, 3] + [2] * 6 + [1] * 37 + [-1] * 7),
}


class BackwardBits:
    """Bits read from the end of a byte string; a bit that is set marks where they begin."""

    def __init__(self, data):
        if not data or data[-1] == 0:
            raise ValueError("a zstd bit stream without its end mark")
        self.number = int.from_bytes(data, "little")
        self.left = self.number.bit_length() - 1

    def read(self, count):
        self.left -= count
        if self.left >= 0:
            return (self.number >> self.left) & ((1 << count) - 1)
        # Beyond the beginning there are zeros.
        return (self.number << -self.left) & ((1 << count) - 1)


def read_distribution(data, at):
    """The probabilities of an FSE table; returns them, its accuracy, and where the table ends."""
    number = int.from_bytes(data[at:at + 512], "little")
    accuracy = (number & 15) + 5
    bit = 4
    left = (1 << accuracy) + 1
    chances = []
    while left > 1:
        width = left.bit_length()
        value = (number >> bit) & ((1 << width) - 1)
        short = (1 << width) - 1 - left
        low = value & ((1 << (width - 1)) - 1)
        if low < short:
            value = low
            bit += width - 1
        else:
            if value >= 1 << (width - 1):
                value -= short
            bit += width
        chance = value - 1
        chances.append(chance)
        left -= abs(chance)
        if chance == 0:
            while True:
                zeros = (number >> bit) & 3
                bit += 2
                chances += [0] * zeros
                if zeros < 3:
                    break
    return chances, accuracy, at + (bit + 7) // 8


def build_table(chances, accuracy):
    """For each state: symbol, bits to read, and what to add to them for the next state."""
    size = 1 << accuracy
    symbols = [None] * size
    top = size
    for symbol, chance in enumerate(chances):
        if chance == -1:
            top -= 1
            symbols[top] = symbol
    place = 0
    step = (size >> 1) + (size >> 3) + 3
    for symbol, chance in enumerate(chances):
        for _ in range(max(chance, 0)):
            symbols[place] = symbol
            place = (place + step) & (size - 1)
            while place >= top:
                place = (place + step) & (size - 1)
    following = [abs(chance) for chance in chances]
    table = []
    for symbol in symbols:
        state = following[symbol]
        following[symbol] += 1
        bits = accuracy - (state.bit_length() - 1)
        table.append((symbol, bits, (state << bits) - size))
    return table, accuracy


def read_weights(data, at):
    """The weights of a Huffman tree; returns them and where the tree's description ends."""
    head = data[at]
    at += 1
    if head >= 128:
        count = head - 127
        packed = data[at:at + (count + 1) // 2]
        nibbles = [nibble for byte in packed for nibble in (byte >> 4, byte & 15)]
        return nibbles[:count], at + len(packed)
    end = at + head
    chances, accuracy, start = read_distribution(data[:end], at)
    table, _ = build_table(chances, accuracy)
    bits = BackwardBits(data[start:end])
    states = [bits.read(accuracy), bits.read(accuracy)]
    weights = []
    turn = 0
    while True:
        symbol, count, base = table[states[turn]]
        weights.append(symbol)
        if bits.left < count:
            weights.append(table[states[1 - turn]][0])
            return weights, end
        states[turn] = base + bits.read(count)
        turn = 1 - turn


def build_huffman(weights):
    """For each value of the most bits a code has: symbol and bits of the code."""
    total = sum((1 << weight) >> 1 for weight in weights)
    depth = total.bit_length()
    weights = weights + [((1 << depth) - total).bit_length()]
    table = []
    for weight in range(1, depth + 1):
        for symbol, own in enumerate(weights):
            if own == weight:
                table += [(symbol, depth + 1 - weight)] * (1 << (weight - 1))
    return table, depth


def huffman_stream(data, huffman, count):
    table, depth = huffman
    bits = BackwardBits(data)
    out = bytearray()
    for _ in range(count):
        window = bits.read(depth)
        symbol, used = table[window]
        bits.left += depth - used
        out.append(symbol)
    if bits.left != 0:
        raise ValueError("a zstd literal stream of another length")
    return out


def read_literals(data, state):
    """The literals of a block; returns them and where their section ends."""
    kind, form = data[0] & 3, (data[0] >> 2) & 3
    if kind < 2:
        width = {0: 1, 2: 1, 1: 2, 3: 3}[form]
        size = int.from_bytes(data[:width], "little") >> (3 if width == 1 else 4)
        if kind == 0:
            return data[width:width + size], width + size
        return data[width:width + 1] * size, width + 1
    width, bits = [(3, 10), (3, 10), (4, 14), (5, 18)][form]
    head = int.from_bytes(data[:width], "little") >> 4
    size, stored = head & ((1 << bits) - 1), head >> bits
    at, end = width, width + stored
    if kind == 2:
        weights, at = read_weights(data, at)
        state["huffman"] = build_huffman(weights)
    huffman = state["huffman"]
    if form == 0:
        return huffman_stream(data[at:end], huffman, size), end
    lengths = [int.from_bytes(data[at + n:at + n + 2], "little") for n in (0, 2, 4)]
    at += 6
    each = (size + 3) // 4
    out = bytearray()
    for length in lengths:
        out += huffman_stream(data[at:at + length], huffman, each)
        at += length
    return out + huffman_stream(data[at:end], huffman, size - 3 * each), end


def read_table(data, at, mode, name, state):
    if mode == 0:
        accuracy, chances = PREDEFINED[name]
        state[name] = build_table(chances, accuracy)
    elif mode == 1:
        state[name] = ([(data[at], 0, 0)], 0)
        at += 1
    elif mode == 2:
        chances, accuracy, at = read_distribution(data, at)
        state[name] = build_table(chances, accuracy)
    return at


def apply_sequences(data, at, literals, out, state):
    count = data[at]
    at += 1
    if count >= 128:
        if count < 255:
            count = ((count - 128) << 8) + data[at]
            at += 1
        else:
            count = int.from_bytes(data[at:at + 2], "little") + 0x7F00
            at += 2
    used = 0
    if count:
        modes = data[at]
        at += 1
        names = ["literals", "offsets", "matches"]
        for name, shift in zip(names, (6, 4, 2)):
            at = read_table(data, at, (modes >> shift) & 3, name, state)
        bits = BackwardBits(data[at:])
        states = [bits.read(state[name][1]) for name in names]
        for number in range(count):
            rows = [state[name][0][place] for name, place in zip(names, states)]
            offset = (1 << rows[1][0]) + bits.read(rows[1][0])
            base, extra = MATCH_LENGTHS[rows[2][0]]
            match = base + bits.read(extra)
            base, extra = LITERAL_LENGTHS[rows[0][0]]
            length = base + bits.read(extra)
            if number + 1 < count:
                for which in (0, 2, 1):
                    states[which] = rows[which][2] + bits.read(rows[which][1])
            out += literals[used:used + length]
            used += length
            copy(out, resolve(offset, length, state["repeats"]), match)
    out += literals[used:]


def resolve(offset, length, repeats):
    """The distance of a match: 1 to 3 stand for distances that came before."""
    if offset > 3:
        repeats[:] = [offset - 3] + repeats[:2]
        return repeats[0]
    index = offset - 1 + (length == 0)
    if index == 0:
        return repeats[0]
    distance = repeats[index] if index < 3 else repeats[0] - 1
    del repeats[min(index, 2)]
    repeats.insert(0, distance)
    return distance


def copy(out, distance, count):
    if not 0 < distance <= len(out):
        raise ValueError("a zstd match beyond the beginning")
    for _ in range(count):
        out.append(out[-distance])


def decompress(data):
    if data[:4] != b"\x28\xb5\x2f\xfd":
        raise ValueError("no zstd frame")
    head = data[4]
    single = head >> 5 & 1
    size_bytes = [single, 2, 4, 8][head >> 6]
    at = 5 + (1 - single) + [0, 1, 2, 4][head & 3] + size_bytes
    state = {"repeats": [1, 4, 8]}
    out = bytearray()
    while True:
        block = int.from_bytes(data[at:at + 3], "little")
        at += 3
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        if kind == 0:
            out += data[at:at + size]
        elif kind == 1:
            out += data[at:at + 1] * size
            size = 1
        elif kind == 2:
            content = data[at:at + size]
            literals, after = read_literals(content, state)
            apply_sequences(content, after, literals, out, state)
        else:
            raise ValueError("a zstd block of an unknown kind")
        at += size
        if last:
            return bytes(out)
