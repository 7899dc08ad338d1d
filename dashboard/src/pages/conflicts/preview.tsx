/** What the record would be after what is chosen: as the hub says it, before anything is done. */

import type { ReactElement } from "react";
import type { RecordValue } from "../../hub/shapes";
import { FieldsBeside } from "../../parts/fields";
import { DESK as T } from "../../texts/conflicts";
import type { Chosen } from "./desk";

export function Preview({ chosen, record }: { readonly chosen: Chosen | undefined; readonly record: RecordValue | null | undefined }): ReactElement {
  return (
    <div role="region" aria-label={T.preview} className="preview">
      <h3>{T.preview}</h3>
      <Inside chosen={chosen} record={record} />
    </div>
  );
}

function Inside({ chosen, record }: { readonly chosen: Chosen | undefined; readonly record: RecordValue | null | undefined }): ReactElement {
  if (chosen === undefined || chosen.is === "edit") return <p className="quiet">{T.previewHelp}</p>;
  if (chosen.is === "skip") return <p>{T.skipPreview}</p>;
  if (chosen.offer.record === null) return <p className="notice">{T.wouldGo}</p>;
  return <FieldsBeside before={record} after={chosen.offer.record} names={[T.now, T.wouldBe]} />;
}
