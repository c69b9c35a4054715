/** Compiles: data parts have the types of their schemas, in tools and in a frontend. */
import { type InferUIMessageChunk, jsonSchema } from 'ai'
import { useChat } from 'ai-react7'
import type { UIMessage as UIMessage5 } from 'ai5'
import type { UIMessage as UIMessage6 } from 'ai6'
import {
  agentTool,
  type AnswerMetadata,
  type AnyAgent,
  type DataPart,
  type DataTypesOf,
  defineAgent,
  defineTool,
  type NamedTool,
  type ToolContext,
  type UIDataOf,
  type UIMessageOf,
  type UIToolsOf,
} from 'loomkit'
import { z } from 'zod'

import { calculator } from '../../tools/calculator.ts'
import { account, type plain, type User } from './agents.ts'
import { type Equal, expectType } from './equal.ts'

const inputSchema = z.object({ city: z.string() })
export const dataSchemas = { progress: z.object({ percent: z.number() }) }

interface Progress {
  percent: number
}

export const importer = defineTool({
  name: 'importer',
  description: 'Imports.',
  inputSchema,
  dataSchemas: { ...dataSchemas, row: jsonSchema<{ name: string }>({ type: 'object' }) },
  async execute({ city }, { write }) {
    await write({ type: 'data-progress', id: city, data: { percent: 50 } })
    await write({ type: 'data-row', data: { name: city }, transient: true })
    return city.length
  },
})

/** A tool of an agent whose schemas are in a file of their own. */
export const typedForAgent = defineTool({
  name: 'typed',
  description: 'Works.',
  inputSchema,
  async *execute({ city }, { write, context }: ToolContext<User, DataTypesOf<typeof dataSchemas>>) {
    yield context.user
    await write({ type: 'data-progress', data: { percent: 1 } })
    return city
  },
})

/** Without schemas, every name and value is allowed. A context may also name only its own part. */
export const untyped = defineTool({
  name: 'untyped',
  description: 'Works.',
  inputSchema,
  dataSchemas,
  async execute(_, { write }: ToolContext<User>) {
    await write({ type: 'data-anything', data: ['at', 1] })
  },
})
export const bare = defineTool({
  name: 'bare',
  description: 'Works.',
  inputSchema,
  execute: (_, { write }) => write({ type: 'data-anything', data: null }),
})

const loader = defineAgent({
  name: 'loader',
  systemPrompt: 'Load.',
  dataSchemas: { progress: z.object({ step: z.string() }), done: z.boolean() },
  tools: [calculator, account, importer, { bare }],
})

type LoaderData = UIDataOf<typeof loader>
expectType<Equal<keyof LoaderData, 'progress' | 'row' | 'done'>>()
expectType<Equal<LoaderData['row'], { name: string }>>()
expectType<Equal<LoaderData['done'], boolean>>()
// Two owners of one name write different data.
expectType<Equal<LoaderData['progress'], { step: string } | Progress>>()

/** Other forms of agents. */
const byFirstCall = defineAgent<User>()({
  name: 'by-first-call',
  systemPrompt: 'Load.',
  dataSchemas,
  tools: [account],
})
expectType<Equal<UIDataOf<typeof byFirstCall>, { progress: Progress }>>()
const byFunction = defineAgent({
  name: 'by-function',
  systemPrompt: 'Load.',
  tools: ({ user }: User) => (user === '' ? [calculator] : [importer]),
})
expectType<Equal<keyof UIDataOf<typeof byFunction>, 'progress' | 'row'>>()
const bySet = defineAgent({ name: 'by-set', systemPrompt: 'Load.', tools: { importer } })
expectType<Equal<keyof UIDataOf<typeof bySet>, 'progress' | 'row'>>()
const lead = defineAgent({
  name: 'lead',
  systemPrompt: 'Lead.',
  tools: [agentTool(loader), agentTool(defineAgent({ name: 'none', systemPrompt: 'Hi.' }))],
})
expectType<Equal<keyof UIDataOf<typeof lead>, 'progress' | 'row' | 'done'>>()
const answering = defineAgent({
  name: 'answering',
  systemPrompt: 'Answer.',
  output: z.object({ celsius: z.number() }),
})
expectType<Equal<UIDataOf<typeof answering>, { output: { celsius: number } }>>()
expectType<Equal<UIDataOf<typeof plain>, never>>()
expectType<Equal<UIDataOf<readonly [typeof importer]>['row'], { name: string }>>()

export const lists: [AnyAgent[], NamedTool[]] = [
  [loader, lead, byFirstCall, byFunction],
  [importer, typedForAgent, untyped, bare],
]

/** The parts of a message, and the chunks of a stream. */
type Message5 = UIMessage5<AnswerMetadata, UIDataOf<typeof loader>, UIToolsOf<typeof loader>>
type Message6 = UIMessage6<AnswerMetadata, UIDataOf<typeof loader>, UIToolsOf<typeof loader>>
type Message7 = UIMessageOf<typeof loader>
type RowIn<MESSAGE extends { parts: readonly { type: string }[] }> =
  Extract<MESSAGE['parts'][number], { type: 'data-row' }> extends { data: infer DATA }
    ? DATA
    : never
expectType<Equal<RowIn<Message5>, { name: string }>>()
expectType<Equal<RowIn<Message6>, { name: string }>>()
expectType<Equal<RowIn<Message7>, { name: string }>>()

export function usePage() {
  const { messages } = useChat<Message7>({
    onData(part) {
      if (part.type === 'data-done') expectType<Equal<typeof part.data, boolean>>()
    },
  })
  return messages.flatMap(({ parts }) =>
    parts.flatMap((part) => (part.type === 'data-row' ? [part.data.name] : [])),
  )
}

/** A part of a tool is a chunk of the AI SDK. */
export const chunk = (part: DataPart<{ done: boolean }>): InferUIMessageChunk<Message7> => part
