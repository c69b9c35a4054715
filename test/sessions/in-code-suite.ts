/**
 * A session in code has the functions of the session routes. Each scenario runs at both doors, HTTP and
 * code, and must give the same: replies, histories, queues and codes of errors.
 */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'
import { Hono } from 'hono'
import { expect, it } from 'vitest'

import { sessionRoutes } from '../../routes/session.ts'
import type { AgentSession } from '../../src/agent-session.ts'
import type { SendOptions } from '../../src/agent-session/options.ts'
import type { AgentDefinition } from '../../src/agent.ts'
import type { AgentEvent } from '../../src/event.ts'
import { LoomError } from '../../src/ground/error.ts'
import type { Loom } from '../../src/loom.ts'
import type { CallAnswer } from '../../src/session/call-answer.ts'
import type { Store } from '../../src/store.ts'
import type { NamedTool } from '../../src/tool.ts'
import { within } from '../deadline.ts'
import { calls, says, type Script, scriptedModel, words } from '../scripted-model.ts'
import { clientTool, Gate, saysWhen } from './scripts.ts'
import { openWorld, textOf, untilState } from './world.ts'

type Sent = Pick<SendOptions, 'context' | 'whenBusy'>

interface Reply {
  text: string
  state: string
  message: { id: string; parts: readonly object[] }
}

interface Door {
  call: (text: string, options?: Sent) => Promise<Reply>
  cast: (text: string, options?: Sent & { id?: string }) => Promise<string>
  edit: (messageId: string, text: string, options?: Sent) => Promise<Reply>
  regenerate: (messageId: string) => Promise<Reply>
  answer: (toolCallId: string, output: unknown) => Promise<Reply>
  approve: (approvalId: string, approved: boolean, reason?: string) => Promise<Reply>
  stop: (stop: { messageId?: string; queue?: 'hold' | 'clear' | 'run' }) => Promise<object>
  runQueue: () => Promise<unknown>
  queue: () => Promise<readonly { message?: UIMessage }[]>
  withdraw: (messageId: string) => Promise<unknown>
  messages: () => Promise<readonly UIMessage[]>
  branches: () => Promise<readonly { number: number; messages: readonly UIMessage[] }[]>
  fork: (fork: { id?: string; messageId?: string; branch?: number }) => Promise<Door>
  info: () => Promise<{ id: string; state: string; agent: string } | undefined>
  prompt: () => Promise<{ agent: string; prompt: readonly object[] }>
  delete: () => Promise<unknown>
}

const principal = 'ada'

/** The door of HTTP. A status of an error becomes the `LoomError` that the method throws. */
function overHttp(loom: Loom, id: string): Door {
  const app = new Hono().route('/', sessionRoutes(loom, { principalOf: () => principal }))
  const json = async <BODY>(method: string, path: string, body?: object): Promise<BODY> => {
    const response = await app.request(`/chat${path}`, {
      method,
      headers: {
        accept: 'application/json',
        ...(path === '' && body && 'async' in body && { prefer: 'respond-async' }),
      },
      ...(body !== undefined && { body: JSON.stringify({ ...body, async: undefined }) }),
    })
    const text = await response.text()
    const parsed = JSON.parse(text === '' ? 'null' : text)
    if (response.ok) return parsed
    throw new LoomError(parsed.error.code, parsed.error.message)
  }
  const userMessage = (text: string, messageId: string = randomUUID()) => ({
    id: messageId,
    role: 'user',
    parts: [{ type: 'text', text }],
  })
  const post = (body: object) => json<Reply>('POST', '', { id, ...body })
  const at = `/${id}`
  return {
    call: (text, options) => post({ message: userMessage(text), ...options }),
    async cast(text, { id: messageId, ...options } = {}) {
      const message = userMessage(text, messageId)
      await json('POST', '', { id, message, ...options, async: true })
      return message.id
    },
    edit: (messageId, text, options) =>
      post({ message: userMessage(text, messageId), messageId, ...options }),
    regenerate: (messageId) =>
      post({ trigger: 'regenerate-message', messageId, message: { role: 'user', parts: [] } }),
    answer: (toolCallId, output) => json('POST', `${at}/tools/${toolCallId}`, { output }),
    approve: (approvalId, approved, reason) =>
      json('POST', `${at}/approvals/${approvalId}`, { approved, reason }),
    stop: (stop) => json('POST', `${at}/stop`, stop),
    runQueue: () => json('POST', `${at}/queue/run`),
    queue: async () =>
      (await json<{ queue: { message?: UIMessage }[] }>('GET', `${at}/queue`)).queue,
    withdraw: (messageId) => json('DELETE', `${at}/queue/${messageId}`),
    messages: () => json('GET', `${at}/messages?queued=0`),
    branches: async () =>
      (
        await json<{ branches: { number: number; messages: UIMessage[] }[] }>(
          'GET',
          `${at}/branches`,
        )
      ).branches,
    async fork(fork) {
      const { id: newId } = await json<{ id: string }>('POST', `${at}/fork`, fork)
      return overHttp(loom, newId)
    },
    info: () => json('GET', at),
    prompt: () => json('GET', `${at}/prompt`),
    delete: () => json('DELETE', at),
  }
}

function inCode(loom: Loom, id: string): Door {
  return codeDoor(loom.startAgent(undefined, id, { principal }))
}

function codeDoor(session: AgentSession): Door {
  const message = (text: string, id: string): UIMessage => ({
    id,
    role: 'user',
    parts: [{ type: 'text', text }],
  })
  return {
    call: (text, options) => session.call(text, options),
    cast: (text, { id = randomUUID(), ...options } = {}) =>
      session.cast(message(text, id), options),
    edit: async (messageId, text, options) =>
      (await session.edit(messageId, text, options)).reply(),
    regenerate: async (messageId) => (await session.regenerate(messageId)).reply(),
    answer: async (toolCallId, output) => (await session.answer(toolCallId, output)).reply(),
    approve: async (approvalId, approved, reason) =>
      (await session.approve(approvalId, approved, reason === undefined ? {} : { reason })).reply(),
    stop: (stop) => session.stop(stop),
    runQueue: () => session.runQueue(),
    queue: () => session.queue(),
    withdraw: (messageId) => session.withdraw(messageId),
    messages: () => session.messages(),
    branches: () => session.branches(),
    fork: async (fork) => codeDoor(await session.fork(fork)),
    info: () => session.info(),
    prompt: () => session.prompt(),
    delete: () => session.delete(),
  }
}

const doors = { HTTP: overHttp, code: inCode }

const pay: NamedTool = { ...clientTool, name: 'pay', needsApproval: true, execute: () => 'paid' }

const agentOf = (scripts: readonly Script[]): Partial<AgentDefinition> => ({
  model: scriptedModel(...scripts),
  tools: [clientTool, pay],
})

const textsOf = (messages: readonly { role: string; parts: readonly object[] }[]) =>
  messages.map(({ role, parts }) => `${role}: ${textOf({ parts })}`)

const repliesOf = (count: number) =>
  Array.from({ length: count }, (_, at) => says(`Reply ${at + 1}.`))

const codeOf = (done: Promise<unknown>): Promise<string> =>
  done.then(
    () => 'done',
    (error: unknown) => (error instanceof LoomError ? error.code : String(error)),
  )

/** The parts of a message without the ids that each run makes anew. */
const approvalOf = ({ message }: Reply): string => {
  for (const part of message.parts) {
    const approval = 'approval' in part ? part.approval : undefined
    if (typeof approval === 'object' && approval !== null && 'id' in approval)
      return String(approval.id)
  }
  throw new Error('nothing asks for approval')
}

type Play = (door: Door, help: { loom: Loom; gate: Gate; settled: () => Promise<void> }) => unknown

export function inCodeSuite(openStore: () => Promise<Store>): void {
  /** Plays a scenario at both doors. @returns the result of each */
  async function atBoth(scripts: (gate: Gate) => readonly Script[], play: Play): Promise<unknown> {
    const results: unknown[] = []
    for (const open of Object.values(doors)) {
      await using world = openWorld(openStore)
      const gate = new Gate('the first words')
      const here = await world.instance(agentOf(scripts(gate)))
      const id = randomUUID()
      const settled = async () => {
        const stored = (await here.sessions.find(principal, id))?.id ?? id
        await untilState(here, stored, 'idle')
      }
      results.push(await play(open(here.loom, id), { loom: here.loom, gate, settled }))
    }
    expect(results[1]).toEqual(results[0])
    return results[1]
  }

  it('edits, regenerations, branches and forks are the same in code', async () => {
    const result = await atBoth(
      () => repliesOf(6),
      async (door) => {
        await door.call('One?')
        await door.call('Two?')
        const [first, , second, reply] = await door.messages()
        await door.regenerate(reply?.id ?? '')
        await door.edit(second?.id ?? '', 'Two!')
        await door.edit(first?.id ?? '', 'One!')
        const branches = await door.branches()
        const whole = await door.fork({ branch: branches[1]?.number ?? 0 })
        const part = await door.fork({ messageId: first?.id ?? '', id: 'part' + randomUUID() })
        const answered = await part.regenerate(first?.id ?? '')
        return {
          history: textsOf(await door.messages()),
          branches: branches.map(({ messages }) => textsOf(messages)),
          whole: textsOf(await whole.messages()),
          part: [textsOf(await part.messages()), answered.text],
          refused: [
            await codeOf(door.edit((await door.messages())[1]?.id ?? '', 'x')),
            await codeOf(door.regenerate('nothing')),
            await codeOf(door.fork({ messageId: 'nothing' })),
            await codeOf(door.fork({ branch: 99 })),
          ],
        }
      },
    )
    expect(result).toMatchObject({
      history: ['user: One!', 'assistant: Reply 5.'],
      whole: ['user: One?', 'assistant: Reply 1.', 'user: Two?', 'assistant: Reply 3.'],
      part: [['user: One!', 'assistant: Reply 6.'], 'Reply 6.'],
      refused: ['invalid-request', 'refused', 'not-found', 'not-found'],
    })
  })

  it('queue, withdrawal and stops are the same in code', async () => {
    const scripts = (gate: Gate) => [saysWhen(gate, 'Half', ' lost'), ...repliesOf(2)]
    const result = await atBoth(scripts, async (door, { gate, settled }) => {
      const first = await door.cast('One?')
      await gate.reached()
      const [second, third, fourth] = [
        await door.cast('Two?'),
        await door.cast('Three?'),
        await door.cast('Four?'),
      ]
      const isBusy = await codeOf(door.call('Now?', { whenBusy: 'reject' }))
      await door.cast('Five?')
      await door.cast('Six?')
      const isFull = await codeOf(door.cast('Seven?'))
      const isTaken = await codeOf(door.cast('Other?', { id: second }))
      await door.withdraw(third)
      const again = await codeOf(door.withdraw(third))
      const withdrawn = await door.stop({ messageId: fourth })
      const waiting = (await door.queue()).map(({ message }) => message && textOf(message))
      const ofNone = await door.stop({ messageId: 'nothing' })
      const stopped = await door.stop({ messageId: first })
      await settled()
      const cleared = await door.stop({ queue: 'clear' })
      await door.runQueue()
      return {
        codes: [isBusy, isFull, isTaken, again],
        waiting,
        stops: [withdrawn, ofNone, stopped, cleared],
        left: await door.queue(),
        history: textsOf(await door.messages()),
      }
    })
    expect(result).toEqual({
      codes: ['busy', 'mailbox-full', 'refused', 'not-found'],
      waiting: ['Two?', 'Five?', 'Six?'],
      stops: [
        { stopped: false, withdrawn: true, queued: 3, held: false },
        { stopped: false, queued: 3, held: false },
        { stopped: true, queued: 3, held: true },
        { stopped: false },
      ],
      left: [],
      history: ['user: One?', 'assistant: Half'],
    })
  })

  it('answers and approvals of several open calls are the same in code', async () => {
    const scripts = () => [
      calls(['ask', { question: 'Where?' }, 'a'], ['pay', { question: '' }, 'p']),
      says('Done.'),
    ]
    const result = await atBoth(scripts, async (door) => {
      const asked = await door.call('Go.')
      const approvalId = approvalOf(asked)
      const unknown = await codeOf(door.answer('other', 1))
      const first = await door.answer('a', ['Berlin', { errorText: 'x', n: 1 }])
      const twice = await codeOf(door.answer('a', 'Rome'))
      const second = await door.approve(approvalId, false, 'Too expensive.')
      return {
        states: [asked.state, first.state, second.state],
        codes: [unknown, twice, await codeOf(door.approve(approvalId, true))],
        text: second.text,
        parts: second.message.parts.map((part) => ({
          ...part,
          approval: undefined,
          providerMetadata: undefined,
        })),
        info: {
          ...(await door.info()),
          id: 0,
          createdAt: 0,
          updatedAt: 0,
          messageId: 0,
          startedAt: 0,
        },
      }
    })
    expect(result).toMatchObject({
      states: ['waiting', 'waiting', 'idle'],
      codes: ['refused', 'refused', 'refused'],
      text: 'Done.',
      info: { agent: 'tester', state: 'idle', queued: 0 },
    })
  })

  it('a missing session is a LoomError with the code that HTTP reports', async () => {
    const result = await atBoth(
      () => repliesOf(2),
      async (door, { loom }) => {
        const missing = {
          answer: await codeOf(door.answer('a', 1)),
          approve: await codeOf(door.approve('a', true)),
          branches: await codeOf(door.branches()),
          delete: await codeOf(door.delete()),
          edit: await codeOf(door.edit('a', 'b')),
          fork: await codeOf(door.fork({})),
          messages: await door.messages(),
          prompt: await codeOf(door.prompt()),
          queue: await codeOf(door.queue()),
          regenerate: await codeOf(door.regenerate('a')),
          stop: await codeOf(door.stop({})),
          withdraw: await codeOf(door.withdraw('a')),
        }
        await door.call('Hi.')
        const { id = '' } = (await door.info()) ?? {}
        const { agent, prompt } = await door.prompt()
        const listed = (await loom.listSessions({ principal })).sessions.map((each) => each.id)
        const isTheirs = [await loom.session(id), await loom.session(id, { principal })]
        await door.delete()
        return {
          missing,
          prompt: [agent, prompt.length],
          isListed: listed.includes(id),
          isTheirs: isTheirs.map((session) => session?.principal),
          gone: [
            await codeOf(door.branches()),
            await codeOf(loom.deleteSession(id, { principal })),
          ],
        }
      },
    )
    const notFound = ['answer', 'approve', 'branches', 'delete', 'fork', 'prompt', 'queue', 'stop']
    expect(result).toMatchObject({
      missing: {
        ...Object.fromEntries(notFound.map((name) => [name, 'not-found'])),
        withdraw: 'not-found',
        edit: 'gone',
        regenerate: 'gone',
        messages: [],
      },
      prompt: ['tester', 3],
      isListed: true,
      isTheirs: [undefined, principal],
      gone: ['not-found', 'not-found'],
    })
  })

  it('one list answers a client-side tool and an approval in one step', async () => {
    await using world = openWorld(openStore)
    const scripts = [
      calls(
        ['ask', { question: 'Where?' }, 'a'],
        ['ask', { question: 'When?' }, 'b'],
        ['pay', { question: '' }, 'p'],
      ),
      says('Done.'),
    ]
    const here = await world.instance(agentOf(scripts))
    const there = await world.instance(agentOf(scripts.slice(1)))
    const session = here.loom.startAgent(undefined, randomUUID())
    const reply = await session.call('Go.')
    const answers: CallAnswer[] = [
      { toolCallId: 'a', output: { city: 'Berlin' } },
      { toolCallId: 'b', errorText: 'Nobody knows.' },
      { approvalId: approvalOf(reply), approved: true },
    ]
    const other = there.loom.startAgent(undefined, session.id)
    expect(await codeOf(other.answer([...answers, { toolCallId: 'x', output: 1 }]))).toBe('refused')
    expect(await codeOf(other.answer([{ toolCallId: 'a', output: 1n }]))).toBe('invalid-request')
    const done = await (await other.answer(answers)).reply()
    expect(done).toMatchObject({ state: 'idle', text: 'Done.' })
    expect(done.message.parts).toMatchObject(
      [
        { type: 'step-start' },
        { state: 'output-available', output: { city: 'Berlin' } },
        { state: 'output-error', errorText: 'Nobody knows.' },
        { state: 'output-available', output: 'paid' },
        { type: 'step-start' },
        { text: 'Done.' },
      ].map((part) => expect.objectContaining(part)),
    )
    const stored = (await session.messages()).at(-1)
    expect(stored).toEqual(done.message)
  })

  it('follow reads all answers of the session, as the stream over HTTP', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the first words')
    const here = await world.instance(agentOf([saysWhen(gate, 'One', '.'), says('Two.')]))
    const there = await world.instance(agentOf([]))
    const id = randomUUID()
    const session = here.loom.startAgent(undefined, id)
    const seen: string[] = []
    const leave = new AbortController()
    const begun = Promise.withResolvers<void>()
    await session.cast('One?')
    await gate.reached()
    const read = (async () => {
      const follower = there.loom.startAgent(undefined, id)
      for await (const event of follower.follow({ signal: leave.signal })) {
        seen.push(labelOf(event))
        begun.resolve()
        if (seen.filter((label) => label === 'finish').length === 2) return
      }
    })()
    await within(8000, 'the first event', begun.promise)
    gate.open()
    await session.call('Two?')
    await within(8000, 'both answers', read)
    const ends = ['start', 'finish', 'user: Two?', 'start', 'finish']
    expect(seen.filter((label) => ends.includes(label))).toEqual(ends)
    // An entry of the log may merge deltas.
    expect(seen.join('')).toMatch(/One\..*user: Two\?.*Two\./)
    const queueEnd: string[] = []
    for await (const { type } of session.follow({ scope: 'queue' })) queueEnd.push(type)
    expect(queueEnd).toEqual([])
    leave.abort(new Error('left'))
    const left = session.follow({ signal: leave.signal }).next()
    await expect(left).rejects.toThrow('left')
  })

  it('a failed turn rejects with its own code, on any instance', async () => {
    await using world = openWorld(openStore)
    const gate = new Gate('the tool')
    const failing = async function* () {
      await gate.pass()
      if (gate.arrivals > 0) throw new LoomError('context-overflow', 'The prompt is too long.')
      yield* words('')
    }
    const model = scriptedModel(failing)
    const definition = { ...agentOf([]), model, retry: { retries: 0 } }
    const here = await world.instance(definition)
    const there = await world.instance(definition)
    const id = randomUUID()
    const first = here.loom.startAgent(undefined, id).call('Go.')
    await gate.reached()
    const other = await there.loom.startAgent(undefined, id).watch()
    const replies = [codeOf(first), codeOf(other?.reply() ?? Promise.resolve())]
    gate.open()
    expect(await Promise.all(replies)).toEqual(['context-overflow', 'context-overflow'])
  })

  it('a session in code and over HTTP is one for its principal', async () => {
    await using world = openWorld(openStore)
    const here = await world.instance(agentOf(repliesOf(3)))
    const id = randomUUID()
    await overHttp(here.loom, id).call('One?')
    await inCode(here.loom, id).call('Two?')
    await here.loom.startAgent(undefined, id).call('Alone?')
    expect(textsOf(await overHttp(here.loom, id).messages())).toEqual([
      'user: One?',
      'assistant: Reply 1.',
      'user: Two?',
      'assistant: Reply 2.',
    ])
    const foreign = here.loom.startAgent(undefined, `@${principal}/${id}`)
    expect(await foreign.messages()).toEqual([])
  })
}

function labelOf(event: AgentEvent): string {
  if (event.type === 'text-delta') return event.delta
  if (event.type !== 'data-user-message' || !('data' in event)) return event.type
  const { data } = event
  return typeof data === 'object' && data !== null && 'parts' in data && Array.isArray(data.parts)
    ? `user: ${textOf({ parts: data.parts })}`
    : event.type
}
