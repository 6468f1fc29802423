//! What is written: statements before their names are looked up.
//!
//! Places are bytes of the statement's text. AND and OR are flat, however many terms they have,
//! and the height of everything else is limited, so that recursion over a tree is safe.

use std::sync::Arc;

use tagdb_storage::schema::TagType;

use crate::bind::bound::{Arithmetic, DateField, Interval};
use crate::value::DataType;

/// One statement.
#[derive(Debug)]
pub struct Statement {
    /// The whole text, of which errors give line and column, and columns their names.
    pub(crate) text: Arc<str>,
    pub(crate) kind: StatementKind,
}

impl Statement {
    /// Whether it only reads.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        matches!(
            self.kind,
            StatementKind::Query { .. }
                | StatementKind::ShowTables
                | StatementKind::Describe(_)
                | StatementKind::Explain { .. }
                | StatementKind::ExplainMembership(_)
        )
    }
}

#[derive(Debug)]
pub(crate) enum StatementKind {
    Query {
        with: Vec<CommonTable>,
        query: Box<Query>,
    },
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    CreateTable(CreateTable),
    DropTable {
        table: Name,
        if_exists: bool,
    },
    Truncate(Name),
    AddColumn {
        table: Name,
        if_not_exists: bool,
        column: ColumnDef,
    },
    DropColumn {
        table: Name,
        if_exists: bool,
        column: Name,
    },
    RenameColumn {
        table: Name,
        from: Name,
        to: Name,
    },
    Comment {
        table: Name,
        column: Name,
        comment: String,
    },
    ShowTables,
    Describe(Name),
    Explain {
        analyze: bool,
        statement: Box<StatementKind>,
    },
    ExplainMembership(Box<Membership>),
}

/// A name as it is looked up: folded to lower case unless quoted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) at: u32,
}

/// A SELECT, or several and what is between them.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) body: QueryBody,
    /// Its first byte.
    pub(crate) at: u32,
    /// As of [`Expr::height`].
    pub(crate) height: u32,
    /// Whether brackets of its own stand around it.
    pub(crate) bracketed: bool,
}

/// `name AS (query)` of WITH.
#[derive(Debug)]
pub(crate) struct CommonTable {
    pub(crate) name: Name,
    pub(crate) query: Query,
}

#[derive(Debug)]
pub(crate) enum QueryBody {
    Select(Box<Select>),
    Combined(Box<Combined>),
}

/// At least two queries with one operator between each two, from left to right.
#[derive(Debug)]
pub(crate) struct Combined {
    pub(crate) operation: SetOperation,
    pub(crate) terms: Vec<Query>,
    /// Of the whole.
    pub(crate) order_by: Vec<OrderTerm>,
    pub(crate) limit: Option<Expr>,
    pub(crate) offset: Option<Expr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetOperation {
    Union,
    UnionAll,
    Intersect,
    Except,
}

#[derive(Debug)]
pub(crate) struct Select {
    pub(crate) distinct: bool,
    pub(crate) items: Vec<SelectItem>,
    pub(crate) table: Name,
    pub(crate) alias: Option<Name>,
    pub(crate) sample: Option<Sample>,
    pub(crate) predicate: Option<Expr>,
    pub(crate) group_by: Vec<Expr>,
    pub(crate) having: Option<Expr>,
    pub(crate) order_by: Vec<OrderTerm>,
    pub(crate) limit: Option<Expr>,
    pub(crate) offset: Option<Expr>,
}

/// `TABLESAMPLE BERNOULLI (percent) [REPEATABLE (seed)]`
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) percent: Expr,
    pub(crate) seed: Option<Expr>,
}

#[derive(Debug)]
pub(crate) enum SelectItem {
    /// `*`
    All { at: u32 },
    Expr {
        expr: Expr,
        alias: Option<Name>,
        /// The first byte of the expression and the one after it.
        start: u32,
        end: u32,
    },
}

#[derive(Debug)]
pub(crate) struct OrderTerm {
    pub(crate) expr: Expr,
    pub(crate) descending: bool,
    pub(crate) nulls_first: Option<bool>,
}

#[derive(Debug)]
pub(crate) struct Insert {
    pub(crate) table: Name,
    pub(crate) columns: Vec<Name>,
    pub(crate) rows: Vec<(u32, Vec<Expr>)>,
    pub(crate) ignore_existing: bool,
}

#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) table: Name,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) predicate: Expr,
}

#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) column: Name,
    /// Of `m['k'] = ...`.
    pub(crate) element: Option<Expr>,
    pub(crate) value: Expr,
}

#[derive(Debug)]
pub(crate) struct Delete {
    pub(crate) table: Name,
    pub(crate) predicate: Expr,
}

#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) key: Expr,
    pub(crate) table: Name,
    pub(crate) predicate: Expr,
}

#[derive(Debug)]
pub(crate) struct CreateTable {
    pub(crate) table: Name,
    pub(crate) if_not_exists: bool,
    /// The first one is the key.
    pub(crate) columns: Vec<ColumnDef>,
    pub(crate) partitions: u16,
}

#[derive(Debug)]
pub(crate) struct ColumnDef {
    pub(crate) name: Name,
    pub(crate) kind: TagType,
    pub(crate) kind_at: u32,
    pub(crate) comment: String,
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    /// Its first byte, or of operators the operator's.
    pub(crate) at: u32,
    /// Its first byte, that of its left side if it is an operator, and the byte after it: the
    /// brackets around it are not part of it.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Nodes on the longest way down.
    pub(crate) height: u32,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Null,
    Boolean(bool),
    /// As written, without sign.
    Number(String),
    Text(String),
    Interval(Interval),
    /// Counted from 0.
    Parameter(usize),
    Column {
        qualifier: Option<Name>,
        name: Name,
    },
    Element(Box<Expr>, Box<Expr>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Negate(Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// `&&`
    Overlaps(Box<Expr>, Box<Expr>),
    /// `@>`
    Contains(Box<Expr>, Box<Expr>),
    /// `left = ANY(list)`
    EqualAny(Box<Expr>, Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    IsNull(Box<Expr>),
    IsTrue(Box<Expr>),
    IsFalse(Box<Expr>),
    IsNotDistinct(Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    /// `left IN (query)`
    InQuery(Box<Expr>, Box<Query>),
    /// A query in brackets where a set may stand.
    Query(Box<Query>),
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    Like(Box<Like>),
    /// `k -> condition`
    Lambda(Name, Box<Expr>),
    Case {
        operand: Option<Box<Expr>>,
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Cast(Box<Expr>, DataType),
    Extract(DateField, Box<Expr>),
    Call(Call),
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: Name,
    /// `f(*)`
    pub(crate) star: bool,
    /// `f(DISTINCT ...)`
    pub(crate) distinct: bool,
    pub(crate) arguments: Vec<Expr>,
    /// `FILTER (WHERE ...)`
    pub(crate) filter: Option<Box<Expr>>,
}

/// `text LIKE pattern [ESCAPE escape]`
#[derive(Debug)]
pub(crate) struct Like {
    pub(crate) text: Expr,
    pub(crate) pattern: Expr,
    pub(crate) escape: Option<Expr>,
    /// ILIKE
    pub(crate) ignores_case: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CompareOp {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl ExprKind {
    /// The largest height of a part of it.
    pub(crate) fn child_height(&self) -> u32 {
        let tallest = |list: &[Expr]| list.iter().map(|e| e.height).max().unwrap_or(0);
        let pairs = |list: &[(Expr, Expr)]| {
            let heights = list.iter().map(|(a, b)| a.height.max(b.height));
            heights.max().unwrap_or(0)
        };
        match self {
            Self::Null
            | Self::Boolean(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::Interval(_)
            | Self::Parameter(_)
            | Self::Column { .. } => 0,
            Self::Negate(inner)
            | Self::Not(inner)
            | Self::IsNull(inner)
            | Self::IsTrue(inner)
            | Self::IsFalse(inner)
            | Self::Cast(inner, _)
            | Self::Extract(_, inner) => inner.height,
            Self::Element(a, b)
            | Self::Arithmetic(_, a, b)
            | Self::Compare(_, a, b)
            | Self::Overlaps(a, b)
            | Self::Contains(a, b)
            | Self::EqualAny(a, b)
            | Self::IsNotDistinct(a, b) => a.height.max(b.height),
            Self::Between(a, b, c) => a.height.max(b.height).max(c.height),
            Self::In(expr, list) => expr.height.max(tallest(list)),
            Self::InQuery(expr, query) => expr.height.max(query.height),
            Self::Query(query) => query.height,
            Self::List(list) | Self::And(list) | Self::Or(list) => tallest(list),
            Self::Map(entries) => pairs(entries),
            Self::Case {
                operand,
                branches,
                otherwise,
            } => {
                let height = |e: &Option<Box<Expr>>| e.as_ref().map_or(0, |e| e.height);
                pairs(branches).max(height(operand)).max(height(otherwise))
            }
            Self::Like(like) => {
                let escape = like.escape.as_ref().map_or(0, |escape| escape.height);
                like.text.height.max(like.pattern.height).max(escape)
            }
            Self::Lambda(_, body) => body.height,
            Self::Call(call) => {
                let filter = call.filter.as_ref().map_or(0, |filter| filter.height);
                tallest(&call.arguments).max(filter)
            }
        }
    }
}
