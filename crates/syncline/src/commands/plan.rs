//! `syncline plan` and `syncline apply`: look first, then do exactly that.

use syncline_hub::{Handle, HubError};
use syncline_model::json::Object;

use super::sync::{
    exit_of_plan, finish, link_heading, permitted, planned, print_plan, synchronise, write_json,
};
use crate::arguments::{Apply, Plan};
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::run_text;
use crate::run::plan_file::{PLANS_SCHEMA, SavedPlan};
use crate::run::{Context, Prepared, each_link, plan_file, prepare};

/// Runs `syncline plan`, one link after the other.
///
/// # Errors
///
/// Any [`Failure`] of a link; nothing was written then.
pub fn run(context: &Context, plan: &Plan) -> Result<Exit, Failure> {
    let config = context.load()?.config;
    let each = each_link(&config, &plan.options);
    let (mut documents, mut worst) = (Vec::new(), Exit::Ok);
    for options in &each {
        link_heading(context, options, each.len());
        let prepared = prepare(context, &config, options)?;
        let outcome = planned(context, &config, &prepared)?;
        let saved = plan.output.as_deref();
        print_plan(context, &prepared, &outcome, options, saved);
        documents.push(plan_file::to_json(&outcome, options));
        worst = worst.worse(exit_of_plan(&outcome, plan.exit_code));
    }
    if let Some(path) = &plan.output {
        write_json(path, plan_file::of_links(documents.clone()))?;
    }
    print_documents(context, documents);
    Ok(worst)
}

fn print_documents(context: &Context, mut documents: Vec<Object>) {
    match documents.len() {
        1 => context.output.json(documents.remove(0)),
        _ => context.output.json_list(PLANS_SCHEMA, "plans", documents),
    }
}

/// Runs `syncline apply`: what the plan says, link by link, or nothing if anything has moved since.
///
/// # Errors
///
/// [`HubError::StalePlan`] if files, records or rules have changed since the plan was made; any
/// other [`Failure`] of a run. With several links, those after the first are refused one by one
/// where an earlier one has changed what they would do.
pub fn apply(context: &Context, apply: &Apply) -> Result<Exit, Failure> {
    let saved = plan_file::read(&apply.plan)?;
    let config = context.load()?.config;
    let mut steps = Vec::new();
    for saved in saved {
        let prepared = permitted(context, &config, prepare(context, &config, &saved.options))?;
        steps.push((saved, prepared));
    }
    let writer = context.start_writer(&config.state)?;
    let hub = writer.handle();
    for (saved, prepared) in &mut steps {
        prepared.request.expected_inputs = Some(saved.inputs.clone());
        check(context, &hub, saved, prepared)?;
    }
    let (mut documents, mut worst) = (Vec::new(), Exit::Ok);
    let count = steps.len();
    for (saved, mut prepared) in steps {
        link_heading(context, &saved.options, count);
        let (document, exit) = match apply_link(context, &config, &hub, &saved, &mut prepared) {
            Err(failure) if count == 1 => return Err(failure),
            Err(failure) => {
                context.output.failure_text(&failure);
                (failure.to_json(), failure.exit())
            }
            Ok(done) => done,
        };
        documents.push(document);
        worst = worst.worse(exit);
    }
    super::sync::print_documents(context, documents);
    Ok(worst)
}

/// Makes the plan of a link again and compares it: the configuration may have changed although no
/// file has.
fn check(
    context: &Context,
    hub: &Handle,
    saved: &SavedPlan,
    prepared: &Prepared,
) -> Result<String, Failure> {
    let (request, mut progress) = (prepared.request.clone(), context.progress());
    let again = hub.with_hub(move |hub| hub.plan(&request, &mut progress))??;
    match plan_file::actions(&again) == saved.actions {
        true => Ok(again.inputs),
        false => Err(HubError::StalePlan.into()),
    }
}

fn apply_link(
    context: &Context,
    config: &Config,
    hub: &Handle,
    saved: &SavedPlan,
    prepared: &mut Prepared,
) -> Result<(Object, Exit), Failure> {
    // The links before this one have moved the hub; what this one does must be what was planned.
    prepared.request.expected_inputs = None;
    prepared.request.expected_inputs = Some(check(context, hub, saved, prepared)?);
    let outcome = synchronise(context, hub, prepared, || context.progress())?;
    let output = &context.output;
    output.text(&run_text::entities(output, &outcome, &prepared.request.entities));
    output.text(&run_text::ending(output, &outcome, &prepared.request));
    let exit = finish(context, config, &outcome.report)?;
    Ok((outcome.report.to_json(), exit))
}
