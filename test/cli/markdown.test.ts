import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { MarkdownStream } from '../../src/cli/render/markdown-stream.ts'
import { noPaint } from '../../src/cli/render/style.ts'
import { widthOf } from '../../src/cli/render/width.ts'

/** The output for a text that arrives in pieces of these sizes. */
function rendered(text: string, sizes: readonly number[] = [text.length || 1], width = 40): string {
  let out = ''
  const stream = new MarkdownStream({ width, paint: noPaint, write: (piece) => (out += piece) })
  for (let at = 0, index = 0; at < text.length; index++) {
    const size = sizes[index % sizes.length] ?? 1
    stream.push(text.slice(at, at + size))
    at += size
  }
  stream.end()
  return out
}

/** The length of the output after each piece. */
function progress(pieces: readonly string[]): string[] {
  let out = ''
  const stream = new MarkdownStream({ width: 40, paint: noPaint, write: (piece) => (out += piece) })
  return pieces.map((piece) => {
    stream.push(piece)
    return out
  })
}

const block = fc.constantFrom(
  'plain words that go on for more than a line of forty columns, and *some* more',
  'a **bold',
  'word** and `code`',
  '# A heading',
  '- an item\n- another\n  with more\n  - and one within',
  '1. first\n2. second\n\n   a paragraph of it',
  '```ts\nconst a = `1`\n\n# no heading\n```',
  '> said\n> by others',
  '| a | b |\n|---|--:|\n| 1 | 2 |',
  '---',
  '* * *',
  'snake_case * and 2 * 3 <tag> [a](b) [c]',
  '**Note:** done',
  '    indented code',
  '~~~\nopen fence',
  'a\r\nb',
  '日本語のとても長い文字列です。日本語のとても長い文字列です。',
  'Edit __init__.py and _private_name_, match src/**/*.ts and **/*.md, and 5*3*2 is 30',
  'a hard break  \nand another\\\nand the rest',
  'so **😀**x and **y**😀 **z**',
  '中文**粗体**、`代码`和「引号」。**「注意」**后面还有 english 混排_强调_的字 https://例え.jp/路径 完',
)

describe('streamed Markdown', () => {
  it.each([
    'Edit __init__.py and __main__',
    'a _private_name_ and foo._bar_',
    'match src/**/*.ts, **/*.md',
    'or **/*.ts,**/*.js and *.c',
    '5*3*2 is 30, 2**8**2 is more',
    'f(*args, **kwargs) and ~/a~b ~5',
  ])('does not change names and globs: %s', (text) => {
    expect(rendered(text)).toBe(`${text}\n`)
  })

  it.each([
    ['**bold** and *some* and _some_', 'bold and some and some'],
    ['**.env** and **API**s, __two words__', '.env and APIs, two words'],
    ['~~gone~~ **Note:** done', 'gone Note: done'],
  ])('renders emphasis: %s', (text, shown) => {
    expect(rendered(text)).toBe(`${shown}\n`)
  })

  it('keeps hard breaks for any division of the stream', () => {
    for (const text of ['one  \ntwo\n', 'one\\\ntwo\n']) {
      for (const size of [99, 1]) expect(rendered(text, [size])).toBe('one\ntwo\n')
    }
  })

  it('is written by character in languages without spaces', () => {
    expect(progress(['日本', '語の', '**太字', '**です', '。終', 'わり'])).toEqual([
      '日',
      '日本語',
      '日本語',
      '日本語の太字で',
      '日本語の太字で',
      '日本語の太字です。終わ',
    ])
    const lines = rendered('漢字'.repeat(30), [3], 41).trimEnd().split('\n')
    expect(lines.map(widthOf)).toEqual([40, 40, 40])
    expect(rendered('見る https://例え.jp/日本語の道 です', [1])).toBe(
      '見る https://例え.jp/日本語の道 です\n',
    )
  })

  it('looks the same for any division of the stream', () => {
    const text = fc
      .array(block, { minLength: 1, maxLength: 5 })
      .map((blocks) => blocks.join('\n\n'))
    const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(text, sizes, (text, sizes) => {
        expect(rendered(text, sizes)).toBe(rendered(text))
      }),
      { numRuns: 500 },
    )
  })

  it('looks the same for blocks without empty lines between', () => {
    const text = fc.array(block, { minLength: 2, maxLength: 4 }).map((blocks) => blocks.join('\n'))
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 9 }), (text, size) => {
        expect(rendered(text, [size])).toBe(rendered(text))
      }),
      { numRuns: 500 },
    )
  })

  it('loses no word of a paragraph', () => {
    // Marks of every kind between the words, some without an opening or closing mark.
    const word = fc.stringMatching(/^[*_`~[(<!|]{0,2}[a-z]{1,8}[0-9]{0,3}[*_`~\])>!|.,]{0,2}$/)
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        (words, size) => {
          const letters = (shown: string) => shown.replace(/[^a-z0-9]/g, '')
          const text = `so ${words.join(' ')}`
          expect(letters(rendered(text, [size]))).toBe(letters(text))
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('contains no control character except line ends', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 5 }), (text, size) => {
        expect(rendered(text, [size]).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202a-\u202e]/u)
      }),
      { numRuns: 300 },
    )
  })

  it('shows words as soon as they cannot change', () => {
    expect(progress(['One ', 'two **th', 'ree** fo', 'ur.\n'])).toEqual(
      ['One', 'One two', 'One two three', 'One two three four.'].map((text, index) =>
        index === 3 ? expect.stringContaining('three') : text,
      ),
    )
    expect(progress(['```\nfirst\nsec', 'ond\n'])).toEqual(['  first\n', '  first\n  second\n'])
    expect(progress(['- one\n- tw', 'o\n- '])).toEqual(['• one\n', '• one\n• two\n'])
  })

  it('fits the width, except code and long words', () => {
    const lines = rendered(
      `${'word '.repeat(50)}\n\n- ${'item '.repeat(30)}\n\n> ${'said '.repeat(30)}`,
    )
    for (const line of lines.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(40)
    expect(rendered(`\`\`\`\n${'x'.repeat(60)}\n\`\`\``)).toBe(`  ${'x'.repeat(60)}\n`)
  })

  it('wraps the cells of a wide table', () => {
    const table = `| name | what |\n|---|---|\n| calculator | ${'arithmetic '.repeat(5)}|`
    const lines = rendered(table).trimEnd().split('\n')
    expect(lines[0]).toMatch(/^name +what$/)
    expect(lines.length).toBeGreaterThan(3)
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(40)
  })

  it('shows the address of a link', () => {
    expect(rendered('[your bank](https://evil.example)')).toBe('your bank (https://evil.example)\n')
    expect(rendered('<https://a.example>')).toBe('https://a.example\n')
  })
})

describe('the width of a text', () => {
  it('is counted in columns', () => {
    expect(widthOf('abc')).toBe(3)
    expect(widthOf('\u001b[31mabc\u001b[39m')).toBe(3)
    expect(widthOf('日本')).toBe(4)
    expect(widthOf('👩‍👩‍👧🧵')).toBe(4)
    expect(widthOf('e\u0301\u200b')).toBe(1)
  })
})
