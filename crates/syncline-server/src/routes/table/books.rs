//! What has happened, and how the hub does: log, audit, runs, domains, overview and report.

use super::{ADMINS, KEEPERS, LIMIT, NEXT, REVIEWERS, of_hub, parameter};
use crate::routes::route::{Method, Route, Shows, Success};
use crate::routes::{alerts, books, domains, overview, report};

pub(super) const ROUTES: &[Route] = &[
    Route {
        summary: "Changes in the order of the log: who, when, which fields; no values",
        query: &[LIMIT, NEXT],
        answers: &[Success::json(200, "Log")],
        problems: &[410],
        ..of_hub(Method::Get, "/v1/log", REVIEWERS, "log", |asked| Box::pin(books::log(asked)))
    },
    Route {
        summary: "Entries of the audit; a page may have few of those asked for, and not be the last",
        query: &[
            parameter("order", "AuditOrder", "which come first; `oldest` without it"),
            parameter("category", "AuditWord", "only of this one, such as `DELIVERY`"),
            parameter("action", "AuditWord", "only this one, such as `ENDPOINT_DISABLED`"),
            parameter("user", "AuditWord", "only what this one did"),
            parameter("from", "Time", "only from this time on"),
            parameter("to", "Time", "only before this time"),
            LIMIT,
            NEXT,
        ],
        answers: &[Success::json(200, "Audit")],
        problems: &[410],
        ..of_hub(Method::Get, "/v1/audit", ADMINS, "audit", |asked| Box::pin(books::audit(asked)))
    },
    Route {
        summary: "The head of the audit, to be kept elsewhere",
        answers: &[Success::json(200, "AuditHead")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/audit/head", KEEPERS, "audit_head", |asked| {
            Box::pin(books::head(asked))
        })
    },
    Route {
        summary: "Verifies the audit from its first entry to its head; reads all of the log",
        answers: &[Success::json(200, "AuditVerified")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/audit/verify", KEEPERS, "audit_verify", |asked| {
            Box::pin(books::verify(asked))
        })
    },
    Route {
        summary: "Proves that a change of a record was recorded; reads all of the log",
        query: &[parameter(
            "run",
            "RunName",
            "the id of the run that brought the change; else the latest change",
        )],
        answers: &[Success::json(200, "AuditProof")],
        problems: &[404],
        ..of_hub(Method::Get, "/v1/audit/proof/{entity}/{id}", ADMINS, "audit_proof", |asked| {
            Box::pin(books::proof(asked))
        })
    },
    Route {
        summary: "Runs of synchronisations and groups of the writer, the latest first",
        query: &[LIMIT, NEXT],
        answers: &[Success::json(200, "Runs")],
        problems: &[410],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/runs", KEEPERS, "runs", |asked| Box::pin(books::runs(asked)))
    },
    Route {
        summary: "One run",
        answers: &[Success::json(200, "Run")],
        problems: &[404],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/runs/{run}", KEEPERS, "run", |asked| Box::pin(books::run(asked)))
    },
    Route {
        summary: "Folders, clients and applications, each with a verdict: why, since when, what to do",
        query: &[LIMIT, NEXT],
        problems: &[410],
        answers: &[Success::json(200, "Domains")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/domains", KEEPERS, "domains", |asked| {
            Box::pin(domains::list(asked))
        })
    },
    Route {
        summary: "Operations that were refused for good, as long as the hub knows of them",
        query: &[parameter("client", "ClientId", "only of this one"), LIMIT, NEXT],
        answers: &[Success::json(200, "DeadLetters")],
        problems: &[410],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/dead-letters", KEEPERS, "dead_letters", |asked| {
            Box::pin(books::dead_letters(asked))
        })
    },
    Route {
        summary: "How the hub does, and what happened in the last ten minutes, every 5 s",
        query: &[parameter("since", "Position", "`n` of the latest sample that one has")],
        answers: &[Success::json(200, "Overview")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/overview", KEEPERS, "overview", |asked| {
            Box::pin(overview::overview(asked))
        })
    },
    Route {
        summary: "What of the hub is too bad now: since when, how bad, and who was told",
        answers: &[Success::json(200, "Alerts")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/alerts", KEEPERS, "alerts", |asked| {
            Box::pin(alerts::list(asked))
        })
    },
    Route {
        summary: "What the hub did in the latest day or week, in numbers",
        query: &[parameter("period", "ReportPeriod", "a day without it")],
        answers: &[Success::json(200, "Report")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/report", KEEPERS, "report", |asked| {
            Box::pin(report::report(asked))
        })
    },
];
