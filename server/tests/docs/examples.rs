//! Examples in Markdown text.

/// A command in a `console` block, and what it is said to tell.
#[derive(Debug)]
pub(crate) struct Example {
    /// The line of the page it stands in, from 1.
    pub(crate) line: usize,
    /// Without the prompt; several lines where quotes or a backslash say so.
    pub(crate) command: String,
    /// The lines up to the next command.
    pub(crate) output: String,
}

/// All examples of a page, in order.
pub(crate) fn of(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut in_block = false;
    let mut is_open = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            assert!(!is_open, "line {index}: the command before has no end");
            in_block = line == "```console";
        } else if !in_block {
        } else if is_open {
            let example = examples.last_mut().unwrap();
            example.command.push('\n');
            example.command.push_str(line);
            is_open = words(&example.command).is_none();
        } else if let Some(command) = line.strip_prefix("$ ") {
            is_open = words(command).is_none();
            examples.push(Example {
                line: index + 1,
                command: command.to_owned(),
                output: String::new(),
            });
        } else {
            let example = examples.last_mut().unwrap();
            example.output.push_str(line);
            example.output.push('\n');
        }
    }
    examples
}

/// The words of a command, as a shell splits them; none while a quote or a line is open.
pub(crate) fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\n' => words.extend(word.take()),
            '\\' => match chars.next()? {
                '\n' => {}
                other => word.get_or_insert_default().push(other),
            },
            quote @ ('\'' | '"') => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        end if end == quote => break,
                        other => word.push(other),
                    }
                }
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[test]
fn commands_end_where_a_shell_ends_them() {
    let text = "```console\n$ a 'b\nc' \\\n  d\nout\n$ e\n```\n```sh\n$ f\n```\n";
    let found = of(text);
    let commands: Vec<_> = found
        .iter()
        .map(|example| words(&example.command))
        .collect();
    let expected = [&["a", "b\nc", "d"][..], &["e"]];
    let expected = expected.map(|words| Some(words.iter().map(ToString::to_string).collect()));
    assert_eq!(commands, expected);
    assert_eq!(found[0].output, "out\n");
    assert_eq!((found[0].line, found[1].line), (2, 6));
}
