/** The parameters that several routes have. */
import { historyPartMax } from '../../src/session/history.ts'
import { idLengthMax } from '../../src/wire/conversation/ids.ts'
import { profiles, protocols } from '../../src/wire/frames.ts'
import type { Parameter } from './operation.ts'

const text = { type: 'string' } as const

/** The meanings of the names in paths. */
const pathNames: Readonly<Record<string, string>> = {
  id: 'The id of the session.',
  agent: 'The name of the agent.',
  messageId: 'The id of the message.',
  toolCallId: 'The id of the tool call.',
  approvalId: 'The id of the approval request.',
  scheduleId: 'The id of the schedule.',
}

/** The parameters in a path of Hono, such as `id` in `/api/chat/:id`. */
export const parametersIn = (path: string): Parameter[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    in: 'path',
    name,
    description: pathNames[name] ?? `The ${name}.`,
    schema: { type: 'string', minLength: 1 },
  }))

export const query = (
  name: string,
  description: string,
  schema: Parameter['schema'] = text,
): Parameter => ({ in: 'query', name, description, schema })

const header = (name: string, description: string, schema: Parameter['schema']): Parameter => ({
  in: 'header',
  name,
  description,
  schema,
})

const profile = { type: 'string', enum: [...profiles] } as const

/** The version of `ai` that reads the response. */
export const readerParameters: readonly Parameter[] = [
  query('profile', 'The major version of the package `ai` that reads the response.', profile),
  header(
    'x-loom-profile',
    'The same as `profile`, for clients that cannot set the query.',
    profile,
  ),
]

/** The form of a response that may be a stream. */
export const streamParameters: readonly Parameter[] = [
  ...readerParameters,
  query('protocol', 'The form of the stream. The default is `ui`.', {
    type: 'string',
    enum: [...protocols],
  }),
]

/** The form of the response to a posted message or answer. */
export const answerParameters: readonly Parameter[] = [
  ...streamParameters,
  header('prefer', '`respond-async` asks for a confirmation with status 202 at once.', {
    type: 'string',
    enum: ['respond-async'],
  }),
]

export const idempotencyKey = header(
  'idempotency-key',
  'Two posts with the same key are one message.',
  { type: 'string', maxLength: idLengthMax },
)

export const whole = (max: number) => ({ type: 'integer', minimum: 1, maximum: max }) as const

export const historyLimit = whole(historyPartMax)
