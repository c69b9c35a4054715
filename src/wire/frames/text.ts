/**
 * The answer's text and nothing else, for `curl`, `TextStreamChatTransport` and `useCompletion`.
 * It has no way to say that an answer failed, so after an error the connection must be reset.
 */
import type { AgentEvent } from '../../event.ts'
import type { Encoder } from './encoder.ts'

const headers = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

export function textEncoder(): Encoder {
  let begun = false
  // One half of a surrogate pair: models split characters between deltas, UTF-8 cannot.
  let half = ''

  function encode(event: AgentEvent): string | undefined {
    switch (event.type) {
      case 'text-start':
        // The texts of two steps are two paragraphs.
        return begun ? settle('\n\n') : undefined
      case 'text-delta':
        return whole(event.delta)
      case 'text-end':
        return half === '' ? undefined : settle('')
      case 'error':
        return settle(`${begun ? '\n\n' : ''}[error] ${event.errorText}\n`)
      default:
        return undefined
    }
  }

  function whole(delta: string): string | undefined {
    const text = half + delta
    half = endsInHalf(text) ? text.slice(-1) : ''
    const ready = half === '' ? text : text.slice(0, -1)
    begun ||= ready !== ''
    return ready === '' ? undefined : ready
  }

  function settle(text: string): string {
    const before = half
    half = ''
    return before + text
  }

  return {
    sharedAs: undefined,
    headers,
    encode,
    last: '',
    keepAlive: undefined,
    tellsErrors: false,
  }
}

function endsInHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff
}
