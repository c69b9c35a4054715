/**
 * Several instances on one store, in this process. Their runs and their calls to the store can be held
 * at any point. A frozen instance is one whose calls to the store do not arrive until it thaws. Its
 * model and its tools continue, like those of a process without a network.
 */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'

import type { AgentSession } from '../../src/agent-session.ts'
import { type Agent, type AgentDefinition, defineAgent } from '../../src/agent.ts'
import { type AgentEvent, isForClients } from '../../src/event.ts'
import { Loom } from '../../src/loom.ts'
import { type FoldedMessage, MessageFold } from '../../src/message-fold.ts'
import type { Models } from '../../src/model.ts'
import { createModels } from '../../src/model/resolve.ts'
import { cursorOf } from '../../src/session/entry-id.ts'
import { LastMessage } from '../../src/session/last-message.ts'
import { letterOf } from '../../src/session/letter-of-post.ts'
import type { Place } from '../../src/session/place.ts'
import type { PostContent } from '../../src/session/post-content.ts'
import type { Receipt } from '../../src/session/receipt.ts'
import type { Sessions } from '../../src/sessions.ts'
import type { Store } from '../../src/store.ts'
import type { WhenBusy } from '../../src/store/letter.ts'
import { within } from '../deadline.ts'
import { until } from '../redis/until.ts'

/** The heartbeat time of an instance. */
const heartbeatMs = 300
const patienceMs = 5000

export interface World extends AsyncDisposable {
  /** Starts another instance, which runs this agent under the common name of all agents here. */
  instance(agent: Partial<AgentDefinition>, models?: Models): Promise<TestInstance>
}

export interface TestInstance {
  agent: Agent
  loom: Loom
  sessions: Sessions
  /** The store from the view of this instance. A frozen one cannot reach it. */
  store: Store
  /** The errors that its turns reported. */
  reported: unknown[]
  session(id: string): AgentSession
  /** Blocks its calls to the store until it thaws. */
  freeze(): void
  thaw(): void
}

/** @param openStore opens one more view of the same store, as each process has its own */
export function openWorld(openStore: () => Promise<Store>): World {
  const opened: { instance: TestInstance; store: Store }[] = []
  return {
    async instance(definition, models = createModels({ environment: {} })) {
      const store = await openStore()
      const gate = gated(store)
      const agent = defineAgent({ name: 'tester', systemPrompt: 'Be brief.', ...definition })
      const reported: unknown[] = []
      const loom = new Loom({
        agents: [agent],
        store: gate.store,
        models,
        flushMs: 0,
        patienceMs,
        heartbeatMs,
        logTtlMs: 60_000,
        mailboxLimit: 5,
        pollMs: 100,
        report: (error) => reported.push(error),
      })
      const { sessions } = loom
      await sessions.start()
      const instance: TestInstance = {
        agent,
        loom,
        sessions,
        store: gate.store,
        reported,
        session: (id) => loom.startAgent(agent.name, id),
        freeze: gate.freeze,
        thaw: gate.thaw,
      }
      opened.push({ instance, store })
      return instance
    },
    async [Symbol.asyncDispose]() {
      for (const { instance } of opened) instance.thaw()
      await within(
        10_000,
        'the end of all instances',
        Promise.all(opened.map(({ instance }) => instance.sessions.drain())),
      )
      await Promise.all(opened.map(({ store }) => store.close()))
    },
  }
}

/** A store whose calls can be held before they are made. */
function gated(store: Store): { store: Store; freeze: () => void; thaw: () => void } {
  let open = Promise.withResolvers<void>()
  let isFrozen = false
  open.resolve()
  const through = new Proxy(store, {
    get(target, name: keyof Store) {
      // Another view of the store would bypass the gate.
      if (name === 'within') return undefined
      const method = target[name]
      return async (...parameters: unknown[]) => {
        if (isFrozen) await open.promise
        return Reflect.apply(method, target, parameters)
      }
    },
  })
  return {
    store: through,
    freeze() {
      isFrozen = true
      open = Promise.withResolvers()
    },
    thaw() {
      isFrozen = false
      open.resolve()
    },
  }
}

// The actions of a client

export const userMessage = (text: string, id: string = randomUUID()): UIMessage => ({
  id,
  role: 'user',
  parts: [{ type: 'text', text }],
})

export interface PostedByTest extends Partial<Omit<PostContent, 'last'>> {
  last?: unknown
  whenBusy?: WhenBusy
}

/** Posts like the route: new content becomes a letter. */
export async function post(
  { sessions, agent }: TestInstance,
  sessionId: string,
  { whenBusy = 'queue', last, ...content }: PostedByTest,
): Promise<Receipt | undefined> {
  const letter = await letterOf(
    {
      last: new LastMessage(last, 'message'),
      trigger: 'submit-message',
      messageId: undefined,
      key: undefined,
      request: { agent: agent.name },
      ...content,
    },
    await sessions.viewOf(sessionId, await sessions.session(sessionId)),
  )
  if (letter === undefined) return undefined
  return sessions.post(sessionId, letter, { tenant: '', agent: agent.name, whenBusy })
}

export interface Reading {
  /** Each event with its cursor. */
  events: { cursor: string; event: AgentEvent }[]
  message: FoldedMessage
}

/** Reads a log from a place to its end. */
export async function read(
  { sessions }: TestInstance,
  sessionId: string,
  place: Place | undefined,
  more: { onEvent?: (event: AgentEvent) => void; from?: FoldedMessage } = {},
): Promise<Reading> {
  if (place === undefined) throw new Error('there is nothing to read')
  const fold = new MessageFold(more.from ?? { id: '', role: 'assistant', parts: [] })
  const events: Reading['events'] = []
  let { skip } = place
  const end = sessions.readers.follow({
    sessionId,
    logId: place.logId,
    after: place.after,
    signal: AbortSignal.timeout(60_000),
    deliver({ id, events: list }) {
      for (const [index, event] of list.entries()) {
        if (index < skip) continue
        if (!isForClients(event)) continue
        events.push({ cursor: cursorOf(id, index), event })
        fold.add(event)
        more.onEvent?.(event)
      }
      skip = 0
    },
  })
  if ((await end) === 'gone') throw new Error(`the log ${place.logId} is gone`)
  return { events, message: fold.message }
}

/** Reads the answer to the last post, and only that. */
export async function readAnswer(
  instance: TestInstance,
  sessionId: string,
  receipt: Receipt | undefined,
): Promise<Reading> {
  if (receipt === undefined) throw new Error('nothing new was posted')
  const place = receipt.queued
    ? await instance.sessions.readers.placeOfLetter(sessionId, receipt, AbortSignal.timeout(60_000))
    : receipt
  return read(instance, sessionId, place)
}

/** Watches the running turn, from the start of the unfinished message. */
export async function watch(instance: TestInstance, sessionId: string): Promise<Reading> {
  return read(instance, sessionId, await instance.sessions.readers.placeOf(sessionId, undefined))
}

export async function untilState(
  { sessions }: TestInstance,
  sessionId: string,
  state: 'idle' | 'running' | 'waiting',
): Promise<void> {
  await until(8000, `the session is ${state}`, async () => {
    return (await sessions.session(sessionId))?.state === state
  })
}

/** The roles and texts of a history. */
export async function historyOf(
  { sessions }: TestInstance,
  sessionId: string,
): Promise<[role: string, text: string][]> {
  return (await sessions.messages(sessionId)).map(({ role, parts }) => [role, textOf({ parts })])
}

export const textOf = ({ parts }: { parts: readonly object[] }): string =>
  parts
    .map((part) => ('type' in part && part.type === 'text' && 'text' in part ? part.text : ''))
    .join('')
