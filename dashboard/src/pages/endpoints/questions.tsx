/** What is asked before an endpoint is enabled again, and before it gets another secret. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { Dialog } from "../../parts/dialog";
import { FormActions } from "../../parts/form";
import { Problem } from "../../parts/problem";
import { Question } from "../../parts/question";
import { ENDPOINTS as T } from "../../texts/endpoints";
import { enable, KEY, rotate } from "./asked";

const HOUR_MS = 3_600_000;
const OVERLAPS = { day: 24 * HOUR_MS, hour: HOUR_MS, week: 7 * 24 * HOUR_MS, none: 0 } as const;
const NAMES = Object.keys(OVERLAPS) as readonly (keyof typeof OVERLAPS)[];

export function Enabling({ id, onClose }: { readonly id: string; readonly onClose: () => void }): ReactElement {
  const [backlog, setBacklog] = useState<"deliver" | "skip">("deliver");
  return (
    <Question title={T.enableTitle} about={T.enableHelp} does={T.enable} done={T.enabledNow} work={() => enable(id, backlog)} changes={KEY} onClose={onClose}>
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

/** A secret that takes the place of those before, and until when those sign as well. */
export interface Rotated {
  readonly secret: string;
  readonly formerEndsAt: string;
}

export function Rotating({ id, onClose, onRotated }: { readonly id: string; readonly onClose: () => void; readonly onRotated: (rotated: Rotated) => void }): ReactElement {
  const [overlap, setOverlap] = useState<keyof typeof OVERLAPS>("day");
  const queries = useQueryClient();
  const rotating = useMutation({
    mutationFn: () => rotate(id, OVERLAPS[overlap]),
    // The answer holds the secret: it is not kept.
    gcTime: 0,
    onSuccess: async (rotated) => {
      onRotated(rotated);
      await queries.invalidateQueries({ queryKey: KEY });
    },
  });
  return (
    <Dialog title={T.rotateTitle} onClose={onClose}>
      <p>{T.rotateHelp}</p>
      <label>
        {T.overlap}
        <select data-first value={overlap} onChange={(event) => setOverlap(NAMES.find((one) => one === event.target.value) ?? "day")}>
          {NAMES.map((one) => (
            <option key={one} value={one}>
              {T.overlaps[one]}
            </option>
          ))}
        </select>
      </label>
      {rotating.isError ? <Problem error={rotating.error} /> : null}
      <FormActions does={T.rotate} isPending={rotating.isPending} onDo={() => rotating.mutate()} onCancel={onClose} />
    </Dialog>
  );
}
