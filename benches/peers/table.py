"""The table of ratios: which row of ours stands beside which row of a peer, and what is asked for."""

import re
import statistics

DISK, MEMORY, DUCK = "ClickHouse bitmaps on disk", "ClickHouse bitmaps in memory", "DuckDB"
Q1, Q2, Q3 = "Q1 count 2-tag AND", "Q2 count 5-tag + range", "Q3 portrait"
Q6, Q7, Q8 = "Q6 overlap 10x10", "Q7 TGI 200 interests", "Q8 sum/avg spend"
UNION, FEW, BASE = "union of 100 tags", "portrait of 0.1%", "portrait of 0.1% and of the base"
CSV, BINARY = "Q4 export ids CSV", "Q4 export ids binary"
ONE, MANY = "Q5 look-up of a user", "Q5 look-up of 100 users"


def bitmaps(layout, peer, limits):
    """The queries against one layout of ClickHouse's bitmaps."""
    theirs = {Q3: Q3 + " (1 query)", CSV: "Q4 export ~1M ids CSV", BINARY: "Q4 export ~1M ids RowBinary"}
    for item, (must, wish) in limits.items():
        yield item, item, peer, f"clickhouse {layout}: {theirs.get(item, item)}", must, wish
    yield Q1 + ", groupBitmapAnd", Q1, peer, f"clickhouse {layout}: Q1b groupBitmapAnd", *limits[Q1]


ON_DISK = {
    Q1: (0.02, 0.01), Q2: (0.20, 0.08), Q3: (0.15, 0.08), Q8: (0.15, 0.08), BINARY: (0.10, 0.03),
    CSV: (0.20, 0.10), Q6: (0.25, 0.10), Q7: (0.25, 0.10), UNION: (0.20, 0.05),
}
IN_MEMORY = {Q1: (0.1, 0.1)} | {item: (0.6, 0.3) for item in ON_DISK if item != Q1}
IN_DUCK = {
    Q1: Q1, Q2: Q2, Q3: Q3 + " (1 query)", BINARY: "Q4 export ~1M ids numpy",
    Q6: Q6, Q7: Q7, Q8: Q8, ONE: "Q5 point lookup (ART index)",
}
# Name, our row, the peer, its row, must, try for.
QUERIES = [
    *bitmaps("bitmap", DISK, ON_DISK),
    *bitmaps("bitmapmem", MEMORY, IN_MEMORY),
    *((item, item, DUCK, "duckdb wide: " + theirs, 1.0, 0.05) for item, theirs in IN_DUCK.items()),
    (FEW, FEW, DUCK, "duckdb wide: " + FEW, 0.2, 0.05),
    (BASE, BASE, DUCK, "duckdb wide: " + BASE, 0.2, 0.05),
]
HEAD = (
    "| row | against | tagdb | tagdb, before the update | peer | ratio | must | try for | |",
    "|---|---|---|---|---|---|---|---|---|",
)
ENGINES = {"tagdb": "", "chdb": "clickhouse ", "duckdb": "duckdb ", "redis": "redis "}


class Rows:
    """Rows of several runs, by the engine and the row's name; tagdb's have the name alone. A row that
    was measured several times has its median."""

    def __init__(self, runs):
        self.found = {}
        for row in (row for run in runs for row in run):
            engine = ENGINES[row["engine"].split("-")[0]]
            self.found.setdefault(engine + row["item"], []).append(row)

    def value(self, item, key="median_ms"):
        rows = self.found.get(item)
        return statistics.median(row[key] for row in rows) if rows else None

    def noted(self, item, name):
        """A number out of a row's note."""
        rows = self.found.get(item)
        match = re.search(rf"{name}=([\d.]+)", rows[-1]["note"]) if rows else None
        return float(match.group(1)) if match else None


def verdict(ratio, must, wish, more_is_better):
    reached = lambda limit: ratio >= limit if more_is_better else ratio <= limit
    return "met, as hoped" if reached(wish) else "met" if reached(must) else "**missed**"


def number(value):
    return "" if value is None else f"{value:,.0f}" if value >= 10_000 else f"{value:.4g}"


def line(name, peer, ours, theirs, limits, before=None, more_is_better=False):
    """One line of the table; without one of the values it says so."""
    must, wish = limits
    cells = [name, peer, number(ours), number(before), number(theirs)]
    if ours is None or theirs in (None, 0):
        cells += ["", f"{must:g}x", f"{wish:g}x", "not measured"]
    else:
        ratio = ours / theirs
        cells += [f"{ratio:.3g}x", f"{must:g}x", f"{wish:g}x", verdict(ratio, must, wish, more_is_better)]
    return "| " + " | ".join(cells) + " |"


def add(*values):
    return None if None in values else sum(values)


def table(rows):
    """The whole table, in Markdown. Times are milliseconds unless the row says otherwise."""
    out = list(HEAD)
    for name, item, peer, theirs, *limits in QUERIES:
        before = rows.value("loaded: " + item)
        out.append(line(name, peer, rows.value("updated: " + item), rows.value(theirs), limits, before))
    out.extend(others(rows))
    alone = {"open, ms": rows.value("open", "value"), MANY + ", in process": rows.value("updated: " + MANY)}
    out.extend(f"| {name} | | {number(value)} | | | | | | |" for name, value in alone.items())
    return "\n".join(out) + "\n"


def others(rows):
    """What is no query."""
    two = "ClickHouse's two layouts"
    layouts = ["clickhouse load wide (s*1000)", "clickhouse load bitmap from wide (s*1000)"]
    seconds = rows.value("load", "value")
    yield line("load, ms", two, seconds and seconds * 1e3, add(*map(rows.value, layouts)), (0.6, 0.3))
    bytes_ = add(*(rows.noted(layout, "bytes_on_disk") for layout in layouts))
    before, after = (rows.value(state + ": bytes on disk", "value") for state in ("loaded", "updated"))
    yield line("bytes on disk", two, after, bytes_, (1.0, 0.8), before)
    memory = rows.value("memory for look-ups, a user", "value")
    hashed = rows.noted("redis load user hashes (s*1000)", "bytes_per_user")
    yield line("memory for look-ups, bytes a user", "Redis hash", memory, hashed, (0.3, 0.15))
    for writers in (16, 64):
        commits = rows.value(f"durable commits, {writers} writers", "value")
        bare = rows.value(f"bare group commit, {writers} writers", "value")
        name = f"durable commits a second, {writers} writers"
        yield line(name, "bare group commit", commits, bare, (0.5, 0.8), more_is_better=True)
    kernel = rows.value("kernel: AND and count of 2^23 subjects, x100")
    plain = rows.value("kernel: the same, plain loop, x100")
    yield line("AND and count of 2^23 subjects, 100 times", "plain AVX-512 loop", kernel, plain, (1.2, 1.05))
