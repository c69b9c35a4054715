import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { afterEach, beforeEach, expect, it } from 'vitest'

import { within } from '../deadline.ts'
import { type FilesStage, openStage } from './files-stage.ts'

let stage: FilesStage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage[Symbol.asyncDispose]())

/** How long the edit takes in a process of its own, which is killed `afterMs` after the edit has begun. */
async function killedEdit(id: string, afterMs: number): Promise<number> {
  const script = join(import.meta.dirname, 'edit-host.ts')
  const child = spawn(process.execPath, [script, stage.root, id], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  await within(30_000, 'the process starts', once(child.stdout, 'data'))
  const began = performance.now()
  child.stdin.end()
  if (afterMs > 0) await Promise.race([delay(afterMs), exited])
  child.kill('SIGKILL')
  await within(30_000, 'the process ends', exited)
  return performance.now() - began
}

it('an edit applies once, whenever its process dies', async () => {
  const filler = 'some line\n'.repeat(100_000)
  const outcomes = new Set<string>()
  let wholeMs = 30_000
  for (let count = 0; count < 12; count++) {
    const content = `${filler}<here>\n${filler}`
    await stage.put('a.txt', content)
    const id = `call-${count}`
    const tookMs = await killedEdit(id, (wholeMs * (11 - count)) / 11)
    if (count === 0) wholeMs = tookMs
    const isMade = (await stage.text('a.txt')).includes('added')
    const restarted = await stage.restarted()
    const edits = [{ old: '<here>', new: '<here>added' }]
    const again = await restarted.call('edit_file', { path: 'a.txt', edits }, { id })
    expect(again.text.includes('earlier attempt')).toBe(isMade)
    expect(await stage.text('a.txt')).toBe(`${filler}<here>added\n${filler}`)
    outcomes.add(isMade ? 'made' : 'not made')
  }
  // The first process ends by itself, and the last one is killed before it begins. Otherwise the test proves
  // nothing.
  expect(outcomes).toEqual(new Set(['made', 'not made']))
  // Unfinished files do no harm.
  const files = await readdir(stage.root)
  expect(files.filter((name) => !name.startsWith('.loom'))).toEqual(['a.txt'])
  expect((await stage.call('glob', { pattern: '**' })).files).toEqual(['a.txt'])
}, 300_000)
