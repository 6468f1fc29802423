//! Analysis calls by hand: their parameters, and what bounds them.

use tagdb_query::analysis::{Params, Question};
use tagdb_query::{Context, Param};

use crate::oracle::analysis::conditions;
use crate::session::Session;

#[test]
fn parameters_are_shared_or_by_name() {
    let session = Session::new();
    session.run("CREATE TABLE t (id KEYWORD PRIMARY KEY, a INT)");
    session.run("INSERT INTO t (id, a) VALUES ('x', 1), ('y', 2), ('z', 3)");
    let snapshot = session.database.engine().snapshot();
    let analysis = session
        .database
        .analysis(snapshot, "t", &Context::default())
        .unwrap();
    let number = |text: &str| Param::Number(text.to_owned());
    let mut asked = conditions([("low", "a < $1".to_owned()), ("high", "a >= $1".to_owned())]);
    asked.params = Params::Shared(vec![number("2")]);
    let found = analysis.overlap(&asked).unwrap();
    assert_eq!(
        found.audiences.iter().map(|a| a.size).collect::<Vec<_>>(),
        [1, 2]
    );
    let each = [
        ("low".to_owned(), vec![number("4")]),
        ("high".to_owned(), vec![number("2")]),
    ];
    asked.params = Params::Each(each.into_iter().collect());
    let found = analysis.overlap(&asked).unwrap();
    assert_eq!(
        found.audiences.iter().map(|a| a.size).collect::<Vec<_>>(),
        [3, 2]
    );
    for (params, condition) in [
        (Params::Shared(vec![number("1"), number("2")]), None),
        (
            Params::Each([("nobody".to_owned(), Vec::new())].into_iter().collect()),
            None,
        ),
        (
            Params::Each(
                [("high".to_owned(), vec![number("1"), number("1")])]
                    .into_iter()
                    .collect(),
            ),
            Some("low"),
        ),
    ] {
        asked.params = params;
        let error = analysis.overlap(&asked).unwrap_err();
        assert_eq!(error.code(), "bad_parameter", "{error}");
        assert_eq!(error.condition(), condition, "{error}");
    }
}

#[test]
fn memory_and_time_are_bounded() {
    let session = Session::new();
    session.run("CREATE TABLE t (id KEYWORD PRIMARY KEY, a INT, b KEYWORD)");
    session.run("INSERT INTO t (id, a, b) VALUES ('x', 1, 'y')");
    let ask = |context: &Context| {
        let snapshot = session.database.engine().snapshot();
        let analysis = session.database.analysis(snapshot, "t", context).unwrap();
        let two = conditions([("a", "a = 1".to_owned()), ("b", "a = 2".to_owned())]);
        let one = conditions([("where", "a = 1".to_owned())]);
        let question = Question {
            conditions: one.clone(),
            ..Question::default()
        };
        [
            analysis.overlap(&two).err(),
            analysis.portrait(&question, 20).err(),
            analysis.significant(&question, 1, 20).err(),
            analysis.explain_count(&one).err(),
        ]
    };
    let context = Context {
        memory_bytes_max: 8,
        ..Context::default()
    };
    for error in ask(&context) {
        let limit = error.unwrap().limit().unwrap().0;
        assert_eq!(limit, "statement_memory_bytes");
    }
    let context = Context::default();
    context
        .cancel
        .store(true, std::sync::atomic::Ordering::Relaxed);
    for error in ask(&context) {
        assert_eq!(error.unwrap().code(), "cancelled");
    }
    let context = Context {
        deadline: Some(std::time::Instant::now()),
        ..Context::default()
    };
    for error in ask(&context) {
        let error = error.unwrap();
        assert_eq!((error.code(), error.condition()), ("timeout", None));
    }
}
