//! The description of the interface (OpenAPI 3.1), made from the table of the routes.

use syncline_model::json::{Json, Object};

use crate::document::{object, texts};
use crate::problem;
use crate::routes::{Access, Media, Parameter, Route, Scope, Success, TABLE};
use crate::webhook_docs::webhooks_of_every_hub;

/// The schemas of bodies and answers, in JSON Schema.
const SCHEMAS: &str = include_str!("schemas.json");

/// Statuses of problems that a route may answer, what they mean, and the headers that only they have.
const PROBLEMS: &[(u16, &str, &[&str])] = &[
    (400, "Not understood", &[]),
    (401, "No access token, or none that is good here", &["WWW-Authenticate"]),
    (403, "Not permitted", &[]),
    (404, "Not there", &[]),
    (409, "There is one already, or it has changed meanwhile", &[]),
    (410, "The cursor cannot be used any more; begin without", &[]),
    (412, "It is another by now", &["ETag"]),
    (413, "The body is too long", &[]),
    (415, "The body is of another kind", &[]),
    (422, "Understood, and refused", &[]),
    (426, "Only a WebSocket is answered", &["Upgrade"]),
    (429, "Too many requests with this token", &["Retry-After"]),
    (500, "A mistake of the server", &[]),
    (503, "Not now; try again", &["Retry-After"]),
];

/// Headers of answers, what they tell, and whether they are always there where they are named.
const HEADERS: &[(&str, &str, &str, bool)] = &[
    ("X-Request-Id", "Text", "The id of the request, for whoever looks into it", true),
    ("RateLimit", "Text", "What is left to the token, and when the count begins anew", false),
    ("RateLimit-Policy", "Text", "How many requests a token has, in how many seconds", false),
    ("Retry-After", "Seconds", "When the same may succeed, in seconds", false),
    ("WWW-Authenticate", "Text", "`Bearer`", true),
    ("Upgrade", "Text", "`websocket`", false),
    ("ETag", "EntityTag", "`version` of the record, in quotes", false),
    ("Location", "Text", "Where the record is", true),
    ("Set-Cookie", "Text", "The session, where no script can read it", false),
    ("Link", "Text", "The next page (RFC 8288)", false),
    ("Idempotency-Replayed", "Flag", "Whether it was done before, with the same key", false),
];

/// The parameters that paths name in braces.
const PATH_PARAMETERS: &[Parameter] = &[
    Parameter { name: "entity", schema: "EntityName", about: "A type of record" },
    Parameter { name: "id", schema: "RecordId", about: "Which record" },
    Parameter { name: "conflict", schema: "ConflictId", about: "Which conflict" },
    Parameter { name: "run", schema: "RunName", about: "The name of a run, or its id" },
    Parameter { name: "token", schema: "TokenId", about: "The id of an access token" },
    Parameter { name: "endpoint", schema: "EndpointId", about: "Which endpoint" },
    Parameter { name: "position", schema: "Position", about: "The event's place in the log" },
    Parameter { name: "type", schema: "EventType", about: "Which type of event" },
    Parameter { name: "replay", schema: "ReplayId", about: "Which replay" },
    Parameter { name: "event", schema: "EventId", about: "Which event" },
    Parameter { name: "receiver", schema: "ReceiverName", about: "Which receiver" },
    Parameter { name: "code", schema: "Code", about: "The code of a problem" },
];

/// Returns the document.
pub(crate) fn document() -> Json {
    let mut paths = Object::new();
    for route in TABLE.iter() {
        if !paths.contains_key(route.path) {
            paths.insert(route.path, path_item(route));
        }
        if let Some(Json::Object(item)) = paths.get_mut(route.path) {
            item.insert(route.method.as_str().to_ascii_lowercase(), operation(route));
        }
    }
    let bearer = object([("type", "http".into()), ("scheme", "bearer".into())]);
    object([
        ("openapi", "3.1.0".into()),
        (
            "info",
            object([
                ("title", "Syncline".into()),
                ("version", env!("CARGO_PKG_VERSION").into()),
                ("description", "Records that many keep, offline too. docs/protocol.md says what a client does.".into()),
            ]),
        ),
        ("paths", paths.into()),
        // What is in the catalogue of a hub stands in a description of its own, for those who may know of it.
        ("webhooks", webhooks_of_every_hub().into()),
        (
            "components",
            object([
                ("securitySchemes", object([("token", bearer)])),
                ("headers", headers()),
                ("responses", problems()),
                ("schemas", schemas()),
            ]),
        ),
    ])
}

/// Returns the schemas of bodies and answers.
pub(crate) fn schemas() -> Json {
    let schemas = syncline_model::json::parse(SCHEMAS.as_bytes());
    schemas.expect("invariant: the schemas are JSON")
}

/// Returns a reference to a part of the document.
pub(crate) fn reference(part: &str, name: &str) -> Json {
    object([("$ref", format!("#/components/{part}/{name}").into())])
}

fn headers() -> Json {
    let mut headers = Object::new();
    for (name, schema, about, is_always) in HEADERS {
        let header = object([
            ("description", (*about).into()),
            ("required", (*is_always).into()),
            ("schema", reference("schemas", schema)),
        ]);
        headers.insert(*name, header);
    }
    headers.into()
}

fn problems() -> Json {
    let mut problems = Object::new();
    for (status, meaning, headers) in PROBLEMS {
        let media = Media { media_type: problem::MEDIA_TYPE, schema: "Problem" };
        let mut answer = Object::new();
        answer.insert("description", *meaning);
        answer.insert(
            "headers",
            named_headers(&["X-Request-Id", "RateLimit", "RateLimit-Policy"], headers),
        );
        answer.insert("content", content(&[media]));
        problems.insert(problem_name(*status), answer);
    }
    problems.into()
}

fn problem_name(status: u16) -> String {
    format!("Problem{status}")
}

fn named_headers(always: &[&str], more: &[&str]) -> Json {
    let mut headers = Object::new();
    for name in always.iter().chain(more) {
        headers.insert(*name, reference("headers", name));
    }
    headers.into()
}

fn path_item(route: &Route) -> Json {
    let mut item = Object::new();
    if route.scope == Scope::Hub {
        let variables = object([("hub", object([("default", "default".into())]))]);
        let other = object([("url", "/h/{hub}".into()), ("variables", variables)]);
        let servers = vec![object([("url", "/".into())]), other];
        item.insert("servers", servers);
    }
    let names = route.path.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let parameters: Vec<Json> = names
        .filter_map(|(name, _)| PATH_PARAMETERS.iter().find(|known| known.name == name))
        .map(|known| parameter(known, "path"))
        .collect();
    if !parameters.is_empty() {
        item.insert("parameters", parameters);
    }
    item.into()
}

fn parameter(known: &Parameter, place: &str) -> Json {
    object([
        ("name", known.name.into()),
        ("in", place.into()),
        ("required", (place == "path").into()),
        ("description", known.about.into()),
        ("schema", reference("schemas", known.schema)),
    ])
}

fn operation(route: &Route) -> Json {
    let mut operation = Object::new();
    operation.insert("operationId", route.name);
    operation.insert("summary", route.summary);
    let query = route.query.iter().map(|known| parameter(known, "query"));
    let headers = route.headers.iter().map(|known| parameter(known, "header"));
    let parameters: Vec<Json> = query.chain(headers).collect();
    if !parameters.is_empty() {
        operation.insert("parameters", parameters);
    }
    match route.access {
        Access::Everybody | Access::Signed | Access::Cron => {
            operation.insert("security", Vec::new())
        }
        Access::Roles(roles) | Access::RolesOrTicket(roles) | Access::RolesOrSignIn(roles) => {
            let words = roles.iter().map(|role| role.as_str());
            operation.insert("x-roles", texts(words));
            let needed = object([("token", Json::Array(Vec::new()))]);
            operation.insert("security", vec![needed])
        }
    };
    if !route.bodies.is_empty() {
        let body = object([("required", true.into()), ("content", content(route.bodies))]);
        operation.insert("requestBody", body);
    }
    operation.insert("responses", responses(route));
    operation.into()
}

fn content(medias: &[Media]) -> Json {
    let mut content = Object::new();
    for media in medias {
        content.insert(media.media_type, object([("schema", reference("schemas", media.schema))]));
    }
    content.into()
}

fn responses(route: &Route) -> Json {
    let mut responses = Object::new();
    let always: &[&str] = match route.access {
        Access::Everybody => &["X-Request-Id"],
        _ => &["X-Request-Id", "RateLimit", "RateLimit-Policy"],
    };
    for Success { status, about, content: media, headers } in route.answers {
        let mut answer = Object::new();
        answer.insert("description", if about.is_empty() { route.summary } else { about });
        answer.insert("headers", named_headers(always, headers));
        if let Some(media) = media {
            answer.insert("content", content(&[*media]));
        }
        if !route.links.is_empty() {
            answer.insert("links", links(route));
        }
        responses.insert(status.to_string(), answer);
    }
    for status in route.problem_statuses() {
        let key = status.to_string();
        // A status may be a problem here and none there: both kinds of content are named.
        if let Some(Json::Object(answer)) = responses.get_mut(&key) {
            if let Some(Json::Object(kinds)) = answer.get_mut("content") {
                let schema = object([("schema", reference("schemas", "Problem"))]);
                kinds.insert(problem::MEDIA_TYPE, schema);
            }
            continue;
        }
        responses.insert(key, reference("responses", &problem_name(status)));
    }
    responses.into()
}

fn links(route: &Route) -> Json {
    let mut links = Object::new();
    for link in route.links {
        let mut parameters = Object::new();
        for (name, place) in link.parameters {
            parameters.insert(*name, *place);
        }
        let link_to =
            object([("operationId", link.route.into()), ("parameters", parameters.into())]);
        links.insert(link.route, link_to);
    }
    links.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Method;

    /// Every route is described, and nothing else is.
    #[test]
    fn the_description_is_that_of_the_table() {
        let document = document();
        let paths = document.as_object().unwrap().get("paths").unwrap().as_object().unwrap();
        let mut described = 0;
        for (path, item) in paths.iter() {
            for method in [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete] {
                let verb = method.as_str().to_ascii_lowercase();
                let is_described = item.as_object().unwrap().contains_key(&verb);
                let is_route = TABLE.iter().any(|one| one.path == path && one.method == method);
                assert_eq!(is_described, is_route, "{verb} {path}");
                described += usize::from(is_described);
            }
        }
        assert_eq!(described, TABLE.len());
    }

    #[test]
    fn every_part_that_is_named_is_there_and_the_other_way_round() {
        let document = document();
        let text = document.to_compact_string();
        let components = document.as_object().unwrap().get("components").unwrap();
        for part in ["schemas", "headers", "responses"] {
            let components = components.as_object().unwrap().get(part).unwrap();
            let known: Vec<&str> = components.as_object().unwrap().keys().collect();
            let reference = format!("\"#/components/{part}/");
            let named = text.split(&reference).skip(1).filter_map(|rest| rest.split('"').next());
            let named: Vec<&str> = named.collect();
            for name in &named {
                assert!(known.contains(name), "{part}: {name} is named and not there");
            }
            for name in known {
                assert!(named.contains(&name), "{part}: {name} is there and not named");
            }
        }
    }

    #[test]
    fn what_every_hub_delivers_is_described_as_webhooks() {
        let document = document();
        let webhooks = document.as_object().unwrap().get("webhooks").unwrap();
        let names: Vec<&str> = webhooks.as_object().unwrap().keys().collect();
        assert_eq!(names, ["entity.created", "entity.updated", "entity.deleted", "syncline.test"]);
        let text = webhooks.to_compact_string();
        assert!(
            text.contains("webhook-signature") && text.contains(r#""pattern":"^.+\\.created$""#)
        );
    }

    #[test]
    fn every_brace_of_a_path_and_every_link_leads_somewhere() {
        for route in TABLE.iter() {
            let braces = route.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
            for brace in braces {
                assert!(PATH_PARAMETERS.iter().any(|known| known.name == brace), "{brace}");
            }
            assert!(!route.answers.is_empty(), "{}", route.name);
            for link in route.links {
                let other = TABLE.iter().find(|other| other.name == link.route).unwrap();
                for (name, _) in link.parameters {
                    assert!(other.path.contains(&format!("{{{name}}}")), "{}", link.route);
                }
            }
        }
    }
}
