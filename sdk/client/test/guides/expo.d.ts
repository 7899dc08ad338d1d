/** Of Expo and React Native only what the guides use: the packages are not installed here. */

declare module "expo-sqlite" {
  export function openDatabaseAsync(name: string, options?: { readonly useNewConnection?: boolean }): Promise<import("@syncline/client/expo").ExpoDatabase>;
}
declare module "expo-background-task" {
  export const BackgroundTaskResult: { readonly Success: 1; readonly Failed: 2 };
  export function registerTaskAsync(name: string, options?: { minimumInterval?: number }): Promise<void>;
  export function unregisterTaskAsync(name: string): Promise<void>;
}
declare module "expo-task-manager" {
  export function defineTask(name: string, run: () => Promise<number>): void;
}
declare module "expo-local-authentication" {
  export function authenticateAsync(options?: { promptMessage?: string; fallbackLabel?: string; disableDeviceFallback?: boolean }): Promise<{ success: boolean; error?: string }>;
}
declare module "expo-secure-store" {
  export function getItemAsync(name: string): Promise<string | null>;
}
declare module "react-native" {
  export const AppState: { readonly currentState: string; addEventListener(type: "change", listener: (state: string) => void): { remove(): void } };
}
