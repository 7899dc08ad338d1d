//! A later version of the protocol, that there is not yet: what the ends of version 1 make of it.
//!
//! A later hub puts members into its answers that nobody knew before, and says a message of its own to
//! those who speak its version; a later client greets with its version and with something more. What they
//! are beneath that is of version 1: each strips what only a later end would understand.

use syncline_model::json::{Json, Object, parse};

/// The later version.
pub(super) const LATER: u32 = 2;
/// What only those say and read who speak it.
const MESSAGE: &str = r#"["later",{"at":[1,null]}]"#;

/// Returns the greeting of a later client.
pub(super) fn greeting(text: &str) -> String {
    text.replacen(r#"["h",{"protocol":1,"#, r#"["h",{"protocol":2,"later":{"a":[1]},"#, 1)
}

/// Returns what a later hub says in the place of a text.
///
/// - `version`: what is spoken on the connection.
pub(super) fn said(text: &str, version: u32) -> Vec<String> {
    let text = match text.get(..4) {
        Some(r#"["w""#) => {
            let welcome = format!(r#"["w",{{"later":{{"b":null}},"protocol":{version},"#);
            text.replacen(r#"["w",{"protocol":1,"#, &welcome, 1)
        }
        Some(r#"["r""#) => with_members(text, 1, 4),
        Some(r#"["c""#) => with_members(text, 2, 5),
        _ => text.to_owned(),
    };
    if version == LATER { vec![MESSAGE.to_owned(), text] } else { vec![text] }
}

/// Returns what a later client makes of a text before it reads it as version 1 does; nothing if that
/// would not know it.
pub(super) fn heard(text: &str) -> Option<String> {
    let welcome = r#"["w",{"later":{"b":null},"protocol":1,"#;
    let later = r#"["w",{"later":{"b":null},"protocol":2,"#;
    (text != MESSAGE).then(|| text.replacen(later, welcome, 1))
}

/// Puts an unknown member into each result or change of a message.
///
/// - `list`: where they stand.
/// - `at`: where each has the object of its members, if it has any.
fn with_members(text: &str, list: usize, at: usize) -> String {
    let Ok(Json::Array(mut row)) = parse(text.as_bytes()) else { return text.to_owned() };
    if let Some(Json::Array(items)) = row.get_mut(list) {
        for item in items {
            let Json::Array(parts) = item else { continue };
            let count = parts.len();
            match parts.get_mut(at) {
                Some(Json::Object(members)) => drop(members.insert("later", Json::Bool(true))),
                Some(_) => {}
                None if count == at => {
                    let mut members = Object::new();
                    members.insert("later", Json::Bool(true));
                    parts.push(Json::Object(members));
                }
                None => {}
            }
        }
    }
    Json::Array(row).to_compact_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_hub_says_more_and_nothing_else() {
        #[rustfmt::skip]
        let cases = [
            ("a welcome", r#"["w",{"protocol":1,"window":64}]"#, r#"["w",{"later":{"b":null},"protocol":1,"window":64}]"#),
            ("results", r#"["r",[[1,0,"v",7],[2,4,0,0,{"problem":{}}]],7]"#, r#"["r",[[1,0,"v",7,{"later":true}],[2,4,0,0,{"problem":{},"later":true}]],7]"#),
            ("changes", r#"["c",0,[["tasks","t1","v",7,{"a":1.50}]],7,1]"#, r#"["c",0,[["tasks","t1","v",7,{"a":1.50},{"later":true}]],7,1]"#),
            ("names", r#"["n",0,["tasks"]]"#, r#"["n",0,["tasks"]]"#),
        ];
        for (name, text, expected) in cases {
            assert_eq!(said(text, 1), [expected], "case: {name}");
            assert_eq!(said(text, LATER).len(), 2, "case: {name}");
        }
        assert_eq!(
            said(cases[0].1, LATER).iter().filter_map(|text| heard(text)).collect::<Vec<_>>(),
            [cases[0].2]
        );
    }
}
