//! Which events are sent and what of them, where their endpoint has settled an expression for that.

use std::sync::{Arc, LazyLock};

use syncline_engine::deliver::{EventRef, Settings};
use syncline_hub::served::deliver::Content;
use syncline_model::json::{Json, Object, parse};
use syncline_policy::{
    EventFilter, EventFilterError, EventFilterFailure, Transformation, TransformationError,
    TransformationFailure,
};
use syncline_protocol::time::format_time;

use crate::apart::within;
use crate::limits::TRANSFORMED_AT_ONCE;
use crate::room::Room;

/// Who may compute at once, of all hubs: the rest of the server goes on meanwhile.
static ROOM: LazyLock<Room> = LazyLock::new(|| Room::new(TRANSFORMED_AT_ONCE));

/// Returns the transformation of an endpoint, if it has one.
pub(crate) fn transformation_of(
    settings: &Settings,
) -> Option<Result<Transformation, TransformationError>> {
    settings.transformation.as_deref().map(Transformation::compile)
}

/// Returns the filter of an endpoint, if it has one.
pub(crate) fn filter_of(settings: &Settings) -> Option<Result<EventFilter, EventFilterError>> {
    settings.condition.as_deref().map(EventFilter::compile)
}

/// Returns an event as filters and transformations see it.
pub(crate) fn seen(event: &EventRef, content: &Content) -> Json {
    let data = parse(content.data.as_bytes()).unwrap_or(Json::Null);
    let mut document = Object::new();
    document.insert("id", event.event.as_str());
    document.insert("type", event.event_type.as_str());
    document.insert("timestamp", format_time(event.created_ms));
    document.insert("resourceType", event.entity.as_str());
    document.insert("resourceId", event.id.as_str());
    document.insert("sequence", event.position.0);
    document.insert("origin", content.origin.as_str());
    document.insert("data", data);
    document.into()
}

/// Returns whether an event is chosen, beside everything else that goes on.
///
/// - `hub`: whose share of the room that takes.
///
/// # Errors
///
/// [`EventFilterFailure`]; of the same event the same.
pub(crate) async fn chosen(
    hub: &str,
    filter: &EventFilter,
    event: &Arc<EventRef>,
    content: &Arc<Content>,
) -> Result<bool, EventFilterFailure> {
    let (event, content) = (Arc::clone(event), Arc::clone(content));
    is_chosen(hub, filter, move || seen(&event, &content)).await
}

/// As [`chosen`], with an event that is made there, too.
pub(crate) async fn is_chosen(
    hub: &str,
    filter: &EventFilter,
    event: impl FnOnce() -> Json + Send + 'static,
) -> Result<bool, EventFilterFailure> {
    let filter = filter.clone();
    let judge = within(&ROOM, hub, move || filter.chooses(&event()));
    // One that makes the evaluator panic has failed.
    judge.await.unwrap_or(Err(TransformationFailure::Failed.into()))
}

/// Makes what is sent of an event, beside everything else that goes on.
///
/// - `hub`: whose share of the room that takes.
///
/// # Errors
///
/// [`TransformationFailure`]; of the same event the same.
pub(crate) async fn transformed(
    hub: &str,
    transformation: &Transformation,
    event: &Arc<EventRef>,
    content: &Arc<Content>,
) -> Result<Content, TransformationFailure> {
    let (event, content) = (Arc::clone(event), Arc::clone(content));
    let told = Content::clone(&content);
    let data = applied(hub, transformation, move || seen(&event, &content)).await?;
    // It speaks of other fields.
    Ok(Content { data: data.to_compact_string().into(), edited: None, ..told })
}

/// As [`transformed`], with an event that is made there, too.
pub(crate) async fn applied(
    hub: &str,
    transformation: &Transformation,
    event: impl FnOnce() -> Json + Send + 'static,
) -> Result<Json, TransformationFailure> {
    let transformation = transformation.clone();
    let apply = within(&ROOM, hub, move || transformation.apply(&event()));
    // One that makes the evaluator panic has failed.
    apply.await.unwrap_or(Err(TransformationFailure::Failed))
}
