/** Mistakes of users that must not compile, with the error that each of them gets. */

export interface Mistake {
  name: string
  code: string
  /** A part of the error. */
  error: RegExp
}

/** The first lines of each program. */
export const prelude = `
import { Hono } from 'hono'
import { agentTool, defineAgent, defineTool, Loom, run, startAgent, stream, streamAgent } from 'loomkit'
import type { Agent, DataTypesOf, ToolContext, UIMessageOf, UIToolsOf } from 'loomkit'
import { z } from 'zod'
import { useChat } from 'ai-react7'
import { account, byBoth, byTool, plain, bySubAgent, forecast, mixed } from '../test/types/agents.ts'
const inputSchema = z.object({ city: z.string() })
const tool = { name: 'weather', description: 'Weather.', inputSchema } as const
const dataSchemas = { progress: z.object({ percent: z.number() }) }
`

const missing = /TS2554: Expected 3 arguments, but got 2/
const missingField = /Property 'context' is missing/
const noKelvin = /Property 'kelvin' does not exist on type '{ celsius: number; }'/
const wrong = /TS2322: Type 'number' is not assignable to type 'string'/

export const mistakes: readonly Mistake[] = [
  // The context
  { name: 'run without options', code: `void run(byTool, 'Hi')`, error: missing },
  { name: 'run without a context', code: `void run(byTool, 'Hi', {})`, error: missingField },
  {
    name: 'run with a wrong context',
    code: `void run(byTool, 'Hi', { context: { user: 1 } })`,
    error: wrong,
  },
  {
    name: 'run with a part of the context',
    code: `void run(byBoth, 'Hi', { context: { user: 'Ada' } })`,
    error: /Property 'language' is missing/,
  },
  {
    name: 'run of an agent without a context, with one',
    code: `void run(plain, 'Hi', { context: { user: 'Ada' } })`,
    error: /TS2322: Type '{ user: string; }' is not assignable to type 'undefined'/,
  },
  {
    name: 'run with a context that the sub-agent needs, missing',
    code: `void run(bySubAgent, 'Hi')`,
    error: missing,
  },
  { name: 'stream without a context', code: `stream(byTool, 'Hi')`, error: missing },
  {
    name: 'streamAgent without a context',
    code: `new Hono().post('/', (c) => streamAgent(c, byTool, []))`,
    error: /TS2554: Expected 4 arguments, but got 3/,
  },
  {
    name: 'streamAgent with a wrong context',
    code: `new Hono().post('/', (c) => streamAgent(c, byTool, [], { context: { user: 1 } }))`,
    error: wrong,
  },
  {
    name: 'call without a context',
    code: `void startAgent(byTool).call('Hi')`,
    error: /TS2554: Expected 2 arguments, but got 1/,
  },
  {
    name: 'call with a wrong context',
    code: `void startAgent(byTool).call('Hi', { context: { user: 1 } })`,
    error: wrong,
  },
  {
    name: 'call of a session without a context, with one',
    code: `void startAgent(plain).call('Hi', { context: { user: 'Ada' } })`,
    error: /is not assignable to type 'undefined'/,
  },
  {
    name: 'startAgent with a wrong context',
    code: `startAgent(byTool, { context: { user: 1 } })`,
    error: wrong,
  },
  {
    name: 'loom.startAgent, then call without a context',
    code: `void new Loom({ agents: [plain, byTool] }).startAgent('by-tool').call('Hi')`,
    error: /TS2554: Expected 2 arguments, but got 1/,
  },
  {
    name: 'loom.startAgent of an unknown agent',
    code: `new Loom({ agents: [plain, byTool] }).startAgent('by-tol')`,
    error:
      /Argument of type '"by-tol"' is not assignable to parameter of type '"by-tool" \| "plain"/,
  },
  {
    name: 'a tool that needs more than the context of the agent',
    code: `defineAgent<{ team: string }>({ name: 'a', systemPrompt: 'Hi', tools: [account] })`,
    error: /account/,
  },
  {
    name: 'such a tool after defineAgent<Context>()',
    code: `defineAgent<{ team: string }>()({ name: 'a', systemPrompt: 'Hi', tools: [account] })`,
    error: /account/,
  },
  {
    name: 'a sub-agent that needs more than the context of the agent',
    code: `defineAgent<{ team: string }>({ name: 'a', systemPrompt: 'Hi', tools: [agentTool(byTool)] })`,
    error: /by-tool|User/,
  },
  {
    name: 'an agent with a context where one without is expected',
    code: `const agent: Agent = byTool`,
    error: /TS2375|TS2322/,
  },
  {
    name: 'a callback that reads another context',
    code: `defineAgent<{ user: string }>({ name: 'a', systemPrompt: ({ team }) => team })`,
    error: /Property 'team' does not exist on type '{ user: string; }'/,
  },

  // The tools
  {
    name: 'a field that the input schema does not have',
    code: `defineTool({ ...tool, execute: ({ town }) => town })`,
    error: /Property 'town' does not exist on type '{ city: string; }'/,
  },
  {
    name: 'an execute with a parameter of another type',
    code: `defineTool({ ...tool, execute: (input: { city: number }) => input.city })`,
    error: /string.*number|number.*string/s,
  },
  {
    name: 'a field that the output does not have',
    code: `
defineTool({
  ...tool,
  execute: () => ({ celsius: 20 }),
  toModelOutput: ({ output }) => ({ type: 'text', value: output.kelvin }),
})`,
    error: /Property 'kelvin' does not exist on type '{ celsius: number; }'/,
  },
  {
    name: 'an output of another type than declared',
    code: `defineTool<{ city: string }, { celsius: number }>({ ...tool, execute: () => ({ celsius: 'hot' }) })`,
    error: /Type 'string' is not assignable to type 'number'/,
  },
  {
    name: 'a field that the context of a tool does not have',
    code: `defineTool({ ...tool, execute: (_, { context }: ToolContext<{ user: string }>) => context.team })`,
    error: /Property 'team' does not exist on type '{ user: string; }'/,
  },

  {
    name: 'a field that the output of an agent does not have',
    code: `void run(forecast, 'Hi', { context: { user: 'Ada' } }).then(({ output }) => output?.kelvin)`,
    error: noKelvin,
  },
  {
    name: 'a field that the output of an answer does not have',
    code: `
const session = startAgent(forecast, { context: { user: 'Ada' } })
void session.send('Hi').then((answer) => answer.reply()).then(({ output }) => output?.kelvin)`,
    error: noKelvin,
  },
  {
    name: 'the same for a message that was edited',
    code: `
const session = startAgent(forecast, { context: { user: 'Ada' } })
void session.edit('m', 'Hi').then((answer) => answer.reply()).then(({ output }) => output?.kelvin)`,
    error: noKelvin,
  },
  {
    name: 'the same for an agent that is found by its name',
    code: `
const session = new Loom({ agents: [plain, forecast] }).startAgent('forecast')
void session.call('Hi', { context: { user: 'Ada' } }).then(({ output }) => output?.kelvin)`,
    error: noKelvin,
  },
  {
    name: 'the same in onFinish of streamAgent',
    code: `
const options = { context: { user: 'Ada' } }
new Hono().post('/', (c) =>
  streamAgent(c, forecast, [], { ...options, onFinish: ({ output }) => void output.kelvin }))`,
    error: noKelvin,
  },
  {
    name: 'the same for a sub-agent',
    code: `
defineTool({
  ...tool,
  execute: async (_, { run }: ToolContext<{ user: string }>) => (await run(forecast, 'Hi')).output.kelvin,
})`,
    error: noKelvin,
  },

  // Data parts
  {
    name: 'a data part whose name has no schema',
    code: `defineTool({ ...tool, dataSchemas, execute: (_, { write }) => write({ type: 'data-progres', data: { percent: 1 } }) })`,
    error: /Type '"data-progres"' is not assignable to type '"data-progress"'/,
  },
  {
    name: 'a data part with wrong data',
    code: `defineTool({ ...tool, dataSchemas, execute: (_, { write }) => write({ type: 'data-progress', data: { percent: '1' } }) })`,
    error: /Type 'string' is not assignable to type 'number'/,
  },
  {
    name: 'a data part without data',
    code: `defineTool({ ...tool, dataSchemas, execute: (_, { write }) => write({ type: 'data-progress' }) })`,
    error: /Property 'data' is missing/,
  },
  {
    name: 'a part of the AI SDK that is no data part',
    code: `defineTool({ ...tool, execute: (_, { write }) => write({ type: 'text-delta', data: 'Hi' }) })`,
    error: /Type '"text-delta"' is not assignable to type '`data-\$\{string\}`'/,
  },
  {
    name: 'wrong data in a tool that is typed for an agent',
    code: `
const execute = (_: unknown, { write }: ToolContext<unknown, DataTypesOf<typeof dataSchemas>>) =>
  write({ type: 'data-progress', data: { done: 1 } })
defineTool({ ...tool, execute })`,
    error: /'done' does not exist in type '{ percent: number; }'/,
  },
  {
    name: 'a data part that the agent does not have',
    code: `const loader = defineAgent({ name: 'a', systemPrompt: 'Hi', dataSchemas })
const [message] = useChat<UIMessageOf<typeof loader>>().messages
for (const part of message?.parts ?? []) if (part.type === 'data-row') void part`,
    error: /appears to be unintentional because the types .* and '"data-row"' have no overlap/,
  },
  {
    name: 'a field that the data of a part does not have',
    code: `const loader = defineAgent({ name: 'a', systemPrompt: 'Hi', dataSchemas })
const [message] = useChat<UIMessageOf<typeof loader>>().messages
for (const part of message?.parts ?? []) if (part.type === 'data-progress') part.data.done`,
    error: /Property 'done' does not exist on type '{ percent: number; }'/,
  },

  // The frontend
  {
    name: 'a tool that the agent does not have',
    code: `const tools: UIToolsOf<typeof mixed> = {} as never; tools.calculater`,
    error: /Property 'calculater' does not exist/,
  },
  {
    name: 'a wrong output of a client-side tool',
    code: `
const { addToolOutput } = useChat<UIMessageOf<typeof mixed>>()
void addToolOutput({ tool: 'color', toolCallId: 'c', output: 1 })`,
    error: wrong,
  },
  {
    name: 'a field that the output of a tool part does not have',
    code: `
const [message] = useChat<UIMessageOf<typeof mixed>>().messages
for (const part of message?.parts ?? [])
  if (part.type === 'tool-calculator' && part.state === 'output-available') part.output.sum`,
    error: /Property 'sum' does not exist on type '{ result: number; }'/,
  },
]
