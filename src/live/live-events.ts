/** What the live side reports to whoever writes it down. Calls return at once. */
export interface LiveEvents {
  /** Online, last message, version or sum state of this edge differ from what was last written. */
  stateChanged(edgeId: number): void
}
