//! `syncline plan` and `syncline apply`: look first, then do exactly that.

use syncline_hub::HubError;

use super::sync::{exit_of_plan, finish, permitted, planned, print_plan, synchronise, write_json};
use crate::arguments::{Apply, Plan};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::run_text;
use crate::run::{Context, plan_file, prepare};

/// Runs `syncline plan`.
///
/// # Errors
///
/// Any [`Failure`]; nothing was written but the file of the plan.
pub fn run(context: &Context, plan: &Plan) -> Result<Exit, Failure> {
    let config = context.load()?.config;
    let prepared = prepare(context, &config, &plan.options)?;
    let outcome = planned(context, &config, &prepared)?;
    let document = plan_file::to_json(&outcome, &plan.options);
    if let Some(path) = &plan.output {
        write_json(path, document.clone())?;
    }
    context.output.json(document);
    print_plan(context, &prepared, &outcome, &plan.options, plan.output.as_deref());
    Ok(exit_of_plan(&outcome, plan.exit_code))
}

/// Runs `syncline apply`: what the plan says, or nothing if anything has moved since.
///
/// # Errors
///
/// [`HubError::StalePlan`] if files, records or rules have changed since the plan was made; any
/// other [`Failure`] of a run.
pub fn apply(context: &Context, apply: &Apply) -> Result<Exit, Failure> {
    let saved = plan_file::read(&apply.plan)?;
    let config = context.load()?.config;
    let mut prepared = permitted(context, &config, prepare(context, &config, &saved.options))?;
    prepared.request.expected_inputs = Some(saved.inputs);
    let mut hub = context.open_hub(&config.state, false)?;
    // The configuration may have changed although no file has: the actions must still be the same.
    let again = hub.plan(&prepared.request, &mut context.progress())?;
    if plan_file::actions(&again) != saved.actions {
        return Err(HubError::StalePlan.into());
    }
    let outcome = synchronise(context, &mut hub, &prepared.request, &mut context.progress())?;
    let output = &context.output;
    output.json(outcome.report.to_json());
    output.text(&run_text::entities(output, &outcome, &prepared.request.entities));
    output.text(&run_text::ending(output, &outcome, &prepared.request));
    finish(context, &config, &outcome.report)
}
