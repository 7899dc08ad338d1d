//! The description of the interface (OpenAPI 3.1), made from the table of the routes.

use syncline_model::json::{Json, Object};

use crate::document::{object, texts};
use crate::problem;
use crate::routes::{Access, Route, Scope, TABLE};

/// The schemas of bodies and answers, in JSON Schema.
const SCHEMAS: &str = include_str!("schemas.json");

/// Statuses of problems that every route may answer, and what they mean.
const PROBLEMS: &[(u16, &str)] = &[
    (400, "Not understood"),
    (401, "No access token, or none that is good here"),
    (403, "Not permitted"),
    (404, "Not there"),
    (409, "There is one already"),
    (410, "The cursor cannot be used any more"),
    (412, "It is another by now"),
    (413, "The body is too long"),
    (415, "The body is of another kind"),
    (422, "Understood, and refused"),
    (426, "Only a WebSocket is answered"),
    (429, "Too many requests with this token"),
    (500, "A mistake of the server"),
    (503, "Not now; try again"),
];

/// Returns the document.
pub(crate) fn document() -> Json {
    let mut paths = Object::new();
    for route in TABLE {
        if !paths.contains_key(route.path) {
            paths.insert(route.path, path_item(route));
        }
        if let Some(Json::Object(item)) = paths.get_mut(route.path) {
            item.insert(route.method.as_str().to_ascii_lowercase(), operation(route));
        }
    }
    let schemas = syncline_model::json::parse(SCHEMAS.as_bytes());
    let schemas = schemas.expect("invariant: the schemas are JSON");
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
        (
            "components",
            object([
                ("securitySchemes", object([("token", bearer)])),
                ("schemas", schemas),
            ]),
        ),
    ])
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
    let parameters: Vec<Json> = names.map(|(name, _)| parameter(name, "path", "")).collect();
    if !parameters.is_empty() {
        item.insert("parameters", parameters);
    }
    item.into()
}

fn parameter(name: &str, place: &str, about: &str) -> Json {
    let mut parameter = Object::new();
    parameter.insert("name", name);
    parameter.insert("in", place);
    parameter.insert("required", place == "path");
    if !about.is_empty() {
        parameter.insert("description", about);
    }
    parameter.insert("schema", object([("type", "string".into())]));
    parameter.into()
}

fn operation(route: &Route) -> Json {
    let mut operation = Object::new();
    operation.insert("operationId", route.name);
    operation.insert("summary", route.summary);
    if !route.query.is_empty() {
        let query = route.query.iter().map(|(name, about)| parameter(name, "query", about));
        operation.insert("parameters", query.collect::<Vec<_>>());
    }
    match route.access {
        Access::Everybody => operation.insert("security", Vec::new()),
        Access::Roles(roles) | Access::RolesOrTicket(roles) => {
            let words = roles.iter().map(|role| role.as_str());
            operation.insert("x-roles", texts(words));
            let needed = object([("token", Json::Array(Vec::new()))]);
            operation.insert("security", vec![needed])
        }
    };
    if let Some(schema) = route.body {
        let content = object([("application/json", media(schema))]);
        operation.insert("requestBody", object([("required", true.into()), ("content", content)]));
    }
    operation.insert("responses", responses(route));
    operation.into()
}

fn media(schema: &str) -> Json {
    let reference = format!("#/components/schemas/{schema}");
    object([("schema", object([("$ref", reference.into())]))])
}

fn responses(route: &Route) -> Json {
    let mut responses = Object::new();
    let (status, schema) = route.answer;
    let mut answer = Object::new();
    answer.insert("description", route.summary);
    if let Some(schema) = schema {
        let kind = match schema {
            "Text" => "text/plain",
            "Health" => "application/health+json",
            "Events" => "text/event-stream",
            _ => "application/json",
        };
        answer.insert("content", object([(kind, media(schema))]));
    }
    responses.insert(status.to_string(), answer);
    for status in statuses(route) {
        let meaning = PROBLEMS.iter().find(|(known, _)| *known == status);
        let (_, meaning) = meaning.expect("invariant: every status has a meaning");
        let content = object([(problem::MEDIA_TYPE, media("Problem"))]);
        let answer = object([("description", (*meaning).into()), ("content", content)]);
        responses.insert(status.to_string(), answer);
    }
    responses.into()
}

/// Returns the statuses of the problems that a route may answer.
fn statuses(route: &Route) -> Vec<u16> {
    let mut statuses = vec![400, 500, 503];
    if route.access != Access::Everybody {
        statuses.extend([401, 403, 429]);
    }
    if route.body.is_some() {
        statuses.extend([413, 415]);
    }
    statuses.extend(route.problems);
    statuses.sort_unstable();
    statuses.dedup();
    statuses
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
    fn every_schema_that_is_named_is_there_and_the_other_way_round() {
        let text = document().to_compact_string();
        let schemas = syncline_model::json::parse(SCHEMAS.as_bytes()).unwrap();
        let known: Vec<&str> = schemas.as_object().unwrap().keys().collect();
        let reference = "\"#/components/schemas/";
        let named: Vec<&str> =
            text.split(reference).skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for name in &named {
            assert!(known.contains(name), "{name} is named and not there");
        }
        for name in known {
            assert!(named.contains(&name), "{name} is there and not named");
        }
    }
}
