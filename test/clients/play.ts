/** Plays the whole scenario with one client and its own server. */
import { expect, vi } from 'vitest'

import type { Profile } from '../../src/wire/frames.ts'
import { type Chat, type ChatOptions, sdks } from './chat-client.ts'
import { type Exchange, openServer } from './live-server.ts'
import { openPlayer, wait } from './player.ts'
import { approvals, turns } from './scenario.ts'
import { openAgent } from './test-agent.ts'

export interface Played<CHAT extends Chat = Chat> {
  chat: CHAT
  /** The messages of the client after every turn. */
  seen: Readonly<Record<string, unknown>>
  /** The prompts of the model, call by call. */
  prompts: unknown[]
  exchanges: readonly Exchange[]
  reported: unknown[]
}

export interface Sdk<CHAT extends Chat> {
  major: 5 | 6 | 7
  open: (options: ChatOptions) => CHAT
}

export async function play<CHAT extends Chat>(
  sdk: Sdk<CHAT>,
  profile: Profile | undefined,
): Promise<Played<CHAT>> {
  const program = sdk.major === 5 ? turns : [...turns, approvals]
  const replies = program.flatMap(({ replies }) => replies)
  const progressSeen = () =>
    vi.waitFor(() => expect(exchanges.at(-1)?.text).toContain('"preliminary":true'), wait)
  const { agent, model } = openAgent(replies, { progressSeen })
  await using server = await openServer([agent])
  const { player, chat, exchanges } = openPlayer(sdk, server.api, profile)
  for (const turn of program) await turn.play(player, turn.name)
  expect(model.asked, 'every reply was asked for').toHaveLength(replies.length)
  const prompts = model.asked.map(({ prompt }): unknown => JSON.parse(JSON.stringify(prompt)))
  return { chat, seen: player.seen, prompts, exchanges, reported: server.reported }
}

let reference: Promise<Played> | undefined

/** The reference for all others: ai 7 without a declared profile. */
export function playReference(): Promise<Played> {
  const sdk = sdks.find(({ name }) => name === 'ai 7')
  if (sdk === undefined) throw new Error('there is no ai 7')
  return (reference ??= play(sdk, undefined))
}
