/** What is wrong with a request. */

/** A request that cannot be meant; nothing was changed. */
export class Unfit extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Most characters of a text that people and applications send. */
const TEXT_MAX = 200;

/** What a request says, looked at before it is used. */
export class Said {
  readonly #members: Readonly<Record<string, unknown>>;

  private constructor(members: Readonly<Record<string, unknown>>) {
    this.#members = members;
  }

  /** Reads a body, which must say that it is JSON: a form of another site cannot. */
  static async inBody(request: Request): Promise<Said> {
    if (!/^application\/json\b/i.test(request.headers.get("content-type") ?? "")) throw new Unfit(415, "NOT_JSON", "the body is sent as application/json");
    const body: unknown = await request.json().catch(() => undefined);
    if (typeof body !== "object" || body === null || Array.isArray(body)) throw new Unfit(400, "BODY_INVALID", "the body is an object in JSON");
    return new Said(body as Readonly<Record<string, unknown>>);
  }

  static inQuery(request: Request): Said {
    return new Said(Object.fromEntries(new URL(request.url).searchParams));
  }

  /** Returns a text, or `undefined` where it is not there. */
  text(name: string): string | undefined {
    const value = this.#members[name];
    if (value === undefined) return undefined;
    if (typeof value !== "string" || value === "" || value.length > TEXT_MAX) throw new Unfit(422, "MEMBER_INVALID", `${name} is a text of 1 to ${TEXT_MAX} characters`);
    return value;
  }

  needed(name: string): string {
    const text = this.text(name);
    if (text === undefined) throw new Unfit(422, "MEMBER_MISSING", `${name} is missing`);
    return text;
  }

  oneOf<T extends string>(name: string, words: readonly T[]): T | undefined {
    const text = this.text(name);
    const word = words.find((one) => one === text);
    if (text !== undefined && word === undefined) throw new Unfit(422, "MEMBER_INVALID", `${name} is one of ${words.join(", ")}`);
    return word;
  }

  /** Returns a whole number within bounds; of a query it is a text. */
  number(name: string, min: number, max: number): number | undefined {
    const value = this.#members[name];
    if (value === undefined) return undefined;
    const number = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
    if (typeof number !== "number" || !Number.isInteger(number) || number < min || number > max) {
      throw new Unfit(422, "MEMBER_INVALID", `${name} is a whole number from ${min} to ${max}`);
    }
    return number;
  }
}
