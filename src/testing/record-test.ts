/** The recorder: turns a stored session into a test that replays it. */
import type { UIMessage } from 'ai'

import type { AnyAgent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import type { CallRunner } from './message-steps.ts'
import { turnsIn } from './read-turns.ts'
import { testCode } from './test-code.ts'

/**
 * A session that `recordTest` records: an `AgentSession`, a list of messages, or the JSON that
 * `GET /api/chat/:id/messages` returns.
 * @example
 * ```ts
 * import type { RecordSource } from 'loomkit/testing'
 *
 * const url = 'http://localhost:3000/api/chat/lesson-1/messages'
 * const source: RecordSource = JSON.parse(await (await fetch(url)).text())
 * ```
 */
export type RecordSource =
  | {
      /** Returns the history. */
      messages: () => Promise<readonly UIMessage[]>
    }
  | {
      /** The history. */
      messages: readonly UIMessage[]
    }
  | readonly UIMessage[]

/**
 * The options of `recordTest`.
 * @example
 * ```ts
 * import { defineAgent } from 'loomkit'
 * import type { RecordTestOptions } from 'loomkit/testing'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.' })
 * const options: RecordTestOptions = { agent, from: '../agents/tutor.ts', runner: 'vitest' }
 * ```
 */
export interface RecordTestOptions {
  /** The agent of the session. The recorder reads its name and which tools the client runs. */
  agent: AnyAgent
  /** The module that exports the agent, as the test imports it: `../agents/tutor.ts`. */
  from: string
  /** The name of the export, or `default`. @defaultValue the name of the agent, `my-agent` as `myAgent` */
  exportName?: string
  /** The name of the test. @defaultValue the beginning of the first message */
  name?: string
  /** The context of the session, a JSON object. The test passes it to the agent. @defaultValue none */
  context?: object
  /**
   * The runner of the test. `any` is a test for `node --test` and for vitest.
   * @defaultValue 'any'
   */
  runner?: 'any' | 'node:test' | 'vitest' | '@jest/globals'
}

/**
 * Returns the code of a test that repeats a session with `replaySession`: the messages of the user, the replies of
 * the model, and the tool calls with their outcomes. The test runs no tool and calls no provider. It fails if the
 * agent does something else, for example without one of its tools, or with another `output` schema. The
 * content of files is not in the test.
 * @returns TypeScript, for a file such as `tutor.test.ts`
 * @throws LoomError `invalid-request` if the session has no answer, has answers of another agent, or ended at
 * a budget; or for an `exportName` that is no name of JavaScript
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises'
 * import { defineAgent, startAgent } from 'loomkit'
 * import { recordTest } from 'loomkit/testing'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const session = startAgent(agent, { id: 'lesson-1' })
 * await writeFile('tutor.test.ts', await recordTest(session, { agent, from: './tutor.ts' }))
 * ```
 */
export async function recordTest(
  source: RecordSource,
  options: RecordTestOptions,
): Promise<string> {
  const { agent } = options
  const messages = await messagesOf(source)
  const runnerOf = await runnersOf(options)
  return testCode(turnsIn(messages, { agent: agent.name, runnerOf }), options)
}

async function messagesOf(source: RecordSource): Promise<readonly UIMessage[]> {
  if ('messages' in source) {
    return typeof source.messages === 'function' ? source.messages() : source.messages
  }
  if (Array.isArray(source)) return source
  throw new LoomError(
    'invalid-request',
    'A session to record is an AgentSession, a list of messages, or an object with `messages`.',
  )
}

/** A tool that the agent does not have now ran on the server. */
async function runnersOf({ agent, context = {} }: RecordTestOptions): Promise<CallRunner> {
  const { tools = [] } = agent
  const list = typeof tools === 'function' ? await tools(contextOfAny(context)) : tools
  // It loads `ai`, which a test without a recorded session does not need.
  const { toolTable } = await import('../runner/tool-table.ts')
  const table = await toolTable(list)
  return ({ toolName }) => {
    const tool = table.get(toolName)
    return tool !== undefined && tool.execute === undefined ? 'client' : 'server'
  }
}

/** The type of an agent of any context cannot say that the caller passes the context of this agent. */
function contextOfAny(context: object): never
function contextOfAny(context: unknown): unknown {
  return context
}
