/** The work for the value of an event. Only outputs of tools, results of steps and data can be large. */
import type { LogEvent } from './event.ts'
import { pieceWeight } from './ground/json/pieces.ts'
import { weightOf } from './ground/json/weight.ts'

/** The weight of the output or the data of an event: `pieceWeight` or more, if it is large. */
export function eventWeight(event: LogEvent): number {
  // The per-token path ends here.
  if ('delta' in event) return 0
  if ('output' in event) return weightOf(event.output, pieceWeight)
  return 'data' in event ? weightOf(event.data, pieceWeight) : 0
}

/** Whether the JSON of an event is written in pieces. */
export const isLarge = (event: LogEvent): boolean => eventWeight(event) >= pieceWeight
