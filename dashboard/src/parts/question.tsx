/** Something that is asked once more before it is done. */

import { type QueryKey, useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactElement, ReactNode } from "react";
import { announce } from "../frame/announce";
import { Dialog } from "./dialog";
import { FormActions } from "./form";
import { Problem } from "./problem";

interface Facts {
  readonly title: string;
  readonly about: string;
  readonly does: string;
  /** What is said once it is done. */
  readonly done: string;
  readonly isDangerous?: boolean;
  readonly work: () => Promise<unknown>;
  /** What is asked for again, because it is no more what it was. */
  readonly changes: QueryKey;
  readonly onClose: () => void;
  readonly onDone?: () => void;
  readonly children?: ReactNode;
}

export function Question({ title, about, does, done, isDangerous = false, work, changes, onClose, onDone, children }: Facts): ReactElement {
  const queries = useQueryClient();
  const working = useMutation({
    mutationFn: work,
    onSuccess: async () => {
      announce(done);
      onClose();
      onDone?.();
      await queries.invalidateQueries({ queryKey: changes });
    },
  });
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{about}</p>
      {children}
      {working.isError ? <Problem error={working.error} /> : null}
      <FormActions does={does} isPending={working.isPending} isDangerous={isDangerous} onDo={() => working.mutate()} onCancel={onClose} />
    </Dialog>
  );
}
