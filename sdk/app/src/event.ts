/** Events as an application makes them. */

import { SynclineError } from "./error.js";

/** Most events in one request. */
export const EVENTS_MAX = 100;

/** What happened. */
export interface AppEvent {
  /** The same over all attempts: who emits it again under its id emits nothing new. Made unless given. */
  readonly id?: string | undefined;
  /** Words parted by full stops: `enrollment.created`. */
  readonly type: string;
  /** What kind of thing it happened to: `enrollment`. */
  readonly resourceType: string;
  /** What it happened to. */
  readonly resourceId: string;
  /** What is told of it: anything that is JSON. */
  readonly data: unknown;
  /** What is written with it into the resource's record at the hub: both are there, or neither. Such an event is emitted alone. */
  readonly change?: RecordChange | undefined;
}

/** What is written into a record at the hub: paths are JSON pointers. docs/protocol.md, §3. */
export interface RecordChange {
  /**
   * The record's `version` as it was read: this comes after what was seen there, and is merged with what others wrote meanwhile. Without it
   * nothing was seen: all that is there is as from that moment, and a deletion removes nothing.
   */
  readonly base?: string | undefined;
  readonly set?: Readonly<Record<string, unknown>> | undefined;
  readonly unset?: readonly string[] | undefined;
  readonly inc?: Readonly<Record<string, number>> | undefined;
  readonly add?: Readonly<Record<string, readonly unknown[]>> | undefined;
  readonly remove?: Readonly<Record<string, readonly unknown[]>> | undefined;
  /** Deletes what `base` has seen of the record; nothing but that may stand beside it. */
  readonly delete?: true | undefined;
}

/** What may be said of an event beside what it tells. */
export interface EmitOptions {
  /** The same over all attempts; made unless given. */
  readonly id?: string | undefined;
  readonly change?: RecordChange | undefined;
}

/** An event that is in the hub's log, on its disk. */
export interface Emitted {
  readonly id: string;
  /** Its place in the order of all events; `undefined` where it was there already, under its id. */
  readonly sequence: number | undefined;
}

/** The types of spec 004. */
export const SyncEventType = {
  ENROLLMENT_CREATED: "enrollment.created",
  ENROLLMENT_UPDATED: "enrollment.updated",
  ENROLLMENT_DELETED: "enrollment.deleted",
  PROFILE_UPDATED: "profile.updated",
  USER_UPDATED: "user.updated",
  PROGRESS_UPDATED: "progress.updated",
} as const;
export type SyncEventType = (typeof SyncEventType)[keyof typeof SyncEventType];

/** Returns whether a text is the id of an event: 1 to 128 visible characters of ASCII without a full stop. */
export function isEventId(text: string): boolean {
  return /^[!-\-/-~]{1,128}$/.test(text);
}

/** Returns an event with an id, after a look at what a hub would refuse anyway. */
export function complete(event: AppEvent): AppEvent & { readonly id: string } {
  const { id = crypto.randomUUID(), type, resourceType, resourceId, data, change } = event;
  if (!isEventId(id)) throw new SynclineError("EVENT_ID_INVALID", "an event id is 1 to 128 visible characters of ASCII without a full stop");
  if (type.length > 128 || !/^[\w-]+(\.[\w-]+)*$/.test(type)) {
    throw new SynclineError("EVENT_TYPE_INVALID", "an event type is words of letters, digits, `_` and `-`, parted by full stops, of at most 128 bytes");
  }
  // Without a value JSON would leave the member out.
  return { id, type, resourceType, resourceId, data: data === undefined ? null : data, ...(change !== undefined && { change }) };
}

/** Returns the id of a person's progress in a course: no two pairs have the same. */
export function progressId(userId: string, courseId: string): string {
  const part = (id: string): string => id.replaceAll("%", "%25").replaceAll(":", "%3A");
  return `${part(userId)}:${part(courseId)}`;
}
