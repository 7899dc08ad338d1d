/** The words, by language. */

/** How data of the hub and of this place stand to each other. */
export type SyncState = (typeof STATES)[number];

/** The states that there are. */
export const STATES = ["synced", "syncing", "pending", "offline", "conflict", "error", "unknown"] as const;

/** What the elements say. What is left out is said in English. */
export interface Words extends Readonly<Record<SyncState, string>> {
  readonly fresh: string;
  readonly aging: string;
  readonly stale: string;
  /** In place of a time that there is not. */
  readonly never: string;
  /** What stands before a time where the page names nothing else. */
  readonly updated: string;
  /** Before the time of the last synchronisation, where the state is another one. */
  readonly lastSynced: string;
}

const ENGLISH: Words = {
  synced: "Synced",
  syncing: "Syncing",
  pending: "Waiting to sync",
  offline: "Offline",
  conflict: "Conflict",
  error: "Sync failed",
  unknown: "Unknown",
  fresh: "Up to date",
  aging: "Getting old",
  stale: "Out of date",
  never: "never",
  updated: "Last updated",
  lastSynced: "last synced",
};

const WORDS = new Map<string, Words>([
  ["en", ENGLISH],
  [
    "de",
    {
      synced: "Synchronisiert",
      syncing: "Wird synchronisiert",
      pending: "Wartet auf Synchronisierung",
      offline: "Offline",
      conflict: "Konflikt",
      error: "Synchronisierung fehlgeschlagen",
      unknown: "Unbekannt",
      fresh: "Aktuell",
      aging: "Nicht mehr ganz aktuell",
      stale: "Veraltet",
      never: "nie",
      updated: "Zuletzt aktualisiert",
      lastSynced: "zuletzt synchronisiert",
    },
  ],
  [
    "ar",
    {
      synced: "تمت المزامنة",
      syncing: "جارٍ المزامنة",
      pending: "في انتظار المزامنة",
      offline: "غير متصل",
      conflict: "تعارض",
      error: "فشلت المزامنة",
      unknown: "غير معروف",
      fresh: "محدّث",
      aging: "بدأ يتقادم",
      stale: "قديم",
      never: "لم يحدث بعد",
      updated: "آخر تحديث",
      lastSynced: "آخر مزامنة",
    },
  ],
  [
    "ja",
    {
      synced: "同期済み",
      syncing: "同期中",
      pending: "同期待ち",
      offline: "オフライン",
      conflict: "競合",
      error: "同期に失敗しました",
      unknown: "不明",
      fresh: "最新",
      aging: "やや古い",
      stale: "古い",
      never: "なし",
      updated: "最終更新",
      lastSynced: "最終同期",
    },
  ],
]);

/** Has the elements speak a further language, or say something in other words: `defineWords("fr", { synced: "Synchronisé", … })`. */
export function defineWords(language: string, words: Partial<Words>): void {
  const key = primaryOf(language);
  WORDS.set(key, { ...(WORDS.get(key) ?? ENGLISH), ...words });
}

/** Returns the words of a language, and in which language they are. */
export function wordsOf(language: string): { readonly words: Words; readonly language: string } {
  const key = primaryOf(language);
  const words = WORDS.get(key);
  return words === undefined ? { words: ENGLISH, language: "en" } : { words, language: key };
}

function primaryOf(language: string): string {
  return language.toLowerCase().split(/[-_]/, 1)[0] ?? "";
}

/** Returns the state of that name, and `unknown` for any other. */
export function stateOf(name: string | null | undefined): SyncState {
  const wanted = name?.trim() ?? "";
  return STATES.find((state) => state === wanted) ?? "unknown";
}
