/** Calls a tool as the runner does: it validates the input, and a generator's yields are preliminary. */
import { toolTable } from '../../src/runner/tool-table.ts'
import type { NamedTool, ToolContext } from '../../src/tool.ts'

export interface CalledTool {
  output: unknown
  preliminary: unknown[]
}

/** @throws the error that the model receives */
export async function callTool(
  tool: NamedTool,
  input: unknown,
  signal: AbortSignal = new AbortController().signal,
): Promise<CalledTool> {
  const ready = (await toolTable([tool])).get(tool.name)
  const checked = await ready?.check(input)
  if (checked === undefined || 'refusal' in checked) throw new Error(checked?.refusal)
  const result: unknown = await ready?.execute?.(checked.input, contextOf(signal))
  const preliminary: unknown[] = []
  if (!isGenerator(result)) return { output: result, preliminary }
  for (;;) {
    const { done, value } = await result.next()
    if (done === true) return { output: value, preliminary }
    preliminary.push(value)
  }
}

/** Returns the text of the error of a failed call. */
export async function failureOf(...call: Parameters<typeof callTool>): Promise<string> {
  const [tool] = call
  const done = await callTool(...call).catch((error: unknown) => {
    if (error instanceof Error) return error
    throw error
  })
  if (done instanceof Error) return done.message
  throw new Error(`${tool.name} did not fail: ${JSON.stringify(done.output)}`)
}

const isGenerator = (value: unknown): value is AsyncGenerator =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value

const contextOf = (signal: AbortSignal): ToolContext => ({
  toolCallId: 'call-1',
  messages: [],
  signal,
  abortSignal: signal,
  context: undefined,
  idempotencyKey: 'session:call-1',
  conversation: 'session',
  principal: '',
  sessionId: undefined,
  messageId: 'message',
  agent: 'tester',
  depth: 0,
  schedules: undefined,
  step: async (name, work) => work({ key: `session:call-1:${name}`, signal }),
  write: () => Promise.resolve(),
  run: () => Promise.reject(new Error('no agent to run')),
})
