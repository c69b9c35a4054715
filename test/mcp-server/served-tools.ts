/** A server with one agent for the tests of MCP, and the agent's tools. */
import { onTestFinished } from 'vitest'
import { z } from 'zod'

import { type AgentDefinition, defineAgent, defineTool } from '../../src/index.ts'
import { type Script, type ScriptedModel, scriptedModel } from '../scripted-model.ts'
import { openServed, type Served } from '../sessions/served.ts'

export async function serve(
  scripts: readonly Script[],
  definition: Partial<AgentDefinition> = {},
  environment: Record<string, string> = {},
): Promise<Served & { model: ScriptedModel }> {
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', ...definition, model })
  const served = await openServed([agent], environment)
  onTestFinished(() => served[Symbol.asyncDispose]())
  return { ...served, model }
}

export const add = defineTool({
  name: 'add',
  description: 'Adds two numbers',
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  execute: ({ a, b }) => a + b,
})

/** A tool that needs an approval. `removed` has the paths of its calls. */
export function remover() {
  const removed: string[] = []
  const remove = defineTool({
    name: 'remove',
    description: 'Removes a file',
    inputSchema: z.object({ path: z.string() }),
    needsApproval: true,
    execute: ({ path }) => {
      removed.push(path)
      return 'removed'
    },
  })
  return { removed, remove }
}

/** A model that waits for its release, or for the end of its call. */
export function heldReply() {
  const begun = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  let isAborted = false
  const reply: Script = async function* (signal) {
    signal.addEventListener('abort', () => {
      isAborted = true
      release.resolve()
    })
    yield { type: 'stream-start', warnings: [] }
    yield { type: 'text-start', id: 't' }
    yield { type: 'text-delta', id: 't', delta: 'One' }
    begun.resolve()
    await release.promise
    yield { type: 'text-delta', id: 't', delta: ' two.' }
    yield { type: 'text-end', id: 't' }
    yield {
      type: 'finish',
      finishReason: { unified: 'stop', raw: 'stop' },
      usage: {
        inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: 1, text: 1, reasoning: 0 },
      },
    }
  }
  return { reply, begun: begun.promise, release: release.resolve, isAborted: () => isAborted }
}
