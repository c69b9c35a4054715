/** Reads the reply of `append.lua`: a status, and words for the requests that wait for the owner. */
import { LoomError } from '../../ground/error.ts'
import type { AppendReply } from '../log.ts'

// The most frequent reply by far, so all of them share one object.
const appended: AppendReply = Object.freeze({ status: 'appended', steer: false })

export function verdictOf(verdict: string | undefined): AppendReply {
  if (verdict === 'appended') return appended
  const [status, ...words] = (verdict ?? '').split(' ')
  if (status === 'lost') return { status }
  if (status === 'behind') return { status, lastId: words[0] ?? '' }
  if (status !== 'appended' && status !== 'present') {
    throw new LoomError('internal', `append.lua answered "${verdict}"`)
  }
  const stop = words.find((word) => word === 'keep' || word === 'discard')
  return { status, steer: words.includes('steer'), ...(stop !== undefined && { stop }) }
}
