/** The README's frontend, as it is written, in a page with ai 7 and a live server. */
import { readFileSync } from 'node:fs'
import { compileFunction } from 'node:vm'

import * as ai from 'ai'
import { expect, it, vi } from 'vitest'

import * as client from '../../src/client.ts'
import { fieldOf } from '../../src/fields.ts'
import { calls, says } from '../scripted-model.ts'
import { Gate, saysWhen } from '../sessions/scripts.ts'
import type { Chat } from './chat-client.ts'
import { mount, textOf, useChat7 } from './hook-client.ts'
import { openServer } from './live-server.ts'
import { wait } from './player.ts'
import { expectQuiet } from './quiet.ts'
import { openAgent } from './test-agent.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const [, snippet = ''] = /^## A frontend\n+```tsx\n(.*?)^```/ms.exec(readme) ?? []

interface Frontend {
  chat: Chat
  stopAnswer: () => Promise<unknown>
  answer: (tool: string, toolCallId: string, output: string) => unknown
  decide: (approvalId: string, approved: boolean) => unknown
}

/** What it imports stands in the scope of its code. */
const scope = { ...ai, ...client, useChat: useChat7 }

/** What the snippet makes in a component. */
function frontendOf(api: string): (chatId: string, history: unknown) => Frontend {
  const imports = /^import \{([^}]*)\} from '[^']+'\n/gm
  const names = [...snippet.matchAll(imports)].flatMap(([, list = '']) =>
    list.split(',').flatMap((name) => name.trim() || []),
  )
  expect(names.filter((name) => !(name in scope))).toEqual([])
  const code = snippet.replaceAll(imports, '').replace('http://127.0.0.1:3000/api/chat', api)
  expect(code).toContain(api)
  const returned = 'return { chat, stopAnswer, answer, decide }'
  // The documentation is the code under test.
  const parameters = [...Object.keys(scope), 'chatId', 'history']
  const make = compileFunction(`${code}\n${returned}`, parameters)
  return (chatId, history) => make(...Object.values(scope), chatId, history)
}

expectQuiet()

it("the README's frontend posts answers and approvals, and stops", async () => {
  const gate = new Gate('the last answer')
  const { agent, model } = openAgent([
    calls(['ask', { question: 'Where?' }]),
    calls(['remove', { path: '/a' }]),
    says('It is gone.'),
    saysWhen(gate, 'And', ' so on'),
  ])
  await using server = await openServer([agent])
  const frontend = frontendOf(server.api)
  let last: Frontend | undefined
  using page = mount(() => (last = frontend('readme', [])).chat)
  const current = () => {
    if (last === undefined) throw new Error('nothing was rendered')
    return last
  }
  const part = () => page.messages.at(-1)?.parts.at(-1)
  const reaches = (state: string) =>
    vi.waitFor(() => {
      expect(page.status).toBe('ready')
      expect(fieldOf(part(), 'state')).toBe(state)
    }, wait)
  await page.sendMessage({ text: 'Clean up.' })
  await reaches('input-available')
  current().answer('ask', String(fieldOf(part(), 'toolCallId')), 'here')
  await reaches('approval-requested')
  current().decide(String(fieldOf(fieldOf(part(), 'approval'), 'id')), true)
  await vi.waitFor(() => expect(page.shown).toEqual(['Clean up.', 'It is gone.']), wait)
  await vi.waitFor(() => expect(page.status).toBe('ready'), wait)
  expect(model.asked).toHaveLength(3)
  void page.sendMessage({ text: 'And then?' })
  await gate.reached()
  await current().stopAnswer()
  await vi.waitFor(() => expect(page.status).toBe('ready'), wait)
  gate.open()
  await vi.waitFor(async () => {
    const session = await (await fetch(`${server.api}/readme`)).text()
    expect(session).toContain('"state":"idle"')
  }, wait)
  const stored: { parts: object[] }[] = JSON.parse(
    await (await fetch(`${server.api}/readme/messages`)).text(),
  )
  expect(stored).toHaveLength(4)
  expect(page.messages.map(textOf).slice(0, 3)).toEqual(['Clean up.', 'It is gone.', 'And then?'])
  expect(model.asked).toHaveLength(4)
})
