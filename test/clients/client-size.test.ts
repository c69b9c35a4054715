/** The bytes that `loomkit/client` adds to the bundle of a page. */
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

import { type Plugin, rolldown } from 'rolldown'
import { expect, it } from 'vitest'

const client = join(import.meta.dirname, '../../src/client.ts')

/** The size of a page that uses these exports, minified and compressed. */
async function sizeOf(exports: string): Promise<number> {
  const page: Plugin = {
    name: 'page',
    resolveId: (id) => (id === 'page' ? id : id === 'loomkit/client' ? client : null),
    load: (id) => (id === 'page' ? `export ${exports} from 'loomkit/client'` : null),
  }
  const build = await rolldown({ input: 'page', plugins: [page], logLevel: 'warn' })
  try {
    const { output } = await build.generate({ format: 'esm', minify: true })
    expect(output).toHaveLength(1)
    return gzipSync(output[0].code, { level: 9 }).length
  } finally {
    await build.close()
  }
}

it('resumableFetch alone has less than 3 KB', async () => {
  const size = await sizeOf('{ resumableFetch }')
  expect(size).toBeGreaterThan(1000)
  expect(size).toBeLessThan(3000)
})

it('the whole client has less than 6 KB', async () => {
  const size = await sizeOf('*')
  expect(size).toBeGreaterThan(3000)
  expect(size).toBeLessThan(6000)
})
