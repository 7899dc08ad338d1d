/** Where components are rendered in tests. */

import { act, Component, StrictMode, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach } from "vitest";

// Tells React that updates come from `act`.
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

let mounted: { root: Root; at: HTMLElement }[] = [];

export interface Stage {
  text(): string;
  show(node: ReactNode): Promise<void>;
  leave(): Promise<void>;
}

/** Renders as a page does that React begins. */
export async function render(node: ReactNode): Promise<Stage> {
  const at = document.createElement("div");
  document.body.append(at);
  const root = createRoot(at);
  const show = (next: ReactNode) => act(async () => root.render(<StrictMode>{next}</StrictMode>));
  mounted.push({ root, at });
  await show(node);
  return { text: () => at.textContent ?? "", show, leave: () => act(async () => root.unmount()) };
}

afterEach(async () => {
  const all = mounted;
  mounted = [];
  for (const { root, at } of all) {
    await act(async () => root.unmount());
    at.remove();
  }
});

/** Shows what was thrown below it. */
export class Boundary extends Component<{ children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {};
  static getDerivedStateFromError(error: Error) {
    return { error };
  }
  override render() {
    return this.state.error ? `broken: ${this.state.error.message}` : this.props.children;
  }
}

/** A promise that is kept from outside. */
export function promised<T>(): { promise: Promise<T>; keep(value: T): void; break(error: Error): void } {
  let keep!: (value: T) => void;
  let fail!: (error: Error) => void;
  const promise = new Promise<T>((resolve, reject) => {
    keep = resolve;
    fail = reject;
  });
  return { promise, keep, break: fail };
}
