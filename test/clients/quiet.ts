/** Fails a test if a client, React or a library of the server writes to the console. */
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
