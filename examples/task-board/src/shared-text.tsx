/** A text that several people type into at once: every character is kept, and the caret stays where it was. */

import { bindText } from "@syncline/client/text";
import { useClient } from "@syncline/react";
import { useEffect, useRef, useState } from "react";

export function SharedText({ entity, id, label }: { entity: string; id: string; label: string }) {
  const client = useClient();
  const area = useRef<HTMLTextAreaElement>(null);
  const [problem, setProblem] = useState<string>();
  // The field is the binding's: React renders no value into it.
  useEffect(() => {
    if (client === undefined || area.current === null) return;
    const place = { entity, id, path: "/text" };
    const binding = bindText(client, place, area.current, { onProblem: (error) => setProblem(error.message) });
    return () => binding.close();
  }, [client, entity, id]);
  return (
    <>
      <textarea ref={area} aria-label={label} rows={3} />
      {problem && <p role="alert" className="alert">Not saved: {problem}</p>}
    </>
  );
}
