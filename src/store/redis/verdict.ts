/** What `append.lua` answers, read: a status, and words for what waits for the owner. */
import { LoomError } from '../../ground/error.ts'
import type { AppendReply } from '../log.ts'

// By far the most of them; one object does for all.
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
