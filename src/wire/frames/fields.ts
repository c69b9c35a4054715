/**
 * The chunks that each client accepts, and the fields of each chunk. This is an allow-list, because
 * one unknown field ends the stream up to ai 5.0.216, 6.0.230 and 7.0.31, and one unknown chunk
 * type still does. `test/frames.test.ts` compares it with the schemas of those versions.
 */
import type { AgentEvent } from '../../event.ts'
import { isAtLeast, type Profile } from './encoder.ts'

interface Row {
  required?: readonly string[]
  fields?: readonly string[]
  /** The first major version that accepts this chunk. */
  from?: 'v6' | 'v7'
  /** Readers without a profile receive it too: without it there are no approvals. */
  approvals?: true
  /** More fields that the first release of this major version accepted. */
  v6?: readonly string[]
  v7?: readonly string[]
}

/** Every type but `data-…`, which is open. */
type NamedType = Exclude<AgentEvent['type'], `data-${string}`>

const part = { required: ['id'], fields: ['providerMetadata'] } satisfies Row
const delta = { required: ['id', 'delta'], fields: ['providerMetadata'] } satisfies Row
const flags = ['providerExecuted', 'dynamic']
// ai 5.0.150 and 6.0.3 accept providerMetadata on a whole input, but not on its start or on
// outputs.
const input = [...flags, 'providerMetadata']

const rows: Record<NamedType, Row> = {
  'text-start': part,
  'text-delta': delta,
  'text-end': part,
  'reasoning-start': part,
  'reasoning-delta': delta,
  'reasoning-end': part,
  'tool-input-start': {
    required: ['toolCallId', 'toolName'],
    fields: flags,
    v6: ['title'],
    v7: ['title', 'providerMetadata'],
  },
  'tool-input-delta': { required: ['toolCallId', 'inputTextDelta'] },
  'tool-input-available': {
    required: ['toolCallId', 'toolName', 'input'],
    fields: input,
    v6: ['title'],
    v7: ['title'],
  },
  'tool-input-error': {
    required: ['toolCallId', 'toolName', 'input', 'errorText'],
    fields: flags,
    v6: ['title'],
    v7: ['title', 'providerMetadata'],
  },
  'tool-output-available': {
    required: ['toolCallId', 'output'],
    fields: [...flags, 'preliminary'],
    v7: ['providerMetadata'],
  },
  'tool-output-error': {
    required: ['toolCallId', 'errorText'],
    fields: flags,
    v7: ['providerMetadata'],
  },
  'tool-approval-request': { required: ['approvalId', 'toolCallId'], from: 'v6', approvals: true },
  'tool-approval-response': {
    required: ['approvalId', 'approved'],
    fields: ['reason'],
    from: 'v7',
  },
  'tool-output-denied': { required: ['toolCallId'], from: 'v6', approvals: true },
  file: { required: ['url', 'mediaType'], fields: ['providerMetadata'] },
  'reasoning-file': { required: ['url', 'mediaType'], fields: ['providerMetadata'], from: 'v7' },
  'source-url': { required: ['sourceId', 'url'], fields: ['title', 'providerMetadata'] },
  'source-document': {
    required: ['sourceId', 'mediaType', 'title'],
    fields: ['filename', 'providerMetadata'],
  },
  custom: { required: ['kind'], fields: ['providerMetadata'], from: 'v7' },
  start: { fields: ['messageId', 'messageMetadata'] },
  'start-step': {},
  'finish-step': {},
  'reset-step': { from: 'v7' },
  'message-metadata': { required: ['messageMetadata'] },
  abort: { v7: ['reason'] },
  error: { required: ['errorText'] },
  finish: { required: ['finishReason'], fields: ['messageMetadata'] },
}

/** The fields of one chunk type for one profile. */
export interface Fields {
  /** Sent as null if the event has no value: clients refuse a missing `unknown` field. */
  readonly required: readonly string[]
  /** Never sent as null or false: clients refuse null, and ai 5 refuses false for `dynamic`. */
  readonly optional: readonly string[]
}

const dataFields: Fields = { required: ['data'], optional: ['id', 'transient'] }

const tables = {
  undeclared: tableOf(undefined),
  v5: tableOf('v5'),
  v6: tableOf('v6'),
  v7: tableOf('v7'),
}

/** Returns the fields of an event for a reader of this profile, or undefined if it receives none. */
export function fieldsOf(type: string, profile: Profile | undefined): Fields | undefined {
  return type.startsWith('data-') ? dataFields : tables[profile ?? 'undeclared'].get(type)
}

function tableOf(profile: Profile | undefined): ReadonlyMap<string, Fields> {
  const accepted = Object.entries(rows).filter(([, row]) => knows(profile, row))
  return new Map(
    accepted.map(([type, { required = [], fields = [], v6 = [], v7 = [] }]) => {
      const further = isAtLeast(profile, 'v7') ? v7 : isAtLeast(profile, 'v6') ? v6 : []
      return [type, { required, optional: [...fields, ...further] }]
    }),
  )
}

function knows(profile: Profile | undefined, row: Row): boolean {
  if (row.from === undefined) return true
  if (profile === undefined) return row.approvals === true
  return isAtLeast(profile, row.from)
}
