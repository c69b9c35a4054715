/**
 * One answer, followed at once through five protocols at two instances, over the death of the instance that writes it:
 * a page with `useChat`, a client of OpenAI's Responses API, an editor (ACP), a client of AG-UI and a terminal.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'

import OpenAI from 'openai'
import type { Response as OpenAiResponse } from 'openai/resources/responses/responses'
import { afterEach, expect, it, onTestFinished } from 'vitest'

import { homeIn, openEditor } from '../acp/editor.ts'
import { Thread } from '../ag-ui/thread.ts'
import { folder, tidy } from '../cli/command.ts'
import { closeTerminals, lacksTerminal, openPseudoTerminal } from '../cli/pseudo-terminal.ts'
import { within } from '../deadline.ts'
import { until } from '../redis/until.ts'
import { openStage } from './stage.ts'
import { messagesOf, openTab } from './tab.ts'
import { textOf } from './world.ts'

afterEach(async () => {
  await closeTerminals()
  await tidy()
})

it.skipIf(lacksTerminal)(
  'one answer is the same for five protocols, over the death of its owner',
  async () => {
    await using stage = await openStage()
    const [owner, survivor] = [stage.instance(0).url, stage.instance(1).url]
    const id = randomUUID()
    const home = homeIn(await folder())
    const editor = await openEditor({
      words: ['--url', survivor, '--session', id],
      environment: {},
      cwd: join(home, '..'),
      home,
    })
    onTestFinished(async () => void (await editor.quit()))
    expect(await editor.begin()).toBe(id)
    const terminal = openPseudoTerminal(['chat', '--session', id, '--url', survivor])
    await terminal.shows(/› $/)

    // A client of the Responses API asks at the instance that dies.
    const openAi = (url: string) =>
      new OpenAI({ baseURL: `${url}/v1`, apiKey: 'any', maxRetries: 0 })
    const response = { id: '', last: -1, text: '', end: undefined as OpenAiResponse | undefined }
    type Events = Awaited<ReturnType<typeof stream>>
    const stream = () =>
      openAi(owner).responses.create({
        model: 'assistant',
        input: 'steps: 3, hold at 3',
        conversation: id,
        stream: true,
      })
    const read = async (events: Events) => {
      for await (const event of events) {
        if ('sequence_number' in event) response.last = event.sequence_number
        if (event.type === 'response.created') response.id = event.response.id
        if (event.type === 'response.output_text.delta') response.text += event.delta
        if (event.type === 'response.completed') response.end = event.response
      }
    }
    const broken = read(await stream()).then(
      () => false,
      () => true,
    )
    await until(20_000, 'the model is held', () => stage.upstream.held === 1)

    // The page is at both instances, and the client of AG-UI at the other one.
    const pageAtOwner = openTab({ urls: [owner, survivor] }).reattach(id)
    const page = openTab({ urls: [survivor], profile: 'v6' }).reattach(id)
    const thread = new Thread(survivor, id, 'assistant')
    const run = thread.run()
    const partial = 'Step 3: one'
    await until(20_000, 'every client has the beginning of the last text', () =>
      [
        response.text,
        editor.textOf(id),
        terminal.text,
        JSON.stringify(thread.client.messages),
      ].every((text) => text.includes(partial)),
    )
    await stage.instance(0).kill()
    expect(await broken).toBe(true)
    stage.upstream.letGo()
    const rest = await openAi(survivor).responses.retrieve(response.id, {
      stream: true,
      starting_after: response.last,
    })
    await within(30_000, 'the rest of the response', read(rest))

    const [, stored] = await messagesOf(survivor, id)
    if (stored === undefined) throw new Error('no answer')
    const text = textOf(stored)
    const results = stored.parts.flatMap((part) => ('output' in part ? [part.output] : []))
    expect(results).toHaveLength(2)
    expect(text).toContain('Step 3: one two three.')
    expect(await page.message).toEqual(stored)
    expect(await pageAtOwner.message).toEqual(stored)
    expect(response.text).toBe(text)
    expect((await openAi(survivor).responses.retrieve(response.id)).output_text).toBe(text)
    expect(
      response.end?.output.flatMap((item) => (item.type === 'mcp_call' ? [item.output] : [])),
    ).toEqual(results.map((result) => JSON.stringify(result)))
    const { finished } = await within(30_000, 'the run of AG-UI', run)
    expect(finished?.outcome).toEqual({ type: 'success' })
    expect(thread.client.messages).toEqual(await thread.storedMessages())
    await editor.untilText(id, text.slice(-10))
    expect(editor.textOf(id).replaceAll(/\s+/g, ' ')).toBe(text.replaceAll(/\s+/g, ' '))
    await terminal.shows(/one two three\./)
    // The model was asked once for each step, and once more for the one that the death cut off.
    expect(stage.upstream.calls).toHaveLength(4)
  },
)
