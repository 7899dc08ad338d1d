/** The proof of a record's latest change, verified here. */

import { useMutation } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { askHub } from "../../hub/session";
import { Problem } from "../../parts/problem";
import { AUDIT as T } from "../../texts/audit";
import { RECORDS } from "../../texts/records";
import { type ProofDocument, type Verdict, verifyProof } from "./verify-proof";

interface Proven {
  readonly document: ProofDocument;
  readonly verdict: Verdict | "insecure";
}

async function prove(entity: string, id: string): Promise<Proven> {
  const document = await askHub<ProofDocument>(`/v1/audit/proof/${encodeURIComponent(entity)}/${encodeURIComponent(id)}`);
  return { document, verdict: isSecureContext ? await verifyProof(document) : "insecure" };
}

export function Proof({ entity, id }: { readonly entity: string; readonly id: string }): ReactElement {
  const proving = useMutation({ mutationFn: () => prove(entity, id) });
  return (
    <section aria-labelledby="proof">
      <h2 id="proof">{RECORDS.proof}</h2>
      <p className="quiet">{T.proofAbout}</p>
      <button type="button" disabled={proving.isPending} onClick={() => proving.mutate()}>
        {T.prove}
      </button>
      {proving.isError ? <Problem error={proving.error} /> : null}
      {proving.data === undefined ? null : <ProofSaid proven={proving.data} />}
    </section>
  );
}

function ProofSaid({ proven: { document, verdict } }: { readonly proven: Proven }): ReactElement {
  const isProven = verdict === "proven";
  return (
    <div role="status" className={isProven ? "notice good" : "problem"}>
      <p>{isProven ? T.proven(document.entry, document.proof?.tree_size ?? 0) : T.notProven(T[verdict])}</p>
      <p>
        {T.head} <code>{document.head}</code>
      </p>
    </div>
  );
}
