#!/usr/bin/env python3
"""Asks tagdb and another database the same random questions, where the dialects mean the same.

    tests/compat/compare_sql.py --tagdb PROGRAM [--peer sqlite|duckdb] [--queries N] [--rows N] [--seed N]

A table of every type, with NULLs, empty sets and negative numbers, goes into both; then queries and
now and then an UPDATE or DELETE. The peer holds sets and maps as tables of their own. SQLite comes with
Python; DuckDB is a package of that name. Prints a line of figures, or the first difference and ends with 1.
"""

import argparse
import json
import math
import os
import sqlite3
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from decimal import Decimal

sys.dont_write_bytecode = True
from random_sql import Questions, random_rows

COLUMNS = {
    "b": "BOOLEAN", "w": "KEYWORD", "c": "KEYWORD", "i": "SMALLINT", "j": "INT", "n": "BIGINT",
    "d": "DECIMAL(12,2)", "f": "DOUBLE", "day": "DATE", "ts": "TIMESTAMP",
}
PEER_TYPES = {
    "b": "BOOLEAN", "w": "TEXT", "c": "TEXT", "i": "BIGINT", "j": "BIGINT", "n": "BIGINT",
    "d": "DOUBLE", "f": "DOUBLE", "day": "TEXT", "ts": "TEXT",
}
EVERY_QUERIES_A_WRITE = 40


class Tagdb:
    """A server of its own, on a folder of its own."""

    def __init__(self, program, folder):
        command = [program, "serve", "--data", folder, "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if "http://" in line:
                self.address = "http://" + line.split("http://")[1].split()[0]
                return
        raise SystemExit("the server did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def post(self, path, body, media):
        request = urllib.request.Request(self.address + path, data=body, headers={"Content-Type": media})
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return {"error": error.read().decode()}

    def sql(self, text):
        return self.post("/v1/sql", json.dumps({"sql": text}).encode(), "application/json")

    def load(self, rows):
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        for table in ("t", "other"):
            made = self.sql(f"CREATE TABLE {table} (k KEYWORD PRIMARY KEY, {columns}, s KEYWORD[], m MAP(KEYWORD, INT))")
            if "error" in made:
                raise SystemExit(made["error"])
            lines = "\n".join(json.dumps(row) for row in rows[table])
            written = self.post(f"/v1/tables/{table}/rows", lines.encode(), "application/x-ndjson")
            if "error" in written:
                raise SystemExit(written["error"])


class Peer:
    """SQLite or DuckDB in memory."""

    def __init__(self, name):
        self.name = name
        if name == "sqlite":
            self.connection = sqlite3.connect(":memory:", isolation_level=None)
            self.connection.execute("PRAGMA case_sensitive_like = ON")
        else:
            import duckdb
            self.connection = duckdb.connect()
            self.connection.execute("SET error_on_division_by_zero = false")

    def load(self, rows):
        columns = ", ".join(f"{name} {kind}" for name, kind in PEER_TYPES.items())
        for table in ("t", "other"):
            self.connection.execute(f"CREATE TABLE {table} (k TEXT PRIMARY KEY, {columns})")
            self.connection.execute(f"CREATE TABLE {table}_s (k TEXT, member TEXT)")
            self.connection.execute(f"CREATE TABLE {table}_m (k TEXT, name TEXT, value BIGINT)")
            plain = [tuple(self.cell(name, row[name]) for name in ["k", *PEER_TYPES]) for row in rows[table]]
            marks = ",".join("?" * (1 + len(PEER_TYPES)))
            self.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", plain)
            members = [(row["k"], member) for row in rows[table] for member in row["s"]]
            self.connection.executemany(f"INSERT INTO {table}_s VALUES (?, ?)", members)
            entries = [(row["k"], name, value) for row in rows[table] for name, value in row["m"].items()]
            self.connection.executemany(f"INSERT INTO {table}_m VALUES (?, ?, ?)", entries)
            for part in ("s", "m"):
                self.connection.execute(f"CREATE INDEX {table}_{part}_of ON {table}_{part} (k)")

    @staticmethod
    def cell(name, value):
        return float(value) if name == "d" and value is not None else value

    def rows(self, text):
        return self.connection.execute(text).fetchall()

    def write(self, text):
        """Runs an UPDATE or DELETE; the rows it reached."""
        cursor = self.connection.execute(text)
        reached = cursor.rowcount if self.name == "sqlite" else cursor.fetchall()[0][0]
        for table in ("t_s", "t_m"):
            self.connection.execute(f"DELETE FROM {table} WHERE k NOT IN (SELECT k FROM t)")
        return reached


def plain(value, kind=""):
    """A value in the form in which both sides are compared."""
    if value is None or isinstance(value, str) and not kind.startswith("DECIMAL"):
        return value
    return float(Decimal(value)) if isinstance(value, str) else float(value)


def order(row):
    return [(value is not None, isinstance(value, str), value) for value in row]


def same(left, right):
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return left == right


def differs(answer, expected, ordered):
    kinds = [column["type"] for column in answer["columns"]]
    ours = [[plain(value, kind) for value, kind in zip(row, kinds)] for row in answer["rows"]]
    theirs = [[plain(value) for value in row] for row in expected]
    if not ordered:
        ours, theirs = sorted(ours, key=order), sorted(theirs, key=order)
    return len(ours) != len(theirs) or not all(
        len(a) == len(b) and all(map(same, a, b)) for a, b in zip(ours, theirs)
    )


def compare(tagdb, peer, questions, queries):
    """Figures of the run; ends the program at the first difference."""
    figures = {"queries": 0, "writes": 0, "rows": 0, "empty": 0}
    for number in range(queries):
        if number % EVERY_QUERIES_A_WRITE == EVERY_QUERIES_A_WRITE - 1:
            ours, theirs = questions.write()
            answer, reached = tagdb.sql(ours), peer.write(theirs)
            if answer.get("rows_affected") != reached:
                fail(ours, theirs, answer, reached)
            figures["writes"] += 1
        ours, theirs, ordered = questions.query()
        answer, expected = tagdb.sql(ours), peer.rows(theirs)
        if "error" in answer or differs(answer, expected, ordered):
            fail(ours, theirs, answer, expected)
        figures["queries"] += 1
        figures["rows"] += len(expected)
        figures["empty"] += not expected
    return figures


def fail(ours, theirs, answer, expected):
    told = json.dumps(answer)
    raise SystemExit(f"different answers\n{ours}\n  -> {told[:2000]}\n{theirs}\n  -> {str(expected)[:2000]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tagdb", required=True, type=os.path.abspath)
    parser.add_argument("--peer", choices=["sqlite", "duckdb"], default="sqlite")
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rows = {"t": random_rows(given.seed, given.rows), "other": random_rows(given.seed + 1, given.rows // 10)}
    with tempfile.TemporaryDirectory() as folder:
        tagdb = Tagdb(given.tagdb, folder)
        try:
            tagdb.load(rows)
            peer = Peer(given.peer)
            peer.load(rows)
            figures = compare(tagdb, peer, Questions(given.seed, given.peer), given.queries)
        finally:
            tagdb.stop()
    print(json.dumps({"peer": given.peer, "seed": given.seed, **figures, "differences": 0}))


main()
