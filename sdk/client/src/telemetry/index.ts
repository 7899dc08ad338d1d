/**
 * How well synchronising goes, as numbers: never an id, a value, a path or a word that somebody wrote.
 *
 * ```ts
 * const measured = telemetry(await open({ name: "app", url, token }), { onReport: (report) => show(report) });
 * const { client } = measured; // the same client; what is done through it is measured
 * ```
 */

export { createHistogram, type Histogram, type Timing } from "./histogram.js";
export { telemetry, type Alert, type Report, type Telemetry, type TelemetryOptions, type Transfer } from "./measure.js";
export { sendTo, type SendOptions } from "./send.js";
