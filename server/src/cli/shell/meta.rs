//! The shell's own commands, which begin with a backslash.

/// A command of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meta<'a> {
    /// `\q`
    Quit,
    /// `\timing`
    Timing,
    /// `\d`
    Tables,
    /// `\d TABLE`
    Describe(&'a str),
    /// `\?`
    Help,
    /// Anything else.
    Unknown(&'a str),
}

/// What the shell says of itself.
pub(crate) const HELP: &str = "\
End statements with a semicolon; they may span lines. Tab completes words.
  \\d            tables
  \\d TABLE      columns of a table
  \\timing       show how long statements take, or no longer
  \\q            leave (also Ctrl-D)";

/// The command that a person means who types a word of other shells.
pub(crate) fn word(text: &str) -> Option<&'static str> {
    let text = text.trim().trim_end_matches(';').trim_end();
    match text.to_ascii_lowercase().as_str() {
        "exit" | "quit" => Some("\\q"),
        "help" => Some("\\?"),
        _ => None,
    }
}

impl<'a> Meta<'a> {
    /// The command that a text is, if it begins with a backslash.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let words = text.strip_prefix('\\')?.trim_end_matches(';');
        let (name, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        let rest = rest.trim();
        Some(match (name, rest) {
            ("q" | "quit", "") => Self::Quit,
            ("timing", "") => Self::Timing,
            ("d" | "dt", "") => Self::Tables,
            ("d", table) => Self::Describe(table),
            ("?" | "h" | "help", "") => Self::Help,
            _ => Self::Unknown(text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_shells_are_commands() {
        for (text, command) in [
            ("exit", Some("\\q")),
            (" QUIT ; ", Some("\\q")),
            ("help;", Some("\\?")),
            ("help me", None),
            ("SELECT 1;", None),
        ] {
            assert_eq!(word(text), command, "{text}");
        }
    }

    #[test]
    fn commands_are_told_from_statements() {
        for (text, meta) in [
            ("SELECT", None),
            ("\\q", Some(Meta::Quit)),
            ("\\d", Some(Meta::Tables)),
            ("\\d users;", Some(Meta::Describe("users"))),
            ("\\d  \"My Table\"", Some(Meta::Describe("\"My Table\""))),
            ("\\timing", Some(Meta::Timing)),
            ("\\?", Some(Meta::Help)),
            ("\\x", Some(Meta::Unknown("\\x"))),
            ("\\q now", Some(Meta::Unknown("\\q now"))),
        ] {
            assert_eq!(Meta::parse(text), meta, "{text}");
        }
    }
}
