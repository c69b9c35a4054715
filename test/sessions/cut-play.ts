/** Plays a conversation over connections that break, each time at another place. */
import { expect } from 'vitest'

import { resumableFetch } from '../../src/client.ts'
import type { Profile } from '../../src/wire/frames.ts'
import type { ChatSdk } from '../clients/chat-client.ts'
import { ChatPage } from './chat-page.ts'
import { type CuttingFetch, cuttingFetch, type Fate } from './cutting.ts'

export interface CutPlay {
  sdk: ChatSdk
  profile?: Profile | undefined
  api: string
  play: (page: ChatPage) => Promise<void>
}

/** The chat of the user at the end, without ids and times, and the requests. */
export async function played(
  { sdk, profile, api, play }: CutPlay,
  fates: readonly Fate[],
): Promise<{ shown: unknown; cut: CuttingFetch }> {
  const cut = cuttingFetch(fates)
  const fetch = resumableFetch({ fetch: cut.fetch, pauseMs: 1, silenceMs: 8000 })
  const page = new ChatPage(sdk, { api, profile, fetch })
  try {
    await play(page)
  } catch (cause) {
    throw new Error(`It failed with ${cut.requests.join(', ')}.`, { cause })
  }
  return { shown: page.shown, cut }
}

/**
 * Cuts a request after each of its events in turn, up to its last event.
 * @param before the fates of the earlier requests
 * @param ways further faults
 * @returns the number of plays
 */
export async function cutEverywhere(
  play: CutPlay,
  before: readonly Fate[],
  ways: readonly ((after: number) => Fate[])[],
): Promise<number> {
  const { shown: uncut } = await played(play, [])
  for (let after = 0; ; after++) {
    let wasCut = false
    for (const way of ways) {
      const { shown, cut } = await played(play, [...before, ...way(after)])
      expect(shown, cut.requests.join(', ')).toEqual(uncut)
      wasCut ||= cut.cuts.has(before.length)
    }
    if (!wasCut) return 1 + ways.length * (after + 1)
  }
}

/** The connection breaks, and the next one works. */
export const plainly = (after: number): Fate[] => [{ after }]

/**
 * In the middle of an event with failures before the reconnection; then again behind a proxy that hides
 * the cut.
 */
export const badly = (after: number): Fate[] => [
  { after, half: true },
  'unavailable',
  { after: after % 4, cleanly: true },
  'refused',
]
