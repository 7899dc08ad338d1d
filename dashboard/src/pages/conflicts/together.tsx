/** Several conflicts decided alike: how many, which, what each becomes; then all of them, or none. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { announce } from "../../frame/announce";
import type { Choice, Conflict, Json } from "../../hub/shapes";
import { Dialog } from "../../parts/dialog";
import { FormActions } from "../../parts/form";
import { Problem } from "../../parts/problem";
import { type Column, Table } from "../../parts/table";
import { InLine } from "../../parts/value";
import { DESK as T } from "../../texts/conflicts";
import { TEXTS } from "../../texts/texts";
import { resolveTogether } from "./asked";
import { fieldOf, isSame, said, writersOf } from "./words";

interface Facts {
  readonly conflicts: readonly Conflict[];
  /** What was chosen before; otherwise it is asked. */
  readonly choice?: Choice;
  readonly onClose: (isDone: boolean) => void;
}

/** Returns what can be chosen for all of them. */
function choicesFor(conflicts: readonly Conflict[]): readonly Choice[] {
  if (conflicts.every(({ kind }) => kind === "deletion")) return [{ keep: true }, { delete: true }];
  const [first, ...rest] = conflicts.map(writersOf);
  const writers = (first ?? []).filter((writer) => rest.every((others) => others.includes(writer)));
  return [...new Set(writers)].map((take) => ({ take }));
}

function becomes({ sides }: Conflict, choice: Choice): Json | undefined {
  if ("take" in choice) return sides.find(({ writer }) => writer === choice.take)?.value;
  if ("value" in choice) return choice.value;
  return said(choice);
}

function columnsOf(choice: Choice): readonly Column<Conflict>[] {
  return [
    {
      name: T.bulkRecord,
      cell: (conflict) => (
        <>
          {conflict.entity} {conflict.id} <code>{fieldOf(conflict)}</code>
        </>
      ),
    },
    { name: T.bulkFrom, cell: ({ sides, shown }) => <InLine value={sides.find(({ stamp }) => stamp === shown)?.value} /> },
    { name: T.bulkBecomes, cell: (conflict) => <InLine value={becomes(conflict, choice)} /> },
  ];
}

export function Together({ conflicts, choice: given, onClose }: Facts): ReactElement {
  const offered = given === undefined ? choicesFor(conflicts) : [];
  const [chosen, setChosen] = useState<Choice | undefined>(given ?? offered[0]);
  const queries = useQueryClient();
  const decide = useMutation({
    mutationFn: (choice: Choice) => resolveTogether(conflicts.map(({ conflict }) => conflict), choice),
    onSuccess: async () => {
      announce(T.bulkDone(conflicts.length));
      onClose(true);
      await queries.invalidateQueries({ queryKey: ["conflicts"] });
    },
  });
  return (
    <Dialog title={T.bulkTitle(conflicts.length)} onClose={() => onClose(false)}>
      {given === undefined ? (
        <fieldset>
          <legend>{T.bulkChoose}</legend>
          {offered.map((choice) => (
            <label key={said(choice)} className="check">
              <input type="radio" name="together" checked={isSame(chosen, choice)} onChange={() => setChosen(choice)} />
              {said(choice)}
            </label>
          ))}
          {offered.length === 0 ? <p>{TEXTS.none}</p> : null}
        </fieldset>
      ) : null}
      {chosen === undefined ? null : (
        <>
          <p>{T.bulkAbout(said(chosen))}</p>
          <div className="scroll" tabIndex={0} role="region" aria-label={T.bulkBecomes}>
            <Table rows={conflicts} columns={columnsOf(chosen)} keyOf={({ conflict }) => conflict} />
          </div>
        </>
      )}
      {decide.isError ? <Problem error={decide.error} /> : null}
      <FormActions does={T.bulkConfirm(conflicts.length)} isPending={decide.isPending} isDisabled={chosen === undefined} onDo={() => chosen !== undefined && decide.mutate(chosen)} onCancel={() => onClose(false)} />
    </Dialog>
  );
}
