use super::*;
use ast::{Expr, ExprKind, Query, QueryBody, StatementKind};

/// The tables of a query, with a bracket around every operator between its SELECTs.
fn shape(query: &Query) -> String {
    match &query.body {
        QueryBody::Select(select) => select.table.text.clone(),
        QueryBody::Combined(combined) => {
            let terms: Vec<String> = combined.terms.iter().map(shape).collect();
            format!("({:?} {})", combined.operation, terms.join(" "))
        }
    }
}

/// The tree with a bracket around every operator.
fn tree(expr: &Expr) -> String {
    let list = |items: &[Expr]| items.iter().map(tree).collect::<Vec<_>>().join(" ");
    match &expr.kind {
        ExprKind::Null => "null".into(),
        ExprKind::Boolean(value) => value.to_string(),
        ExprKind::Number(text) => text.clone(),
        ExprKind::Text(text) => format!("'{text}'"),
        ExprKind::Interval(i) => format!("{}m{}d{}us", i.months, i.days, i.microseconds),
        ExprKind::Parameter(index) => format!("${}", index + 1),
        ExprKind::Column { qualifier, name } => match qualifier {
            Some(qualifier) => format!("{}.{}", qualifier.text, name.text),
            None => name.text.clone(),
        },
        ExprKind::Element(map, key) => format!("(element {} {})", tree(map), tree(key)),
        ExprKind::List(items) => format!("[{}]", list(items)),
        ExprKind::Map(entries) => {
            let entry = |(key, value): &(Expr, Expr)| format!("{}:{}", tree(key), tree(value));
            format!(
                "{{{}}}",
                entries.iter().map(entry).collect::<Vec<_>>().join(" ")
            )
        }
        ExprKind::Negate(inner) => format!("(- {})", tree(inner)),
        ExprKind::Arithmetic(op, a, b) => format!("({op:?} {} {})", tree(a), tree(b)),
        ExprKind::Compare(op, a, b) => format!("({op:?} {} {})", tree(a), tree(b)),
        ExprKind::Overlaps(a, b) => format!("(&& {} {})", tree(a), tree(b)),
        ExprKind::Contains(a, b) => format!("(@> {} {})", tree(a), tree(b)),
        ExprKind::EqualAny(a, b) => format!("(any {} {})", tree(a), tree(b)),
        ExprKind::And(terms) => format!("(and {})", list(terms)),
        ExprKind::Or(terms) => format!("(or {})", list(terms)),
        ExprKind::Not(inner) => format!("(not {})", tree(inner)),
        ExprKind::IsNull(inner) => format!("(null? {})", tree(inner)),
        ExprKind::IsTrue(inner) => format!("(true? {})", tree(inner)),
        ExprKind::IsFalse(inner) => format!("(false? {})", tree(inner)),
        ExprKind::IsNotDistinct(a, b) => format!("(same {} {})", tree(a), tree(b)),
        ExprKind::In(inner, items) => format!("(in {} [{}])", tree(inner), list(items)),
        ExprKind::InQuery(inner, query) => format!("(in {} {})", tree(inner), shape(query)),
        ExprKind::Query(query) => shape(query),
        ExprKind::Between(a, b, c) => format!("(between {} {} {})", tree(a), tree(b), tree(c)),
        ExprKind::Case {
            operand,
            branches,
            otherwise,
        } => {
            let mut text = String::from("(case");
            if let Some(part) = operand {
                text += &format!(" {}", tree(part));
            }
            for (when, then) in branches {
                text += &format!(" {}=>{}", tree(when), tree(then));
            }
            if let Some(part) = otherwise {
                text += &format!(" else {}", tree(part));
            }
            text + ")"
        }
        ExprKind::Cast(inner, to) => format!("(cast {} {to})", tree(inner)),
        ExprKind::Extract(field, inner) => format!("(extract {field:?} {})", tree(inner)),
        ExprKind::Call(call) => call_tree(call),
        ExprKind::Like(like) => like_tree(like),
        ExprKind::Lambda(name, body) => format!("(-> {} {})", name.text, tree(body)),
    }
}

fn call_tree(call: &ast::Call) -> String {
    let star = if call.star { "*" } else { "" };
    let distinct = if call.distinct { "distinct " } else { "" };
    let arguments: Vec<_> = call.arguments.iter().map(tree).collect();
    let filter = call.filter.as_ref();
    let filter = filter.map_or(String::new(), |filter| format!("[{}]", tree(filter)));
    let (name, arguments) = (&call.name.text, arguments.join(" "));
    format!("{name}({star}{distinct}{arguments}){filter}")
}

fn like_tree(like: &ast::Like) -> String {
    let name = if like.ignores_case { "ilike" } else { "like" };
    let escape = like.escape.as_ref();
    let escape = escape.map_or(String::new(), |escape| format!(" {}", tree(escape)));
    let (text, pattern) = (tree(&like.text), tree(&like.pattern));
    format!("({name} {text} {pattern}{escape})")
}

const TREES: &[(&str, &str)] = &[
    ("a OR b AND NOT c = 1", "(or a (and b (not (Equal c 1))))"),
    ("a OR b OR (c OR d)", "(or a b (or c d))"),
    ("a AND (b AND c) AND d", "(and a (and b c) d)"),
    ("(a OR b) AND c", "(and (or a b) c)"),
    ("NOT NOT a", "(not (not a))"),
    ("1 + 2 * 3 - 4", "(Subtract (Add 1 (Multiply 2 3)) 4)"),
    ("1 - 2 - 3 % 4", "(Subtract (Subtract 1 2) (Modulo 3 4))"),
    ("-1 * +2", "(Multiply (- 1) 2)"),
    ("- -1", "(- (- 1))"),
    ("-1::text", "(- (cast 1 KEYWORD))"),
    ("a = 1 IS NULL", "(null? (Equal a 1))"),
    ("NOT a IS NULL", "(not (null? a))"),
    ("a IS NOT NULL IS TRUE", "(true? (not (null? a)))"),
    ("a IS DISTINCT FROM b + 1", "(not (same a (Add b 1)))"),
    ("a IS NOT DISTINCT FROM b AND c", "(and (same a b) c)"),
    (
        "a BETWEEN 1 + 1 AND 2 AND b",
        "(and (between a (Add 1 1) 2) b)",
    ),
    ("a NOT BETWEEN 1 AND 2", "(not (between a 1 2))"),
    ("a + 1 IN (1, 2) AND b", "(and (in (Add a 1) [1 2]) b)"),
    ("a NOT IN ('x')", "(not (in a ['x']))"),
    ("a && b + c", "(&& a (Add b c))"),
    ("a && ['x', 'y'] = true", "(Equal (&& a ['x' 'y']) true)"),
    ("a @> ARRAY['x']", "(@> a ['x'])"),
    ("'x' = ANY(a)", "(any 'x' a)"),
    ("a LIKE 'x%' AND b", "(and (like a 'x%') b)"),
    ("a NOT ILIKE ? ESCAPE '!'", "(not (ilike a $1 '!'))"),
    (
        "any_key(m, k -> m[k] > 1 OR k = 'x')",
        "any_key(m (-> k (or (Greater (element m k) 1) (Equal k 'x'))))",
    ),
    ("count(*) FILTER (WHERE a) + 1", "(Add count(*)[a] 1)"),
    ("a = SOME(?)", "(any a $1)"),
    ("m['k'] >= 3", "(GreaterOrEqual (element m 'k') 3)"),
    ("t.m['k']", "(element t.m 'k')"),
    ("MAP {'a': 1 + 1, 'b': NULL}", "{'a':(Add 1 1) 'b':null}"),
    ("{}", "{}"),
    ("[]", "[]"),
    (
        "CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END",
        "(case a=>1 b=>2 else 3)",
    ),
    ("CASE a WHEN 1 THEN 2 END + 1", "(Add (case a 1=>2) 1)"),
    ("CAST(a AS DECIMAL(12, 2))", "(cast a DECIMAL(12,2))"),
    (
        "a::double precision::map(text, int)",
        "(cast (cast a DOUBLE) MAP(KEYWORD, INT))",
    ),
    ("a::text[]", "(cast a KEYWORD[])"),
    (
        "DATE '2026-01-01' - INTERVAL '1 month 2 days'",
        "(Subtract (cast '2026-01-01' DATE) 1m2d0us)",
    ),
    ("INTERVAL 7 DAY", "0m7d0us"),
    ("INTERVAL '7' DAYS", "0m7d0us"),
    ("INTERVAL '-1 hour'", "0m0d-3600000000us"),
    ("extract(dow FROM a)", "(extract DayOfWeek a)"),
    ("extract('year' from a)", "(extract Year a)"),
    (
        "count(*) + COUNT(DISTINCT a)",
        "(Add count(*) count(distinct a))",
    ),
    ("now() > current_date", "(Greater now() current_date())"),
    (
        "date = timestamp AND interval > 1",
        "(and (Equal date timestamp) (Greater interval 1))",
    ),
    ("map['x'] AND array", "(and (element map 'x') array)"),
    ("\"Weird \"\"Name\" = \"from\"", "(Equal Weird \"Name from)"),
    ("Gender = 'It''s' -- comment", "(Equal gender 'It's')"),
    (
        "a /* x /* nested */ y */ = $2 AND b = $1",
        "(and (Equal a $2) (Equal b $1))",
    ),
    ("a = ? AND b = ?", "(and (Equal a $1) (Equal b $2))"),
    (
        ".5 + 5. + 1e3 + 1.5E-2",
        "(Add (Add (Add .5 5.) 1e3) 1.5E-2)",
    ),
    ("1<2", "(Less 1 2)"),
    ("a<>-1", "(NotEqual a (- 1))"),
    ("filter(a) over", "!syntax_error"),
    ("count(a) over w", "!unsupported"),
    ("a -> b", "(-> a b)"),
    ("(a, b) = (1, 2)", "!unsupported"),
    ("a[1:2]", "!unsupported"),
    ("E'x'", "!unsupported"),
    ("`a`", "!unsupported"),
    ("a = :name", "!unsupported"),
    ("a = $0", "!syntax_error"),
    ("a = $99999999999", "!syntax_error"),
    ("a = #", "!syntax_error"),
    ("a b", "!syntax_error"),
    ("a = = b", "!syntax_error"),
    ("INTERVAL '7'", "!syntax_error"),
    ("INTERVAL '99999999999 months'", "!syntax_error"),
    ("\"\" = 1", "!syntax_error"),
];

#[test]
fn trees_follow_precedence() {
    for (text, expected) in TREES {
        let found = match parse_predicate(text, &Limits::default()) {
            Ok(predicate) => tree(&predicate.expr),
            Err(error) => format!("!{}", error.code()),
        };
        assert_eq!(found, *expected, "{text}");
    }
}

#[test]
fn several_statements_come_from_one_text() {
    let text = ";; SHOW TABLES; select a from b where c = ?; -- x\nDESCRIBE b ;";
    let statements = parse(text, &Limits::default()).unwrap();
    assert_eq!(statements.len(), 3);
    assert!(matches!(statements[0].kind, StatementKind::ShowTables));
    assert!(matches!(statements[2].kind, StatementKind::Describe(_)));
    let error = parse("SHOW TABLES SHOW TABLES", &Limits::default()).unwrap_err();
    assert_eq!(
        (error.code(), error.position()),
        ("syntax_error", Some((1, 13)))
    );
    let error = parse("SHOW TABLES;\n\n  é", &Limits::default()).unwrap_err();
    assert_eq!(error.position(), Some((3, 3)));
}

#[test]
fn words_of_the_grammar_are_names_where_nothing_else_fits() {
    let text = "SELECT key, values, date AS tables, map m FROM comment partitions \
                WHERE first = 'x' ORDER BY rows";
    let statements = parse(text, &Limits::default()).unwrap();
    let StatementKind::Query { query, .. } = &statements[0].kind else {
        panic!("no query");
    };
    let QueryBody::Select(select) = &query.body else {
        panic!("no SELECT");
    };
    assert_eq!(select.table.text, "comment");
    assert_eq!(select.alias.as_ref().unwrap().text, "partitions");
    assert_eq!(select.items.len(), 4);
}

#[test]
fn operators_between_queries_bind_as_in_sql() {
    for (text, expected) in [
        ("a UNION b UNION c", "(Union a b c)"),
        ("a UNION ALL b UNION c", "(Union (UnionAll a b) c)"),
        ("a UNION b INTERSECT c", "(Union a (Intersect b c))"),
        ("a INTERSECT b UNION c", "(Union (Intersect a b) c)"),
        (
            "a EXCEPT b UNION DISTINCT c EXCEPT d",
            "(Except (Union (Except a b) c) d)",
        ),
        ("a EXCEPT (b UNION c)", "(Except a (Union b c))"),
        ("((a UNION b) UNION c)", "(Union (Union a b) c)"),
    ] {
        let mut sql = text.to_owned();
        for table in ["a", "b", "c", "d"] {
            sql = sql.replace(&format!("{table} "), &format!("SELECT k FROM {table} "));
            sql = sql.replace(&format!("{table})"), &format!("SELECT k FROM {table})"));
        }
        let last = sql.pop().unwrap();
        let end = if last == ')' {
            ")".to_owned()
        } else {
            format!("SELECT k FROM {last}")
        };
        let sql = format!("{sql}{end}");
        let statements = parse(&sql, &Limits::default()).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let StatementKind::Query { query, .. } = &statements[0].kind else {
            panic!("{sql} is no query");
        };
        assert_eq!(shape(query), expected, "{sql}");
    }
}

/// Texts that repeat one thing so that the library calls itself, or builds a tree, as deep as it
/// is long: what stands first, what is repeated, what stands last.
const DEEP: &[(&str, &str, &str)] = &[
    ("", "a OR ", "a"),
    ("", "a AND ", ""),
    ("a", " = a", ""),
    ("a", " + a", " +"),
    ("a", "::int", ""),
    ("a", " IS NULL", " IS"),
    ("a", " IS NOT DISTINCT FROM a", ""),
    ("a", " BETWEEN 1 AND 2", ""),
    ("a", " IN (1)", " IN ("),
    ("a", " IN (SELECT a FROM t WHERE a", ""),
    ("a", " IN ((SELECT a FROM t WHERE a", ""),
    ("a", " IN (((SELECT a FROM t WHERE a", " !"),
    (
        "a",
        " IN ((SELECT a FROM t) UNION (SELECT a FROM t WHERE a",
        "",
    ),
    ("a", " && (SELECT a FROM t WHERE a", ""),
    ("a", " && ((SELECT a FROM t WHERE a", " !"),
    ("a", " = ANY(SELECT a FROM t WHERE a", ""),
    ("a", "['x']", "["),
    ("a", ".a", "."),
    ("a", "(a)", "("),
    ("", "a -> ", "a"),
    ("", "(a) -> ", ""),
    ("", "(a, a) -> ", ""),
    ("f(", "a -> ", ")"),
    ("", "NOT ", "a"),
    ("", "- ", ""),
    ("", "(", ""),
    ("", "((SELECT ", ""),
    ("", "f(", ""),
    ("", "[", ""),
    ("", "{", ""),
    ("", "map {1: ", ""),
    ("", "CASE ", ""),
    ("", "case - ", ""),
    ("", "CASE WHEN a THEN ", ""),
    ("", "interval ", ""),
    ("", "INTERVAL '1' day + ", ""),
    ("", "date ", ""),
    ("", "array", ""),
    ("", "array[", ""),
    ("", "extract(day FROM ", ""),
    ("", "cast(", ""),
    ("CAST(a AS ", "map(text, ", ""),
    ("CAST(a AS ", "decimal(", ""),
    ("CAST(a AS int", "[]", ""),
    ("", "EXISTS (", ""),
    ("", "EXISTS ", ""),
    ("a LIKE ", "a ESCAPE ", ""),
    ("a = ANY(", "a = ANY(", ""),
    ("count(*) ", "FILTER (WHERE count(*) ", ""),
];

/// As [`DEEP`], of whole statements.
const DEEP_STATEMENTS: &[(&str, &str, &str)] = &[
    ("SELECT a FROM t", " UNION SELECT a FROM t", ""),
    (
        "SELECT a FROM t",
        " INTERSECT SELECT a FROM t",
        " INTERSECT",
    ),
    (
        "SELECT a FROM t",
        " UNION SELECT a FROM t EXCEPT SELECT a FROM t",
        "",
    ),
    ("", "(SELECT a FROM t) UNION (", ""),
    ("SELECT a FROM t", " UNION (SELECT a FROM t", ""),
    ("WITH x AS (SELECT 1)", ", x AS (SELECT a FROM x)", ""),
    ("SELECT a FROM ", "(", ""),
    ("SELECT a FROM ", "(SELECT a FROM ", "t"),
    ("SELECT a FROM ", "((t) ", ""),
    ("SELECT a FROM t", ", t", ","),
    ("", "WITH a AS (", ""),
    ("", "(", "SELECT 1"),
    ("", "EXPLAIN ", "SELECT 1"),
    ("SELECT ", "SELECT ", ""),
    ("SELECT a FROM t LIMIT 1 ", "OFFSET 1 ", ""),
    ("SELECT a FROM t GROUP BY a", ", (a)", ""),
    ("INSERT INTO t (a) VALUES (1)", ", (1)", ", ("),
    ("INSERT INTO t (a) VALUES (", "1, (", ""),
];

/// Parses on a stack of so many bytes; any answer will do.
fn parse_on(stack_bytes: usize, text: String) {
    let parse = move || drop(parse(&text, &Limits::default()));
    let thread = std::thread::Builder::new().stack_size(stack_bytes);
    thread.spawn(parse).unwrap().join().unwrap();
}

fn repeated((first, part, last): (&str, &str, &str), tokens: usize) -> String {
    // At least one counted token a part, and bytes within the limit.
    let times = tokens.min(200_000 / part.len());
    format!("{first}{}{last}", part.repeat(times))
}

#[test]
fn deep_texts_stay_within_the_stack() {
    let conditions = DEEP.iter().map(|(first, part, last)| {
        let first = format!("DELETE FROM t WHERE {first}");
        (first, *part, *last)
    });
    let statements = DEEP_STATEMENTS
        .iter()
        .map(|(first, part, last)| ((*first).to_owned(), *part, *last));
    for (first, part, last) in conditions.chain(statements) {
        for times in [10, 30, 60, 64, 100, 240, 2_000, 12_000, 49_000] {
            // Half of what threads have by default.
            parse_on(512 << 10, repeated((&first, part, last), times));
        }
    }
}

mod golden;
