/** The conversations that a version leaves behind for the fixtures, and what a client sees of them. */
import { until } from '../redis/until.ts'
import { calls, says, words } from '../scripted-model.ts'
import { richAgent } from '../sessions/rich-agent.ts'
import { openServed, type Served } from '../sessions/served.ts'

/** The ids of the sessions. */
export const ids = ['finished', 'waiting', 'running', 'copied'] as const

const asks = [
  calls(['remove', { path: '/a' }, 'call-x'], ['weather', { city: 'Oslo' }, 'call-w']),
  says('It is removed.'),
]

const replies = (asked: string) => {
  if (asked === 'Ask.') return asks
  if (asked === 'Go on.') return [[...words('It goes '), ...says('on and on.')]]
  // After a takeover, the runner asks the model to continue its reply.
  if (asked.startsWith('Your reply')) return [says('on and on.')]
  return [says(`You said: ${asked}`)]
}

interface Said {
  status: number
  text: string
}

export interface Scene extends AsyncDisposable {
  server: Served
  send: (method: string, path: string, body?: object, headers?: object) => Promise<Said>
  /** The files that the tool removed. */
  removed: string[]
}

/** @param isHeld true if the model stops in the middle of the answer to "Go on." */
export async function openScene(
  environment: Record<string, string>,
  { isHeld }: { isHeld: boolean },
): Promise<Scene> {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  if (!isHeld) release()
  const rich = richAgent(replies, async ({ asked, part }) => {
    if (asked.startsWith('Your reply') || (asked === 'Go on.' && part === 3)) await released
  })
  const server = await openServed([rich.agent], { LOOM_HEARTBEAT_MS: '500', ...environment })
  return {
    server,
    async send(method, path, body, headers = {}) {
      const response = await fetch(server.url + path, {
        method,
        headers: { ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const said = { status: response.status, text: await response.text() }
      if (said.status < 300) return said
      throw new Error(`${method} ${path}: ${said.status} ${said.text}`)
    },
    removed: rich.removed,
    async [Symbol.asyncDispose]() {
      release()
      await server[Symbol.asyncDispose]()
    },
  }
}

const at = (id: string) => `/api/chat/${id}`

/** Plays all conversations. The last one is in the middle of its answer then, and a message waits behind it. */
export async function play({ server, send }: Scene): Promise<void> {
  const post = (id: string, text: string, more: object = {}, headers: object = {}) => {
    const parts = [{ type: 'text', text }]
    const message = { id: `${id}-${text.slice(0, 3)}`, role: 'user', parts }
    return send(
      'POST',
      '/api/chat',
      { id, messages: [message], context: { user: 'ada' }, ...more },
      headers,
    )
  }
  await post('finished', 'One.')
  await post('finished', 'Two.')
  // An edit leaves a branch.
  await post('finished', 'Three.', { messageId: 'finished-Two' })
  await send('POST', `${at('finished')}/fork`, { id: 'copied' })
  // A time that does not come while a fixture is used.
  const time = { at: '2100-01-01T08:00:00.000Z' }
  await send('POST', `${at('copied')}/schedules`, {
    id: 'daily',
    message: 'Good morning.',
    ...time,
  })
  await post('waiting', 'Ask.')
  await post('running', 'Go on.', {}, { prefer: 'respond-async' })
  await until(5000, 'a part of the answer is stored', async () => {
    const turn = (await server.loom.sessions.session('running'))?.turn
    if (turn === undefined) return false
    const { parts } = await server.loom.sessions.partialAnswer('running', turn.logId)
    return JSON.stringify(parts).includes('It goes')
  })
  await post('running', 'And then?', {}, { prefer: 'respond-async' })
}

/** What a client sees of all sessions. */
export async function seen({ send }: Pick<Scene, 'send'>): Promise<unknown> {
  const read = async (path: string): Promise<unknown> => JSON.parse((await send('GET', path)).text)
  const views = await Promise.all(
    ids.map(async (id) => [
      id,
      {
        messages: await read(`${at(id)}/messages`),
        branches: await read(`${at(id)}/branches`),
        schedules: await read(`${at(id)}/schedules`),
      },
    ]),
  )
  return Object.fromEntries(views)
}
