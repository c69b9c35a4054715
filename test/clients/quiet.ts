/** Fails the test in which a client, React or the server's libraries wrote anything to the console. */
import { afterEach, beforeEach, expect, vi } from 'vitest'

export function expectQuiet(): void {
  const said: unknown[] = []
  const note = (...what: unknown[]) => void said.push(...what)
  beforeEach(() => {
    vi.spyOn(console, 'error').mockImplementation(note)
    vi.spyOn(console, 'warn').mockImplementation(note)
    process.on('warning', note)
  })
  afterEach(() => {
    vi.restoreAllMocks()
    process.off('warning', note)
    expect(said.splice(0).map(String)).toEqual([])
  })
}
