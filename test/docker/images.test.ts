/**
 * The images of `docker-compose.yml`. `test/balancers/compose.test.ts` needs them and measures time, so it
 * runs alone. This file builds them earlier, beside other tests.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { describe, expect, it } from 'vitest'

import { composeWith } from '../balancers/compose.ts'
import { debianTree, engineFault, sharedData, startEngine } from '../balancers/engine.ts'

const run = promisify(execFile)
const fault = await engineFault()
if (fault !== undefined) {
  process.stderr.write(`No Docker engine runs here: ${fault.reason}. No image is built.\n`)
}
const mustRun = fault?.isMissing === true && process.env['CI'] !== undefined

describe.skipIf(fault !== undefined && !mustRun)('the images of a test engine', () => {
  it('come from a Debian with all programs', { timeout: 300_000 }, async () => {
    const tree = await debianTree()
    for (const program of ['node', 'npm', 'nginx', 'redis-server']) {
      const { stdout } = await run('chroot', [tree, 'sh', '-c', `command -v ${program}`])
      expect(stdout.trim()).toMatch(new RegExp(`/${program}$`))
    }
  })

  it('are built from the Dockerfile', { timeout: 600_000 }, async () => {
    await using engine = await startEngine(sharedData)
    const compose = await composeWith(engine, { LOOM_API_KEYS: 'a-long-secret' })
    await compose('build')
    expect(await engine.docker('image', 'ls', '--quiet', 'loomtest_loom-1')).not.toBe('')
  })
})
