/** The prefix that keeps apart several Looms on one Redis; apart from the client, which config need not load. */

export const redisPrefixRule = 'must be at most 64 letters, digits or any of . _ : -'

/** Braces would begin a hash tag of their own, and blanks are a slip. */
export const isRedisPrefix = (text: string): boolean => /^[\w.:-]{0,64}$/.test(text)
