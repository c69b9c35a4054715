/** The door of `docs/doors.md` on two instances: the one that writes is killed, and the client asks the other. */
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { pageAt, root } from '../docs/pages.ts'
import { writeBlocks } from '../docs/written-files.ts'
import { until } from '../redis/until.ts'
import { openStage } from './stage.ts'
import type { Asked, Reply } from './upstream.ts'

const deltasOf = (texts: readonly string[]) => [
  ...texts.map((content) => ({ delta: { content } })),
  { delta: {}, finish_reason: 'stop' },
]

/** Tells four lines, and waits in the middle of the third one. After a cut it tells the rest. */
function tellLines(messages: Asked['messages']): Reply {
  const isRest = JSON.stringify(messages.at(-1)).includes('Your reply was cut off')
  return isRest
    ? { deltas: deltasOf(['ee\n', 'Four']), heldAt: undefined }
    : { deltas: deltasOf(['One\n', 'Two\n', 'Thr', 'ee\n', 'Four']), heldAt: 3 }
}

/** A client of the protocol, which keeps the lines of one answer. */
class LinesClient {
  lines: string[] = []
  /** The number of the last line. */
  last = 0
  end: string | undefined
  readonly session: string

  constructor(session: string) {
    this.session = session
  }

  /** Reads to the end of the response, or until the connection breaks. */
  async read(url: string): Promise<void> {
    const response = await fetch(`${url}/lines/teller/${this.session}?after=${this.last}`, {
      method: 'POST',
      headers: { 'message-id': 'm1' },
      body: 'Tell.',
    })
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
    let rest = ''
    const decoder = new TextDecoder()
    try {
      for await (const bytes of response.body ?? []) {
        const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) this.#take(line)
      }
    } catch {
      // The connection broke. The client asks again.
    }
  }

  #take(line: string): void {
    const [, number = '', sign = '', text = ''] = /^(\d+) (.) (.*)$/.exec(line) ?? []
    expect(Number(number)).toBe(this.last + 1)
    this.last += 1
    if (sign === '+') this.lines.push(text)
    else if (sign === '-') this.lines.length = Number(text)
    else this.end = `${sign} ${text}`
  }
}

it('the door of the documentation outlives its instance, and stops', async () => {
  const block = pageAt('docs/doors.md').blocks.find(({ code }) => code.startsWith('// lines.ts'))
  if (block === undefined) throw new Error('The page has no door.')
  expect(block.code.trimEnd().split('\n').length).toBeLessThan(100)
  using written = writeBlocks([block], (code) =>
    code.replaceAll("from 'loomkit'", `from '${root}/src/index.ts'`),
  )
  await using stage = await openStage({
    program: join(import.meta.dirname, 'lines-server.ts'),
    agents: join(written.folder, 'lines.ts'),
    replyTo: tellLines,
  })
  const urls = [stage.instance(0).url, stage.instance(1).url] as const

  const stopped = new LinesClient('stopped')
  const [kept, reset] = [new LinesClient('kept'), new LinesClient('reset')]
  const broken = Promise.all([stopped, kept, reset].map((client) => client.read(urls[0])))
  await until(20_000, 'the model is held', () => stage.upstream.held === 3)
  // A page of a version that supports the withdrawal of a step reads one of the answers.
  const page = await fetch(`${urls[1]}/api/chat/reset/stream?profile=v7`)

  await fetch(`${urls[1]}/lines/teller/stopped`, { method: 'DELETE' })
  await until(10_000, 'the answer is stopped', () => stopped.end !== undefined)
  expect(stopped.lines).toEqual(['One', 'Two', 'Thr'])

  await stage.instance(0).kill()
  await broken
  expect([kept.last, kept.end]).toEqual([2, undefined])
  stage.upstream.letGo()
  for (const client of [kept, reset]) await client.read(urls[1])
  await page.body?.cancel()
  expect([kept.lines, kept.end]).toEqual([['One', 'Two', 'Thr', 'ee', 'Four'], '. stop'])
  expect([reset.lines, reset.end]).toEqual([['One', 'Two', 'Three', 'Four'], '. stop'])
  // A client without a cursor gets the same, and the model was not asked again.
  const asked = stage.upstream.calls.length
  for (const client of [kept, reset]) {
    const whole = new LinesClient(client.session)
    await whole.read(urls[1])
    expect(whole).toEqual(client)
  }
  expect(stage.upstream.calls).toHaveLength(asked)
  const unknown = await fetch(`${urls[1]}/lines/nobody/x`, { method: 'POST', body: 'Hi' })
  expect([unknown.status, await unknown.text()]).toEqual([
    404,
    'There is no such agent. There are: teller.\n',
  ])
})
