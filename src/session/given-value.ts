/** Checks of the values that a program gives to a session. A program may be written without types. */
import { LoomError } from '../ground/error.ts'
import type { QueueOnStop, WhenBusy } from '../store/letter.ts'

const whenBusyValues: readonly WhenBusy[] = ['queue', 'reject', 'interrupt', 'rollback', 'steer']
const queueValues: readonly QueueOnStop[] = ['hold', 'clear', 'run']

/** @throws LoomError `invalid-request` */
export const checkWhenBusy = (value: WhenBusy | undefined): void =>
  checkOneOf('whenBusy', value, whenBusyValues)

/** @throws LoomError `invalid-request` */
export const checkQueueOnStop = (value: QueueOnStop | undefined): void =>
  checkOneOf('The queue of a stop', value, queueValues)

/** @throws LoomError `invalid-request` for a value that is no text */
export function checkText(name: string, value: string): void {
  if (typeof value !== 'string') throw wrong(name, 'a text')
}

/** @throws LoomError `invalid-request` for a value that is no whole number, or is less than `least` */
export function checkWhole(name: string, value: number | undefined, least = 0): void {
  if (value === undefined || (Number.isInteger(value) && value >= least)) return
  throw wrong(name, `a whole number from ${least}`)
}

/** @throws LoomError `invalid-request` for a value that is neither true nor false */
export function checkFlag(name: string, value: boolean): void {
  if (typeof value !== 'boolean') throw wrong(name, 'true or false')
}

function checkOneOf(name: string, value: string | undefined, values: readonly string[]): void {
  if (value === undefined || values.includes(value)) return
  throw wrong(name, `one of ${values.join(', ')}`)
}

const wrong = (name: string, words: string) =>
  new LoomError('invalid-request', `${name} must be ${words}.`)
