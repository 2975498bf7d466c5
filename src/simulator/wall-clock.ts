/** The wall clock of a simulated edge: central European time, as the system log shows it. */
const HOUR = 3_600_000
const zone = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', timeZoneName: 'longOffset' })
const known = { hour: -1, offset: '+00:00' }

/** `2026-04-04T12:00:00.000+02:00`: three digits of a second and a numeric offset (openems-ui.md section 5). */
export function localTimestamp(at: number): string {
  const offset = offsetAt(at)
  return `${localTime(at)}${offset}`
}

/** The same without the offset. */
export function localTime(at: number): string {
  const offset = offsetAt(at)
  const [hours = 0, minutes = 0] = offset.slice(1).split(':').map(Number)
  const shift = (hours * HOUR + minutes * 60_000) * (offset.startsWith('-') ? -1 : 1)
  return new Date(at + shift).toISOString().slice(0, -1)
}

/** Offsets change on full hours only, so one look-up serves every edge for an hour. */
function offsetAt(at: number): string {
  const hour = Math.floor(at / HOUR)
  if (hour !== known.hour) {
    const name = zone.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT'
    known.offset = name.slice(3) || '+00:00'
    known.hour = hour
  }
  return known.offset
}
