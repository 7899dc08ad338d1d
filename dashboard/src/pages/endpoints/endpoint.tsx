/** One endpoint: how it does, and everything that can be done with it. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { type ReactElement, type ReactNode, useState } from "react";
import { announce } from "../../frame/announce";
import { useKeys } from "../../frame/keys";
import type { Endpoint, Tested } from "../../hub/shapes";
import { Dialog } from "../../parts/dialog";
import { Loaded, Page } from "../../parts/page";
import { Problem } from "../../parts/problem";
import { Moment, span, When } from "../../parts/when";
import { TEXTS } from "../../texts";
import { disable, enable, endpointQuery, latestQuery, remove, rotate, test } from "./asked";
import { EditEndpoint } from "./make";
import { SecretOnce } from "./secret-once";
import { Breaker, EndpointState, successOf } from "./words";

const route = getRouteApi("/endpoints/$endpoint");
const T = TEXTS.endpoints;
const HOUR_MS = 3_600_000;
const OVERLAPS = { day: 24 * HOUR_MS, hour: HOUR_MS, week: 7 * 24 * HOUR_MS, none: 0 } as const;

type Asked = "edit" | "disable" | "enable" | "rotate" | "remove";

export function EndpointPage(): ReactElement {
  const { endpoint: id } = route.useParams();
  const query = useQuery(endpointQuery(id));
  return <Loaded query={query}>{(endpoint) => <One key={id} endpoint={endpoint} />}</Loaded>;
}

function One({ endpoint }: { readonly endpoint: Endpoint }): ReactElement {
  const { id, disabled } = endpoint;
  const [asked, setAsked] = useState<Asked>();
  const [secret, setSecret] = useState<{ readonly secret: string; readonly formerEndsAt: string }>();
  const testing = useMutation({ mutationFn: () => test(id) });
  const navigate = useNavigate();
  const close = (): void => setAsked(undefined);
  useKeys([
    { key: "t", says: T.test, does: () => testing.mutate() },
    { key: "d", says: T.deliveries, does: () => void navigate({ to: "/endpoints/$endpoint/deliveries", params: { endpoint: id } }) },
    { key: "e", says: T.edit, does: () => setAsked("edit") },
  ]);
  const button = (what: Asked, name: string, className?: string): ReactElement => (
    <button type="button" className={className} onClick={() => setAsked(what)}>
      {name}
    </button>
  );
  return (
    <Page title={id} about={endpoint.description === "" ? undefined : endpoint.description}>
      <p>
        <code>{endpoint.url}</code>
      </p>
      <div className="actions">
        <Link className="button" to="/endpoints/$endpoint/deliveries" params={{ endpoint: id }}>
          {T.deliveries}
        </Link>
        <Link className="button" to="/endpoints/$endpoint/replay" params={{ endpoint: id }}>
          {T.replay}
        </Link>
        <Link className="button" to="/endpoints/$endpoint/verify" params={{ endpoint: id }}>
          {T.verify}
        </Link>
        <button type="button" onClick={() => testing.mutate()} disabled={testing.isPending}>
          {T.test}
        </button>
        {button("edit", T.edit)}
        {button("rotate", T.rotate)}
        {disabled === undefined ? button("disable", T.disable) : button("enable", T.enable, "primary")}
        {button("remove", T.remove, "danger")}
      </div>
      {testing.isError ? <Problem error={testing.error} /> : null}
      {testing.data === undefined ? null : <TestReport tested={testing.data} />}
      <Countdown endpoint={endpoint} />
      <HowItDoes endpoint={endpoint} />
      <Settings endpoint={endpoint} />
      {asked === "edit" ? <EditEndpoint endpoint={endpoint} onClose={close} /> : null}
      {asked === "disable" ? (
        <Question title={T.disableTitle} about={T.disableHelp} does={T.disable} work={() => disable(id)} done={T.disabledNow} onClose={close} />
      ) : null}
      {asked === "enable" ? <Enabling id={id} onClose={close} /> : null}
      {asked === "rotate" ? (
        <Rotating
          id={id}
          onClose={close}
          onRotated={(rotated) => {
            close();
            setSecret(rotated);
          }}
        />
      ) : null}
      {asked === "remove" ? (
        <Question title={T.removeTitle} about={T.removeHelp} does={T.remove} isDangerous work={() => remove(id)} done={T.removed} onClose={close} onDone={() => void navigate({ to: "/endpoints" })} />
      ) : null}
      {secret === undefined ? null : <SecretOnce secrets={[secret.secret]} formerEndsAt={secret.formerEndsAt} onClose={() => setSecret(undefined)} />}
    </Page>
  );
}

function TestReport({ tested }: { readonly tested: Tested }): ReactElement {
  return (
    <div role="status" className={tested.delivered ? "notice" : "problem"}>
      <p>{tested.delivered ? T.tested(tested.durationMs) : T.testFailed}</p>
      <dl className="facts">
        {tested.status === undefined ? null : <Fact name={T.testStatus}>{tested.status}</Fact>}
        {tested.reason === undefined ? null : <Fact name={T.testReason}>{tested.reason}</Fact>}
        {tested.answer === undefined ? null : (
          <Fact name={T.testAnswer}>
            <span className="value">{tested.answer}</span>
          </Fact>
        )}
      </dl>
    </div>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** How long until it is disabled, as long as nothing is delivered. */
function Countdown({ endpoint }: { readonly endpoint: Endpoint }): ReactElement | null {
  const { disablesAt, disabled, disableAfterMs, failingSince } = endpoint;
  if (disablesAt === undefined || disabled !== undefined) return null;
  const end = Date.parse(disablesAt);
  const since = failingSince === undefined ? undefined : Date.parse(failingSince);
  const all = disableAfterMs ?? (since === undefined ? undefined : end - since);
  const left = Math.max(0, end - Date.now());
  return (
    <div className="notice">
      <p>
        {T.willDisable(span(left))} <Moment at={disablesAt} />
      </p>
      {all === undefined ? null : <progress aria-label={T.willDisableLabel} max={all} value={Math.max(0, all - left)} />}
    </div>
  );
}

function HowItDoes({ endpoint }: { readonly endpoint: Endpoint }): ReactElement {
  const latest = useQuery(latestQuery(endpoint.id));
  return (
    <dl className="facts">
      <Fact name={T.state}>
        <EndpointState endpoint={endpoint} /> {endpoint.disabledAt === undefined ? null : <When at={endpoint.disabledAt} />}
      </Fact>
      <Fact name={T.breaker}>
        <Breaker endpoint={endpoint} />
      </Fact>
      <Fact name={T.success}>{latest.data === undefined ? null : successOf(latest.data)}</Fact>
      <Fact name={T.pending}>{endpoint.pending}</Fact>
      <Fact name={T.lag}>{endpoint.lag}</Fact>
      {endpoint.oldest === undefined ? null : (
        <Fact name={T.oldest}>
          <When at={endpoint.oldest} />
        </Fact>
      )}
    </dl>
  );
}

function Settings({ endpoint }: { readonly endpoint: Endpoint }): ReactElement {
  const { events, schedule, timeoutMs, inFlight, perSecond, created, signs } = endpoint;
  return (
    <section aria-labelledby="settings">
      <h2 id="settings">{T.settings}</h2>
      <dl className="facts">
        <Fact name={T.events}>
          <code>{events.join(", ")}</code>
        </Fact>
        {schedule === undefined ? null : <Fact name={T.schedule}>{schedule.map(span).join(", ")}</Fact>}
        {timeoutMs === undefined ? null : <Fact name={T.timeout}>{timeoutMs}</Fact>}
        {inFlight === undefined ? null : <Fact name={T.inFlight}>{inFlight}</Fact>}
        {perSecond === undefined ? null : <Fact name={T.perSecond}>{perSecond}</Fact>}
        {created === undefined ? null : (
          <Fact name={T.made}>
            <Moment at={created} />
          </Fact>
        )}
        {signs === undefined ? null : (
          <Fact name={T.signs}>
            <ul className="plain-list">
              {signs.map(({ kind, since, until }, at) => (
                <li key={at}>
                  {T.signKinds[kind]} {since === undefined ? null : <>{T.since} <Moment at={since} /></>} {until === undefined ? null : <>{T.until} <Moment at={until} /></>}
                </li>
              ))}
            </ul>
          </Fact>
        )}
      </dl>
    </section>
  );
}

interface QuestionFacts {
  readonly title: string;
  readonly about: string;
  readonly does: string;
  readonly done: string;
  readonly isDangerous?: boolean;
  readonly work: () => Promise<unknown>;
  readonly onClose: () => void;
  readonly onDone?: () => void;
  readonly children?: ReactNode;
}

/** Something that is asked once more before it is done. */
function Question({ title, about, does, done, isDangerous = false, work, onClose, onDone, children }: QuestionFacts): ReactElement {
  const queries = useQueryClient();
  const working = useMutation({
    mutationFn: work,
    onSuccess: async () => {
      announce(done);
      onClose();
      onDone?.();
      await queries.invalidateQueries({ queryKey: ["endpoints"] });
    },
  });
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{about}</p>
      {children}
      {working.isError ? <Problem error={working.error} /> : null}
      <div className="actions">
        <button type="button" className={isDangerous ? "danger" : "primary"} disabled={working.isPending} onClick={() => working.mutate()}>
          {does}
        </button>
        <button type="button" onClick={onClose}>
          {TEXTS.cancel}
        </button>
      </div>
    </Dialog>
  );
}

function Enabling({ id, onClose }: { readonly id: string; readonly onClose: () => void }): ReactElement {
  const [backlog, setBacklog] = useState<"deliver" | "skip">("deliver");
  return (
    <Question title={T.enableTitle} about={T.enableHelp} does={T.enable} done={T.enabledNow} work={() => enable(id, backlog)} onClose={onClose}>
      <div role="radiogroup" aria-label={T.enableHelp}>
        {(["deliver", "skip"] as const).map((one) => (
          <label key={one} className="check">
            <input type="radio" name="backlog" checked={backlog === one} onChange={() => setBacklog(one)} />
            {T.backlog[one]}
          </label>
        ))}
      </div>
    </Question>
  );
}

interface RotatingFacts {
  readonly id: string;
  readonly onClose: () => void;
  readonly onRotated: (rotated: { readonly secret: string; readonly formerEndsAt: string }) => void;
}

function Rotating({ id, onClose, onRotated }: RotatingFacts): ReactElement {
  const [overlap, setOverlap] = useState<keyof typeof OVERLAPS>("day");
  const queries = useQueryClient();
  const rotating = useMutation({
    mutationFn: () => rotate(id, OVERLAPS[overlap]),
    // The answer holds the secret: it is not kept.
    gcTime: 0,
    onSuccess: async (rotated) => {
      onRotated(rotated);
      await queries.invalidateQueries({ queryKey: ["endpoints"] });
    },
  });
  return (
    <Dialog title={T.rotateTitle} onClose={onClose}>
      <p>{T.rotateHelp}</p>
      <label>
        {T.overlap}
        <select value={overlap} onChange={(event) => setOverlap((Object.keys(OVERLAPS) as (keyof typeof OVERLAPS)[]).find((one) => one === event.target.value) ?? "day")}>
          {(Object.keys(OVERLAPS) as (keyof typeof OVERLAPS)[]).map((one) => (
            <option key={one} value={one}>
              {T.overlaps[one]}
            </option>
          ))}
        </select>
      </label>
      {rotating.isError ? <Problem error={rotating.error} /> : null}
      <div className="actions">
        <button type="button" className="primary" disabled={rotating.isPending} onClick={() => rotating.mutate()}>
          {T.rotate}
        </button>
        <button type="button" onClick={onClose}>
          {TEXTS.cancel}
        </button>
      </div>
    </Dialog>
  );
}
