/** What stands in one text and not in another: words of texts, lines of JSON. */

/** A part of a text. */
export interface Piece {
  readonly text: string;
  readonly isOnlyHere: boolean;
}

/** Most words that are compared, on either side: the table of the comparison grows with their product. */
const WORDS_MAX = 1_500;

function wordsOf(text: string): readonly string[] {
  return text.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? [];
}

/** Splits a text into what the other one has as well, and what it has not; too long texts are marked whole. */
export function differing(text: string, other: string): readonly Piece[] {
  if (text === other) return [{ text, isOnlyHere: false }];
  const [mine, theirs] = [wordsOf(text), wordsOf(other)];
  if (mine.length > WORDS_MAX || theirs.length > WORDS_MAX) return [{ text, isOnlyHere: true }];
  const common = inBoth(mine, theirs);
  const pieces: { text: string; isOnlyHere: boolean }[] = [];
  mine.forEach((word, at) => {
    const isOnlyHere = common[at] !== true;
    const last = pieces.at(-1);
    if (last !== undefined && last.isOnlyHere === isOnlyHere) last.text += word;
    else pieces.push({ text: word, isOnlyHere });
  });
  return pieces;
}

/** Returns which words of the first belong to the longest sequence that both have. */
function inBoth(mine: readonly string[], theirs: readonly string[]): readonly boolean[] {
  const width = theirs.length + 1;
  const longest = new Uint16Array((mine.length + 1) * width);
  const at = (row: number, column: number): number => longest[row * width + column] ?? 0;
  for (let row = mine.length - 1; row >= 0; row -= 1)
    for (let column = theirs.length - 1; column >= 0; column -= 1)
      longest[row * width + column] = mine[row] === theirs[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
  const common = mine.map(() => false);
  for (let row = 0, column = 0; row < mine.length && column < theirs.length; ) {
    if (mine[row] === theirs[column]) {
      common[row] = true;
      row += 1;
      column += 1;
    } else if (at(row + 1, column) >= at(row, column + 1)) row += 1;
    else column += 1;
  }
  return common;
}
