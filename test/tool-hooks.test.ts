/** `beforeTool` and `afterTool` of an agent: their changes, and that they run once for each call. */
import { randomUUID } from 'node:crypto'

import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'

import type { AgentDefinition } from '../src/agent.ts'
import { openMemoryStore } from '../src/store/memory.ts'
import { toolOf } from './one-step.ts'
import { agentOf, ofType, record, watchRejections } from './recorded-run.ts'
import { calls, scriptedModel, says } from './scripted-model.ts'
import { Gate, gatedTool } from './sessions/scripts.ts'
import { openWorld, untilState } from './sessions/world.ts'

beforeEach(watchRejections)

const double = toolOf((input) => z.object({ n: z.number() }).parse(input).n * 2, {
  name: 'double',
  inputSchema: z.object({ n: z.number() }),
})

/** Runs two calls with the hooks. Returns the results for the model. */
async function settleWith(hooks: Partial<AgentDefinition>, tool = double) {
  const model = scriptedModel(calls([tool.name, { n: 1 }], [tool.name, { n: 2 }]), says('Done.'))
  const recorded = await record(agentOf({ tools: [tool], model, ...hooks }), 'Go.')
  const last = model.asked[1]?.prompt.at(-1)
  const results = last?.role === 'tool' ? last.content : []
  const outputs = results.map((part) => (part.type === 'tool-result' ? part.output : part))
  return { ...recorded, outputs }
}

describe('beforeTool', () => {
  it('changes the input of a call, and the schema of the tool checks it', async () => {
    const beforeTool: AgentDefinition['beforeTool'] = ({ toolCallId }) =>
      toolCallId === 'call-0' ? { input: { n: 21 } } : { input: { n: 'two' } }
    const { outputs, events } = await settleWith({ beforeTool })
    expect(outputs).toMatchObject([
      { type: 'json', value: 42 },
      {
        type: 'error-text',
        value: expect.stringMatching(/^The input that beforeTool set does not/),
      },
    ])
    expect(ofType(events, 'tool-input-available')[0]?.input).toEqual({ n: 1 })
  })

  it('refuses a call with a reason, or answers it in place of the tool', async () => {
    let runs = 0
    const tool = { ...double, execute: () => ++runs }
    const beforeTool: AgentDefinition['beforeTool'] = async ({ toolCallId }) =>
      toolCallId === 'call-0' ? { refuse: 'Not today.' } : { output: { cached: true } }
    const { outputs, events } = await settleWith({ beforeTool }, tool)
    expect(outputs).toEqual([
      { type: 'error-text', value: 'Not today.' },
      { type: 'json', value: { cached: true } },
    ])
    expect(ofType(events, 'tool-output-error')).toMatchObject([{ errorText: 'Not today.' }])
    expect(runs).toBe(0)
  })

  it('receives the facts of the call and the context of the run', async () => {
    const seen: unknown[] = []
    const beforeTool: AgentDefinition['beforeTool'] = (info, context) => {
      seen.push([info, context])
    }
    const model = scriptedModel(calls(['double', { n: 1 }]), says('Done.'))
    const agent = agentOf({ tools: [double], model, beforeTool })
    await record(agent, 'Go.', { context: { user: 'Ada' }, messageId: 'answer' })
    expect(seen).toMatchObject([
      [
        {
          toolCallId: 'call-0',
          toolName: 'double',
          input: { n: 1 },
          agent: 'tutor',
          idempotencyKey: 'answer:call-0',
        },
        { user: 'Ada' },
      ],
    ])
  })

  it('fails the call if it throws or takes longer than the tool may', async () => {
    const beforeTool: AgentDefinition['beforeTool'] = ({ toolCallId }) =>
      toolCallId === 'call-0' ? Promise.reject(new Error('no policy')) : new Promise(() => {})
    const { outputs, result } = await settleWith({ beforeTool }, { ...double, timeoutMs: 20 })
    expect(outputs).toMatchObject([{ value: 'no policy' }, { value: 'Timed out after 20 ms.' }])
    expect(result.outcome).toBe('finished')
  })
})

describe('a decision that is none', () => {
  /** A hook of a JavaScript file. */
  const untyped = (decision: unknown) => Object({ beforeTool: () => decision })

  it.each([false, true, 'refuse', 5, [], { block: true }, { refused: 'No.' }, { refuse: true }])(
    'of beforeTool does not let the call run: %j',
    async (decision) => {
      let runs = 0
      const tool = { ...double, execute: () => ++runs }
      const { outputs, result } = await settleWith(untyped(decision), tool)
      expect(outputs).toMatchObject([{ type: 'error-text' }, { type: 'error-text' }])
      expect(result.outcome).toBe('finished')
      expect(runs).toBe(0)
    },
  )

  it.each([undefined, null, {}])('of beforeTool is no change: %j', async (decision) => {
    const { outputs } = await settleWith(untyped(decision))
    expect(outputs).toMatchObject([{ value: 2 }, { value: 4 }])
  })

  it('of afterTool hides the output, and an error object has its text', async () => {
    const afterTool = ({ toolCallId }: { toolCallId: string }) =>
      toolCallId === 'call-0' ? { result: 'redacted' } : { error: new Error('No.') }
    const { outputs, result } = await settleWith(Object({ afterTool }))
    const first: unknown = expect.stringMatching(
      /^afterTool failed: afterTool must return nothing or/,
    )
    expect(outputs).toMatchObject([{ value: first }, { type: 'error-text', value: 'No.' }])
    expect(result.outcome).toBe('finished')
  })
})

describe('afterTool', () => {
  it('changes an output and an error', async () => {
    const tool = {
      ...double,
      execute(input: unknown) {
        if (z.object({ n: z.number() }).parse(input).n === 2) throw new Error('no bread')
        return 'card 1234'
      },
    }
    const afterTool: AgentDefinition['afterTool'] = ({ output, error }) =>
      error === undefined ? { output: `${String(output)}!` } : { error: `${error} today` }
    const { outputs, events } = await settleWith({ afterTool }, tool)
    expect(outputs).toEqual([
      { type: 'text', value: 'card 1234!' },
      { type: 'error-text', value: 'no bread today' },
    ])
    expect(ofType(events, 'tool-output-available')).toMatchObject([{ output: 'card 1234!' }])
  })

  it('runs once for each call with any outcome', async () => {
    const seen: unknown[] = []
    const afterTool: AgentDefinition['afterTool'] = ({ toolCallId, output, error, durationMs }) => {
      seen.push([toolCallId, output, error, durationMs >= 0])
    }
    const beforeTool: AgentDefinition['beforeTool'] = ({ toolCallId }) =>
      toolCallId === 'call-0' ? { refuse: 'No.' } : undefined
    await settleWith({ beforeTool, afterTool })
    expect(seen).toEqual([
      ['call-0', undefined, 'No.', true],
      ['call-1', 4, undefined, true],
    ])
  })

  it('gives a failed call an output, and fails a call if it throws', async () => {
    const tool = { ...double, execute: () => Promise.reject(new Error('down')) }
    const afterTool: AgentDefinition['afterTool'] = ({ toolCallId }) => {
      if (toolCallId === 'call-0') return { output: 'from the cache' }
      throw new Error('no log')
    }
    const { outputs } = await settleWith({ afterTool }, tool)
    expect(outputs).toMatchObject([
      { type: 'text', value: 'from the cache' },
      { type: 'error-text', value: 'afterTool failed: no log' },
    ])
  })
})

describe('the hooks after a takeover', () => {
  it('do not run again for a settled call, and run with each run of an open one', async () => {
    const store = openMemoryStore()
    await using world = openWorld(async () => ({ ...store, close: async () => {} }))
    const gate = new Gate('the second tool')
    const seen: string[] = []
    const agent = (name: string) => ({
      tools: [double, gatedTool(gate, [], { retry: 'safe' })],
      beforeTool: ({ toolName }: { toolName: string }) =>
        void seen.push(`${name} before ${toolName}`),
      afterTool: ({ toolName }: { toolName: string }) =>
        void seen.push(`${name} after ${toolName}`),
    })
    const model = scriptedModel(calls(['double', { n: 1 }], ['work', {}]))
    const owner = await world.instance({ ...agent('owner'), model })
    const id = randomUUID()
    await owner.session(id).cast('Go.')
    await gate.reached()
    owner.freeze()
    const heir = await world.instance({ ...agent('heir'), model: scriptedModel(says('Done.')) })
    gate.open()
    await untilState(heir, id, 'idle')
    expect(seen.filter((line) => line.includes('double'))).toEqual([
      'owner before double',
      'owner after double',
    ])
    expect(seen.filter((line) => line.startsWith('heir'))).toEqual([
      'heir before work',
      'heir after work',
    ])
  })
})
