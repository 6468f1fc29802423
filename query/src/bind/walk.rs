//! Changing bound trees in place.

use std::sync::Arc;

use crate::bind::bound::{EntryColumn, Expr, ExprKind, Leaf, Operand, Predicate, Query, Slot};
use crate::error::Result;

impl Predicate {
    /// Calls `f` with every leaf, to be replaced by any predicate; not with those inside of
    /// expressions.
    ///
    /// # Errors
    /// Whatever `f` fails with.
    pub(crate) fn try_for_each_leaf_mut(
        &mut self,
        f: &mut dyn FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Constant(_) => Ok(()),
            Self::And(terms) | Self::Or(terms) => terms
                .iter_mut()
                .try_for_each(|t| t.try_for_each_leaf_mut(f)),
            Self::Not(inner) | Self::IsTrue(inner) | Self::IsFalse(inner) | Self::IsNull(inner) => {
                inner.try_for_each_leaf_mut(f)
            }
            Self::Leaf(_) => f(self),
        }
    }

    /// Gives every slot another number.
    pub(crate) fn renumber(&mut self, slots: &mut dyn FnMut(Slot) -> Slot) {
        match self {
            Self::Constant(_) => {}
            Self::And(terms) | Self::Or(terms) => {
                terms.iter_mut().for_each(|term| term.renumber(slots));
            }
            Self::Not(inner) | Self::IsTrue(inner) | Self::IsFalse(inner) | Self::IsNull(inner) => {
                inner.renumber(slots);
            }
            Self::Leaf(leaf) => leaf.renumber(slots),
        }
    }

    /// Nodes of it, those inside of expressions included.
    pub(crate) fn size(&self) -> usize {
        let mut size = 1;
        match self {
            Self::Constant(_) => {}
            Self::And(terms) | Self::Or(terms) => {
                size += terms.iter().map(Self::size).sum::<usize>()
            }
            Self::Not(inner) | Self::IsTrue(inner) | Self::IsFalse(inner) | Self::IsNull(inner) => {
                size += inner.size();
            }
            Self::Leaf(Leaf::AnyKey(any)) => size += any.predicate.size(),
            Self::Leaf(leaf) => leaf.for_each_expr(&mut |expr| size += expr.size()),
        }
        size
    }

    /// Nodes on top of each other, those inside of expressions included.
    fn height(&self) -> usize {
        let mut below = 0;
        match self {
            Self::Constant(_) => {}
            Self::And(terms) | Self::Or(terms) => {
                below = terms.iter().map(Self::height).max().unwrap_or(0);
            }
            Self::Not(inner) | Self::IsTrue(inner) | Self::IsFalse(inner) | Self::IsNull(inner) => {
                below = inner.height();
            }
            Self::Leaf(Leaf::AnyKey(any)) => below = any.predicate.height(),
            Self::Leaf(leaf) => leaf.for_each_expr(&mut |expr| below = below.max(expr.height())),
        }
        below + 1
    }
}

impl Predicate {
    /// Calls `f` with every query that is asked, also inside of expressions.
    pub(crate) fn for_each_query<'a>(&'a self, f: &mut dyn FnMut(&'a Arc<Query>)) {
        self.for_each_leaf(&mut |leaf| {
            if let Leaf::InQuery(test) = leaf {
                f(&test.query);
            }
            leaf.for_each_expr(&mut |expr| expr.for_each_query(f));
        });
    }

    /// Whether a query is asked, also inside of expressions.
    pub(crate) fn has_query(&self) -> bool {
        let mut found = false;
        self.for_each_query(&mut |_| found = true);
        found
    }
}

impl Leaf {
    /// Calls `f` with its expressions over the row; those of [`Self::AnyKey`] are over entries, and no
    /// query is asked in them.
    pub(crate) fn for_each_expr<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Boolean(_)
            | Self::Number(..)
            | Self::Text(..)
            | Self::Known(_)
            | Self::Key(..)
            | Self::HasAny(..)
            | Self::HasAll(..)
            | Self::Overlaps(..)
            | Self::Contains(..)
            | Self::Cardinality(..)
            | Self::AnyKey(_) => {}
            Self::Compare(_, left, right) => {
                f(left);
                f(right);
            }
            Self::OneOf(expr, _) | Self::Holds(expr) | Self::NotNull(expr) => f(expr),
            Self::InQuery(test) => {
                if let Operand::Rows(expr) = &test.operand {
                    f(expr);
                }
            }
        }
    }

    /// As [`Self::for_each_expr`], to be changed.
    ///
    /// # Errors
    /// Whatever `f` fails with.
    pub(crate) fn try_for_each_expr_mut(
        &mut self,
        f: &mut dyn FnMut(&mut Expr) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Boolean(_)
            | Self::Number(..)
            | Self::Text(..)
            | Self::Known(_)
            | Self::Key(..)
            | Self::HasAny(..)
            | Self::HasAll(..)
            | Self::Overlaps(..)
            | Self::Contains(..)
            | Self::Cardinality(..)
            | Self::AnyKey(_) => Ok(()),
            Self::Compare(_, left, right) => {
                f(left)?;
                f(right)
            }
            Self::OneOf(expr, _) | Self::Holds(expr) | Self::NotNull(expr) => f(expr),
            Self::InQuery(test) => match &mut test.operand {
                Operand::Rows(expr) => f(expr),
                _ => Ok(()),
            },
        }
    }

    fn renumber(&mut self, slots: &mut dyn FnMut(Slot) -> Slot) {
        match self {
            Self::Boolean(slot)
            | Self::Number(slot, _)
            | Self::Text(slot, _)
            | Self::Known(slot)
            | Self::Key(slot, _)
            | Self::HasAny(slot, _)
            | Self::HasAll(slot, _)
            | Self::Cardinality(slot, _) => *slot = slots(*slot),
            Self::Overlaps(left, right) | Self::Contains(left, right) => {
                (*left, *right) = (slots(*left), slots(*right));
            }
            Self::Compare(_, left, right) => {
                left.renumber(slots);
                right.renumber(slots);
            }
            Self::OneOf(expr, _) | Self::Holds(expr) | Self::NotNull(expr) => expr.renumber(slots),
            Self::AnyKey(any) => {
                any.map = slots(any.map);
                for column in &mut any.columns {
                    if let EntryColumn::Value(slot) | EntryColumn::Outer(slot) = column {
                        *slot = slots(*slot);
                    }
                }
            }
            Self::InQuery(test) => match &mut test.operand {
                Operand::Key(slot)
                | Operand::Text(slot)
                | Operand::Number(slot, _)
                | Operand::AnyMember(slot)
                | Operand::AllValues(slot) => *slot = slots(*slot),
                Operand::Rows(expr) => expr.renumber(slots),
            },
        }
    }
}

impl Expr {
    /// Calls `f` with every predicate inside of it, from the innermost on.
    ///
    /// # Errors
    /// Whatever `f` fails with.
    pub(crate) fn try_for_each_predicate_mut(
        &mut self,
        f: &mut dyn FnMut(&mut Predicate) -> Result<()>,
    ) -> Result<()> {
        match &mut self.kind {
            ExprKind::Literal(_) | ExprKind::Slot(_) => Ok(()),
            ExprKind::Negate(inner) | ExprKind::Cast(inner) => inner.try_for_each_predicate_mut(f),
            ExprKind::Arithmetic(_, left, right) => {
                left.try_for_each_predicate_mut(f)?;
                right.try_for_each_predicate_mut(f)
            }
            ExprKind::Call(_, arguments) => arguments
                .iter_mut()
                .try_for_each(|argument| argument.try_for_each_predicate_mut(f)),
            ExprKind::Case {
                branches,
                otherwise,
            } => {
                for (when, then) in branches {
                    f(when)?;
                    then.try_for_each_predicate_mut(f)?;
                }
                otherwise.try_for_each_predicate_mut(f)
            }
            ExprKind::Predicate(predicate) => f(predicate),
        }
    }

    /// Calls `f` with every query that is asked inside of it.
    pub(crate) fn for_each_query<'a>(&'a self, f: &mut dyn FnMut(&'a Arc<Query>)) {
        match &self.kind {
            ExprKind::Literal(_) | ExprKind::Slot(_) => {}
            ExprKind::Negate(inner) | ExprKind::Cast(inner) => inner.for_each_query(f),
            ExprKind::Arithmetic(_, left, right) => {
                left.for_each_query(f);
                right.for_each_query(f);
            }
            ExprKind::Call(_, arguments) => {
                arguments
                    .iter()
                    .for_each(|argument| argument.for_each_query(f));
            }
            ExprKind::Case {
                branches,
                otherwise,
            } => {
                for (when, then) in branches {
                    when.for_each_query(f);
                    then.for_each_query(f);
                }
                otherwise.for_each_query(f);
            }
            ExprKind::Predicate(predicate) => predicate.for_each_query(f),
        }
    }

    /// Whether a query is asked inside of it.
    pub(crate) fn has_query(&self) -> bool {
        let mut found = false;
        self.for_each_query(&mut |_| found = true);
        found
    }

    fn renumber(&mut self, slots: &mut dyn FnMut(Slot) -> Slot) {
        match &mut self.kind {
            ExprKind::Literal(_) => {}
            ExprKind::Slot(slot) => *slot = slots(*slot),
            ExprKind::Negate(inner) | ExprKind::Cast(inner) => inner.renumber(slots),
            ExprKind::Arithmetic(_, left, right) => {
                left.renumber(slots);
                right.renumber(slots);
            }
            ExprKind::Call(_, arguments) => {
                arguments
                    .iter_mut()
                    .for_each(|argument| argument.renumber(slots));
            }
            ExprKind::Case {
                branches,
                otherwise,
            } => {
                for (when, then) in branches {
                    when.renumber(slots);
                    then.renumber(slots);
                }
                otherwise.renumber(slots);
            }
            ExprKind::Predicate(predicate) => predicate.renumber(slots),
        }
    }

    /// Nodes on top of each other, if every CASE is written out as a condition.
    pub(crate) fn height(&self) -> usize {
        1 + match &self.kind {
            ExprKind::Literal(_) | ExprKind::Slot(_) => 0,
            ExprKind::Negate(inner) | ExprKind::Cast(inner) => inner.height(),
            ExprKind::Arithmetic(_, left, right) => left.height().max(right.height()),
            ExprKind::Call(_, arguments) => arguments.iter().map(Self::height).max().unwrap_or(0),
            ExprKind::Case {
                branches,
                otherwise,
            } => {
                let heights = branches
                    .iter()
                    .map(|(when, then)| when.height().max(then.height()));
                2 * branches.len() + heights.max().unwrap_or(0).max(otherwise.height())
            }
            ExprKind::Predicate(predicate) => predicate.height(),
        }
    }

    /// Nodes of it.
    pub(crate) fn size(&self) -> usize {
        1 + match &self.kind {
            ExprKind::Literal(_) | ExprKind::Slot(_) => 0,
            ExprKind::Negate(inner) | ExprKind::Cast(inner) => inner.size(),
            ExprKind::Arithmetic(_, left, right) => left.size() + right.size(),
            ExprKind::Call(_, arguments) => arguments.iter().map(Self::size).sum(),
            ExprKind::Case {
                branches,
                otherwise,
            } => {
                let sizes = branches
                    .iter()
                    .map(|(when, then)| when.size() + then.size());
                sizes.sum::<usize>() + otherwise.size()
            }
            ExprKind::Predicate(predicate) => predicate.size(),
        }
    }
}
