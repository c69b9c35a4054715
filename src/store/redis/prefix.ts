/** The rule for the prefix that separates several Looms on one Redis. It is here so that the configuration does not load the client. */

export const redisPrefixRule = 'must be at most 64 letters, digits or any of . _ : -'

/** Braces would begin a hash tag, and a blank is a mistake. */
export const isRedisPrefix = (text: string): boolean => /^[\w.:-]{0,64}$/.test(text)
