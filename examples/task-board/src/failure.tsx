/** Says what went wrong where the board cannot be shown, for one when the browser allows no storage. */

import { Component, type ReactNode } from "react";

export class Failure extends Component<{ children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {};

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return (
      <main className="alone" role="alert">
        <h1>The board cannot be opened</h1>
        <p>{this.state.error.message}</p>
      </main>
    );
  }
}
