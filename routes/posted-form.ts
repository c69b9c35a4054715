/**
 * The form of posted messages and contexts as JSON schemas, for the description of the routes. The code
 * checks them without these schemas: messages by the AI SDK's reader after a conversion of older forms
 * (`src/wire/conversation.ts`), contexts by the limits of a body. A test compares both.
 */
import { serverField } from '../src/store/context.ts'
import { idLengthMax } from '../src/wire/conversation/ids.ts'

const text = { type: 'string' } as const

const textPart = {
  type: 'object',
  required: ['type', 'text'],
  properties: { type: { const: 'text' }, text },
} as const

const filePart = {
  type: 'object',
  description: 'A file as a `data:` URL, or at an address that the server allows.',
  required: ['type', 'mediaType', 'url'],
  properties: { type: { const: 'file' }, mediaType: text, url: text, filename: text },
} as const

const dataPart = {
  type: 'object',
  description: 'Data of the application. A model does not see it.',
  required: ['type', 'data'],
  properties: { type: { type: 'string', pattern: '^data-' }, id: text },
} as const

const id = { type: 'string', maxLength: idLengthMax } as const

/** A message of a user. */
export const userMessageForm = {
  type: 'object',
  description: 'A message of a user: a `UIMessage` of the AI SDK, or a role with a text.',
  required: ['role'],
  properties: { id, role: { const: 'user' } },
  anyOf: [
    {
      required: ['parts'],
      properties: {
        parts: {
          type: 'array',
          minItems: 1,
          items: { anyOf: [textPart, filePart, dataPart] },
          contains: { properties: { type: { enum: ['text', 'file'] } } },
        },
      },
    },
    {
      required: ['content'],
      properties: { content: { type: 'string', minLength: 1 }, parts: { type: 'null' } },
    },
  ],
} as const

/** A message that the server sent before, with the answers to its calls, or one of another role. */
const otherMessageForm = {
  type: 'object',
  description:
    'A message of an assistant, whose answered tool parts are answers. Messages of other roles have no effect.',
  required: ['role'],
  properties: { id, role: { enum: ['assistant', 'system', 'tool'] } },
} as const

export const messageForm = { anyOf: [userMessageForm, otherMessageForm] } as const

export const contextForm = {
  type: 'object',
  description: 'The context for the callbacks of the agent.',
  not: { required: [serverField] },
} as const
