/** A folder for all tests of a file. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll } from 'vitest'

export function testFolder(): { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'loom-artefacts-'))
  afterAll(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }))
  return { path }
}
