use super::*;

fn number(slot: Slot, low: i64, high: i64) -> Predicate {
    Predicate::Leaf(Leaf::Number(slot, Ranges::between(low, high)))
}

fn constant(value: Option<bool>) -> Predicate {
    Predicate::Constant(value)
}

fn negated(predicate: Predicate) -> Predicate {
    Predicate::Not(Box::new(predicate))
}

#[test]
fn constants_disappear_or_decide() {
    let leaf = number(0, 1, 2);
    let boolean = Predicate::Leaf(Leaf::Boolean(1));
    let (yes, no, unknown) = (constant(Some(true)), constant(Some(false)), constant(None));
    for (predicate, expected) in [
        (
            Predicate::And(vec![leaf.clone(), yes.clone()]),
            leaf.clone(),
        ),
        (
            Predicate::And(vec![leaf.clone(), no.clone(), unknown.clone()]),
            no.clone(),
        ),
        (Predicate::Or(vec![leaf, yes.clone()]), yes.clone()),
        (Predicate::Or(vec![no.clone(), no.clone()]), no.clone()),
        (Predicate::And(vec![]), yes.clone()),
        (
            Predicate::And(vec![unknown.clone(), boolean.clone(), unknown.clone()]),
            Predicate::And(vec![boolean.clone(), unknown.clone()]),
        ),
        (negated(unknown.clone()), unknown.clone()),
        (negated(negated(boolean.clone())), boolean),
        (Predicate::IsTrue(Box::new(unknown.clone())), no.clone()),
        (Predicate::IsNull(Box::new(unknown)), yes),
        (
            Predicate::IsNull(Box::new(Predicate::Leaf(Leaf::Known(0)))),
            no,
        ),
    ] {
        assert_eq!(simplify(predicate.clone()), expected, "{predicate:?}");
    }
}

#[test]
fn tests_of_one_column_are_joined() {
    let both = Predicate::And(vec![
        number(0, 1, 10),
        Predicate::And(vec![number(1, 5, 5), number(0, 5, 20)]),
        negated(number(0, 7, 7)),
    ]);
    let ranges = Ranges::union(vec![(5, 6), (8, 10)]);
    assert_eq!(
        simplify(both),
        Predicate::And(vec![
            Predicate::Leaf(Leaf::Number(0, ranges)),
            number(1, 5, 5)
        ])
    );
    let any = Predicate::Or((0..10_000).map(|n| number(0, 2 * n, 2 * n + 1)).collect());
    assert_eq!(simplify(any), number(0, 0, 19_999));
    let text = |text: &str| Predicate::Leaf(Leaf::Text(0, TextTest::OneOf(vec![text.into()])));
    assert_eq!(
        simplify(Predicate::And(vec![text("a"), text("b")])),
        Predicate::Leaf(Leaf::Text(0, TextTest::OneOf(vec![])))
    );
    // What one member says of a set says nothing of another.
    let has = |text: &str| Predicate::Leaf(Leaf::HasAny(0, vec![text.into()]));
    let and = Predicate::And(vec![has("a"), has("b")]);
    assert_eq!(simplify(and.clone()), and);
}

#[test]
fn complements_turn_ranges_inside_out() {
    let (min, max) = (i64::MIN, i64::MAX);
    for (ranges, expected) in [
        (vec![], vec![(min, max)]),
        (vec![(min, max)], vec![]),
        (vec![(min, 5)], vec![(6, max)]),
        (vec![(5, max)], vec![(min, 4)]),
        (vec![(1, 2), (4, 5)], vec![(min, 0), (3, 3), (6, max)]),
    ] {
        let complement = Ranges::union(ranges.clone()).complement();
        assert_eq!(complement.as_slice(), expected, "{ranges:?}");
        assert_eq!(complement.complement(), Ranges::union(ranges));
    }
}
