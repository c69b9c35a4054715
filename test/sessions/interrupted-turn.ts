/**
 * Turns with every kind of part, each interrupted at any entry of its log: its owner is killed or
 * stopped there, or hands the turn over. At the end, the store, the messages of the clients and the
 * prompts must agree.
 */
import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'

import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Prompt,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import { dynamicTool, type UIMessage } from 'ai'
import * as fc from 'fast-check'
import { z } from 'zod'

import { agentTool } from '../../src/agent-tool.ts'
import { type Agent, defineAgent } from '../../src/agent.ts'
import { type AgentEvent, isForClients } from '../../src/event.ts'
import { Loom } from '../../src/loom.ts'
import { createModels } from '../../src/model/resolve.ts'
import { nextPrompt, type NextPrompt } from '../../src/session/next-prompt.ts'
import { pendingParts } from '../../src/session/pending-parts.ts'
import { entriesOf } from '../../src/session/turn-world.ts'
import type { Store } from '../../src/store.ts'
import type { Answer } from '../../src/store/letter.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import { handedOver } from '../../src/store/turn.ts'
import type { NamedTool, RetryClass } from '../../src/tool.ts'
import type { Profile } from '../../src/wire/frames.ts'
import { until } from '../redis/until.ts'
import { calls, finish, says, scriptedModel, words } from '../scripted-model.ts'
import { userMessage } from './world.ts'

const retries: readonly RetryClass[] = ['safe', 'keyed', 'never']
const shapes = ['plain', 'yields', 'throws'] as const
const ownKinds = retries.flatMap((retry) => shapes.map((shape) => `${retry}-${shape}`))
const otherKinds = ['dynamic', 'delegate', 'ask', 'remove', 'search', 'unknown', 'refused', 'cut']

interface PlannedStep {
  thinks: boolean
  speaks: boolean
  /** The tools that it calls. The calls of the first step come in one reply. */
  calls: string[]
}

export interface Plan {
  steps: PlannedStep[]
  /** The entry of the log, counted over the turn, at which the owner is interrupted. */
  at: number
  how: 'kill' | 'stop' | 'stop and kill' | 'hand-over'
  /** The profile of the least capable reader. */
  floor: Profile
  approves: boolean
}

const anyStep = fc.record({
  thinks: fc.boolean(),
  speaks: fc.boolean(),
  calls: fc.uniqueArray(fc.constantFrom(...ownKinds, ...otherKinds), {
    minLength: 1,
    maxLength: 4,
  }),
})

export const anyPlan: fc.Arbitrary<Plan> = fc.record({
  steps: fc.array(anyStep, { minLength: 1, maxLength: 2 }),
  at: fc.integer({ min: 1, max: 45 }),
  how: fc.constantFrom('kill', 'kill', 'stop', 'stop and kill', 'hand-over'),
  floor: fc.constantFrom('v5', 'v6', 'v7'),
  approves: fc.boolean(),
})

/** Every kind of part that can be interrupted, under every retry class, at every entry of its turn. */
export const singlePlans: readonly Omit<Plan, 'at'>[] = (
  ['kill', 'stop', 'stop and kill', 'hand-over'] as const
).flatMap((how) =>
  [...ownKinds, ...otherKinds].map((kind): Omit<Plan, 'at'> => ({
    steps: [{ thinks: true, speaks: true, calls: [kind] }],
    how,
    floor: 'v6',
    approves: true,
  })),
)

/** The result of a turn, from every side. */
export interface Ended {
  stored: UIMessage
  events: AgentEvent[]
  /** The prompts of all model calls of the turn, in order. */
  asked: LanguageModelV4Prompt[]
  /** The next prompt of the model. */
  next: NextPrompt
  /** Whether the planned interruption happened before the turn ended. */
  wasInterrupted: boolean
  /** The number of runs of each tool, by name. */
  runs: Map<string, number>
}

export async function play(plan: Plan): Promise<Ended> {
  await using store = disposable(openMemoryStore())
  const id = randomUUID()
  const asked: LanguageModelV4Prompt[] = []
  const runs = new Map<string, number>()
  const agent = agentOf(plan, { asked, runs })
  const owner = mortal(store.store)
  const here = loomOn(owner.store, agent)
  const there = loomOn(store.store, agent)
  await here.sessions.start()
  await there.sessions.start()
  let living = here
  let appends = 0
  let wasInterrupted = false
  owner.onAppend = () => {
    if (++appends !== plan.at) return
    wasInterrupted = true
    if (plan.how === 'stop') void here.sessions.stop(id, '')
    if (plan.how === 'stop and kill') {
      void there.sessions.stop(id, '')
      owner.die()
    }
    if (plan.how === 'kill') owner.die()
    if (plan.how === 'hand-over') void here.sessions.drain()
    if (plan.how !== 'stop') living = there
  }
  const message = userMessage('Go.')
  const logId = 'reply'
  const post = { tenant: '', agent: agent.name, whenBusy: 'queue' as const }
  const request = { agent: agent.name }
  await here.sessions.post(
    id,
    { id: 'm1', kind: 'message', message, replyId: logId, request },
    post,
  )
  await store.store.noteReader(id, logId, plan.floor)
  for (let answers = 0; ; answers++) {
    await settled(store.store, { id, there, isDead: () => living === there })
    const session = await store.store.session(id)
    if (session?.state !== 'waiting') break
    const waiting = await there.sessions.partialAnswer(id, logId)
    const answer = pendingParts(waiting).map((part) => answerTo(part, plan.approves))
    const letter = { id: `a${answers}`, kind: 'answer' as const, answer, replyId: logId, request }
    // The owner may be dead before it accepts the answer, as with real clients.
    await living.sessions.post(id, letter, post)
  }
  const events = (await entriesOf(store.store, id, logId)).flatMap((entry) => entry.events)
  // A turn without parts leaves no message.
  const nothing: UIMessage = { id: logId, role: 'assistant', parts: [] }
  const { store: kept } = store
  const stored = (await kept.messages(id)).find((each) => each.id === logId) ?? nothing
  const session = await kept.session(id)
  if (session === undefined) throw new Error('the session is not there')
  const next = await nextPrompt(there, session, { agent, context: undefined })
  there.sessions.refuse()
  here.sessions.refuse()
  return { stored, events: events.filter(isForClients), asked, next, wasInterrupted, runs }
}

async function settled(
  store: Store,
  { id, there, isDead }: { id: string; there: Loom; isDead: () => boolean },
): Promise<void> {
  await until(10_000, 'the turn ends', async () => {
    const session = await store.session(id)
    const { turn } = session ?? {}
    if (session?.state !== 'running' || turn === undefined) return true
    if (isDead() && turn.owner !== there.sessions.instanceId) {
      const instance = turn.owner.startsWith(handedOver) ? turn.owner : handedOver + turn.owner
      const options = { instance, handOver: true }
      if (instance !== turn.owner) await store.takeOver(id, turn.claim, options)
      await there.sessions.lookAfter(id)
    }
    return false
  })
}

function answerTo(part: Record<string, unknown>, approved: boolean): Answer {
  const { toolCallId, approval } = part
  if (part['state'] === 'input-available') {
    return { type: 'output', toolCallId: String(toolCallId), output: 'answered' }
  }
  const approvalId =
    typeof approval === 'object' && approval !== null && 'id' in approval ? approval.id : ''
  return { type: 'approval', approvalId: String(approvalId), approved }
}

function loomOn(store: Store, agent: Agent): Loom {
  return new Loom({
    agents: [agent],
    store,
    models: createModels({ environment: {} }),
    flushMs: 0,
    report: () => {},
  })
}

const disposable = (store: Store) => ({
  store,
  [Symbol.asyncDispose]: () => store.close(),
})

/** The store for a process that can die: after its death, no call to the store settles. */
function mortal(store: Store): { store: Store; onAppend: () => void; die: () => void } {
  let isDead = false
  const seen = {
    onAppend: () => {},
    die: () => {
      isDead = true
    },
    store: new Proxy(store, {
      get(target, name: keyof Store) {
        if (name === 'within') return undefined
        const method = target[name]
        return (...parameters: unknown[]): unknown => {
          if (name === 'append' && !isDead) seen.onAppend()
          return isDead
            ? Promise.withResolvers().promise
            : Reflect.apply(method, target, parameters)
        }
      },
    }),
  }
  return seen
}

// The agent

interface Records {
  asked: LanguageModelV4Prompt[]
  runs: Map<string, number>
}

function agentOf({ steps }: Plan, { asked, runs }: Records): Agent {
  const ran = (name: string) => runs.set(name, (runs.get(name) ?? 0) + 1)
  return defineAgent({
    name: 'tester',
    systemPrompt: 'Be rich.',
    model: modelOf(steps, asked),
    tools: [
      ...retries.flatMap((retry) => shapes.map((shape) => ownTool({ retry, shape, ran }))),
      agentTool(
        defineAgent({
          name: 'delegate',
          systemPrompt: 'Help.',
          model: scriptedModel(...Array.from({ length: 3 }, () => says('Delegated words.'))),
        }),
      ),
      { name: 'ask', description: 'Asks the client.', inputSchema: z.object({}) },
      {
        name: 'remove',
        description: 'Removes.',
        inputSchema: z.object({}),
        needsApproval: true,
        retry: 'never',
        async *execute() {
          ran('remove')
          yield 'partial of remove'
          await setImmediate()
          yield 'result of remove'
        },
      },
      {
        name: 'refused',
        description: 'Takes a number.',
        inputSchema: z.object({ count: z.number() }),
        execute: () => 'result of refused',
      },
      {
        dynamic: dynamicTool({
          description: 'Has types that the client cannot know.',
          inputSchema: z.object({}),
          execute: () => ({ found: 'result of dynamic' }),
        }),
      },
    ],
  })
}

interface OwnTool {
  retry: RetryClass
  shape: (typeof shapes)[number]
  ran: (name: string) => void
}

function ownTool({ retry, shape, ran }: OwnTool): NamedTool {
  const name = `${retry}-${shape}`
  return {
    name,
    description: 'Works.',
    inputSchema: z.object({}),
    retry,
    async *execute() {
      ran(name)
      if (shape === 'yields') {
        for (let part = 1; part <= 3; part++) {
          yield `partial ${part} of ${name}`
          await setImmediate()
        }
      }
      if (shape === 'throws') throw new Error(`failure of ${name}`)
      yield `result of ${name}`
    },
  }
}

/** The results in the prompt decide its reply, so any instance may ask it. */
function modelOf(steps: readonly PlannedStep[], asked: LanguageModelV4Prompt[]): LanguageModelV4 {
  async function* say({ prompt }: LanguageModelV4CallOptions) {
    const index = prompt.filter(({ role }) => role === 'tool').length
    const step = steps[index]
    // The provider never uses its own ids twice.
    const reply = step === undefined ? says('All done.') : replyOf(step, `${index}-${asked.length}`)
    for (const part of reply) {
      await setImmediate()
      yield part
    }
  }
  return {
    specificationVersion: 'v4',
    provider: 'scripted',
    modelId: 'planned',
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error('only doStream is scripted')),
    async doStream(options) {
      asked.push(structuredClone(options.prompt))
      return { stream: ReadableStream.from(say(options)) }
    },
  }
}

function replyOf(step: PlannedStep, suffix: string): LanguageModelV4StreamPart[] {
  return [
    ...(step.thinks
      ? ([
          { type: 'reasoning-start', id: 'r' },
          { type: 'reasoning-delta', id: 'r', delta: 'Let me ' },
          { type: 'reasoning-delta', id: 'r', delta: 'think.' },
          { type: 'reasoning-end', id: 'r' },
        ] as const)
      : []),
    ...(step.speaks
      ? ([...words('Some words. '), { type: 'text-end', id: 'txt-0' }] as const)
      : []),
    ...step.calls.flatMap((kind) => callParts(kind, `call-${kind}-${suffix}`)),
    finish('tool-calls'),
  ]
}

function callParts(kind: string, toolCallId: string): LanguageModelV4StreamPart[] {
  const [whole] = calls([kind, kind === 'delegate' ? { prompt: 'Help.' } : {}, toolCallId])
  if (whole === undefined) throw new Error('there is a call')
  if (kind === 'cut') {
    return [
      { type: 'tool-input-start', id: toolCallId, toolName: 'safe-plain' },
      { type: 'tool-input-delta', id: toolCallId, delta: '{' },
      { type: 'tool-input-delta', id: toolCallId, delta: '}' },
      { type: 'tool-input-end', id: toolCallId },
      { type: 'tool-call', toolCallId, toolName: 'safe-plain', input: '{}' },
    ]
  }
  if (kind !== 'search') return [whole]
  const call = { toolCallId, toolName: 'search' }
  return [
    { type: 'tool-call', ...call, input: '{}', providerExecuted: true },
    { type: 'tool-result', ...call, result: { found: 'partial' }, preliminary: true },
    { type: 'tool-result', ...call, result: { found: 'result of search' } },
  ]
}
