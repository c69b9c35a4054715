import { describe, expect, it } from 'vitest'

import { noPaint as paint } from '../../src/cli/render/style.ts'
import { callLine, outputLines, requestLines } from '../../src/cli/render/tool-lines.ts'

const requestText = (input: unknown) =>
  requestLines({ toolName: 'edit_file', input }, { width: 80, paint }).join('\n')

describe('a change that needs an approval', () => {
  it('is shown as removed and added lines', () => {
    const edits = [
      { old: 'a\nb', new: 'c' },
      { old: 'd', new: '' },
    ]
    expect(requestText({ path: 'x.ts', edits })).toBe('  edit_file x.ts\n  -a\n  -b\n  +c\n  -d')
    expect(requestText({ path: 'x.ts', content: 'e\n' })).toBe('  edit_file x.ts\n  +e')
  })

  it('is shown with the other fields', () => {
    const edits = [{ old: 'a', new: 'b', replace_all: true }]
    expect(requestText({ path: 'x.ts', edits, mode: 1 })).toBe(
      '  edit_file x.ts\n  mode=1\n    replace_all=true\n  -a\n  +b',
    )
    expect(requestText({ path: 'x.ts', edits, content: 'c' })).toContain('"content": "c"')
    expect(requestText({ path: 'x.ts', content: 'c', edits: 'd' })).toContain('"edits": "d"')
    expect(requestText({ command: 'ls', host: 'live' })).toBe('  ls\n  host="live"')
  })

  it('is shown as JSON in any other form', () => {
    for (const edit of [
      { oldText: 'a', newText: 'b' },
      { old: 'a', new_string: 'b' },
    ]) {
      const shown = requestText({ path: 'x.ts', edits: [{ old: 'c', new: 'd' }, edit] })
      expect(shown).toContain('"a"')
      expect(shown).toContain('"b"')
    }
  })
})

describe('invisible characters', () => {
  it('are shown as numbers before an approval', () => {
    const command =
      'cat s\u200becret.txt \u00adx \u2060y \u3164 a\u00a0b \u202ec \u{e0061} \ufe0f a\u2028b\u2029'
    expect(requestText({ command })).toBe(
      '  cat s<U+200B>ecret.txt <U+00AD>x <U+2060>y <U+3164> a<U+00A0>b <U+202E>c <U+E0061> <U+FE0F> a<U+2028>b<U+2029>',
    )
    for (const input of [
      { path: 'a\u200b.ts', content: 'b\u200b' },
      { path: 'a', edits: [{ old: 'c\u200b', new: 'd\u200b' }] },
      { host: 'e\u200b' },
    ]) {
      expect(requestText(input)).toContain('<U+200B>')
      expect(requestText(input)).not.toContain('\u200b')
    }
    expect(
      callLine({ toolName: 'bash', input: { command: 'a\u200bb' } }, { width: 80, paint }),
    ).toBe('● bash a<U+200B>b')
  })

  it('do not include letters and emoji', () => {
    expect(requestText({ command: 'echo é 漢字 ⚠️ 😀' })).toBe('  echo é 漢字 ⚠️ 😀')
  })
})

describe('the result of an MCP server', () => {
  const shown = (output: unknown) => outputLines(output, { width: 80, paint })

  it('is shown as text and descriptions of other parts', () => {
    expect(
      shown({
        content: [
          { type: 'text', text: 'line "one"\nline two' },
          { type: 'image', mimeType: 'image/png', data: 'A'.repeat(4096) },
          { type: 'resource', resource: { uri: 'file:///a', text: 'a resource' } },
          { type: 'resource_link', uri: 'file:///b' },
        ],
      }),
    ).toEqual([
      'line "one"',
      'line two',
      '[image image/png 3 KB]',
      'a resource',
      '[resource_link file:///b]',
    ])
  })

  it('is shown as structured content without other content', () => {
    expect(shown({ content: [], structuredContent: { answer: 42 } })).toEqual(['42'])
    expect(shown({ content: [] })).toEqual(['(no output)'])
  })
})
