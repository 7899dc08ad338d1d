/** What is said of alerts, in English. */

export const ALERTS = {
  title: "Alerts",
  none: "No rule is broken.",
  notLooked: "Nothing is known yet: since its start the server has not looked. It does so within seconds.",
  lookedLate: "Nothing is known: the server does not get to look at this hub. Look at its log, and at the disk.",
  kind: {
    error_rate: "Operations are refused",
    lag: "Deliveries lag",
    backlog: "Deliveries pile up",
    endpoints_disabled: "Endpoints are disabled",
    deliveries_stopped: "Deliveries have stopped",
    dead_letters: "Deliveries were given up",
    consistency: "Copies differ",
    conflicts: "Conflicts wait",
    backup: "The backup is behind",
  },
  pending: "not told yet: it has not lasted long enough",
  notCurrent: "The latest look could not measure it.",
  nobody: "Nobody is told: see [[alerts.to]] in the configuration.",
  told: (receiver: string) => `${receiver} was told`,
  waiting: (receiver: string) => `${receiver} is being told`,
  failed: (receiver: string) => `${receiver} could not be told`,
  too_mild: (receiver: string) => `${receiver} is told of graver ones only`,
  later: (receiver: string) => `${receiver} is told when it is repeated`,
} as const;
