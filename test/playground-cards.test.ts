/**
 * The views of the playground, tested with the files of the page and jsdom. A human sees everything
 * before an approval, and joined text stays joined.
 */
import type { UIMessage } from 'ai'
import { JSDOM, type PageElement } from 'jsdom'
import { afterAll, describe, expect, it, vi } from 'vitest'

interface View {
  node: PageElement
  update: () => void
}

interface Entry {
  message: UIMessage
  live?: boolean
  waiting?: boolean
}

const dom = new JSDOM('<!doctype html>')
vi.stubGlobal('document', dom.window.document)
afterAll(() => {
  vi.unstubAllGlobals()
  dom.window.close()
})

const file = new URL('../web/playground-message.js', import.meta.url).href
// The type of this import is `any`: TypeScript has not read the file.
const {
  entryView,
  textOf,
}: { entryView: (entry: Entry, actions: object) => View; textOf: (message: UIMessage) => string } =
  await import(file)

const answer = (...parts: UIMessage['parts']): UIMessage => ({ id: 'a', role: 'assistant', parts })

const drawn = (entry: Entry): PageElement => entryView(entry, {}).node

const textsOf = (node: PageElement, selector: string): string[] =>
  [...node.querySelectorAll(selector)].map(({ textContent }) => textContent)

const asks = (toolName: string, input: unknown): PageElement =>
  drawn({
    message: answer({
      type: 'dynamic-tool',
      toolName,
      toolCallId: 'c',
      state: 'approval-requested',
      input,
      approval: { id: 'p' },
    }),
    waiting: true,
  })

const gave = (toolName: string, input: unknown, output: unknown): PageElement =>
  drawn({
    message: answer({
      type: 'dynamic-tool',
      toolName,
      toolCallId: 'c',
      state: 'output-available',
      input,
      output,
    }),
  })

describe('a call that needs an approval', () => {
  it('shows an edit as removed and added lines', () => {
    const edits = [
      { old: 'a\nb\n', new: 'c', replace_all: true },
      { old: 'd', new: '' },
    ]
    const node = asks('edit_file', { path: 'x.ts', edits, mode: 7 })
    expect(textsOf(node, '.removed')).toEqual(['-a\n', '-b\n', '-d\n'])
    expect(textsOf(node, '.added')).toEqual(['+c\n'])
    expect(textsOf(node, '.key')).toEqual(['path', 'mode', 'replace_all'])
  })

  it.each([
    ['an edit that is spelled in another way', { edits: [{ oldText: 'old one', newText: 'x' }] }],
    ['what lies deep', { a: { b: { c: [{ d: { e: 'old one' } }] } } }],
    ['the end of a long list', { list: [...Array(500).keys(), 'old one'] }],
  ])('shows %s', (_, input) => {
    expect(asks('any', input).textContent).toContain('old one')
  })

  it('shows its whole input unfolded', () => {
    const node = asks('any', { edits: [{ oldText: 'x'.repeat(100), newText: 'y' }] })
    expect([...node.querySelectorAll('.json details')]).toHaveLength(2)
    expect([...node.querySelectorAll('.json details:not([open])')]).toEqual([])
  })
})

describe('the input of a call that needs an approval', () => {
  it('contains no invisible character', () => {
    const node = asks('bash', { command: 'ls\u202e\u200b', ['na\u2066me']: { deep: '\u{e0041}' } })
    const marks = ['U+202E', 'U+200B', 'U+2066', 'U+E0041']
    expect(textsOf(node, '.card-body .invisible')).toEqual(marks)
    const edits = [{ old: 'a\u202eb', new: 'c\rd' }]
    const change = asks('edit_file', { path: 'x.ts', edits })
    expect(textsOf(change, '.card-body .invisible')).toEqual(['U+202E', 'U+000D'])
    expect(textsOf(asks('bash', { command: 'a\u202e' }), '.brief .invisible')).toEqual(['U+202E'])
  })

  it('looks the same for all field names', () => {
    const node = asks('any', { text: '# harmless', toolCalls: [], command: 'rm -rf x' })
    expect(textsOf(node, '.key')).toEqual(['text', 'toolCalls', 'command'])
    expect(node.textContent).toContain('rm -rf x')
  })

  it('shows its length and the name of the tool', () => {
    const node = asks('bash', { command: 'echo\n'.repeat(300) })
    expect(textsOf(node, '.approval p')).toEqual([
      expect.stringMatching(/run bash with the input above, all of its 300 lines\. Allow it\?/),
    ])
    expect(textsOf(node, '.value').join('')).toBe('echo\n'.repeat(300))
  })
})

describe('a finished call', () => {
  const diff = '--- x.ts\n+++ x.ts\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n'
  const output = { path: 'x.ts', diff, text: `Edited "x.ts".\n\n${diff}` }
  const node = gave('edit_file', { path: 'x.ts', edits: [{ old: 'b', new: 'c' }] }, output)

  it('shows the diff once', () => {
    expect(textsOf(node, '.place')).toEqual(['@@ -1,2 +1,2 @@\n'])
    expect(textsOf(node, '.removed')).toEqual(['-b\n', '-b\n'])
    expect(textsOf(node, '.added')).toEqual(['+c\n', '+c\n'])
    expect(node.textContent).toContain('text Edited "x.ts".')
  })

  it('shows its input and output on one line', () => {
    expect(textsOf(node, '.brief')).toEqual(['x.ts  →  Edited "x.ts".'])
    const ran = gave('bash', { command: 'ls', timeout: 5 }, { exitCode: 0, text: 'a\nb' })
    expect(textsOf(ran, '.brief')).toEqual(['ls  →  a'])
    const call = gave('any', { city: 'Rome', unit: 'C' }, { result: 42 })
    expect(textsOf(call, '.brief')).toEqual(['{"city":"Rome","unit":"C"}  →  42'])
  })
})

describe('an answer that another server continued', () => {
  const parts: UIMessage['parts'] = [
    { type: 'step-start' },
    { type: 'text', text: 'The lamp', state: 'done' },
    { type: 'step-start' },
    { type: 'text', text: ' went out.', state: 'done' },
  ]

  it('is one text', () => {
    expect(textsOf(drawn({ message: answer(...parts) }), '.prose')).toEqual(['The lamp went out.'])
    expect(textOf(answer(...parts))).toBe('The lamp went out.')
  })

  it('is one text while it is streamed', () => {
    const entry: Entry = { message: answer(), live: true }
    const view = entryView(entry, {})
    for (const part of parts) {
      entry.message.parts.push(part)
      view.update()
    }
    expect(textsOf(view.node, '.prose')).toEqual(['The lamp went out.'])
  })

  it('keeps separate texts separate', () => {
    const two: UIMessage['parts'] = [
      { type: 'step-start' },
      { type: 'text', text: 'One.' },
      { type: 'text', text: 'Two.' },
      { type: 'step-start' },
      { type: 'reasoning', text: 'Hm.' },
      { type: 'text', text: 'Three.' },
    ]
    expect(textOf(answer(...two))).toBe('One.\n\nTwo.\n\nThree.')
  })
})
