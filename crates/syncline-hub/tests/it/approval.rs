//! Values that are shown at once and wait for those who approve them.

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_hub::{Actor, Choice, HubError};
use syncline_merge::rules::{Approver, EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::Writer;
use syncline_model::path::Pattern;

use crate::desk::{Desk, entity};
use crate::hunt_kit::agreed;

fn record(price: u32) -> String {
    format!(r#"{{"id":"a","price":{price}}}"#)
}

fn rules() -> EntityRules {
    let approvers = [Approver::Role("manager".into()), Approver::User("carol".into())].into();
    let rule = Rule::Approval { provisional: Rule::Max.into(), approvers };
    let price = Pattern::parse("/price").unwrap();
    let fields = vec![FieldRules { pattern: price, shape: Shape::Register, rule }];
    EntityRules { fields, ..EntityRules::default() }
}

/// A desk where both sides have changed a price of 10.
fn contested() -> Desk {
    let mut desk = agreed(&[&record(10)]);
    desk.request.entities = vec![entity("contacts", rules())];
    desk.contacts("personal", &[&record(12)]);
    desk.contacts("business", &[&record(11)]);
    desk.sync().unwrap();
    desk
}

fn open(desk: &Desk) -> ConflictRow {
    let mut open = desk.listed(Status::Open);
    assert_eq!(open.len(), 1, "{open:?}");
    open.remove(0)
}

fn user(name: &str, roles: &[&str]) -> Actor {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Actor { user: Some(name.to_owned()), session: None, roles }
}

#[test]
fn both_sides_get_the_provisional_value_and_it_stays_open() {
    let desk = contested();
    for domain in ["personal", "business"] {
        assert_eq!(desk.held(domain), [record(12)]);
    }
    open(&desk);
    desk.sync_is_idle();
    // Whoever types another price proposes it; nobody takes the other's back.
    desk.contacts("business", &[&record(9)]);
    desk.sync_to(&[&record(12)]);
    let sides = open(&desk).conflict.sides;
    let mut said: Vec<&str> = sides.iter().map(|s| s.value.as_ref().unwrap().as_str()).collect();
    said.sort_unstable();
    assert_eq!(said, ["12", "9"]);
    desk.contacts("business", &[&record(15)]);
    desk.sync_to(&[&record(15)]);
    open(&desk);
    desk.sync_is_idle();
}

#[test]
fn two_sides_that_meet_for_the_first_time_wait_for_approval() {
    let mut desk = Desk::new();
    desk.request.entities = vec![entity("contacts", rules())];
    desk.contacts("personal", &[&record(12)]);
    desk.contacts("business", &[&record(11)]);
    desk.sync_to(&[&record(12)]);
    open(&desk);
    desk.contacts("business", &[&record(10)]);
    desk.sync_to(&[&record(12)]);
    open(&desk);
    desk.sync_is_idle();
}

#[test]
fn only_who_is_named_may_decide_and_a_refusal_is_audited() {
    let take = || Choice::Writer(Writer::new("business").unwrap());
    for (actor, may) in [
        (user("carol", &[]), true),
        (user("bob", &["clerk", "manager"]), true),
        (user("bob", &["clerk", "carol"]), false),
        (user("manager", &[]), false),
        (Actor::default(), false),
    ] {
        let desk = contested();
        let row = open(&desk);
        let entities = [desk.request.entities[0].entity.clone()];
        let entries = desk.hub().audit_head().size;
        let done = desk.hub().resolve(&row.conflict_id(), &take(), &actor, &entities);
        assert_eq!(desk.hub().audit_head().size, entries + 1, "{actor:?}");
        match done {
            Ok(row) => assert!(may && row.status == Status::Resolved, "{actor:?}"),
            Err(HubError::ApprovalNeeded { approvers, .. }) => {
                assert!(!may, "{actor:?}");
                assert_eq!(approvers, ["manager", "carol"]);
                assert_eq!(open(&desk), row);
            }
            Err(other) => panic!("{other}"),
        }
        desk.sync_to(&[&record(if may { 11 } else { 12 })]);
        desk.sync_is_idle();
    }
}
