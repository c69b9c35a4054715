/**
 * The version of the form of the data in Redis. Each session has it (`v`), and the store as a whole
 * (`formatKey`). An instance refuses data of a later format, because it would misread them. `README.md` says
 * when the number grows.
 */
import { LoomError } from '../../ground/error.ts'

/** The format of a store and a session that version 0.1 reads. `part/format.lua` has the formats of sessions too. */
export const storeFormat = 1

/** The format of a session with shared messages (`shared-messages.ts`). */
export const sharedFormat = 2

/** The format of a session with messages in the compact form (`message-form.ts`), and the latest that this version reads. */
export const latestFormat = 3

/** The format of the store, in the slot of the instances. */
export const formatKey = 'loom:{instances}:format'

/** @param format as it is stored. Data without a format are of the first one */
export const isLater = (format: string): boolean => Number(format || '1') > latestFormat

export const laterData = (code: 'invalid-config' | 'unavailable', format: string): LoomError =>
  new LoomError(
    code,
    `A later version of Loom uses this Redis: its data have the format ${format}, and this version reads up to ${latestFormat}. Start that version, or set another LOOM_REDIS_PREFIX.`,
  )
