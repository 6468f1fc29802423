//! Operands: literals, names, calls, and what stands in brackets.

use sqlparser::ast::{
    AccessExpr, CaseWhen, CastKind, Expr as Tree, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, MapEntry, Subscript, UnaryOperator,
};
use sqlparser::tokenizer::Token;

use crate::bind::bound::{DateField, Interval};
use crate::error::{Error, Result};
use crate::parse::ast::{Call, Expr, ExprKind};
use crate::parse::cursor::Cursor;
use crate::parse::dialect::is_reserved;
use crate::parse::types;
use crate::value::DataType;

impl Cursor<'_> {
    /// Takes apart what is no operator with a left side.
    pub(crate) fn operand(&mut self, tree: Tree) -> Result<Expr> {
        let at = self.at();
        let kind = match tree {
            Tree::Nested(inner) => return self.bracketed(*inner),
            Tree::CompoundFieldAccess { root, access_chain } => {
                let mut element = self.elements(*root, access_chain)?;
                element.start = at;
                return Ok(element);
            }
            Tree::UnaryOp { op, expr } => return self.unary(op, *expr),
            Tree::Value(_) => self.literal()?,
            Tree::Identifier(_) => self.column(1)?,
            Tree::CompoundIdentifier(parts) => self.column(parts.len())?,
            Tree::Function(function) => self.call(function)?,
            Tree::Array(array) => {
                self.accept_word("array");
                self.expect(&Token::LBracket)?;
                let elements = self.list(array.elem, Self::expr)?;
                self.expect(&Token::RBracket)?;
                ExprKind::List(elements)
            }
            Tree::Map(map) => {
                self.accept_word("map");
                self.expect(&Token::LBrace)?;
                let entries = self.list(map.entries, Self::map_entry)?;
                self.expect(&Token::RBrace)?;
                ExprKind::Map(entries)
            }
            Tree::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand, conditions, else_result)?,
            Tree::Cast {
                kind: CastKind::Cast,
                expr,
                ..
            } => self.cast(*expr)?,
            Tree::Extract { expr, .. } => self.extract(*expr)?,
            Tree::TypedString(_) => self.typed_text()?,
            Tree::Interval(_) => ExprKind::Interval(self.interval()?),
            Tree::Subquery(query) => {
                self.expect(&Token::LParen)?;
                let query = Box::new(self.query(*query)?);
                self.expect(&Token::RParen)?;
                ExprKind::Query(query)
            }
            Tree::Lambda(lambda) => {
                let name = self.name("an expression")?;
                self.expect(&Token::Arrow)?;
                ExprKind::Lambda(name, Box::new(self.expr(*lambda.body)?))
            }
            other => return Err(self.refused_operand(&other)),
        };
        self.node(at, kind)
    }

    fn bracketed(&mut self, inner: Tree) -> Result<Expr> {
        self.expect(&Token::LParen)?;
        let inner = self.expr(inner)?;
        self.expect(&Token::RParen)?;
        Ok(inner)
    }

    fn unary(&mut self, operator: UnaryOperator, inner: Tree) -> Result<Expr> {
        let at = self.at();
        if operator == UnaryOperator::Not {
            self.expect_word("not")?;
            let inner = self.expr(inner)?;
            return self.node(at, ExprKind::Not(Box::new(inner)));
        }
        if self.accept(&Token::Plus) {
            return self.expr(inner);
        }
        if self.accept(&Token::Minus) {
            let inner = self.expr(inner)?;
            return self.node(at, ExprKind::Negate(Box::new(inner)));
        }
        Err(self.unsupported(&format!("the operator {}", self.peek())))
    }

    /// A literal or a parameter, which the library does not read.
    pub(crate) fn constant(&mut self) -> Result<Expr> {
        let at = self.at();
        let minus = self.accept(&Token::Minus);
        let literal = self.literal()?;
        let literal = self.node(at, literal)?;
        match minus {
            true => self.node(at, ExprKind::Negate(Box::new(literal))),
            false => Ok(literal),
        }
    }

    /// A literal or a parameter.
    pub(crate) fn literal(&mut self) -> Result<ExprKind> {
        Ok(match self.peek() {
            Token::Number(..) => ExprKind::Number(self.number("a number")?),
            Token::SingleQuotedString(_) => ExprKind::Text(self.text("a string")?),
            Token::Placeholder(_) => ExprKind::Parameter(self.parameter()?),
            _ => {
                if self.accept_word("null") {
                    ExprKind::Null
                } else if self.accept_word("true") {
                    ExprKind::Boolean(true)
                } else if self.accept_word("false") {
                    ExprKind::Boolean(false)
                } else {
                    return Err(self.expected("an expression"));
                }
            }
        })
    }

    fn column(&mut self, parts: usize) -> Result<ExprKind> {
        if self.is_any_word(&["current_timestamp", "localtimestamp"]) {
            return Err(self.unsupported("CURRENT_TIMESTAMP; write now()"));
        }
        let first = self.name("an expression")?;
        if parts == 1 {
            let (qualifier, name) = (None, first);
            return Ok(ExprKind::Column { qualifier, name });
        }
        self.expect(&Token::Period)?;
        let name = self.name("a column")?;
        if parts > 2 {
            return Err(self.unsupported("a name of more than two parts"));
        }
        let qualifier = Some(first);
        Ok(ExprKind::Column { qualifier, name })
    }

    /// `m['k']`, `t.m['k']`
    fn elements(&mut self, root: Tree, accesses: Vec<AccessExpr>) -> Result<Expr> {
        let start = self.at();
        let mut accesses = accesses.into_iter().peekable();
        let qualified = accesses
            .next_if(|access| matches!(access, AccessExpr::Dot(Tree::Identifier(_))))
            .is_some();
        let mut left = match (root, qualified) {
            (Tree::Identifier(_), true) => {
                let column = self.column(2)?;
                self.node(start, column)?
            }
            (root, _) => self.operand(root)?,
        };
        for access in accesses {
            let at = self.at();
            let AccessExpr::Subscript(subscript) = access else {
                return Err(self.unsupported("a part of a value behind a dot"));
            };
            self.expect(&Token::LBracket)?;
            let Subscript::Index { index } = subscript else {
                return Err(self.unsupported("a slice of an array"));
            };
            let key = Box::new(self.expr(index)?);
            self.expect(&Token::RBracket)?;
            left = self.node(at, ExprKind::Element(Box::new(left), key))?;
        }
        Ok(left)
    }

    fn map_entry(&mut self, entry: MapEntry) -> Result<(Expr, Expr)> {
        let key = self.expr(*entry.key)?;
        self.expect(&Token::Colon)?;
        Ok((key, self.expr(*entry.value)?))
    }

    fn case(
        &mut self,
        operand: Option<Box<Tree>>,
        conditions: Vec<CaseWhen>,
        otherwise: Option<Box<Tree>>,
    ) -> Result<ExprKind> {
        self.expect_word("case")?;
        let operand = match operand {
            Some(operand) => Some(Box::new(self.expr(*operand)?)),
            None => None,
        };
        let mut branches = Vec::with_capacity(conditions.len());
        for CaseWhen { condition, result } in conditions {
            self.expect_word("when")?;
            let condition = self.expr(condition)?;
            self.expect_word("then")?;
            branches.push((condition, self.expr(result)?));
        }
        let otherwise = match otherwise {
            Some(otherwise) => {
                self.expect_word("else")?;
                Some(Box::new(self.expr(*otherwise)?))
            }
            None => None,
        };
        self.expect_word("end")?;
        Ok(ExprKind::Case {
            operand,
            branches,
            otherwise,
        })
    }

    fn cast(&mut self, inner: Tree) -> Result<ExprKind> {
        self.expect_word("cast")?;
        self.expect(&Token::LParen)?;
        let inner = self.expr(inner)?;
        self.expect_word("as")?;
        let to = types::data_type(self)?;
        self.expect(&Token::RParen)?;
        Ok(ExprKind::Cast(Box::new(inner), to))
    }

    fn extract(&mut self, inner: Tree) -> Result<ExprKind> {
        self.expect_word("extract")?;
        self.expect(&Token::LParen)?;
        let field = match self.peek() {
            Token::Word(word) => date_field(&word.value),
            Token::SingleQuotedString(word) => date_field(word),
            _ => None,
        };
        let Some(field) = field else {
            let fields = "YEAR, QUARTER, MONTH, WEEK, DAY, DOW, ISODOW, DOY, HOUR, MINUTE, SECOND \
                          or EPOCH";
            return Err(self.expected(fields));
        };
        self.skip();
        self.expect_word("from")?;
        let inner = self.expr(inner)?;
        self.expect(&Token::RParen)?;
        Ok(ExprKind::Extract(field, Box::new(inner)))
    }

    /// `DATE '2026-11-20'`: a cast of a string.
    fn typed_text(&mut self) -> Result<ExprKind> {
        let to = if self.is_word("date") {
            DataType::Date
        } else if self.is_word("timestamp") {
            DataType::Timestamp
        } else {
            return Err(self.unsupported("a type before a string; write CAST"));
        };
        self.skip();
        let at = self.at();
        let text = self.text("a string")?;
        let text = self.node(at, ExprKind::Text(text))?;
        Ok(ExprKind::Cast(Box::new(text), to))
    }

    /// `INTERVAL '7 days 2 hours'`, `INTERVAL '7' DAY`, `INTERVAL 7 DAY`.
    fn interval(&mut self) -> Result<Interval> {
        self.expect_word("interval")?;
        let at = self.at();
        let mut text = match self.peek() {
            Token::Number(..) => self.number("a number")?,
            _ => self.text("a number or a string")?,
        };
        if let Some(unit) = self.word()
            && unit_of(&unit.to_ascii_lowercase()).is_some()
        {
            text = format!("{text} {unit}");
            self.skip();
        }
        parse_interval(&text).ok_or_else(|| {
            let shown = crate::literal::shown(&text);
            Error::syntax(format!("{shown:?} is not an interval such as '7 days'")).at(at)
        })
    }

    fn call(&mut self, function: Function) -> Result<ExprKind> {
        let name = self.name("an expression")?;
        if self.is(&Token::Period) {
            return Err(self.unsupported("a schema before a function"));
        }
        let mut call = Call {
            name,
            star: false,
            distinct: false,
            arguments: Vec::new(),
            filter: None,
        };
        let list = match function.args {
            FunctionArguments::List(list) => list,
            FunctionArguments::None => return Ok(ExprKind::Call(call)),
            FunctionArguments::Subquery(_) => {
                self.expect(&Token::LParen)?;
                return Err(self.unsupported("a sub-query"));
            }
        };
        self.expect(&Token::LParen)?;
        call.distinct = self.accept_word("distinct");
        if !call.distinct && !list.args.is_empty() {
            self.accept_word("all");
        }
        let star = matches!(
            list.args.first(),
            Some(FunctionArg::Unnamed(FunctionArgExpr::Wildcard))
        );
        if star && !call.distinct {
            self.expect(&Token::Mul)?;
            call.star = true;
        } else {
            call.arguments = self.list(list.args, Self::argument)?;
        }
        if self.is_word("order") {
            return Err(self.unsupported("ORDER BY in an aggregate"));
        }
        self.expect(&Token::RParen)?;
        if let Some(filter) = function.filter {
            self.expect_word("filter")?;
            self.expect(&Token::LParen)?;
            self.expect_word("where")?;
            call.filter = Some(Box::new(self.expr(*filter)?));
            self.expect(&Token::RParen)?;
        }
        self.refuse_suffix()?;
        Ok(ExprKind::Call(call))
    }

    fn argument(&mut self, argument: FunctionArg) -> Result<Expr> {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(tree)) => {
                let expr = self.expr(tree)?;
                if self.is(&Token::RArrow) || self.is(&Token::Assignment) {
                    return Err(self.unsupported("a named argument"));
                }
                Ok(expr)
            }
            FunctionArg::Unnamed(_) => Err(self.expected("an expression")),
            FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => {
                self.skip();
                Err(self.unsupported("a named argument"))
            }
        }
    }

    /// Refuses what other systems write behind a call.
    fn refuse_suffix(&self) -> Result<()> {
        for (word, feature) in [
            ("over", "OVER (window functions)"),
            ("within", "WITHIN GROUP"),
            ("ignore", "IGNORE NULLS"),
        ] {
            let behind = self.peek_at(1);
            let opens = match behind {
                Token::Word(_) => !is_reserved(behind) || self.is_word_at(1, "group"),
                _ => *behind == Token::LParen,
            };
            if self.is_word(word) && opens {
                return Err(self.unsupported(feature));
            }
        }
        Ok(())
    }

    /// The error for an operand that is left out of the dialect.
    fn refused_operand(&mut self, tree: &Tree) -> Error {
        match tree {
            Tree::Exists { .. } => {
                self.accept_word("not");
                self.unsupported("a sub-query of EXISTS; write key IN (SELECT ...)")
            }
            Tree::Tuple(_) => self.unsupported("a row of several values"),
            _ => match self.word().map(str::to_ascii_uppercase) {
                Some(word) => self.unsupported(&word),
                None => self.expected("an expression"),
            },
        }
    }
}

fn date_field(word: &str) -> Option<DateField> {
    Some(match word.to_ascii_lowercase().as_str() {
        "year" => DateField::Year,
        "quarter" => DateField::Quarter,
        "month" => DateField::Month,
        "week" => DateField::Week,
        "day" => DateField::Day,
        "dow" | "dayofweek" => DateField::DayOfWeek,
        "isodow" => DateField::IsoDayOfWeek,
        "doy" | "dayofyear" => DateField::DayOfYear,
        "hour" => DateField::Hour,
        "minute" => DateField::Minute,
        "second" => DateField::Second,
        "epoch" => DateField::Epoch,
        _ => return None,
    })
}

fn parse_interval(text: &str) -> Option<Interval> {
    let mut interval = Interval::default();
    let mut words = text.split_ascii_whitespace().peekable();
    words.peek()?;
    while let Some(number) = words.next() {
        let number: i64 = number.parse().ok()?;
        let (months, days, microseconds) = unit_of(&words.next()?.to_ascii_lowercase())?;
        let times = |unit: i32| i32::try_from(number.checked_mul(i64::from(unit))?).ok();
        interval.months = interval.months.checked_add(times(months)?)?;
        interval.days = interval.days.checked_add(times(days)?)?;
        let exact = number.checked_mul(microseconds)?;
        interval.microseconds = interval.microseconds.checked_add(exact)?;
    }
    Some(interval)
}

/// Months, days and microseconds of a unit.
fn unit_of(word: &str) -> Option<(i32, i32, i64)> {
    Some(match word {
        "year" | "years" => (12, 0, 0),
        "quarter" | "quarters" => (3, 0, 0),
        "month" | "months" => (1, 0, 0),
        "week" | "weeks" => (0, 7, 0),
        "day" | "days" => (0, 1, 0),
        "hour" | "hours" => (0, 0, 3_600_000_000),
        "minute" | "minutes" => (0, 0, 60_000_000),
        "second" | "seconds" => (0, 0, 1_000_000),
        "millisecond" | "milliseconds" => (0, 0, 1_000),
        "microsecond" | "microseconds" => (0, 0, 1),
        _ => return None,
    })
}
