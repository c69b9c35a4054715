/** Whether the measures of a server stay the same over the windows of a long run. */
import { median } from './statistics.ts'

/** A server at one moment. */
export interface Measure {
  /** The memory that the program holds after a full collection, in bytes. */
  heldBytes: number
  /** The memory that the process has from the system, in bytes. */
  residentBytes: number
  timers: number
  /** Open files and sockets, by the kernel. */
  handles: number
  /** The connections to Redis. */
  connections: number
}

/** The growth that is normal: answers without end grow in memory, and the collector leaves some pages unused. */
const growthMost = { heldBytes: 0.1, residentBytes: 0.15 }
/** Handles and timers that come and go: a heartbeat, a poll, a connection that closes just now. */
const handlesMost = 20

/**
 * Returns a line for each measure that differs between the first third of the windows and the last one, by their
 * medians. One window alone may contain a moment of an unusual size.
 */
export function growths(windows: readonly Measure[]): string[] {
  const third = Math.ceil(windows.length / 3)
  const ends = (name: keyof Measure) => {
    const values = windows.map((window) => window[name])
    return { first: median(values.slice(0, third)), last: median(values.slice(-third)) }
  }
  const lines: string[] = []
  for (const name of ['heldBytes', 'residentBytes'] as const) {
    const { first, last } = ends(name)
    if (last > first * (1 + growthMost[name])) lines.push(`${name}: ${first} → ${last}`)
  }
  for (const name of ['timers', 'handles'] as const) {
    const { first, last } = ends(name)
    if (Math.abs(last - first) > handlesMost) lines.push(`${name}: ${first} → ${last}`)
  }
  const { first, last } = ends('connections')
  if (first !== last) lines.push(`connections: ${first} → ${last}`)
  return lines
}
