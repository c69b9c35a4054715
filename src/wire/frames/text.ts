/**
 * Only the text of the answer, for `curl`, `TextStreamChatTransport` and `useCompletion`. It cannot
 * report a failed answer, so after an error the connection must be reset.
 */
import type { AgentEvent } from '../../event.ts'
import type { Encoder } from './encoder.ts'

const headers = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

export function textEncoder(): Encoder {
  let hasText = false
  // One half of a surrogate pair. Models split characters between deltas; UTF-8 cannot.
  let half = ''

  function encode(event: AgentEvent): string | undefined {
    switch (event.type) {
      case 'text-start':
        // The texts of two steps are two paragraphs.
        return hasText ? settle('\n\n') : undefined
      case 'text-delta':
        return whole(event.delta)
      case 'text-end':
        return half === '' ? undefined : settle('')
      case 'error':
        return settle(`${hasText ? '\n\n' : ''}[error] ${event.errorText}\n`)
      default:
        return undefined
    }
  }

  function whole(delta: string): string | undefined {
    const text = half + delta
    half = endsInHalf(text) ? text.slice(-1) : ''
    const ready = half === '' ? text : text.slice(0, -1)
    hasText ||= ready !== ''
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
    reportsErrors: false,
  }
}

function endsInHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff
}
