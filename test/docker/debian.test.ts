/**
 * The Debian from which a test engine makes its images. `test/balancers/compose.test.ts` needs it and
 * measures time, so it runs alone. This file creates the Debian earlier, beside other tests.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { describe, expect, it } from 'vitest'

import { debianTree, missingPrograms } from '../balancers/engine.ts'

const run = promisify(execFile)
const isRoot = process.getuid?.() === 0
const isPossible = isRoot && (await missingPrograms()).length === 0
if (!isPossible) process.stderr.write('debootstrap or root is missing: no Debian is created.\n')

describe.skipIf(!isPossible && !(isRoot && process.env['CI'] !== undefined))(
  'the Debian of a test engine',
  () => {
    it('has the programs of every image', async () => {
      const tree = await debianTree()
      for (const program of ['node', 'npm', 'nginx', 'redis-server']) {
        const { stdout } = await run('chroot', [tree, 'sh', '-c', `command -v ${program}`])
        expect(stdout.trim()).toMatch(new RegExp(`/${program}$`))
      }
    })
  },
)
