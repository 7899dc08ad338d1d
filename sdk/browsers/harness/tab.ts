/** One tab: functions run in it. */

/** What `Browser` does for its tabs. */
export interface TabHost {
  /** Runs in the tab, when the tabs of the browser before it are done. */
  inTab<T>(handle: string, work: () => Promise<T>): Promise<T>;
  navigate(url: string): Promise<void>;
  executeAsync(script: string, args: readonly unknown[]): Promise<unknown>;
  closeTab(): Promise<void>;
  cdp(command: string, parameters: object): Promise<unknown>;
}

/** How a function in a tab ended. */
type Ended = { readonly value: unknown } | { readonly error: string; readonly code: string | undefined };

/** A function in a tab has failed. */
export class TabError extends Error {
  override readonly name = "TabError";
  /** The code of the error, where it is one of the client's. */
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

/** A tab of a browser. */
export class Tab {
  readonly #host: TabHost;
  readonly #handle: string;

  constructor(host: TabHost, handle: string) {
    this.#host = host;
    this.#handle = handle;
  }

  /** Leads the tab to an address, and waits until it is loaded. */
  go(url: string): Promise<void> {
    return this.#host.inTab(this.#handle, () => this.#host.navigate(url));
  }

  /**
   * Runs a function in the tab and returns what it answers, a value of JSON.
   *
   * The function is carried over as text: it sees its arguments and the tab, and nothing that surrounds it here.
   *
   * @throws TabError where it throws.
   */
  async run<Args extends readonly unknown[], T>(work: (...args: Args) => T | Promise<T>, ...args: Args): Promise<T> {
    const script = `
      const done = arguments[arguments.length - 1];
      const args = Array.prototype.slice.call(arguments, 0, -1);
      // Firefox runs a command beside the page, with globals of its own; this makes it a function of the page.
      const work = window.eval(${JSON.stringify(`(${work.toString()})`)});
      Promise.resolve().then(() => work(...args)).then(
        (value) => done({ value }),
        (error) => done({ error: String(error), code: error?.code?.toString() }),
      );`;
    const ended = (await this.#host.inTab(this.#handle, () => this.#host.executeAsync(script, args))) as Ended;
    if ("error" in ended) throw new TabError(ended.error, ended.code ?? undefined);
    return ended.value as T;
  }

  /** Sends a command of the Chrome DevTools protocol to the tab. Chromium only. */
  cdp(command: string, parameters: object = {}): Promise<unknown> {
    return this.#host.inTab(this.#handle, () => this.#host.cdp(command, parameters));
  }

  /** Stops everything in the tab, as the browser does with one that nobody looks at; or has it go on. Chromium only. */
  async setFrozen(isFrozen: boolean): Promise<void> {
    await this.cdp("Page.setWebLifecycleState", { state: isFrozen ? "frozen" : "active" });
  }

  /** Ends the process of the tab in the middle of whatever it does. The tab is of no use afterwards. Chromium only. */
  async kill(): Promise<void> {
    await this.cdp("Page.crash").then(
      () => undefined,
      (error: unknown) => {
        // That it crashed is all that can be answered, or that nobody is there to answer any more.
        if (!/crashed|disconnected|closed/.test(String(error))) throw error;
      },
    );
  }

  close(): Promise<void> {
    return this.#host.inTab(this.#handle, () => this.#host.closeTab());
  }
}
