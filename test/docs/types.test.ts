/** Every TypeScript block of the documentation compiles under the strict settings of the project. */
import { describe, expect, it } from 'vitest'

import { errorsIn } from './compiled-blocks.ts'
import { type Block, blocks } from './pages.ts'
import { writeBlocks } from './written-files.ts'

/** The blocks of servers that a page imports, for the types of an agent. */
function importedAgents(): Block[] {
  const imports = blocks('tsx').flatMap(({ code }) => [
    ...code.matchAll(/from '\.\/([\w-]+\.ts)'/g),
  ])
  const names = new Set(imports.map(([, name]) => `// ${name}`))
  return blocks('ts').filter(({ code }) => names.has(code.split('\n')[0] ?? ''))
}

describe('the TypeScript blocks', () => {
  it.each([
    ['ts', 12],
    ['tsx', 2],
  ] as const)('in %s compile', async (language, least) => {
    const imported = language === 'tsx' ? importedAgents() : []
    using written = writeBlocks([...blocks(language), ...imported])
    expect(written.files.size).toBeGreaterThanOrEqual(least)
    expect(await errorsIn(written, language)).toEqual([])
  })

  it('are found wrong if one has a wrong type', async () => {
    const right = "name: 'speller'"
    const spellers = blocks('ts').filter(({ code }) => code.includes(right))
    using written = writeBlocks(spellers, (code) => code.replace(right, 'name: 1'))
    const errors = spellers.map(() => expect.stringMatching(/speller\.ts.*TS2322/))
    expect(await errorsIn(written, 'ts')).toEqual(errors)
    expect(errors).not.toEqual([])
  })
})
