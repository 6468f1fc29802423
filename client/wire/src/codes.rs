//! Every error code of the contract, its status and what it means.

/// One error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// The stable name, such as `unknown_tag`.
    pub code: &'static str,
    /// The HTTP status it is answered with.
    pub status: u16,
    /// What it means and what to do about it, a sentence or two.
    pub meaning: &'static str,
}

impl ErrorCode {
    /// Whether the same request may succeed later; such answers carry `Retry-After`.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self.status, 429 | 503)
    }
}

/// The entry of a code, if there is one of that name.
#[must_use]
pub fn find(code: &str) -> Option<&'static ErrorCode> {
    ALL.iter().find(|entry| entry.code == code)
}

/// The reason phrase of a status that this contract uses.
#[must_use]
pub const fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        507 => "Insufficient Storage",
        _ => "Error",
    }
}

const fn entry(code: &'static str, status: u16, meaning: &'static str) -> ErrorCode {
    ErrorCode {
        code,
        status,
        meaning,
    }
}

/// All codes, by status.
pub const ALL: &[ErrorCode] = &[
    entry(
        "syntax_error",
        400,
        "The SQL text, or a row of an upload, cannot be read; line and column say where the text \
         stops making sense.",
    ),
    entry("unknown_table", 400, "There is no table of that name."),
    entry(
        "unknown_tag",
        400,
        "The table has no column of that name; the nearest name is offered.",
    ),
    entry(
        "unknown_function",
        400,
        "There is no function of that name; what it is called here is offered where known.",
    ),
    entry(
        "not_grouped",
        400,
        "A column is selected, or ordered by, that is neither grouped by nor inside an aggregate.",
    ),
    entry(
        "duplicate_column",
        400,
        "A column is named twice where names must differ; give one of them an alias.",
    ),
    entry(
        "bad_key",
        400,
        "A key is missing, NULL, too long, or not of the key column's type.",
    ),
    entry(
        "type_mismatch",
        400,
        "A value is not of the type that is expected in its place.",
    ),
    entry(
        "overflow",
        400,
        "A number does not fit the type it is computed or stored in.",
    ),
    entry(
        "vocabulary_full",
        400,
        "A KEYWORD column has more distinct values than its vocabulary may hold; use LONGTEXT for \
         free text, or the key for identifiers.",
    ),
    entry(
        "limit_exceeded",
        400,
        "The request is larger than a limit allows; limit, value and maximum say which and by how \
         much.",
    ),
    entry(
        "unsupported",
        400,
        "What is asked for is known but not offered; the text names it.",
    ),
    entry(
        "bad_parameter",
        400,
        "A query parameter, header, body field or SQL parameter is unknown, missing or malformed.",
    ),
    entry("unauthorized", 401, "The request carries no valid API key."),
    entry(
        "forbidden",
        403,
        "The API key is valid, but may not do this.",
    ),
    entry(
        "not_found",
        404,
        "What the path names does not exist, or may not be seen.",
    ),
    entry(
        "method_not_allowed",
        405,
        "The path exists, but not for this method; the Allow header lists those it has.",
    ),
    entry(
        "not_acceptable",
        406,
        "None of the formats that the request accepts is offered here.",
    ),
    entry(
        "timeout",
        408,
        "The statement ran out of its time and was stopped; a write that was stopped did not \
         happen.",
    ),
    entry(
        "tag_being_replaced",
        409,
        "A bulk load is replacing this column; write to it when the load is done.",
    ),
    entry("already_exists", 409, "Something of that name exists."),
    entry(
        "key_exists",
        409,
        "A row of an insert has a key that exists; nothing was written.",
    ),
    entry(
        "idempotency_key_reused",
        409,
        "This idempotency key was used by another request; a key names one write.",
    ),
    entry(
        "write_lost",
        409,
        "The token names a write that is not part of this database's history, as after a restore.",
    ),
    entry(
        "cursor_expired",
        410,
        "The cursor was not used for too long, or was never given out; run the query again.",
    ),
    entry(
        "body_too_large",
        413,
        "The request's body, decompressed, or one of its lines, is larger than allowed.",
    ),
    entry(
        "result_too_large",
        413,
        "The result is too large for one JSON document; ask for NDJSON or CSV, which are streamed, \
         or add a LIMIT.",
    ),
    entry(
        "unsupported_media_type",
        415,
        "The body's Content-Type or Content-Encoding is not one that this path takes.",
    ),
    entry(
        "bad_rows",
        422,
        "Rows of a bulk write are wrong; each is named by number and column, and nothing was \
         written.",
    ),
    entry(
        "rate_limited",
        429,
        "Too many requests; try again after the time in Retry-After.",
    ),
    entry(
        "internal",
        500,
        "Something went wrong inside the server; the request id finds it in the server's log.",
    ),
    entry(
        "corrupt",
        500,
        "Stored data is damaged; the server's log names the file. Restore a snapshot.",
    ),
    entry(
        "io",
        500,
        "The disk could not be read; the server's log names the file.",
    ),
    entry(
        "write_unknown",
        500,
        "The disk did not confirm the write: it may or may not be there after a restart. Repeat it \
         with the same idempotency key then.",
    ),
    entry(
        "overloaded",
        503,
        "The server is too busy; try again after the time in Retry-After.",
    ),
    entry(
        "read_only",
        503,
        "Writes are refused until the server is restarted, since an earlier one could not be made \
         durable. Reads go on.",
    ),
    entry(
        "not_caught_up",
        503,
        "The state that the request's token names was not reached in time.",
    ),
    entry(
        "disk_full",
        507,
        "There is no room on the server's disk; the write did not happen, reads go on.",
    ),
];
