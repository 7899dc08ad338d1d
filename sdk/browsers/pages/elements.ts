/** What a test of the elements finds in a tab: `window.elements`. The clock is put off by `?clock=`, in milliseconds. */

const shift = Number(new URLSearchParams(location.search).get("clock") ?? 0);
if (shift !== 0) {
  const realNow = Date.now.bind(Date);
  Date.now = () => realNow() + shift;
}

// After the clock is what it is to be.
const elements = await import("../../elements/src/index.js");

export type Elements = typeof elements;

declare global {
  interface Window {
    elements: Elements;
  }
}

window.elements = elements;
