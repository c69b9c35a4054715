/** What calls answered, by session and nonce, so that one made twice changes things once. */
export type Once<REPLY> = (sessionId: string, nonce: string, act: () => REPLY) => REPLY

const repliesMax = 10_000

export function createOnce<REPLY>(now: () => number, replyTtlMs: number): Once<REPLY> {
  const replies = new Map<string, { reply: REPLY; until: number }>()
  return (sessionId, nonce, act) => {
    const time = now()
    const call = `${nonce}\n${sessionId}`
    const kept = replies.get(call)
    if (kept !== undefined && kept.until > time) return kept.reply
    const reply = act()
    replies.set(call, { reply, until: time + replyTtlMs })
    for (const [oldest, { until }] of replies) {
      if (until > time && replies.size <= repliesMax) break
      replies.delete(oldest)
    }
    return reply
  }
}
