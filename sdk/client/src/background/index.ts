/**
 * React Native with Expo: synchronising while the app is closed, a key behind a face or a finger, an app that goes and comes.
 *
 * The modules of Expo are handed in, so this imports none of them:
 *
 * ```ts
 * import * as TaskManager from "expo-task-manager";
 * import * as BackgroundTask from "expo-background-task";
 * const background = backgroundSync({ taskManager: TaskManager, backgroundTask: BackgroundTask, open: () => open(options) });
 * await background.register();
 * ```
 */

export { followAppState, type AppState } from "./app-state.js";
export { biometricGate, type Gate, type GateOptions, type LocalAuthentication } from "./gate.js";
export { backgroundSync, type BackgroundSync, type BackgroundSyncOptions, type BackgroundTask, type TaskManager } from "./task.js";
