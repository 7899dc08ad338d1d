/** Returns a number with the word for one or for more of them. */
export const many = (count: number, one: string, more: string): string => `${count.toLocaleString()} ${count === 1 ? one : more}`;
