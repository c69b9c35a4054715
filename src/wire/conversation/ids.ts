/** The ids of messages and sessions. */

/** Ids are keys in stores and logs. Those of the AI SDK have 16 characters. */
export const idLengthMax = 256

/**
 * Half a surrogate pair has no UTF-8, so an address or a store could not distinguish it from
 * another half.
 */
export const isId = (text: string): boolean => text.length <= idLengthMax && text.isWellFormed()

/** A session id is part of addresses, where `.` and `..` are path steps, also percent-encoded. */
export const isSessionId = (text: string): boolean => isId(text) && !/^(\.|%2e){1,2}$/i.test(text)
