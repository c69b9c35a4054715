/** The component of the README, as it is written, in a page with ai 7 and a live server. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { JSDOM } from 'jsdom'
import { createElement, type FunctionComponent } from 'react'
import { afterEach, expect, it, vi } from 'vitest'

import { defineTool } from '../../src/define-tool.ts'
import { human } from '../../tools/human.ts'
import { openServer } from '../clients/live-server.ts'
import { wait } from '../clients/player.ts'
import { expectQuiet } from '../clients/quiet.ts'
import { openAgent } from '../clients/test-agent.ts'
import { calls, says } from '../scripted-model.ts'
import { Gate, saysWhen } from '../sessions/scripts.ts'
import { root } from './pages.ts'
import { writeFiles } from './written-files.ts'

const { window } = new JSDOM('<!doctype html>', { url: 'http://localhost/' })
Object.assign(globalThis, { window, document: window.document })
// React looks for a page when it is loaded.
const { createRoot } = await import('react-dom/client')

expectQuiet()
afterEach(() => vi.unstubAllGlobals())

type ChatComponent = FunctionComponent<{ id: string }>

/** The component, which posts to `api`. */
async function componentFor(api: string): Promise<ChatComponent> {
  const written = writeFiles(['tsx'])
  try {
    const path = join(written.folder, 'chat.tsx')
    const code = readFileSync(path, 'utf8')
    const local = code
      .replace("'http://127.0.0.1:3000/api/chat'", `'${api}'`)
      .replace("'loomkit/react'", `'${join(root, 'src/entries/react.ts')}'`)
    expect(local).toContain(api)
    writeFileSync(path, local)
    const { Chat }: { Chat: ChatComponent } = await import(path)
    return Chat
  } finally {
    written[Symbol.dispose]()
  }
}

it('the component of the README answers, approves, and stops', async () => {
  const gate = new Gate('the last answer')
  const remove = defineTool({
    name: 'delete_file',
    description: 'Deletes a file.',
    inputSchema: human().inputSchema,
    needsApproval: true,
    execute: () => 'deleted',
  })
  const { agent, model } = openAgent(
    [
      calls(['human', { question: 'Where?' }]),
      calls(['delete_file', { question: '/a' }]),
      says('It is gone.'),
      saysWhen(gate, 'And', ' so on'),
    ],
    { tools: [human(), remove] },
  )
  await using server = await openServer([agent])
  const Chat = await componentFor(server.api)
  vi.stubGlobal('prompt', (question: string) => `here (${question})`)

  const element = window.document.createElement('div')
  window.document.body.append(element)
  const page = createRoot(element)
  page.render(createElement(Chat, { id: 'readme' }))
  const shows = (text: string) =>
    vi.waitFor(() => expect(element.textContent).toContain(text), wait)
  const press = async (label: string) => {
    const found = await vi.waitFor(() => {
      const button = [...element.querySelectorAll('button')].find(
        ({ textContent }) => textContent === label,
      )
      if (button === undefined) throw new Error(`There is no button ${label}.`)
      return button
    }, wait)
    found.click()
  }
  const say = async (text: string) => {
    const [input] = await vi.waitFor(() => {
      const inputs = [...element.querySelectorAll('input')]
      expect(inputs).toHaveLength(1)
      return inputs
    }, wait)
    if (input === undefined) throw new Error('There is no input.')
    // React replaces the setter of the element, and notices only values that the original one sets.
    const { prototype } = window.HTMLInputElement
    Object.getOwnPropertyDescriptor(prototype, 'value')?.set?.call(input, text)
    input.dispatchEvent(new window.Event('input', { bubbles: true }))
    await press('Send')
  }

  try {
    await say('Clean up.')
    await shows('Where?')
    await press('Answer')
    await shows('Run delete_file {"question":"/a"}?')
    await press('Yes')
    await shows('It is gone.')
    expect(model.asked).toHaveLength(3)
    expect(JSON.stringify(model.asked[1])).toContain('here (Where?)')
    await say('And then?')
    await gate.reached()
    await shows('And')
    await press('Stop')
    await vi.waitFor(async () => {
      const session = await (await fetch(`${server.api}/readme`)).text()
      expect(session).toContain('"state":"idle"')
    }, wait)
    gate.open()
    const stored: unknown[] = JSON.parse(
      await (await fetch(`${server.api}/readme/messages`)).text(),
    )
    expect(stored).toHaveLength(4)
    expect(JSON.stringify(stored[3])).not.toContain('so on')
    expect(model.asked).toHaveLength(4)
  } finally {
    page.unmount()
  }
})
