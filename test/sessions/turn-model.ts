/**
 * A model for many concurrent conversations. Its prompt decides its reply, so any instance may request,
 * watch and continue a turn, in any order.
 */
import { setImmediate } from 'node:timers/promises'

import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'

/** The position of a model in a turn. */
export interface Moment {
  /** The user's message. */
  asked: string
  reply: number
  part: number
}

/** The replies of a model in a turn, step by step. */
export type Replies = readonly (readonly LanguageModelV4StreamPart[])[]

export interface TurnModel extends LanguageModelV4 {
  /** The user messages of its calls so far, one line for each call. */
  readonly asked: readonly string[]
}

/**
 * @param repliesTo a turn, or a function of the user message
 * @param before awaited before each part
 */
export function turnModel(
  repliesTo: Replies | ((asked: string) => Replies),
  before: (moment: Moment) => Promise<void> = () => Promise.resolve(),
): TurnModel {
  const asked: string[] = []
  const replyTo = ({ text, reply }: ReturnType<typeof placeOf>) =>
    (typeof repliesTo === 'function' ? repliesTo(text) : repliesTo)[reply]
  async function* say(options: LanguageModelV4CallOptions) {
    const { text, reply } = placeOf(options)
    for (const [part, said] of (replyTo({ text, reply }) ?? []).entries()) {
      // Some parts come together and some alone, and so do the entries of the log.
      if (part % 3 === 0) await setImmediate()
      await before({ asked: text, reply, part })
      yield said
    }
  }
  return {
    specificationVersion: 'v4',
    provider: 'scripted',
    modelId: 'turn',
    supportedUrls: {},
    asked,
    doGenerate: () => Promise.reject(new Error('only doStream is scripted')),
    async doStream(options) {
      const { text, reply } = placeOf(options)
      asked.push(text)
      if (replyTo({ text, reply }) === undefined) throw new Error(`there is no reply ${reply}`)
      return { stream: ReadableStream.from(say(options)) }
    },
  }
}

function placeOf({ prompt }: LanguageModelV4CallOptions): { text: string; reply: number } {
  const from = prompt.findLastIndex(({ role }) => role === 'user')
  const reply = prompt.slice(from).filter(({ role }) => role === 'assistant').length
  const message = prompt[from]
  const text =
    message?.role === 'user'
      ? message.content.map((part) => (part.type === 'text' ? part.text : '')).join('')
      : ''
  return { text, reply }
}
