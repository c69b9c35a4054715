/**
 * The forms of the values that an agent may have or compute. An agent may be written without types, and a
 * callback may read its value from elsewhere. A wrong value must be an error with the name of its field,
 * and not a fault in the middle of a run.
 */
import { LoomError } from './error.ts'
import { isFields } from './fields.ts'

interface Form {
  holds: (value: unknown) => boolean
  /** The form in words, after "must be". */
  words: string
}

const isNumber = (value: unknown, least: number): boolean =>
  typeof value === 'number' && value >= least
const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => typeof each === 'string')

const numberFrom = (least: number): Form => ({
  holds: (value) => isNumber(value, least),
  words: `a number from ${least}`,
})
const wholeFrom1: Form = {
  holds: (value) => value === Infinity || (Number.isInteger(value) && isNumber(value, 1)),
  words: 'a whole number from 1',
}
const names: Form = { holds: isTexts, words: 'a list of names' }
const object: Form = { holds: isFields, words: 'an object' }
const prompt: Form = {
  holds: (value) =>
    typeof value === 'string' ||
    (Array.isArray(value) &&
      value.every((part) => typeof part === 'string' || (isFields(part) && isText(part['text'])))),
  words: 'a text, or a list of texts and { text, cache }',
}
const isText = (value: unknown): boolean => typeof value === 'string'

/** The fields of an agent, of a preparation of a step and of a decision after a step. */
const forms = {
  systemPrompt: prompt,
  system: prompt,
  instructions: prompt,
  tools: {
    holds: (value) => isFields(value) || (Array.isArray(value) && value.every(isFields)),
    words: 'a list of tools, or an object of them by name',
  },
  activeTools: names,
  models: names,
  toolChoice: {
    holds: (value) =>
      ['auto', 'none', 'required'].some((each) => each === value) ||
      (isFields(value) && value['type'] === 'tool' && isText(value['toolName'])),
    words: '"auto", "none", "required" or { type: "tool", toolName }',
  },
  maxSteps: wholeFrom1,
  temperature: numberFrom(0),
  // 0 stands for a window without an end.
  contextWindow: numberFrom(0),
  maxOutputTokens: wholeFrom1,
  maxCost: numberFrom(0),
  retentionDays: {
    holds: (value) => typeof value === 'number' && value > 0,
    words: 'a number of days above 0',
  },
  maxTokens: numberFrom(0),
  sessionBudget: {
    holds: (value) =>
      isFields(value) &&
      [value['maxCost'], value['maxTokens']].every(
        (limit) => limit === undefined || isNumber(limit, 0),
      ),
    words: 'an object with the numbers maxCost and maxTokens',
  },
  extraBody: object,
  providerOptions: object,
  messages: {
    holds: (value) =>
      Array.isArray(value) &&
      value.every(
        (each) =>
          isFields(each) &&
          isText(each['role']) &&
          (isText(each['content']) || Array.isArray(each['content'])),
      ),
    words: 'a list of model messages { role, content }',
  },
} satisfies Record<string, Form>

export type ValueName = keyof typeof forms

/** The fields of an agent that may be a value. `output` and `model` have checks of their own. */
const agentFields = [
  'systemPrompt',
  'activeTools',
  'models',
  'toolChoice',
  'maxSteps',
  'temperature',
  'contextWindow',
  'maxOutputTokens',
  'maxCost',
  'maxTokens',
  'sessionBudget',
  'retentionDays',
  'extraBody',
  'providerOptions',
] as const satisfies readonly ValueName[]

/** Checks the values of a definition that are no functions. @throws LoomError `invalid-config` */
export function checkFields(agent: string, definition: object): void {
  const fields = new Map<string, unknown>(Object.entries(definition))
  for (const name of agentFields) {
    const value = fields.get(name)
    if (typeof value !== 'function') checkValue(agent, name, value)
  }
}

/** Undefined is no value. @throws LoomError `invalid-config` for a value of another form */
export function checkValue(agent: string, name: ValueName, value: unknown): void {
  if (value === undefined || forms[name].holds(value)) return
  throw wrongValue(agent, `${name} must be ${forms[name].words}`, value)
}

/**
 * Checks the object that a callback returned in place of several settings. Without an object, nothing changes.
 * @param callback the name of the callback
 * @param fields the names of the fields that it may return; each has a form, or a check elsewhere
 * @throws LoomError `invalid-config` for another value, an unknown field or a field of another form
 */
export function changedFields<CHANGES extends object>(
  value: CHANGES | string | undefined | null | void,
  {
    agent,
    callback,
    fields,
  }: { agent: string; callback: string; fields: readonly (keyof CHANGES & string)[] },
): CHANGES | undefined {
  if (value === undefined || value === null) return undefined
  const allowed = `nothing or an object with ${fields.join(', ')}`
  if (typeof value === 'string' || !isFields(value)) {
    throw wrongValue(agent, `${callback} must return ${allowed}`, value)
  }
  for (const [name, field] of Object.entries(value)) {
    if (!fields.some((each) => each === name)) {
      const field = `the field ${shown(name)}`
      throw new LoomError(
        'invalid-config',
        `Agent "${agent}": ${callback} must return ${allowed}; got ${field}.`,
      )
    }
    if (isValueName(name)) checkReturned(agent, { callback, name }, field)
  }
  return value
}

const isValueName = (name: string): name is ValueName => Object.hasOwn(forms, name)

function checkReturned(
  agent: string,
  { callback, name }: { callback: string; name: ValueName },
  value: unknown,
): void {
  if (value === undefined || forms[name].holds(value)) return
  throw wrongValue(
    agent,
    `the ${name} that ${callback} returns must be ${forms[name].words}`,
    value,
  )
}

/** @param rule what must hold, such as "maxSteps must be a whole number from 1" */
export const wrongValue = (agent: string, rule: string, value: unknown): LoomError =>
  new LoomError('invalid-config', `Agent "${agent}": ${rule}; got ${shown(value)}.`)

/** Characters of a text that an error repeats. */
const shownMax = 60

/** The value in an error text. Objects may hold secrets and be large, so only their kind is shown. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, shownMax))
  if (Array.isArray(value)) return shownList(value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) return 'an object'
  return String(value)
}

/** Different kinds of entries that an error repeats. */
const kindsMax = 4

/** Names the kinds of the entries, because one wrong entry makes the list wrong. */
function shownList(list: readonly unknown[]): string {
  const kinds = new Set(list.map((entry) => (Array.isArray(entry) ? 'a list' : shownEntry(entry))))
  if (kinds.size === 0) return 'a list'
  return `a list of ${[...kinds].slice(0, kindsMax).join(', ')}${kinds.size > kindsMax ? ', …' : ''}`
}

/** A function in a list is one that the author forgot to call, such as `human` in place of `human()`. */
function shownEntry(entry: unknown): string {
  if (typeof entry !== 'function') return shown(entry)
  return entry.name === '' ? 'a function' : `the function ${entry.name} without a call`
}
