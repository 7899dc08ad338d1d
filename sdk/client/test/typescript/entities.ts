// Written by `syncline types`: what is changed here is lost when it runs again.

import type { Decimal, Json, JsonObject } from "@syncline/client";

/** The schema of `notes`. */
export type Note = JsonObject;

/**
 * A task
 *
 * Something to do.
 *
 * It ends *\/ here, and there.
 *
 * The schema of `tasks`.
 */
export type Task = {
  /** What is to be done */
  readonly title: string;
  readonly state: "open" | "done" | "put \"aside\"";
  readonly priority?: number;
  /** In hours */
  readonly estimate?: number | Decimal;
  readonly seen?: number | Decimal;
  /** Format: double. */
  readonly ratio?: number;
  /** Format: date-time. */
  readonly due?: string | null;
  readonly tags?: readonly string[];
  readonly grid?: readonly (readonly (1 | 2.5 | -3 | Decimal)[])[];
  readonly place?: {
    readonly city: string;
    /** @deprecated */
    readonly "geo hash"?: string;
  };
  readonly steps?: readonly TaskStep[];
  readonly labels?: { readonly [member: string]: boolean };
  readonly extra?: JsonObject;
  readonly parent?: Task;
  readonly same?: TaskPlace;
  readonly elsewhere?: Json;
  readonly odd?: Json;
  readonly either?: string | {
    readonly kind: "b";
  };
  readonly both?: TaskStep & {
    readonly at?: string;
  };
  readonly circle?: TaskCircle;
  readonly __proto__?: string | null;
  readonly tuple?: readonly Json[];
  readonly anything?: Json;
};

/** A step of a task */
export type TaskStep = {
  readonly text: string;
  readonly done?: boolean;
  readonly steps?: readonly TaskStep[];
};

export type TaskPlace = {
  readonly city: string;
  /** @deprecated */
  readonly "geo hash"?: string;
};

export type TaskCircle = Json;

export type TaskRound = TaskCircle;

/** The schema of `work-orders`, version 3. */
export type WorkOrder = {
  /**
   * Customer
   * For whom it is done
   */
  readonly customer: string;
  readonly minutes?: number;
  readonly cents?: number | Decimal;
};

/** What the records of each entity hold: `client.get<Entities["notes"]>("notes", id)`. */
export interface Entities {
  readonly notes: Note;
  readonly tasks: Task;
  readonly "work-orders": WorkOrder;
}
