//! JSON text laid out as its neighbours in the file are.

use syncline_model::json;

use super::lookup::string_end;

/// How an item is laid out.
#[derive(Clone)]
pub(super) enum Layout {
    /// On lines of its own, after the first indented by this.
    Lines(Vec<u8>),
    /// On one line, with or without a space after `:` and `,`.
    OneLine { spaced: bool },
}

/// Appends a value in a layout; what is written is the same for every text of the value.
///
/// `text` is a whole value and well-formed; any other text is written somehow, without a panic.
pub(super) fn lay_out(text: &[u8], layout: &Layout, line_end: &str, out: &mut Vec<u8>) {
    let mut level = 0_usize;
    let mut position = 0;
    while let Some(&byte) = text.get(position) {
        position += 1;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'"' => {
                let end = string_end(text, position - 1);
                push_string(text.get(position - 1..end).unwrap_or_default(), out);
                position = end;
            }
            b'{' | b'[' => {
                out.push(byte);
                position = spaces_end(text, position);
                let closes = |next: &u8| matches!(next, b'}' | b']');
                if let Some(closing) = text.get(position).filter(|next| closes(next)) {
                    out.push(*closing);
                    position += 1;
                } else {
                    level += 1;
                    break_line(layout, line_end, level, out);
                }
            }
            b'}' | b']' => {
                level = level.saturating_sub(1);
                break_line(layout, line_end, level, out);
                out.push(byte);
            }
            b',' => {
                out.push(b',');
                match layout {
                    Layout::OneLine { spaced: true } => out.push(b' '),
                    _ => break_line(layout, line_end, level, out),
                }
            }
            b':' => {
                out.push(b':');
                if !matches!(layout, Layout::OneLine { spaced: false }) {
                    out.push(b' ');
                }
            }
            _ => {
                let end = scalar_end(text, position);
                out.extend_from_slice(text.get(position - 1..end).unwrap_or_default());
                position = end;
            }
        }
    }
}

fn break_line(layout: &Layout, line_end: &str, level: usize, out: &mut Vec<u8>) {
    if let Layout::Lines(indent) = layout {
        out.extend_from_slice(line_end.as_bytes());
        out.extend_from_slice(indent);
        out.extend(std::iter::repeat_n(b' ', 2 * level));
    }
}

/// Appends a string with the fewest, shortest escapes.
fn push_string(string: &[u8], out: &mut Vec<u8>) {
    if string.contains(&b'\\')
        && let Ok(value) = json::parse(string)
    {
        out.extend_from_slice(value.to_compact_string().as_bytes());
    } else {
        out.extend_from_slice(string);
    }
}

fn spaces_end(text: &[u8], start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count()
}

/// Returns where a number, `true`, `false` or `null` ends.
fn scalar_end(text: &[u8], start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|byte| !b",:]}\" \t\r\n".contains(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_a_value_is_laid_out_alike() {
        let tree = json::parse(br#"{"a":"\u00e9\/\n","b":[1.0,{},[]],"c":{"d":null}}"#).unwrap();
        let texts = [
            tree.to_compact_string(),
            tree.to_pretty_string(),
            r#" { "a" :"\u00e9\/\n", "b" : [ 1.0,{ },[
] ] , "c":{"d":null}}"#
                .to_owned(),
        ];
        let laid_out = |text: &str, layout: &Layout, line_end| {
            let mut out = Vec::new();
            lay_out(text.as_bytes(), layout, line_end, &mut out);
            String::from_utf8(out).unwrap()
        };
        for text in &texts {
            let lines = Layout::Lines(b"\t".to_vec());
            let expected = tree.to_pretty_string().replace('\n', "\r\n\t");
            assert_eq!(laid_out(text, &lines, "\r\n"), expected);
            let narrow = Layout::OneLine { spaced: false };
            assert_eq!(laid_out(text, &narrow, "\n"), tree.to_compact_string());
            let wide = r#"{"a": "é/\n", "b": [1.0, {}, []], "c": {"d": null}}"#;
            assert_eq!(laid_out(text, &Layout::OneLine { spaced: true }, "\n"), wide);
        }
    }
}
