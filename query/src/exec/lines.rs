//! Strings of a column as lines, many at a time.

/// Strings are copied in pieces of so many bytes; longer ones by their length.
const NARROW: usize = 16;
const WIDE: usize = 48;

/// Appends each string of a column, and a newline behind it. `ends` are the end of each in
/// `bytes`, which rise up to its length.
pub fn push_lines(bytes: &[u8], ends: &[u32], out: &mut Vec<u8>) {
    if bytes.len() < ends.len() * NARROW {
        push::<NARROW>(bytes, ends, out);
    } else {
        push::<WIDE>(bytes, ends, out);
    }
}

fn push<const PIECE: usize>(bytes: &[u8], ends: &[u32], out: &mut Vec<u8>) {
    let mut at = out.len();
    // Room behind the last line, so that a piece may be written beyond its string's end.
    out.resize(at + bytes.len() + ends.len() + PIECE, 0);
    let mut start = 0;
    for end in ends.iter().map(|end| *end as usize) {
        let len = end - start;
        match bytes.get(start..start + PIECE) {
            Some(piece) if len <= PIECE => out[at..at + PIECE].copy_from_slice(piece),
            _ => out[at..at + len].copy_from_slice(&bytes[start..end]),
        }
        out[at + len] = b'\n';
        at += len + 1;
        start = end;
    }
    out.truncate(at);
}

#[cfg(test)]
mod tests {
    use super::push_lines;

    #[test]
    fn lines_are_the_strings() {
        let mut seed = 11_u64;
        for longest in [0, 1, 8, 15, 16, 17, 47, 48, 49, 200] {
            for count in [0, 1, 2, 5, 700] {
                let strings: Vec<String> = (0..count)
                    .map(|_| {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        let len = (seed >> 33) as usize % (longest + 1);
                        char::from(b'a' + (seed >> 50) as u8 % 26)
                            .to_string()
                            .repeat(len)
                    })
                    .collect();
                let mut end = 0;
                let ends = strings.iter().map(|string| {
                    end += string.len() as u32;
                    end
                });
                let ends: Vec<u32> = ends.collect();
                let mut out = b"before\n".to_vec();
                push_lines(strings.concat().as_bytes(), &ends, &mut out);
                let lines = strings.iter().map(|string| format!("{string}\n"));
                let expected = format!("before\n{}", lines.collect::<String>());
                assert_eq!(String::from_utf8(out).unwrap(), expected, "seed 11");
            }
        }
    }
}
