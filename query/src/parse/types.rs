//! Names of types.

use sqlparser::tokenizer::Token;
use tagdb_storage::catalog::DECIMAL_PRECISION_MAX;
use tagdb_storage::schema::{NumberType, TagType};

use crate::decimal::DIGITS_MAX;
use crate::error::{Error, Result};
use crate::parse::cursor::Cursor;
use crate::value::DataType;

/// Reads the type of a cast.
pub(crate) fn data_type(cursor: &mut Cursor<'_>) -> Result<DataType> {
    let at = cursor.at();
    let Some(word) = cursor.word().map(str::to_ascii_lowercase) else {
        return Err(cursor.expected("a type"));
    };
    cursor.skip();
    let plain = match word.as_str() {
        "boolean" | "bool" => DataType::Boolean,
        "keyword" | "text" | "varchar" | "string" => DataType::Keyword,
        "smallint" => DataType::SmallInt,
        "int" | "integer" => DataType::Int,
        "bigint" => DataType::BigInt,
        "double" => {
            cursor.accept_word("precision");
            DataType::Double
        }
        "decimal" | "numeric" => decimal(cursor)?,
        "date" => DataType::Date,
        "timestamp" => DataType::Timestamp,
        "longtext" => DataType::LongText,
        "map" => map(cursor)?,
        "float" | "real" | "float4" | "float8" | "float64" => {
            return Err(Error::unsupported(format!("the type {word}; write DOUBLE")).at(at));
        }
        _ => {
            let detail = format!("the type {:?}", crate::literal::shown(&word));
            return Err(Error::unsupported(detail).at(at));
        }
    };
    refuse_suffix(cursor, &word)?;
    if cursor.accept(&Token::LBracket) {
        cursor.expect(&Token::RBracket)?;
        if plain != DataType::Keyword || cursor.is(&Token::LBracket) {
            return Err(Error::unsupported("an array of anything but KEYWORD").at(at));
        }
        return Ok(DataType::KeywordSet);
    }
    Ok(plain)
}

fn refuse_suffix(cursor: &Cursor<'_>, word: &str) -> Result<()> {
    if cursor.is(&Token::LParen) {
        let detail = format!("a length or precision of {}", word.to_ascii_uppercase());
        return Err(cursor.unsupported(&detail));
    }
    let zoned =
        (cursor.is_word("with") || cursor.is_word("without")) && cursor.is_word_at(1, "time");
    if zoned {
        return Err(cursor.unsupported("WITH TIME ZONE; a TIMESTAMP is an instant, kept in UTC"));
    }
    if cursor.is_word("unsigned") {
        return Err(cursor.unsupported("an unsigned integer"));
    }
    Ok(())
}

/// `(precision, scale)` behind DECIMAL.
fn decimal(cursor: &mut Cursor<'_>) -> Result<DataType> {
    let at = cursor.at();
    cursor.expect(&Token::LParen)?;
    let precision = digits(cursor)?;
    let scale = match cursor.accept(&Token::Comma) {
        true => digits(cursor)?,
        false => 0,
    };
    cursor.expect(&Token::RParen)?;
    if precision == 0 || precision > DIGITS_MAX || scale > precision {
        let detail = format!(
            "DECIMAL({precision},{scale}) cannot be: the precision goes from 1 to {DIGITS_MAX} (of \
             a column to {DECIMAL_PRECISION_MAX}), the scale from 0 to the precision"
        );
        return Err(Error::type_mismatch(detail).at(at));
    }
    Ok(DataType::Decimal { precision, scale })
}

fn digits(cursor: &mut Cursor<'_>) -> Result<u8> {
    if let Token::Number(number, _) = cursor.peek()
        && let Ok(number) = number.parse()
    {
        cursor.skip();
        return Ok(number);
    }
    Err(cursor.expected("a number of digits"))
}

/// `(KEYWORD, type)` behind MAP.
fn map(cursor: &mut Cursor<'_>) -> Result<DataType> {
    cursor.expect(&Token::LParen)?;
    let at = cursor.at();
    let key = data_type(cursor)?;
    if key != DataType::Keyword {
        return Err(Error::unsupported("a map whose keys are not KEYWORD").at(at));
    }
    cursor.expect(&Token::Comma)?;
    let at = cursor.at();
    let value = data_type(cursor)?;
    cursor.expect(&Token::RParen)?;
    match value.number_type() {
        Some(number) => Ok(DataType::Map(number)),
        None => Err(Error::unsupported(format!("a map to {value}")).at(at)),
    }
}

/// Reads the type of a column.
pub(crate) fn tag_type(cursor: &mut Cursor<'_>) -> Result<TagType> {
    let at = cursor.at();
    let data_type = data_type(cursor)?;
    let number = data_type.number_type();
    let kind = match data_type {
        DataType::Boolean => TagType::Boolean,
        DataType::Keyword => TagType::Keyword,
        DataType::LongText => TagType::LongText,
        DataType::KeywordSet => TagType::KeywordSet,
        DataType::Map(number) => TagType::Map(number),
        _ => match number {
            Some(number) => TagType::Number(number),
            None => return Err(Error::internal("a type without a tag type").at(at)),
        },
    };
    if let TagType::Number(NumberType::Decimal { precision, .. })
    | TagType::Map(NumberType::Decimal { precision, .. }) = kind
        && precision > DECIMAL_PRECISION_MAX
    {
        let detail =
            format!("a DECIMAL column has at most {DECIMAL_PRECISION_MAX} digits, not {precision}");
        return Err(Error::type_mismatch(detail).at(at));
    }
    Ok(kind)
}
