/**
 * A reader of raw frames. The ids show the claim that wrote each frame, and it notes the time of
 * arrival.
 */
import { within } from '../deadline.ts'
import { until } from '../redis/until.ts'

export interface Frame {
  /** The claim of the owner that wrote it. */
  claim: number
  /** The time of `performance.now()`. */
  at: number
  /** Whether the frame is a token: a delta of text. */
  isToken: boolean
}

export interface ClaimWatch {
  frames: Frame[]
  /** The time of the first token of an owner after this claim. */
  tokenAfter(claim: number): Promise<number>
}

/** Watches at one instance until it resets or ends the stream. */
export async function watchClaims(url: string, chatId: string): Promise<ClaimWatch> {
  const response = await fetch(`${url}/api/chat/${chatId}/stream?profile=v7`)
  if (response.status !== 200 || response.body === null) {
    throw new Error(`there is nothing to watch: ${response.status}`)
  }
  const frames: Frame[] = []
  const read = async (body: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder()
    let partial = ''
    for await (const bytes of body) {
      const whole = (partial + decoder.decode(bytes, { stream: true })).split('\n\n')
      partial = whole.pop() ?? ''
      for (const frame of whole) {
        const [, claim] = /^id: (\d+)-/m.exec(frame) ?? []
        if (claim === undefined) continue
        const isToken = frame.includes('"type":"text-delta"')
        frames.push({ claim: Number(claim), at: performance.now(), isToken })
      }
    }
  }
  within(60_000, 'the end of the stream', read(response.body)).catch(() => {})
  return {
    frames,
    async tokenAfter(claim) {
      const find = () => frames.find((frame) => frame.claim > claim && frame.isToken)
      await until(15_000, 'a token of the next owner', () => find() !== undefined)
      return find()?.at ?? Number.NaN
    },
  }
}
