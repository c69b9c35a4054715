/** Compiles: each agent gets the context that it needs. `test/types.test.ts` has the mistakes. */
import { Hono } from 'hono'
import {
  type Agent,
  type AnyAgent,
  defineAgent,
  Loom,
  type NamedTool,
  run,
  startAgent,
  stream,
  streamAgent,
} from 'loomkit'

import { calculator } from '../../tools/calculator.ts'
import {
  account,
  byBoth,
  byCallback,
  type byFirstCall,
  type byFunction,
  byParameter,
  type bySet,
  bySubAgent,
  byTool,
  counter,
  forecast,
  type mixed,
  optional,
  plain,
  type User,
} from './agents.ts'
import { type Equal, expectType } from './equal.ts'

type ContextOf<AGENT> = AGENT extends Agent<infer CONTEXT> ? CONTEXT : never

expectType<Equal<ContextOf<typeof plain>, unknown>>()
expectType<Equal<ContextOf<typeof byCallback>, User>>()
expectType<Equal<ContextOf<typeof byTool>, User>>()
expectType<Equal<ContextOf<typeof byBoth>, { language: string } & User>>()
expectType<Equal<ContextOf<typeof bySet>, User>>()
expectType<Equal<ContextOf<typeof bySubAgent>, User>>()
expectType<Equal<ContextOf<typeof byParameter>, User>>()
expectType<Equal<ContextOf<typeof byFirstCall>, User>>()
expectType<Equal<ContextOf<typeof byFunction>, User>>()
expectType<Equal<ContextOf<typeof optional>, User | undefined>>()
expectType<Equal<ContextOf<typeof mixed>, User>>()

const ada: User = { user: 'Ada' }

export async function runs(any: AnyAgent, unnamed: Agent<User>) {
  await run(plain, 'Hi')
  await run(plain, 'Hi', { messageId: 'm' })
  await run(byCallback, 'Hi', { context: ada })
  await run(byTool, 'Hi', { context: ada, messageId: 'm' })
  await run(byBoth, 'Hi', { context: { language: 'Welsh', ...ada } })
  await run(bySubAgent, 'Hi', { context: ada })
  await run(unnamed, 'Hi', { context: ada })
  await run(optional, 'Hi')
  await run(optional, 'Hi', { context: ada })
  await run(any, 'Hi')
  await run(any, 'Hi', { context: ada })
  await stream(byTool, 'Hi', { context: ada }).result
}

/** The output has the type of the schema. */
export async function outputs() {
  const context = ada
  const result = await run(forecast, 'Hi', { context })
  const streamed = await stream(forecast, 'Hi', { context }).result
  const reply = await startAgent(forecast, { context }).call('Hi')
  expectType<Equal<NonNullable<typeof result.output>, { celsius: number }>>()
  expectType<Equal<NonNullable<typeof streamed.output>, { celsius: number }>>()
  expectType<Equal<NonNullable<typeof reply.output>, { celsius: number }>>()
}

export const app = new Hono()
app.post('/plain', (c) => streamAgent(c, plain, []))
app.post('/user', (c) => streamAgent(c, byTool, [], { context: ada, onDisconnect: 'continue' }))

export async function sessions() {
  await startAgent(plain).call('Hi')
  const session = startAgent(byTool, { id: 's' })
  await session.call('Hi', { context: ada, whenBusy: 'reject' })
  await session.cast('Hi', { context: ada })
  session.stream('Hi', { context: ada })
  const own = startAgent(byTool, { context: ada })
  await own.call('Hi')
  await own.call('Hi', { context: { user: 'Bob' } })
  await startAgent(optional).call('Hi')

  const loom = new Loom({ agents: [plain, byTool, byParameter] })
  await loom.startAgent().call('Hi')
  await loom.startAgent('plain').call('Hi')
  await loom.startAgent('by-tool').call('Hi', { context: ada })
  await loom.startAgent('by-tool', 's', { context: ada }).call('Hi')
  // The type of `byParameter` has no name, so its session takes any context.
  await loom.startAgent('by-parameter').call('Hi', { context: ada })
  const agents: AnyAgent[] = [plain, byTool, bySubAgent]
  await new Loom({ agents }).startAgent('by-tool').call('Hi', { context: ada })
}

/** Tools of different contexts are one list, and an agent may have it. */
const tools: NamedTool[] = [calculator, account, counter]
defineAgent({ name: 'untyped', systemPrompt: 'Help.', tools })
defineAgent<User>({ name: 'untyped', systemPrompt: 'Help.', tools })
