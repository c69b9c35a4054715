/** Compiles: each agent gets the context that it needs. `test/types.test.ts` has the mistakes. */
import type { JSONValue } from 'ai'
import { Hono } from 'hono'
import {
  type Agent,
  type AgentSession,
  agentTool,
  type AnyAgent,
  defineAgent,
  defineTool,
  Loom,
  type NamedTool,
  run,
  startAgent,
  stream,
  streamAgent,
  type ToolContext,
  type UIToolsOf,
} from 'loomkit'
import { z } from 'zod'

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
  expectType<Equal<NonNullable<typeof reply.output>, Weather>>()
  expectType<Equal<typeof result.output, Weather>>()
  expectType<Equal<typeof streamed.output, Weather>>()
}

interface Weather {
  celsius: number
}

/** Each answer of a session has the output of its agent. */
export async function answers() {
  const session = startAgent(forecast, { context: ada })
  expectType<Equal<OutputOf<typeof session>, Weather>>()
  const named = new Loom({ agents: [plain, forecast] }).startAgent('forecast', 's', {
    context: ada,
  })
  expectType<Equal<OutputOf<typeof named>, Weather>>()
  const fork = await session.fork()
  expectType<Equal<OutputOf<typeof fork>, Weather>>()
  await fork.call('Hi')
  await fork.call('Hi', { context: ada })
  for (const answer of [
    await session.send('Hi'),
    await session.edit('m', 'Hi'),
    await session.regenerate(),
    await session.answer('call', 'red'),
    await session.answer([{ toolCallId: 'call', output: 'red' }]),
    await session.approve('approval'),
    await session.watch(),
    await named.send('Hi'),
    await fork.send('Hi'),
  ]) {
    const { output } = (await answer?.reply()) ?? {}
    expectType<Equal<typeof output, Weather | undefined>>()
  }
  // The type of an agent without a schema does not say whether its answer has an output.
  const { output } = await (await startAgent(plain).send('Hi')).reply()
  expectType<Equal<typeof output, unknown>>()
}

type OutputOf<SESSION> = SESSION extends AgentSession<never, infer OUTPUT> ? OUTPUT : never

/** A sub-agent has the output of its schema, in a tool of one's own and as a tool. */
export const asks = defineTool({
  name: 'asks',
  description: 'Asks for the weather.',
  inputSchema: z.object({}),
  async execute(_, { run: runBelow }: ToolContext<User>) {
    const { output } = await runBelow(forecast, 'Hi')
    expectType<Equal<typeof output, Weather>>()
    return output.celsius
  },
})
const delegate = defineAgent({
  name: 'lead',
  systemPrompt: 'Help.',
  tools: [agentTool(forecast), agentTool(plain)],
})
type Outputs = UIToolsOf<typeof delegate>
expectType<Equal<Outputs['forecast']['output']['output'], Weather | undefined>>()
expectType<Equal<Outputs['plain']['output']['output'], JSONValue | undefined>>()

export const app = new Hono()
app.post('/plain', (c) => streamAgent(c, plain, []))
app.post('/output', (c) =>
  streamAgent(c, forecast, [], {
    context: ada,
    onFinish: ({ output }) => expectType<Equal<typeof output, Weather>>(),
  }),
)
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
  await loom.startAgent('by-parameter').edit('m', 'Hi', { context: ada })
  await loom.startAgent('by-parameter').regenerate('m', { context: ada })
  await loom.startAgent('by-parameter', 's', { context: ada }).call('Hi', { context: ada })
  const agents: AnyAgent[] = [plain, byTool, bySubAgent]
  await new Loom({ agents }).startAgent('by-tool').call('Hi', { context: ada })
}

/** Tools of different contexts are one list, and an agent may have it. */
const tools: NamedTool[] = [calculator, account, counter]
defineAgent({ name: 'untyped', systemPrompt: 'Help.', tools })
defineAgent<User>({ name: 'untyped', systemPrompt: 'Help.', tools })
