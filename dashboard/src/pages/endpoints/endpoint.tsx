/** One endpoint: how it does, and everything that can be done with it. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { type ReactElement, useState } from "react";
import { useKeys } from "../../frame/keys";
import type { Endpoint } from "../../hub/shapes";
import { LoadedPage, Page } from "../../parts/page";
import { Problem } from "../../parts/problem";
import { Question } from "../../parts/question";
import { ENDPOINTS as T } from "../../texts/endpoints";
import { disable, endpointQuery, KEY, remove, test } from "./asked";
import { EditEndpoint } from "./make";
import { Enabling, type Rotated, Rotating } from "./questions";
import { SecretOnce } from "./secret-once";
import { HowItDoes, Settings, TestReport, Troubles } from "./settings";

const route = getRouteApi("/endpoints/$endpoint");

type Asked = "edit" | "disable" | "enable" | "rotate" | "remove";

export function EndpointPage(): ReactElement {
  const { endpoint: id } = route.useParams();
  const query = useQuery(endpointQuery(id));
  return (
    <LoadedPage title={id} actions={<Link to="/endpoints">{T.toList}</Link>} query={query}>
      {(endpoint) => <One key={id} endpoint={endpoint} />}
    </LoadedPage>
  );
}

function One({ endpoint }: { readonly endpoint: Endpoint }): ReactElement {
  const { id, disabled } = endpoint;
  const [asked, setAsked] = useState<Asked>();
  const [secret, setSecret] = useState<Rotated>();
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
    <Page title={id} about={endpoint.description === "" ? undefined : endpoint.description} actions={<Link to="/endpoints">{T.toList}</Link>}>
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
      <Troubles endpoint={endpoint} />
      <HowItDoes endpoint={endpoint} />
      <Settings endpoint={endpoint} />
      {asked === "edit" ? <EditEndpoint endpoint={endpoint} onClose={close} /> : null}
      {asked === "disable" ? (
        <Question title={T.disableTitle} about={T.disableHelp} does={T.disable} work={() => disable(id)} done={T.disabledNow} changes={KEY} onClose={close} />
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
        <Question title={T.removeTitle} about={T.removeHelp} does={T.remove} isDangerous work={() => remove(id)} done={T.removed} changes={KEY} onClose={close} onDone={() => void navigate({ to: "/endpoints" })} />
      ) : null}
      {secret === undefined ? null : <SecretOnce secrets={[secret.secret]} formerEndsAt={secret.formerEndsAt} onClose={() => setSecret(undefined)} />}
    </Page>
  );
}
