/** Every close code the service sends (RFC 6455 section 7.4.1); reasons stay under 123 bytes. */
export const closeCodes = {
  /** Shutdown: edges and services come back by themselves. UI sockets are destroyed instead (ui.md section 0, rule 9). */
  goingAway: 1001,
  /** Binary frames where only text is spoken. */
  unsupported: 1003,
  /** A limit was passed, or a key was revoked. */
  policy: 1008,
  tooBig: 1009,
  /** A newer connection of the same edge took over. */
  replaced: 4000,
} as const
