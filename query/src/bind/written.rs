//! A condition as it is written: its tree of AND, OR, NOT and tests, each with its own text, before
//! anything is written out or simplified.

use std::ops::Range;
use std::sync::Arc;

use crate::bind::bound::{Membership, Predicate, Scan};
use crate::bind::predicate::{is_logic, predicate};
use crate::bind::scope::Scope;
use crate::bind::{Environment, write};
use crate::error::Result;
use crate::parse;
use crate::parse::ast::{self, ExprKind as Ast, Name};

/// A condition over the subjects of a table.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The text that [`Node::place`] is of.
    pub text: Arc<str>,
    /// The table and the columns that tests read. (Its predicate says nothing.)
    pub scan: Scan,
    /// What is written.
    pub root: Node,
}

/// A part of a condition.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands, in bytes of the text.
    pub place: Range<usize>,
    /// What it is.
    pub kind: NodeKind,
}

/// What a part of a condition is.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// AND.
    And(Vec<Node>),
    /// OR.
    Or(Vec<Node>),
    /// NOT.
    Not(Box<Node>),
    /// IS \[NOT\] TRUE, FALSE or NULL.
    Is {
        /// The condition before it.
        inner: Box<Node>,
        /// What it shall be; nothing for unknown.
        wanted: Option<bool>,
        /// Whether it shall not be that.
        negated: bool,
    },
    /// Anything else, by what it means.
    Test(Predicate),
}

impl Node {
    /// Calls `visit` with what each test means, and stops at the first error.
    pub(crate) fn try_for_each_test_mut(
        &mut self,
        visit: &mut dyn FnMut(&mut Predicate) -> Result<()>,
    ) -> Result<()> {
        match &mut self.kind {
            NodeKind::And(terms) | NodeKind::Or(terms) => terms
                .iter_mut()
                .try_for_each(|term| term.try_for_each_test_mut(visit)),
            NodeKind::Not(inner) | NodeKind::Is { inner, .. } => inner.try_for_each_test_mut(visit),
            NodeKind::Test(predicate) => visit(predicate),
        }
    }
}

impl NodeKind {
    /// The parts below.
    #[must_use]
    pub fn children(&self) -> &[Node] {
        match self {
            Self::And(nodes) | Self::Or(nodes) => nodes,
            Self::Not(inner) | Self::Is { inner, .. } => std::slice::from_ref(inner),
            Self::Test(_) => &[],
        }
    }
}

impl Node {
    /// Nodes of the tree.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + self.kind.children().iter().map(Self::count).sum::<usize>()
    }
}

/// Resolves a condition on its own.
///
/// # Errors
/// As of [`bind`](crate::bind::bind).
pub fn bind_written(
    condition: &parse::Predicate,
    table: &str,
    env: &Environment<'_>,
) -> Result<Condition> {
    let name = Name {
        text: table.to_owned(),
        at: 0,
    };
    let mut scope = Scope::new(env, &condition.text);
    let bound = scope
        .open(&name, None)
        .and_then(|_| finish(scope, &condition.text, &condition.expr));
    bound.map_err(|error| error.located_in(&condition.text))
}

/// Resolves `EXPLAIN MEMBERSHIP`.
pub(super) fn membership(
    env: &Environment<'_>,
    text: &str,
    ast: &ast::Membership,
) -> Result<Membership> {
    let mut scope = Scope::new(env, text);
    let key_type = scope.open(&ast.table, None)?.key_type;
    let key = write::key(&mut scope, &ast.key, key_type).map_err(|error| error.at(ast.key.at))?;
    let condition = finish(scope, text, &ast.predicate)?;
    Ok(Membership { key, condition })
}

fn finish(mut scope: Scope<'_>, text: &str, ast: &ast::Expr) -> Result<Condition> {
    let root = node(&mut scope, ast)?;
    scope.check_params()?;
    let table = scope.table()?.clone();
    Ok(Condition {
        text: text.into(),
        scan: Scan {
            table,
            columns: scope.into_columns(),
            predicate: Predicate::Constant(Some(true)),
        },
        root,
    })
}

fn node(scope: &mut Scope<'_>, ast: &ast::Expr) -> Result<Node> {
    let all = |scope: &mut Scope<'_>, terms: &[ast::Expr]| {
        let nodes = terms.iter().map(|term| node(scope, term));
        nodes.collect::<Result<Vec<_>>>()
    };
    let kind = match &ast.kind {
        Ast::And(terms) => NodeKind::And(all(scope, terms)?),
        Ast::Or(terms) => NodeKind::Or(all(scope, terms)?),
        // `a NOT IN (...)` is one test: its NOT and its IN stand at one place.
        Ast::Not(inner) if inner.at == ast.at => match is(scope, inner, true)? {
            Some(kind) => kind,
            None => test(scope, ast)?,
        },
        Ast::Not(inner) => NodeKind::Not(Box::new(node(scope, inner)?)),
        _ => match is(scope, ast, false)? {
            Some(kind) => kind,
            None => test(scope, ast)?,
        },
    };
    scope.count(1).map_err(|error| error.at(ast.at))?;
    Ok(Node {
        place: ast.start as usize..ast.end as usize,
        kind,
    })
}

/// IS TRUE and the like, if conditions stand before it.
fn is(scope: &mut Scope<'_>, ast: &ast::Expr, negated: bool) -> Result<Option<NodeKind>> {
    let (inner, wanted) = match &ast.kind {
        Ast::IsTrue(inner) => (inner, Some(true)),
        Ast::IsFalse(inner) => (inner, Some(false)),
        Ast::IsNull(inner) => (inner, None),
        _ => return Ok(None),
    };
    if !is_logic(inner) {
        return Ok(None);
    }
    let inner = Box::new(node(scope, inner)?);
    Ok(Some(NodeKind::Is {
        inner,
        wanted,
        negated,
    }))
}

fn test(scope: &mut Scope<'_>, ast: &ast::Expr) -> Result<NodeKind> {
    let bound = predicate(scope, ast)?;
    Ok(NodeKind::Test(scope.simplified(bound)))
}
