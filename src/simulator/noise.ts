/**
 * Chance that can be repeated: every figure follows from a seed and a position, so that an edge shows the same day
 * again after a restart and a test knows what to expect.
 */

/** Two numbers scrambled to an unsigned 32-bit integer. */
export function mix(seed: number, position: number): number {
  let bits = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(position | 0, 0xc2b2ae35)
  bits ^= Math.floor(position / 0x1_0000_0000)
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d)
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** A figure in [0, 1) that jumps from one whole position to the next. */
export function dice(seed: number, position: number): number {
  return mix(seed, Math.floor(position)) / 0x1_0000_0000
}

/** A figure in [0, 1) that glides from one whole position to the next. */
export function drift(seed: number, position: number): number {
  const whole = Math.floor(position)
  const part = position - whole
  const ease = part * part * (3 - 2 * part)
  return dice(seed, whole) * (1 - ease) + dice(seed, whole + 1) * ease
}

/** A whole number in [low, high]. */
export function between(seed: number, position: number, low: number, high: number): number {
  return low + Math.floor(dice(seed, position) * (high - low + 1))
}
