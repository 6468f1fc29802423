//! Queries: a SELECT, or several with UNION, INTERSECT or EXCEPT between them, and what stands
//! around them.

use sqlparser::ast::{
    Cte, OrderBy, OrderByKind, Query as Tree, SetExpr, SetOperator, SetQuantifier,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::parse::ast::{
    Combined, CommonTable, Expr, OrderTerm, Query, QueryBody, Select, SelectItem, SetOperation,
    StatementKind,
};
use crate::parse::cursor::Cursor;

/// What a query in a query adds to the height of a tree: reading and running one takes more stack
/// than an operator does.
const QUERY_HEIGHT: u32 = 4;

/// An operator between two queries and what stands to the right of it.
struct Tail {
    operator: SetOperator,
    quantifier: SetQuantifier,
    right: Box<SetExpr>,
}

impl Cursor<'_> {
    /// Reads a query as a statement, with what WITH names for it.
    pub(crate) fn query_statement(&mut self) -> Result<StatementKind> {
        if self.is_word("with") && self.is_word_at(1, "recursive") {
            return Err(self.unsupported("WITH RECURSIVE"));
        }
        let mut tree = self.library(Parser::parse_query)?;
        let with = match tree.with.take() {
            Some(with) => {
                self.expect_word("with")?;
                self.list(with.cte_tables, Self::common_table)?
            }
            None => Vec::new(),
        };
        if self.is_any_word(&["insert", "update", "delete"]) {
            return Err(self.unsupported("WITH before a statement that writes"));
        }
        let query = Box::new(self.query(*tree)?);
        Ok(StatementKind::Query { with, query })
    }

    /// Takes apart a query that the library read.
    pub(crate) fn query(&mut self, tree: Tree) -> Result<Query> {
        if tree.with.is_some() {
            let feature = "WITH inside of a query; write it where the statement starts";
            return Err(self.unsupported(feature));
        }
        let at = self.at();
        let mut query = self.query_body(*tree.body)?;
        self.refuse_clause()?;
        let order_by = self.order_by(tree.order_by)?;
        let (limit, offset) = self.limit(tree.limit_clause)?;
        self.refuse_clause()?;
        let early = query.take_offset();
        if early.is_some() && offset.is_some() {
            return Err(Error::syntax("OFFSET is written twice").at(at));
        }
        let offset = offset.or(early);
        if order_by.is_empty() && limit.is_none() && offset.is_none() {
            return Ok(query);
        }
        let part = match &mut query.body {
            _ if query.bracketed => {
                let feature = "ORDER BY or LIMIT behind brackets around a whole query";
                return Err(Error::unsupported(feature).at(at));
            }
            QueryBody::Select(select) => {
                (&mut select.order_by, &mut select.limit, &mut select.offset)
            }
            QueryBody::Combined(combined) => (
                &mut combined.order_by,
                &mut combined.limit,
                &mut combined.offset,
            ),
        };
        let height = terms_height(&order_by) + QUERY_HEIGHT;
        (*part.0, *part.1, *part.2) = (order_by, limit, offset);
        query.height = query.height.max(height);
        self.measured(query)
    }

    /// The query, if it is not too high.
    fn measured(&self, query: Query) -> Result<Query> {
        let max = self.limits.expression_height_max;
        Limits::check("expression_height", query.height as usize, max)
            .map_err(|error| error.at(query.at))?;
        Ok(query)
    }

    fn common_table(&mut self, table: Cte) -> Result<CommonTable> {
        let name = self.name("a name")?;
        if self.is(&Token::LParen) {
            return Err(self.unsupported("a list of columns in WITH; write AS in the SELECT"));
        }
        self.expect_word("as")?;
        self.expect(&Token::LParen)?;
        let query = self.query(*table.query)?;
        self.expect(&Token::RParen)?;
        Ok(CommonTable { name, query })
    }

    /// SELECTs and the operators between them. The library's tree leans to the left, as deep as
    /// the text is long.
    fn query_body(&mut self, body: SetExpr) -> Result<Query> {
        let at = self.at();
        let mut tails = Vec::new();
        let mut left = body;
        while let SetExpr::SetOperation {
            op,
            set_quantifier,
            left: inner,
            right,
        } = left
        {
            tails.push(Tail {
                operator: op,
                quantifier: set_quantifier,
                right,
            });
            left = *inner;
        }
        let mut query = self.query_term(left)?;
        while let Some(tail) = tails.pop() {
            self.refuse_clause()?;
            let operation = self.set_operation(&tail)?;
            let right = self.query_body(*tail.right)?;
            query = self.combined(at, query, operation, right)?;
        }
        Ok(query)
    }

    /// One SELECT, or a query in brackets.
    fn query_term(&mut self, term: SetExpr) -> Result<Query> {
        let at = self.at();
        match term {
            SetExpr::Select(select) => {
                let select = Box::new(self.select(*select)?);
                self.measured(Query {
                    at,
                    height: select_height(&select) + QUERY_HEIGHT,
                    bracketed: false,
                    body: QueryBody::Select(select),
                })
            }
            SetExpr::Query(inner) => {
                self.expect(&Token::LParen)?;
                let mut query = self.query(*inner)?;
                self.expect(&Token::RParen)?;
                query.bracketed = true;
                Ok(query)
            }
            SetExpr::SetOperation { .. }
            | SetExpr::Values(_)
            | SetExpr::Insert(_)
            | SetExpr::Update(_)
            | SetExpr::Delete(_)
            | SetExpr::Merge(_)
            | SetExpr::Table(_) => Err(match self.is_any_word(&["values", "table"]) {
                true => self.unsupported("VALUES and TABLE as queries"),
                false => self.expected("SELECT"),
            }),
        }
    }

    fn set_operation(&mut self, tail: &Tail) -> Result<SetOperation> {
        let (word, operation) = match tail.operator {
            SetOperator::Union => ("union", SetOperation::Union),
            SetOperator::Intersect => ("intersect", SetOperation::Intersect),
            SetOperator::Except => ("except", SetOperation::Except),
            SetOperator::Minus => return Err(self.unsupported("MINUS; write EXCEPT")),
        };
        self.expect_word(word)?;
        match tail.quantifier {
            SetQuantifier::None => Ok(operation),
            SetQuantifier::Distinct if self.accept_word("distinct") => Ok(operation),
            SetQuantifier::All if operation == SetOperation::Union && self.accept_word("all") => {
                Ok(SetOperation::UnionAll)
            }
            _ => Err(self.unsupported("ALL behind INTERSECT and EXCEPT")),
        }
    }

    /// Two queries with an operator between them; chains of one operator are flat.
    fn combined(
        &self,
        at: u32,
        left: Query,
        operation: SetOperation,
        right: Query,
    ) -> Result<Query> {
        let height = left.height.max(right.height) + QUERY_HEIGHT;
        let (mut left, mut right) = (left, right);
        if let Some(offset) = left.take_offset() {
            let detail = "OFFSET is for the whole of a set operation; write brackets";
            return Err(Error::syntax(detail).at(offset.at));
        }
        let offset = right.take_offset();
        if let QueryBody::Combined(chain) = &mut left.body
            && chain.operation == operation
            && !left.bracketed
        {
            left.height = left.height.max(right.height + QUERY_HEIGHT);
            chain.terms.push(right);
            chain.offset = offset;
            return self.measured(left);
        }
        let combined = Combined {
            operation,
            terms: vec![left, right],
            order_by: Vec::new(),
            limit: None,
            offset,
        };
        self.measured(Query {
            at,
            height,
            bracketed: false,
            body: QueryBody::Combined(Box::new(combined)),
        })
    }

    /// ORDER BY, if there is one.
    fn order_by(&mut self, order_by: Option<OrderBy>) -> Result<Vec<OrderTerm>> {
        let Some(order_by) = order_by else {
            return Ok(Vec::new());
        };
        self.expect_word("order")?;
        self.expect_word("by")?;
        let OrderByKind::Expressions(terms) = order_by.kind else {
            return Err(self.unsupported("ORDER BY ALL"));
        };
        self.list(terms, Self::order_term)
    }
}

impl Query {
    /// An OFFSET that was read with its last SELECT, as happens at once behind TABLESAMPLE. It is
    /// meant for all that is not in brackets.
    fn take_offset(&mut self) -> Option<Expr> {
        match &mut self.body {
            _ if self.bracketed => None,
            QueryBody::Select(select) => select.offset.take(),
            QueryBody::Combined(combined) => combined.offset.take(),
        }
    }
}

fn terms_height(terms: &[OrderTerm]) -> u32 {
    let heights = terms.iter().map(|term| term.expr.height);
    heights.max().unwrap_or(0)
}

fn select_height(select: &Select) -> u32 {
    let items = select.items.iter().map(|item| match item {
        SelectItem::All { .. } => 0,
        SelectItem::Expr { expr, .. } => expr.height,
    });
    let exprs = select
        .predicate
        .iter()
        .chain(&select.group_by)
        .chain(&select.having)
        .chain(&select.offset)
        .chain(select.sample.as_ref().map(|sample| &sample.percent));
    let exprs = exprs.map(|expr| expr.height);
    items.chain(exprs).max().unwrap_or(0)
}
