/**
 * Which clients take which chunk, and which fields of it. An allow-list on purpose: up to ai 5.0.216,
 * 6.0.230 and 7.0.31 one unknown field, and to this day one unknown chunk type, ends the stream.
 * `test/frames.test.ts` holds it against the schemas of those versions.
 */
import type { AgentEvent } from '../../event.ts'
import type { Profile } from './encoder.ts'

interface Row {
  required?: readonly string[]
  fields?: readonly string[]
  /** Only from this major on. */
  from?: 'v6' | 'v7'
  /** Undeclared readers get it too: without it there are no approvals. */
  approvals?: true
  /** Further fields that the first release of this major took. */
  v6?: readonly string[]
  v7?: readonly string[]
}

/** Every type but `data-…`, which is open. */
type NamedType = Exclude<AgentEvent['type'], `data-${string}`>

const part = { required: ['id'], fields: ['providerMetadata'] } satisfies Row
const delta = { required: ['id', 'delta'], fields: ['providerMetadata'] } satisfies Row
const flags = ['providerExecuted', 'dynamic']
// ai 5.0.150 and 6.0.3 take providerMetadata on a whole input, but neither on its start nor on outputs.
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
  /** Sent as null where the event has none: clients refuse a missing `unknown` field. */
  readonly required: readonly string[]
  /** Never sent as null or false: clients refuse the one, and ai 5 the other for `dynamic`. */
  readonly optional: readonly string[]
}

const dataFields: Fields = { required: ['data'], optional: ['id', 'transient'] }

const tables = {
  undeclared: tableOf(undefined),
  v5: tableOf('v5'),
  v6: tableOf('v6'),
  v7: tableOf('v7'),
}

/** What a reader of this profile is sent of an event, undefined where it is sent nothing. */
export function fieldsOf(type: string, profile: Profile | undefined): Fields | undefined {
  return type.startsWith('data-') ? dataFields : tables[profile ?? 'undeclared'].get(type)
}

function tableOf(profile: Profile | undefined): ReadonlyMap<string, Fields> {
  const known = Object.entries(rows).filter(([, row]) => knows(profile, row))
  return new Map(
    known.map(([type, { required = [], fields = [], v6 = [], v7 = [] }]) => {
      const further = profile === 'v7' ? v7 : profile === 'v6' ? v6 : []
      return [type, { required, optional: [...fields, ...further] }]
    }),
  )
}

function knows(profile: Profile | undefined, row: Row): boolean {
  if (row.from === undefined || profile === 'v7') return true
  if (profile === undefined) return row.approvals === true
  return profile === row.from
}
