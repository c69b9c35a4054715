/**
 * Mistakes in types do not compile, and their errors are short. `npm run check` compiles the right programs,
 * which are in `test/types/`.
 */
import { describe, expect, it } from 'vitest'

import { reportsIn } from './docs/compiled-blocks.ts'
import { writeBlocks } from './docs/written-files.ts'
import { mistakes, prelude } from './types/mistakes.ts'

/** A longer error shows types that the user did not write. */
const linesMax = 10

const block = (page: string, code: string) => ({ page, line: 1, language: 'ts', code })

const written = writeBlocks([
  block('right', `${prelude}\nvoid run(byTool, 'Hi', { context: { user: 'Ada' } })\n`),
  ...mistakes.map(({ name, code }) => block(name, `${prelude}\n${code}\n`)),
])
const reports = await reportsIn(written, 'example').finally(() => written[Symbol.dispose]())
const reportsOf = (page: string) => reports.filter(({ block }) => block?.page === page)

describe('a program without a mistake', () => {
  it('compiles', () => {
    expect(reportsOf('right')).toEqual([])
  })
})

describe.each(mistakes)('$name', ({ name, error }) => {
  it('is one error that names the mistake', () => {
    const texts = reportsOf(name).map(({ text }) => text)
    expect(texts).toEqual([expect.stringMatching(error)])
    expect(texts.join('\n').split('\n').length).toBeLessThanOrEqual(linesMax)
  })
})
