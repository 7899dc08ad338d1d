/** An effect as the steps that it is made of: one part, one path each. */

import type { Json } from "../json/value.js";
import type { Effect, PutMember, TextEdit } from "../protocol/operation.js";

/** Parts that a client writes, in the order in which they are carried out. */
const PARTS = ["set", "unset", "inc", "reset", "add", "remove", "append", "begin", "text", "put", "drop"] as const;
export type Part = (typeof PARTS)[number];

/** What is written where: a value, elements, a text, an edit, `[key, member]`, keys; nothing for `unset` and `reset`. */
export type Step = readonly [part: Part, path: string, what?: Json | TextEdit | readonly [string, PutMember]];

/** Returns whether one path is the other, or above it. */
export function meets(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

/** Returns whether two steps on one path can stand in one operation: elements of one kind, members that are not the same. */
export function goesWith(a: Step, b: Step): boolean {
  if (a[0] !== b[0] || a[1] !== b[1]) return false;
  if (a[0] === "put") return (a[2] as [string])[0] !== (b[2] as [string])[0];
  return a[0] === "add" || a[0] === "remove" || a[0] === "append" || a[0] === "drop";
}

/** Makes an effect of steps. */
export function effectOf(steps: readonly Step[]): Effect {
  const effect: Record<string, unknown> = {};
  for (const [part, path, what] of steps) {
    if (part === "unset" || part === "reset") {
      ((effect[part] ??= []) as string[]).push(path);
      continue;
    }
    // A path begins with a slash, so that none is `__proto__`; a key of a member may be.
    const paths = (effect[part] ??= {}) as Record<string, unknown>;
    if (part === "put") {
      const [key, member] = what as [string, PutMember];
      paths[path] = Object.fromEntries([...Object.entries(paths[path] ?? {}), [key, member]]);
    } else if (part === "add" || part === "remove" || part === "append" || part === "drop") {
      paths[path] = [...((paths[path] ?? []) as unknown[]), ...(what as unknown[])];
    } else {
      paths[path] = what;
    }
  }
  return effect;
}

/** Takes an effect apart. */
export function stepsOf(effect: Effect): Step[] {
  const steps: Step[] = [];
  for (const part of PARTS) {
    const of = effect[part];
    if (!of) continue;
    if (Array.isArray(of)) {
      for (const path of of as string[]) steps.push([part, path]);
      continue;
    }
    for (const [path, what] of Object.entries(of)) {
      if (part !== "put") steps.push([part, path, what as Json]);
      else for (const member of Object.entries(what as Record<string, PutMember>)) steps.push([part, path, member]);
    }
  }
  return steps;
}
