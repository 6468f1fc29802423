"""Random rows, and random questions in two dialects: tagdb's, and that of SQLite and DuckDB."""

import random

WORDS = ["", "a", "B", "bb", "e", "\u00e9", "\u65e5\u672c", "x y", "100%", "_u", "O'Hara", "zz"]
MEMBERS = ["art", "tea", "\u00e9", "", "nike", "O'H"]
KEYS = ["p", "q", "r"]
DAYS = ["2024-02-29", "2025-01-01", "2025-12-31", "2026-06-15", "1969-07-20"]
TIMES = ["2025-01-01T00:00:00Z", "2026-06-15T12:30:00Z", "1969-07-20T20:17:40Z"]
COMPARE = ["=", "<>", "<", "<=", ">", ">="]
NUMBERS = ["i", "j", "n"]
SCALARS = ["b", "w", "c", "i", "j", "n", "d", "f", "day", "ts"]


def random_rows(seed, count):
    pick = random.Random(seed)
    maybe = lambda value: None if pick.random() < 0.2 else value
    rows = []
    for number in range(count):
        rows.append({
            "k": f"u{number}",
            "b": maybe(pick.random() < 0.4),
            "w": maybe(pick.choice(WORDS[:6])),
            "c": maybe(pick.choice(WORDS)),
            "i": maybe(pick.randint(-20, 20)),
            "j": maybe(pick.choice([0, -1, 7, pick.randint(-100_000, 100_000)])),
            "n": maybe(pick.randint(-10**12, 10**12)),
            "d": maybe(f"{pick.randint(-5000, 5000) / 100:.2f}"),
            "f": maybe(pick.randint(-80, 80) / 8),
            "day": maybe(pick.choice(DAYS)),
            "ts": maybe(pick.choice(TIMES)),
            "s": pick.sample(MEMBERS, pick.choice([0, 0, 1, 2, 4])),
            "m": {name: pick.randint(-5, 5) for name in pick.sample(KEYS, pick.choice([0, 1, 2]))},
        })
    return rows


def text(value):
    return "'" + value.replace("'", "''") + "'"


class Questions:
    """Each part is a pair: the text for tagdb, and the text for the peer."""

    def __init__(self, seed, peer):
        self.random = random.Random(seed * 7919 + 1)
        self.peer = peer
        self.table = "t"

    def chance(self, share):
        return self.random.random() < share

    def pick(self, things):
        return self.random.choice(things)

    # Numbers.

    def number(self, depth):
        leaves = [self.column_number, self.column_number, self.literal_number, self.map_value, self.size, self.length]
        if depth == 0:
            return self.pick(leaves)()
        inner = [self.arithmetic, self.division, self.coalesce, self.absolute, self.case, self.nullif]
        return self.pick(inner)(depth - 1)

    def column_number(self):
        name = self.pick(NUMBERS)
        return name, name

    def literal_number(self):
        value = str(self.pick([0, 1, 2, 7, -3, 20]))
        return (value, value) if value[0] != "-" else (f"({value})", f"({value})")

    def map_value(self):
        name = text(self.pick(KEYS))
        return f"m[{name}]", f"(SELECT value FROM {self.table}_m x WHERE x.k = {self.table}.k AND x.name = {name})"

    def size(self):
        return "cardinality(s)", f"(SELECT count(*) FROM {self.table}_s x WHERE x.k = {self.table}.k)"

    def length(self):
        return "length(c)", "length(c)"

    def arithmetic(self, depth):
        (a, pa), (b, pb), sign = self.number(depth), self.literal_number(), self.pick("+-*")
        return f"({a} {sign} {b})", f"({pa} {sign} {pb})"

    def division(self, depth):
        (a, pa), (b, pb) = self.number(depth), self.number(0)
        if self.chance(0.4):
            return f"({a} % {b})", f"({pa} % {pb})"
        return f"({a} / {b})", f"({pa} {'/' if self.peer == 'sqlite' else '//'} {pb})"

    def coalesce(self, depth):
        (a, pa), (b, pb) = self.number(depth), self.number(0)
        return f"coalesce({a}, {b})", f"coalesce({pa}, {pb})"

    def nullif(self, depth):
        (a, pa), (b, pb) = self.number(depth), self.number(0)
        return f"nullif({a}, {b})", f"nullif({pa}, {pb})"

    def absolute(self, depth):
        a, pa = self.number(depth)
        return f"abs({a})", f"abs({pa})"

    def case(self, depth):
        (c, pc), (a, pa), (b, pb) = self.condition(depth), self.number(depth), self.number(0)
        if self.chance(0.3):
            return f"CASE WHEN {c} THEN {a} END", f"CASE WHEN {pc} THEN {pa} END"
        return f"CASE WHEN {c} THEN {a} ELSE {b} END", f"CASE WHEN {pc} THEN {pa} ELSE {pb} END"

    # Conditions.

    def condition(self, depth):
        leaves = [
            self.numbers_compared, self.numbers_compared, self.between, self.in_numbers, self.keyword_compared,
            self.in_keywords, self.like, self.is_null, self.flag, self.day_compared, self.decimal_compared,
            self.double_compared, self.has, self.has_any, self.has_all, self.map_contains, self.keys, self.distinct_from,
        ]
        if depth == 0:
            return self.pick(leaves)()
        return self.pick([self.both, self.both, self.negated, self.truth, self.in_query])(depth - 1)

    def numbers_compared(self):
        (a, pa), (b, pb), sign = self.number(self.pick([0, 0, 1])), self.number(0), self.pick(COMPARE)
        return f"{a} {sign} {b}", f"{pa} {sign} {pb}"

    def between(self):
        (a, pa), low = self.number(0), self.pick([-10, -2, 0, 1])
        negation = self.pick(["", "NOT "])
        rest = f" {negation}BETWEEN {low} AND {low + self.pick([0, 3, 50])}"
        return a + rest, pa + rest

    def in_numbers(self):
        name = self.pick(NUMBERS)
        values = [str(self.pick([0, 7, -1, 3, "NULL"])) for _ in range(3)]
        both = f"{name} {self.pick(['', 'NOT '])}IN ({', '.join(values)})"
        return both, both

    def keyword_compared(self):
        both = f"{self.pick('wc')} {self.pick(COMPARE)} {text(self.pick(WORDS))}" if self.chance(0.8) else f"w {self.pick(COMPARE)} c"
        return both, both

    def in_keywords(self):
        values = [self.pick([text(self.pick(WORDS)), text(self.pick(WORDS)), "NULL"]) for _ in range(3)]
        both = f"{self.pick('wc')} {self.pick(['', 'NOT '])}IN ({', '.join(values)})"
        return both, both

    def like(self):
        pattern = self.pick(["%", "_", "b%", "%b", "%b%", "__", "O'%", "", "\u00e9", "1!%%", "!_u"])
        escape = " ESCAPE '!'" if "!" in pattern else ""
        both = f"{self.pick('wck')} {self.pick(['', 'NOT '])}LIKE {text(pattern)}{escape}"
        return both, both

    def is_null(self):
        both = f"{self.pick(SCALARS)} IS {self.pick(['', 'NOT '])}NULL"
        return both, both

    def flag(self):
        return self.pick([("b", "b"), ("NOT b", "NOT b"), ("b = true", "b = true"), ("b <> true", "b <> true")])

    def day_compared(self):
        if self.chance(0.5):
            sign, day = self.pick(COMPARE), text(self.pick(DAYS))
            return f"day {sign} DATE {day}", f"day {sign} {day}"
        sign, time = self.pick(COMPARE), text(self.pick(TIMES))
        return f"ts {sign} {time}", f"ts {sign} {time}"

    def decimal_compared(self):
        both = f"d {self.pick(COMPARE)} {self.pick(['0', '12.34', '(-7.05)', '49.99', '3'])}"
        return both, both

    def double_compared(self):
        both = f"f {self.pick(COMPARE)} {self.pick(['0', '1.125', '(-2.5)', '1e1'])}"
        return both, both

    def members(self, where):
        return f"EXISTS (SELECT 1 FROM {self.table}_s x WHERE x.k = {self.table}.k AND {where})"

    def has(self):
        member = text(self.pick(MEMBERS))
        return self.pick([f"has(s, {member})", f"{member} = ANY(s)"]), self.members(f"x.member = {member}")

    def has_any(self):
        wanted = ", ".join(text(self.pick(MEMBERS)) for _ in range(2))
        return self.pick([f"s && [{wanted}]", f"has_any(s, [{wanted}])"]), self.members(f"x.member IN ({wanted})")

    def has_all(self):
        wanted = [text(self.pick(MEMBERS)) for _ in range(self.pick([1, 2]))]
        peer = " AND ".join(self.members(f"x.member = {member}") for member in wanted)
        return f"s @> [{', '.join(wanted)}]", f"({peer})"

    def map_contains(self):
        name = text(self.pick(KEYS))
        return f"map_contains(m, {name})", f"EXISTS (SELECT 1 FROM {self.table}_m x WHERE x.k = {self.table}.k AND x.name = {name})"

    def keys(self):
        keys = ", ".join(text(f"u{self.random.randrange(1200)}") for _ in range(4))
        both = self.pick([f"k IN ({keys})", f"k NOT IN ({keys})", f"k >= {text('u' + str(self.random.randrange(900)))}"])
        return both, both

    def distinct_from(self):
        both = f"{self.pick('wc')} IS {self.pick(['', 'NOT '])}DISTINCT FROM {self.pick([text('a'), 'c', 'w'])}"
        return both, both

    def both(self, depth):
        parts = [self.condition(self.pick([0, depth])) for _ in range(self.pick([2, 2, 3]))]
        word = self.pick([" AND ", " OR "])
        return tuple("(" + word.join(part[side] for part in parts) + ")" for side in (0, 1))

    def negated(self, depth):
        a, pa = self.condition(depth)
        return f"NOT ({a})", f"NOT ({pa})"

    def truth(self, depth):
        (a, pa), no = self.condition(depth), self.pick(["", "NOT "])
        word = self.pick(["TRUE", "FALSE", "UNKNOWN"])
        return f"({a}) IS {no}{word}", f"({pa}) IS {no}{'NULL' if word == 'UNKNOWN' else word}"

    def in_query(self, depth):
        around = self.table
        self.table = self.pick(["t", "other"])
        (a, pa), inner = self.condition(depth), self.table
        self.table = around
        name = self.pick(["k", "w", "c", "i", "j"])
        no = self.pick(["", "", "NOT "])
        return tuple(f"{name} {no}IN (SELECT {name} FROM {inner} WHERE {part})" for part in (a, pa))

    # Statements.

    def query(self):
        """The two texts, and whether the order of the rows is part of the answer."""
        makers = [self.count, self.counts, self.grouped, self.grouped, self.unnested, self.listed, self.distinct, self.combined]
        return self.pick(makers)()

    def where(self):
        return self.condition(self.pick([0, 1, 1, 2, 3]))

    def aggregate(self):
        (a, pa) = self.number(self.pick([0, 0, 1]))
        makers = [("count(*)", "count(*)"), (f"sum({a})", f"sum({pa})"), (f"avg({a})", f"avg({pa})"),
                  (f"min({a})", f"min({pa})"), (f"max({a})", f"max({pa})"), (f"count({a})", f"count({pa})")]
        for name in ("w", "c", "day", "ts", "k"):
            makers += [(f"{what}({name})",) * 2 for what in ("min", "max", "count")]
        makers += [(f"{what}({name})",) * 2 for name in "df" for what in ("sum", "avg", "min", "max", "count")]
        makers += [(f"count(DISTINCT {name})",) * 2 for name in SCALARS]
        if self.peer == "duckdb":
            name = self.pick(["i", "j", "d", "f"])
            makers += [(f"median({name})", f"quantile_cont({name}, 0.5)"), (f"stddev({name})", f"stddev_samp({name})"),
                       (f"quantile({name}, 0.9)", f"quantile_cont({name}, 0.9)")] * 4
        ours, theirs = self.pick(makers)
        if self.chance(0.2):
            c, pc = self.condition(self.pick([0, 1]))
            return f"{ours} FILTER (WHERE {c})", f"{theirs} FILTER (WHERE {pc})"
        return ours, theirs

    def count(self):
        a, pa = self.where()
        return f"SELECT count(*) FROM t WHERE {a}", f"SELECT count(*) FROM t WHERE {pa}", True

    def counts(self):
        (a, pa), found = self.where(), [self.aggregate() for _ in range(3)]
        return *(f"SELECT {', '.join(part[side] for part in found)} FROM t WHERE {(a, pa)[side]}" for side in (0, 1)), True

    def grouped(self):
        keys = self.random.sample(SCALARS, self.pick([1, 1, 2]))
        keys = [(name, name) for name in keys]
        if self.chance(0.2):
            keys[0] = self.number(1)
        (a, pa), (b, pb) = self.where(), self.aggregate()
        having = self.pick(["", "", " HAVING count(*) > 3"])
        texts = []
        for side in (0, 1):
            names = ", ".join(key[side] for key in keys)
            wanted = (a, pa)[side]
            texts.append(f"SELECT {names}, count(*), {(b, pb)[side]} FROM t WHERE {wanted} GROUP BY {names}{having}")
        return *texts, False

    def unnested(self):
        (a, pa), (b, pb) = self.where(), self.aggregate()
        # What the peer joins must not hide the columns' names.
        joined = "t LEFT JOIN (SELECT k AS own, member FROM t_s) y ON y.own = t.k"
        return (
            f"SELECT unnest(s) AS part, count(*), {b} FROM t WHERE {a} GROUP BY part",
            f"SELECT y.member, count(*), {pb} FROM {joined} WHERE {pa} GROUP BY y.member",
            False,
        )

    def listed(self):
        (a, pa), (b, pb) = self.where(), self.number(self.pick([0, 1, 2]))
        by = self.pick(SCALARS)
        order = f"ORDER BY {by} {self.pick(['ASC', 'DESC'])} NULLS {self.pick(['FIRST', 'LAST'])}, k"
        order += f" LIMIT {self.pick([1, 10, 100])} OFFSET {self.pick([0, 0, 5])}"
        if self.chance(0.4):
            order = ""
        names = ", ".join(["k", *self.random.sample(SCALARS, 3)])
        return (
            f"SELECT {names}, {b} FROM t WHERE {a} {order}",
            f"SELECT {names}, {pb} FROM t WHERE {pa} {order}",
            bool(order),
        )

    def distinct(self):
        (a, pa), names = self.where(), ", ".join(self.random.sample(SCALARS, self.pick([1, 2])))
        return f"SELECT DISTINCT {names} FROM t WHERE {a}", f"SELECT DISTINCT {names} FROM t WHERE {pa}", False

    def combined(self):
        (a, pa), word = self.where(), self.pick(["UNION", "UNION ALL", "INTERSECT", "EXCEPT"])
        self.table = self.pick(["t", "other"])
        (b, pb), second = self.where(), self.table
        self.table = "t"
        return *(f"SELECT k FROM t WHERE {x} {word} SELECT k FROM {second} WHERE {y}" for x, y in ((a, b), (pa, pb))), False

    def write(self):
        a, pa = self.condition(1)
        if self.chance(0.2):
            some = " AND k < 'u2'"
            return f"DELETE FROM t WHERE ({a}){some}", f"DELETE FROM t WHERE ({pa}){some}"
        sets = self.pick([
            "j = i, b = NOT b", "w = c", "w = NULL, f = 0.5", "i = abs(i) % 20", "c = coalesce(w, 'zz'), j = NULL",
            "day = '2025-01-01'", "d = 1.25", "n = j * 2",
        ])
        return f"UPDATE t SET {sets} WHERE {a}", f"UPDATE t SET {sets} WHERE {pa}"
