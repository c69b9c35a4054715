/**
 * The greatest size of a tool's output. An output is written and read several times: into the log, the
 * stored message, each later prompt, and for each reader. One value of many megabytes cannot be parsed
 * in steps, so its size decides how long all other requests of the instance wait.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { JSONValue } from '@ai-sdk/provider'

import { errorMessage, LoomError } from '../ground/error.ts'
import { parseJson, toJson } from '../ground/json.ts'
import { isOnePiece, jsonInSteps } from '../ground/json/pieces.ts'
import { isObject } from '../ground/json/weight.ts'

export const outputLimits = {
  /** Characters of its JSON, where a quote or a line end in a text counts as two characters. */
  characters: 16 * 1024 * 1024,
  /** The count of objects, lists, texts, numbers, booleans and nulls. */
  values: 100_000,
} as const

/**
 * The output as JSON; see `toJson`. For a large output the event loop runs other work before and after.
 * @param subject the words for the value in error texts
 * @throws LoomError `invalid-request` for an output that is not JSON, or is larger than the limits
 */
export async function outputOf(
  value: unknown,
  subject = 'the output of the tool',
): Promise<JSONValue> {
  if (isOnePiece(value)) return toJson(value)
  checkSize(value, subject)
  const text = await jsonTextOf(value)
  if (text.length > outputLimits.characters) throw tooLong(subject)
  await nextTurn()
  if (typeof value === 'string') return value
  const output = parseJson(text)
  await nextTurn()
  return output
}

async function jsonTextOf(value: unknown): Promise<string> {
  try {
    return (await jsonInSteps(value)).join('')
  } catch (cause) {
    throw new LoomError('invalid-request', `not JSON: ${errorMessage(cause)}`, { cause })
  }
}

/** Lets other work run before a large output is handled again. */
export async function restAfter(output: JSONValue): Promise<void> {
  if (!isOnePiece(output)) await nextTurn()
}

function checkSize(value: unknown, subject: string): void {
  let values = 0
  let characters = 0
  const open: unknown[] = [value]
  while (open.length > 0) {
    const each = open.pop()
    values++
    if (typeof each === 'string') characters += each.length
    else if (Array.isArray(each)) {
      if (values + each.length > outputLimits.values) throw tooMany(value, subject)
      for (const item of each) open.push(item)
    } else if (isObject(each) && !ArrayBuffer.isView(each)) {
      for (const key in each) {
        characters += key.length
        open.push(each[key])
      }
    }
    if (values + open.length > outputLimits.values) throw tooMany(value, subject)
    if (characters > outputLimits.characters) throw tooLong(subject)
  }
}

/** A walk through a cycle has no end, so it also finds too many values. */
const tooMany = (value: unknown, subject: string) =>
  new LoomError(
    'invalid-request',
    holdsCycle(value)
      ? `not JSON: ${subject} holds a cycle.`
      : `${sentence(subject)} holds more than ${outputLimits.values.toLocaleString('en')} values. Send fewer values, or a text.`,
  )

/** Whether a value contains itself, as far as a walk of bounded length can find out. */
function holdsCycle(value: unknown): boolean {
  const above = new Set<unknown>()
  const open: { value: unknown; isLeft: boolean }[] = [{ value, isLeft: false }]
  for (let steps = 0; steps < 2 * outputLimits.values; steps++) {
    const last = open.at(-1)
    if (last === undefined) return false
    if (last.isLeft || !isObject(last.value) || ArrayBuffer.isView(last.value)) {
      open.pop()
      above.delete(last.value)
      continue
    }
    if (above.has(last.value)) return true
    above.add(last.value)
    last.isLeft = true
    for (const key in last.value) open.push({ value: last.value[key], isLeft: false })
  }
  return false
}

const tooLong = (subject: string) =>
  new LoomError(
    'invalid-request',
    `${sentence(subject)} is longer than ${outputLimits.characters.toLocaleString('en')} characters as JSON. Send less, or a link to it.`,
  )

const sentence = (subject: string): string =>
  `${subject.charAt(0).toUpperCase()}${subject.slice(1)}`
