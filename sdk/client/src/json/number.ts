/** Exact decimal numbers: read, written in canonical form and added, without rounding. */

import { Decimal } from "./value.js";

/** Most significant digits of a number. */
const DIGITS_MAX = 1_000;
/** Longest number as it is written, in characters, with zeros that do not count. */
const TEXT_MAX = 1_100;
/** Largest exponent, up or down, of a number's first digit. */
const EXPONENT_MAX = 9_999;

/** The value is ±0.digits × 10^scale; there is no zero at either end of the digits, and none at all in zero. */
interface Parts {
  readonly sign: string;
  readonly digits: string;
  readonly scale: number;
}

function partsOf(text: string): Parts {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const all = whole + fraction;
  const digits = all.replace(/^0+/, "");
  const scale = whole.length + Number(exponent) - (all.length - digits.length);
  return { sign, digits: digits.replace(/0+$/, ""), scale };
}

function isWithinBounds({ digits, scale }: Parts): boolean {
  return digits.length <= DIGITS_MAX && (!digits || Math.abs(scale - 1) <= EXPONENT_MAX);
}

/** Lays digits out as ECMAScript does for the numbers that it has (RFC 8785). */
function canonicalOf({ sign, digits, scale }: Parts): string {
  if (!digits) return "0";
  if (scale > 21 || scale < -5) {
    const fraction = digits.length > 1 ? "." + digits.slice(1) : "";
    return `${sign}${digits[0]}${fraction}e${scale > 0 ? "+" : "-"}${Math.abs(scale - 1)}`;
  }
  if (scale <= 0) return `${sign}0.${"0".repeat(-scale)}${digits}`;
  const fraction = digits.slice(scale);
  return sign + digits.slice(0, scale).padEnd(scale, "0") + (fraction && "." + fraction);
}

/** Returns the text that all numbers of the same value have. */
export function canonicalNumber(number: number | Decimal): string {
  return typeof number === "number" ? String(number) : canonicalOf(partsOf(number.text));
}

/** Returns the number that a well-formed text says; `undefined` if it is beyond the bounds of numbers. */
export function numberOf(text: string): number | Decimal | undefined {
  const parts = partsOf(text);
  if (text.length > TEXT_MAX || !isWithinBounds(parts)) return undefined;
  const nearest = Number(text);
  // The platform writes the shortest text that it reads as the same number again.
  return String(nearest) === canonicalOf(parts) ? nearest : new Decimal(text);
}

/** Returns whether a text is a number as JSON spells it, and within the bounds. */
export function isNumberText(text: string): boolean {
  return /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/i.test(text) && numberOf(text) !== undefined;
}

/** Returns the exact sum; `undefined` if it is beyond the bounds of numbers. */
export function add(a: number | Decimal, b: number | Decimal): number | Decimal | undefined {
  if (Number.isSafeInteger(a) && Number.isSafeInteger(b)) {
    const sum = Number(a) + Number(b);
    if (Number.isSafeInteger(sum)) return sum;
  }
  const [x, y] = [partsOf(String(a)), partsOf(String(b))];
  if (!x.digits || !y.digits) return numberOf(canonicalOf(x.digits ? x : y));
  const lowest = Math.min(x.scale - x.digits.length, y.scale - y.digits.length);
  // Numbers this far apart share no digit, so the sum has too many.
  if (Math.max(x.scale, y.scale) - lowest > 2 * DIGITS_MAX + 2) return undefined;
  const units = ({ sign, digits, scale }: Parts): bigint =>
    BigInt(sign + digits + "0".repeat(scale - digits.length - lowest));
  const sum = partsOf(`${units(x) + units(y)}e${lowest}`);
  return isWithinBounds(sum) ? numberOf(canonicalOf(sum)) : undefined;
}
