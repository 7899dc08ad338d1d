// What `syncline types` writes is what the client takes: `npm run check` compiles this, so each line with an error
// that is expected fails once there is none.

import type { Client, Decimal, JsonObject } from "@syncline/client";
import { expect, expectTypeOf, test } from "vitest";

import type { Entities, Task } from "./entities.js";

/** Never called: it only has to compile. */
function used(client: Client): void {
  const task = client.get<Entities["tasks"]>("tasks", "1")?.value;
  if (task === undefined) return;
  const title: string = task.title;
  const next: "open" | "done" | "put \"aside\"" = task.state;
  const city: string | undefined = task.place?.city;
  const parent: Task | undefined = task.parent?.parent;
  const first: string | undefined = task.steps?.[0]?.steps?.[0]?.text;
  const hours: number = (task.priority ?? 0) + Number(task.estimate ?? 0);
  // @ts-expect-error There is no such field.
  task.titel;
  // @ts-expect-error It may be missing.
  const due: string = task.due;
  // @ts-expect-error The platform's numbers may not hold it.
  const estimate: number | undefined = task.estimate;
  // @ts-expect-error What is shown is never changed in place.
  task.title = "other";
  // @ts-expect-error There is no such entity.
  client.get<Entities["task"]>("task", "1");
  const orders = client.query<Entities["work-orders"]>({ entity: "work-orders" });
  const minutes: number | undefined = orders[0]?.value.minutes;
  void [title, next, city, parent, first, hours, due, estimate, minutes];
}

test("records of every entity are JSON objects to TypeScript, with the types of their schemas", () => {
  expectTypeOf<Entities[keyof Entities]>().toExtend<JsonObject>();
  expectTypeOf<Entities["work-orders"]["cents"]>().toEqualTypeOf<number | Decimal | undefined>();
  expectTypeOf<Task["circle"]>().toEqualTypeOf<Task["odd"]>();
  expect(used).toBeTypeOf("function");
});
