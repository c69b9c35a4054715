/** Every TypeScript block of the documentation compiles under the strict settings of the project. */
import { describe, expect, it } from 'vitest'

import { errorsIn } from './compiled-blocks.ts'
import { writeFiles } from './written-files.ts'

describe('the TypeScript blocks', () => {
  it.each([
    ['ts', 12],
    ['tsx', 2],
  ] as const)('in %s compile', async (language, least) => {
    using written = writeFiles([language])
    expect(written.files.size).toBeGreaterThanOrEqual(least)
    expect(await errorsIn(written, language)).toEqual([])
  })

  it('are found wrong if one has a wrong type', async () => {
    using written = writeFiles(['ts'], (code) => code.replace("name: 'speller'", 'name: 1'))
    expect((await errorsIn(written, 'ts')).join('\n')).toMatch(/speller\.ts.*TS2322/)
  })
})
