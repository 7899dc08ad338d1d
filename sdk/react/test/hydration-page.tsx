import { useConflicts, useMutation, useQuery, useRecord, useSyncStatus } from "../src/index.js";

/** Uses every hook that shows something. */
export function Page() {
  useMutation();
  const tasks = useQuery({ entity: "tasks" });
  const one = useRecord<{ title: string }>("tasks", "t1");
  const conflicts = useConflicts();
  const { network } = useSyncStatus();
  return <p>{`${network}: ${tasks.length} tasks, ${conflicts.length} conflicts, ${one?.value.title ?? "none"}`}</p>;
}
