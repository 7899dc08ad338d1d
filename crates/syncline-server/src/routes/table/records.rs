//! Records, and the schemas that they have.

use super::{ADMINS, AFTER, ALL, KEY, LIMIT, NEXT, READERS, WRITERS, of_hub, parameter};
use crate::routes::route::{Link, Media, Method, Parameter, Route, Shows, Success};
use crate::routes::{migrations, records, schemas};

const HOLDS: Parameter = parameter(
    "after",
    "Cursor",
    "a cursor, or a version of the record: answer only once the hub holds it; otherwise 503",
);
const IF_MATCH: Parameter =
    parameter("If-Match", "EntityTags", "only if the record is still one of these; otherwise 412");
const IF_NONE_MATCH: Parameter = parameter(
    "If-None-Match",
    "EntityTags",
    "only if the record is none of these; `*`: only if it is not there",
);
const WRITE_HEADERS: &[Parameter] = &[KEY, IF_MATCH, IF_NONE_MATCH];
/// A record as it is after a write.
const CHANGED: Success =
    Success { headers: &["ETag", "Idempotency-Replayed"], ..Success::json(200, "Change") };
const MADE: Success = Success {
    about: "It was not there",
    headers: &["ETag", "Idempotency-Replayed"],
    ..Success::json(201, "Change")
};
/// The parameters of the routes of one record, of the answer that made it.
const OF_MADE: &[(&str, &str)] =
    &[("entity", "$response.body#/entity"), ("id", "$response.body#/id")];
const TO_RECORD: &[Link] = &[
    Link { route: "record", parameters: OF_MADE },
    Link { route: "record_replace", parameters: OF_MADE },
    Link { route: "record_change", parameters: OF_MADE },
    Link { route: "record_delete", parameters: OF_MADE },
    Link { route: "record_history", parameters: OF_MADE },
];
/// One record.
const RECORD: &str = "/v1/entities/{entity}/records/{id}";

pub(super) const ROUTES: &[Route] = &[
    Route {
        summary: "Lists records in the order of their ids",
        query: &[LIMIT, NEXT, AFTER],
        answers: &[Success { headers: &["Link"], ..Success::json(200, "Records") }],
        problems: &[404, 410],
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/entities/{entity}/records", READERS, "records_list", |asked| {
            Box::pin(records::list(asked))
        })
    },
    Route {
        summary: "Makes a record under an id that the hub chooses",
        headers: &[KEY],
        bodies: &[Media::json("Record")],
        answers: &[Success {
            headers: &["ETag", "Location", "Idempotency-Replayed"],
            ..Success::json(201, "Change")
        }],
        links: TO_RECORD,
        problems: &[404, 409, 422],
        shows: Shows::InSight,
        ..of_hub(Method::Post, "/v1/entities/{entity}/records", WRITERS, "records_make", |asked| {
            Box::pin(records::post(asked))
        })
    },
    Route {
        summary: "A record as it is, or as it was",
        query: &[parameter("at", "Time", "the record as it was then"), HOLDS],
        headers: &[IF_NONE_MATCH],
        answers: &[
            Success { headers: &["ETag"], ..Success::json(200, "Change") },
            Success {
                about: "It is what `If-None-Match` names",
                headers: &["ETag"],
                ..Success::empty(304)
            },
        ],
        problems: &[404, 410, 422],
        shows: Shows::InSight,
        ..of_hub(Method::Get, RECORD, READERS, "record", |asked| Box::pin(records::get(asked)))
    },
    Route {
        summary: "Replaces a record, or makes it",
        headers: WRITE_HEADERS,
        bodies: &[Media::json("Record")],
        answers: &[CHANGED, MADE],
        links: TO_RECORD,
        problems: &[404, 409, 412, 422],
        shows: Shows::InSight,
        ..of_hub(Method::Put, RECORD, WRITERS, "record_replace", |asked| {
            Box::pin(records::put(asked))
        })
    },
    Route {
        summary: "Changes a record: a merge patch, or the parts of an operation",
        headers: WRITE_HEADERS,
        bodies: &[
            Media::json("Parts"),
            Media { media_type: "application/merge-patch+json", schema: "MergePatch" },
        ],
        answers: &[CHANGED],
        problems: &[404, 409, 412, 422],
        shows: Shows::InSight,
        ..of_hub(Method::Patch, RECORD, WRITERS, "record_change", |asked| {
            Box::pin(records::patch(asked))
        })
    },
    Route {
        summary: "Deletes a record",
        headers: WRITE_HEADERS,
        answers: &[Success { headers: &["Idempotency-Replayed"], ..Success::empty(204) }],
        problems: &[404, 409, 412, 422],
        shows: Shows::InSight,
        ..of_hub(Method::Delete, RECORD, WRITERS, "record_delete", |asked| {
            Box::pin(records::delete(asked))
        })
    },
    Route {
        summary: "What a record went through, the newest first",
        query: &[LIMIT, parameter("before", "Position", "the position before which to look on")],
        answers: &[Success::json(200, "History")],
        problems: &[404],
        shows: Shows::InSight,
        ..of_hub(
            Method::Get,
            "/v1/entities/{entity}/records/{id}/history",
            READERS,
            "record_history",
            |asked| Box::pin(records::history(asked)),
        )
    },
    Route {
        summary: "All versions of all schemas, without the schemas",
        query: &[LIMIT, NEXT],
        answers: &[Success::json(200, "Schemas")],
        problems: &[410],
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/schemas", ALL, "schemas", |asked| Box::pin(schemas::list(asked)))
    },
    Route {
        summary: "A version of the schema of an entity, the latest unless another is asked for",
        query: &[parameter("version", "SchemaVersion", "which version")],
        answers: &[Success::json(200, "SchemaRow")],
        problems: &[404],
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/schemas/{entity}", ALL, "schema", |asked| {
            Box::pin(schemas::get(asked))
        })
    },
    Route {
        summary: "Registers the next version of the schema of an entity",
        query: &[parameter("breaking", "Breaking", "`accept`: also if older writers are broken")],
        bodies: &[Media::json("EntitySchema")],
        answers: &[
            Success {
                about: "It is the latest version already",
                ..Success::json(200, "SchemaRow")
            },
            Success { about: "It is a new version", ..Success::json(201, "SchemaRow") },
        ],
        problems: &[409, 422],
        ..of_hub(Method::Put, "/v1/schemas/{entity}", ADMINS, "schema_register", |asked| {
            Box::pin(schemas::put(asked))
        })
    },
    Route {
        summary: "What a schema would break",
        bodies: &[Media::json("EntitySchema")],
        answers: &[Success::json(200, "SchemaChecked")],
        problems: &[422],
        shows: Shows::InSight,
        ..of_hub(Method::Post, "/v1/schemas/{entity}/check", ALL, "schema_check", |asked| {
            Box::pin(schemas::check(asked))
        })
    },
    Route {
        summary: "Registers how records get from one version of a schema to the next",
        bodies: &[Media::json("Migration")],
        answers: &[
            Success { about: "It is registered already", ..Success::json(200, "SchemaRow") },
            Success { about: "It is new", ..Success::json(201, "SchemaRow") },
        ],
        problems: &[404, 409, 422],
        ..of_hub(
            Method::Put,
            "/v1/schemas/{entity}/migration",
            ADMINS,
            "migration_register",
            |asked| Box::pin(migrations::put(asked)),
        )
    },
    Route {
        summary: "Brings a page of records to the latest version of their schema",
        query: &[
            parameter("from", "SchemaVersion", "the oldest version that is looked for"),
            parameter("dryRun", "DryRun", "`true`: only tells what would be done"),
            LIMIT,
            NEXT,
        ],
        answers: &[Success::json(200, "Migrated")],
        problems: &[404, 409, 410, 422],
        ..of_hub(Method::Post, "/v1/schemas/{entity}/migrate", ADMINS, "migrate", |asked| {
            Box::pin(migrations::migrate(asked))
        })
    },
];
