/**
 * A conversation without its older part. Adds the summary in its place and keeps the messages that
 * must stay (the instructions, the latest message of the user). No message is changed.
 */
import type { ModelMessage } from 'ai'

import { chooseCut, latestUser } from './cut.ts'
import { messageTokens, tokensOf } from './estimate.ts'
import type { Limits } from './limits.ts'
import type { Origins } from './origins.ts'
import { shortMessage, shortText } from './shorten.ts'

const omissionNote =
  'Messages after this were left out, since the conversation had become too long.'

/** The messages that a cut removes. */
export interface Covered {
  /** The summary of the messages before these. */
  previous: string | undefined
  /** Without instructions and summaries. Never empty. */
  messages: ModelMessage[]
}

export function coveredBy(
  messages: readonly ModelMessage[],
  cut: number,
  origins: Origins,
): Covered {
  const before = messages.slice(0, cut)
  const summaries = before.flatMap((message) => origins.summaryIn(message) ?? [])
  return {
    previous: summaries.length > 0 ? summaries.join('\n\n') : undefined,
    messages: before.filter(
      (message) => message.role !== 'system' && origins.summaryIn(message) === undefined,
    ),
  }
}

export function assemble(
  messages: readonly ModelMessage[],
  { cut, summary, origins }: { cut: number; summary: string; origins: Origins },
): ModelMessage[] {
  const latest = latestUser(messages, origins)
  const question = latest < cut ? messages[latest] : undefined
  return [
    ...messages.slice(0, cut).filter(({ role }) => role === 'system'),
    origins.summary(summary),
    ...(question === undefined ? [] : [question]),
    ...messages.slice(cut),
  ]
}

/** Leaves out the oldest messages, as few as possible. Returns the same list if none can be left out. */
export function dropOldest(
  messages: readonly ModelMessage[],
  { room }: Pick<Limits, 'room'>,
  origins: Origins,
): readonly ModelMessage[] {
  const rest = messages.filter((message) => {
    return message.role === 'system' || origins.summaryIn(message) !== undefined
  })
  const keep = (room - tokensOf(rest)) * 0.8
  const cut = chooseCut(messages, Math.max(keep, 0), origins)
  if (cut === undefined) return messages
  const { previous = '' } = coveredBy(messages, cut, origins)
  const text = previous.endsWith(omissionNote) ? previous : `${previous}\n\n${omissionNote}`.trim()
  const shorter = assemble(messages, { cut, summary: text, origins })
  return tokensOf(shorter) < tokensOf(messages) ? shorter : messages
}

/** Tokens. A shorter text has no use. */
const squeezeMin = 40

/** Cuts the middle of every long message, except the latest question and the instructions, until all fit. */
export function squeeze(
  messages: readonly ModelMessage[],
  { room }: Pick<Limits, 'room'>,
  origins: Origins,
): readonly ModelMessage[] {
  const latest = messages[latestUser(messages, origins)]
  let shorter = messages
  for (let most = room / 2; tokensOf(shorter) > room && most >= squeezeMin; most /= 2) {
    shorter = messages.map((message) => {
      if (message === latest || messageTokens(message) <= most) return message
      const summary = origins.summaryIn(message)
      return summary === undefined
        ? origins.carry(message, shortMessage(message, most))
        : origins.summary(shortText(summary, most))
    })
  }
  return tokensOf(shorter) < tokensOf(messages) ? shorter : messages
}
