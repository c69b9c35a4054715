/** Plays a conversation over connections that break, again and again, each time at another place. */
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

/** What the user sees in the end, ids and times aside, and what became of the requests. */
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
 * Cuts a request behind each of its events in turn, until there is none left to be cut behind.
 * @param before the fates of the requests before it
 * @param ways what else goes wrong
 * @returns how many plays it took
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

/** The connection breaks, and the next one holds. */
export const plainly = (after: number): Fate[] => [{ after }]

/** In the middle of an event, and nothing works at first; then once more, behind a proxy that hides it. */
export const badly = (after: number): Fate[] => [
  { after, half: true },
  'unavailable',
  { after: after % 4, cleanly: true },
  'refused',
]
