"""Rows that the peers' scripts lack: a union of 100 tags in ClickHouse's bitmaps, and a portrait of
0.1% of the users in DuckDB. Runs on the databases that those scripts have left.

    python more.py clickhouse|duckdb --scripts DIR --db DB --out OUT.json
"""

import argparse
import sys

# The same audience as FEW of benches/src/questions.rs.
FEW = "city = 16 AND device = 1"
# Every second interest.
UNION = ",".join(str(2 * n) for n in range(100))
AGES = [0, 18, 25, 35, 45, 55, 65]


def clickhouse(arguments, common):
    from chdb import session

    opened = session.Session(arguments.db)
    run = lambda sql: opened.query(sql, "TSV").data()
    report = common.Report("chdb-" + run("SELECT version()").strip(), arguments.out)
    # A table in memory is empty after every start.
    run("DROP TABLE IF EXISTS tagsmem")
    run(
        "CREATE TABLE tagsmem (tag LowCardinality(String), value UInt32, "
        "users AggregateFunction(groupBitmap, UInt32)) ENGINE=Memory"
    )
    run("INSERT INTO tagsmem SELECT * FROM tags")
    for layout, table in (("bitmap", "tags"), ("bitmapmem", "tagsmem")):
        sql = f"SELECT groupBitmapOr(users) FROM {table} WHERE tag='interest' AND value IN ({UNION})"
        report.add(f"{layout}: union of 100 tags", *common.bench(lambda: run(sql)), note="result=" + run(sql).strip())


def duckdb(arguments, common):
    import duckdb as engine

    opened = engine.connect(arguments.db, read_only=True)
    report = common.Report("duckdb-" + engine.__version__, arguments.out)
    run = lambda sql: opened.execute(sql).fetchall()
    age = "CASE " + " ".join(f"WHEN age<{high} THEN {low}" for low, high in zip(AGES, AGES[1:])) + " ELSE 65 END"
    keys = ["gender", "ab", "city", "vip_level", "is_active", "device"]
    sets = "GROUPING SETS (" + ",".join(f"({key})" for key in keys) + ")"

    def portrait(columns, where):
        """One query for all single-valued tags, one for the set."""
        wide = f"SELECT {', '.join(keys)}, {columns} FROM (SELECT *, {age} ab, ({FEW}) few FROM users {where}) GROUP BY {sets}"
        members = f"SELECT i, {columns} FROM (SELECT unnest(interests) i, ({FEW}) few FROM users {where}) GROUP BY i"
        return [run(wide), run(members)]

    few = lambda: portrait("count(*)", f"WHERE {FEW}")
    base = lambda: portrait("count(*) FILTER (WHERE few), count(*)", "")
    for item, ask in (("portrait of 0.1%", few), ("portrait of 0.1% and of the base", base)):
        note = f"groups={sum(map(len, ask()))}"
        report.add("wide: " + item, *common.bench(ask), note=note)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=["clickhouse", "duckdb"])
    parser.add_argument("--scripts", required=True, help="the folder of the peers' scripts")
    parser.add_argument("--db", required=True, help="the database that the peer's script has left")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    sys.path.insert(0, arguments.scripts)
    import common

    {"clickhouse": clickhouse, "duckdb": duckdb}[arguments.engine](arguments, common)


main()
