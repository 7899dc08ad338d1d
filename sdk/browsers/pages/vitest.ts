/** What stands for `vitest` in a page: its assertions, for suites that Node and browsers share. Tests are run from outside. */

import { chai, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from "@vitest/expect";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

export const expect = chai.expect;

/** A page has no tests of its own: what a suite would declare is left to whoever runs its rules. */
export function describe(): void {}
export const it = describe;
export const test = describe;
