//! SELECT.

use sqlparser::ast::{
    Distinct, Expr as Tree, GroupByExpr, LimitClause, OrderByExpr, Select as Body,
    SelectItem as Item, TableFactor, TableSampleKind, TableWithJoins,
};
use sqlparser::tokenizer::Token;

use crate::error::Result;
use crate::parse::ast::{Expr, Name, OrderTerm, Sample, Select, SelectItem};
use crate::parse::cursor::Cursor;
use crate::parse::dialect::is_reserved;
use crate::parse::refused;

impl Cursor<'_> {
    /// Takes apart a SELECT up to HAVING.
    pub(crate) fn select(&mut self, body: Body) -> Result<Select> {
        self.expect_word("select")?;
        let distinct = match body.distinct {
            Some(Distinct::All) => !self.accept_word("all"),
            Some(_) => self.accept_word("distinct"),
            None => false,
        };
        if distinct && self.is_word("on") {
            return Err(self.unsupported("DISTINCT ON"));
        }
        let items = self.list(body.projection, Self::item)?;
        let (table, alias) = self.table(&body.from)?;
        let (sample, offset) = self.sample(body.from)?;
        self.refuse_clause()?;
        Ok(Select {
            distinct,
            items,
            table,
            alias,
            sample,
            predicate: self.optional("where", body.selection)?,
            group_by: self.group_by(body.group_by)?,
            having: self.optional("having", body.having)?,
            order_by: Vec::new(),
            limit: None,
            offset,
        })
    }

    /// An expression behind a keyword, if there is one.
    pub(crate) fn optional(&mut self, word: &str, tree: Option<Tree>) -> Result<Option<Expr>> {
        let Some(tree) = tree else {
            return Ok(None);
        };
        self.expect_word(word)?;
        self.expr(tree).map(Some)
    }

    fn item(&mut self, item: Item) -> Result<SelectItem> {
        let at = self.at();
        let tree = match item {
            Item::UnnamedExpr(tree)
            | Item::ExprWithAlias { expr: tree, .. }
            | Item::ExprWithAliases { expr: tree, .. } => tree,
            Item::Wildcard(_) => {
                self.expect(&Token::Mul)?;
                for word in ["except", "exclude", "replace", "rename", "ilike"] {
                    if self.is_word(word) && !self.is_word_at(1, "select") {
                        let feature = format!("* {}", word.to_ascii_uppercase());
                        return Err(self.unsupported(&feature));
                    }
                }
                return Ok(SelectItem::All { at });
            }
            Item::QualifiedWildcard(..) => return Err(self.unsupported("table.*; write *")),
        };
        let expr = self.expr(tree)?;
        let end = self.end_of_last();
        Ok(SelectItem::Expr {
            expr,
            alias: self.alias()?,
            start: at,
            end,
        })
    }

    fn alias(&mut self) -> Result<Option<Name>> {
        let is_name = matches!(self.peek(), Token::Word(_)) && !is_reserved(self.peek());
        if self.accept_word("as") || is_name {
            return self.name("an alias").map(Some);
        }
        Ok(None)
    }

    /// FROM, the table and its alias.
    fn table(&mut self, from: &[TableWithJoins]) -> Result<(Name, Option<Name>)> {
        if from.is_empty() || self.is_word("into") {
            return Err(match self.peek() {
                Token::EOF | Token::SemiColon | Token::RParen => {
                    self.unsupported("SELECT without FROM")
                }
                _ => self.left_over("FROM"),
            });
        }
        self.expect_word("from")?;
        if self.is(&Token::LParen) {
            return Err(self.unsupported("a sub-query in FROM"));
        }
        let table = self.name("a table")?;
        match self.peek() {
            Token::LParen => return Err(self.unsupported("a function in FROM")),
            Token::Period => return Err(self.unsupported("a schema or database before a table")),
            _ => {}
        }
        let alias = match refused::clause(self.peek()) {
            Some(_) => None,
            None => self.alias()?,
        };
        if self.is(&Token::Comma) {
            return Err(self.unsupported("a join (several tables in FROM)"));
        }
        Ok((table, alias))
    }

    /// TABLESAMPLE, and an OFFSET at once behind it, which the library takes for a part of it.
    fn sample(&mut self, from: Vec<TableWithJoins>) -> Result<(Option<Sample>, Option<Expr>)> {
        let tree = match from.into_iter().next().map(|from| from.relation) {
            Some(TableFactor::Table {
                sample: Some(TableSampleKind::AfterTableAlias(sample)),
                ..
            }) if self.is_word("tablesample") => *sample,
            _ => return Ok((None, None)),
        };
        self.skip();
        if !self.is_word("bernoulli") && *self.peek_at(1) == Token::LParen {
            let method = self.peek().to_string().to_ascii_uppercase();
            return Err(self.unsupported(&format!("TABLESAMPLE {method}; write BERNOULLI")));
        }
        self.expect_word("bernoulli")?;
        self.expect(&Token::LParen)?;
        let Some(percent) = tree.quantity.map(|quantity| quantity.value) else {
            return Err(self.expected("a number"));
        };
        let percent = self.expr(percent)?;
        self.expect(&Token::RParen)?;
        let mut seed = None;
        if tree.seed.is_some() {
            self.expect_word("repeatable")?;
            self.expect(&Token::LParen)?;
            let at = self.at();
            let literal = self.literal()?;
            seed = Some(self.node(at, literal)?);
            self.expect(&Token::RParen)?;
        }
        let offset = self.optional("offset", tree.offset)?;
        if offset.is_some() && self.is_any_word(&["where", "group", "having"]) {
            return Err(self.expected("the end behind OFFSET"));
        }
        Ok((Some(Sample { percent, seed }), offset))
    }

    fn group_by(&mut self, group_by: GroupByExpr) -> Result<Vec<Expr>> {
        let keys = match group_by {
            GroupByExpr::Expressions(keys, _) if keys.is_empty() => return Ok(Vec::new()),
            GroupByExpr::Expressions(keys, _) => keys,
            GroupByExpr::All(_) => Vec::new(),
        };
        self.expect_word("group")?;
        self.expect_word("by")?;
        if self.is_word("all") {
            return Err(self.unsupported("GROUP BY ALL"));
        }
        let opens = *self.peek_at(1) == Token::LParen;
        for (word, name) in [("rollup", "ROLLUP"), ("cube", "CUBE")] {
            if self.is_word(word) && opens {
                return Err(self.unsupported(name));
            }
        }
        if self.is_word("grouping") && self.is_word_at(1, "sets") {
            return Err(self.unsupported("GROUPING SETS"));
        }
        let keys = self.list(keys, Self::expr)?;
        if self.is_word("with") {
            return Err(self.unsupported("GROUP BY ... WITH"));
        }
        Ok(keys)
    }

    pub(crate) fn order_term(&mut self, term: OrderByExpr) -> Result<OrderTerm> {
        let expr = self.expr(term.expr)?;
        if self.is_word("using") {
            return Err(self.unsupported("ORDER BY ... USING"));
        }
        let descending = self.accept_word("desc");
        if !descending {
            self.accept_word("asc");
        }
        let nulls_first = term.options.nulls_first;
        if nulls_first.is_some() {
            self.expect_word("nulls")?;
            self.skip();
        }
        if self.is_word("with") {
            return Err(self.unsupported("ORDER BY ... WITH"));
        }
        Ok(OrderTerm {
            expr,
            descending,
            nulls_first,
        })
    }

    /// LIMIT and OFFSET, in any order.
    pub(crate) fn limit(
        &mut self,
        clause: Option<LimitClause>,
    ) -> Result<(Option<Expr>, Option<Expr>)> {
        let (mut limit, mut offset) = match clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => (limit, offset),
            Some(LimitClause::OffsetCommaLimit { offset, .. }) => (Some(offset), None),
            None => (None, None),
        };
        let (mut limit_expr, mut offset_expr) = (None, None);
        loop {
            if self.is_word("limit") && (limit.is_some() || self.is_word_at(1, "all")) {
                self.skip();
                match limit.take() {
                    Some(tree) => limit_expr = Some(self.expr(tree)?),
                    None => self.skip(),
                }
                if self.is(&Token::Comma) {
                    return Err(self.unsupported("LIMIT a, b; write LIMIT b OFFSET a"));
                }
                if self.is_word("by") {
                    return Err(self.unsupported("LIMIT BY"));
                }
            } else if let Some(tree) = offset.take_if(|_| self.is_word("offset")) {
                self.skip();
                offset_expr = Some(self.expr(tree.value)?);
                if !self.accept_word("rows") {
                    self.accept_word("row");
                }
            } else {
                return Ok((limit_expr, offset_expr));
            }
        }
    }

    /// Refuses a clause of other systems by its name.
    pub(crate) fn refuse_clause(&self) -> Result<()> {
        match refused::clause(self.peek()) {
            Some(name) => Err(self.unsupported(&name)),
            None => Ok(()),
        }
    }
}
