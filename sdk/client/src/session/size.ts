/** How large an operation is as a message, about. */

/** What a member takes beside its name and value, in bytes: quotes, a comma, a number. */
const MEMBER_BYTES = 16;

/** Returns about how many bytes a value takes in a message; too many rather than too few. */
export function bytesOf(value: unknown): number {
  if (typeof value === "string") {
    // What is escaped takes two bytes, or six; a character beyond ASCII three at most for each of its code units.
    const length = /["\\\0-\x1f]/.test(value) ? JSON.stringify(value).length : value.length;
    return length * (/[^\0-\x7f]/.test(value) ? 3 : 1);
  }
  if (typeof value !== "object" || value === null) return 0;
  let bytes = 0;
  for (const [name, member] of Object.entries(value)) bytes += MEMBER_BYTES + bytesOf(name) + bytesOf(member);
  return bytes;
}
