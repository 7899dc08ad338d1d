/** A new endpoint, and the settings of one that is there. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactElement, type SubmitEvent, useState } from "react";
import { announce } from "../../frame/announce";
import { newKey } from "../../hub/ask";
import type { Endpoint } from "../../hub/shapes";
import { Dialog } from "../../parts/dialog";
import { Field, FormActions } from "../../parts/form";
import { Problem } from "../../parts/problem";
import { ENDPOINTS as T } from "../../texts/endpoints";
import { change, make } from "./asked";
import { ExpressionFields } from "./expressions";

const HOUR_MS = 3_600_000;

/** Returns what a form says, as the hub takes it; what is empty is left to the hub. */
export function bodyOf(form: FormData): Readonly<Record<string, unknown>> {
  const text = (name: string): string => String(form.get(name) ?? "").trim();
  const body: Record<string, unknown> = { url: text("url") };
  for (const name of ["id", "description", "preset", "filter", "transformation"]) if (text(name) !== "") body[name] = text(name);
  for (const name of ["timeoutMs", "inFlight", "perSecond"]) if (text(name) !== "") body[name] = Number(text(name));
  for (const name of ["keepDeliveredMs", "keepDeadMs"]) if (text(name) !== "") body[name] = Math.round(Number(text(name)) * HOUR_MS);
  const events = text("events").split(/[\s,]+/).filter((event) => event !== "");
  if (events.length > 0) body["events"] = events;
  if (text("secret") !== "") body["secrets"] = [text("secret")];
  return body;
}

export function MakeEndpoint({ onClose, onMade }: { readonly onClose: () => void; readonly onMade: (endpoint: Endpoint) => void }): ReactElement {
  const queries = useQueryClient();
  const [key] = useState(newKey);
  const making = useMutation({
    mutationFn: (body: unknown) => make(body, key),
    // The answer holds the secret: it is not kept.
    gcTime: 0,
    onSuccess: async (endpoint) => {
      onMade(endpoint);
      await queries.invalidateQueries({ queryKey: ["endpoints"] });
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    making.mutate(bodyOf(new FormData(event.currentTarget)));
  };
  return (
    <Dialog title={T.make} onClose={onClose}>
      <form className="form" onSubmit={submit}>
        <Field name="url" label={T.url} help={T.urlHelp} type="url" isRequired />
        <Field name="id" label={T.id} help={T.idHelp} />
        <Common />
        <fieldset>
          <legend>{T.preset}</legend>
          <label className="check">
            <input type="radio" name="preset" value="" defaultChecked />
            {T.presets.standard}
          </label>
          <label className="check">
            <input type="radio" name="preset" value="anywheredoor" />
            {T.presets.anywheredoor}
          </label>
        </fieldset>
        <details>
          <summary>{T.further}</summary>
          <div className="form">
            <Field name="secret" label={T.secret} help={T.secretHelp} type="password" />
            <Numbers />
          </div>
        </details>
        {making.isError ? <Problem error={making.error} /> : null}
        <FormActions does={T.create} isPending={making.isPending} onCancel={onClose} />
      </form>
    </Dialog>
  );
}

export function EditEndpoint({ endpoint, onClose }: { readonly endpoint: Endpoint; readonly onClose: () => void }): ReactElement {
  const queries = useQueryClient();
  const saving = useMutation({
    mutationFn: (body: unknown) => change(endpoint.id, body),
    onSuccess: async () => {
      announce(T.saved);
      onClose();
      await queries.invalidateQueries({ queryKey: ["endpoints"] });
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const body = bodyOf(form);
    saving.mutate({ perSecond: null, filter: null, transformation: null, keepDeliveredMs: null, keepDeadMs: null, ...body, description: String(form.get("description") ?? "").trim(), events: body["events"] ?? ["*"] });
  };
  return (
    <Dialog title={T.edit} onClose={onClose}>
      <form className="form" onSubmit={submit}>
        <Field name="url" label={T.url} help={T.urlHelp} type="url" isRequired value={endpoint.url} />
        <Common endpoint={endpoint} />
        <ExpressionFields endpoint={endpoint} />
        <details>
          <summary>{T.further}</summary>
          <div className="form">
            <Numbers endpoint={endpoint} />
          </div>
        </details>
        {saving.isError ? <Problem error={saving.error} /> : null}
        <FormActions does={T.save} isPending={saving.isPending} onCancel={onClose} />
      </form>
    </Dialog>
  );
}

function Common({ endpoint }: { readonly endpoint?: Endpoint }): ReactElement {
  return (
    <>
      <Field name="events" label={T.events} help={T.eventsHelp} lines={3} value={endpoint?.events.join("\n")} />
      <Field name="description" label={T.description} value={endpoint?.description} />
    </>
  );
}

function hoursOf(ms: number | null | undefined): number | undefined {
  return ms === null || ms === undefined ? undefined : ms / HOUR_MS;
}

function Numbers({ endpoint }: { readonly endpoint?: Endpoint }): ReactElement {
  return (
    <>
      <Field name="timeoutMs" label={T.timeout} type="number" value={endpoint?.timeoutMs} />
      <Field name="inFlight" label={T.inFlight} type="number" value={endpoint?.inFlight} />
      <Field name="perSecond" label={T.perSecond} type="number" value={endpoint?.perSecond} />
      <Field name="keepDeliveredMs" label={T.keepDelivered} help={T.keepHelp} type="hours" value={hoursOf(endpoint?.keepDeliveredMs)} />
      <Field name="keepDeadMs" label={T.keepDead} help={T.keepHelp} type="hours" value={hoursOf(endpoint?.keepDeadMs)} />
    </>
  );
}
