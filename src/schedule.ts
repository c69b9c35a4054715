/** Messages at later times, as callers write and read them. */
import type { UIMessage } from 'ai'

/**
 * The time of a message: at a time, after a delay, again and again after an interval, or by a cron
 * expression of five fields in a time zone.
 * @example
 * ```ts
 * import type { ScheduleTime } from 'loomkit'
 *
 * const monday: ScheduleTime = { cron: '0 9 * * 1', timeZone: 'Europe/Berlin' }
 * const soon: ScheduleTime = { after: 60_000 }
 * ```
 */
export type ScheduleTime =
  | {
      /** A `Date`, a text of ISO 8601 with a time zone, or milliseconds since 1970. A past time is due at once. */
      at: Date | string | number
    }
  | {
      /** Milliseconds from now. */
      after: number
    }
  | {
      /** Milliseconds between two occurrences, at least 1000. The first one is due after this time. */
      every: number
    }
  | {
      /** Five fields: minute, hour, day of the month, month, day of the week. */
      cron: string
      /** The name of a time zone, such as `Europe/Berlin`. @defaultValue 'UTC' */
      timeZone?: string
    }

/**
 * A schedule of a session, as `AgentSession.schedules` returns it, and `GET /api/chat/:id/schedules` over HTTP.
 * @example
 * ```ts
 * import { defineAgent, type ScheduleInfo, startAgent } from 'loomkit'
 *
 * const session = startAgent(defineAgent({ name: 'tutor', systemPrompt: 'Teach.' }))
 * const { id, dueAt }: ScheduleInfo = await session.sendAfter(60_000, 'How is it going?')
 * ```
 */
export interface ScheduleInfo {
  /** The id in its session. */
  id: string
  /** The time of the next occurrence, in milliseconds since 1970 by the clock of the store. */
  dueAt: number
  /** The number of the next occurrence, from 0. Its message has the id `<id>:<occurrence>`. */
  occurrence: number
  /** The milliseconds between two occurrences. Absent if the schedule has another time. */
  every?: number
  /** The cron expression. Absent if the schedule has another time. */
  cron?: string
  /** The time zone of `cron`. */
  timeZone?: string
  /** The agent that answers. */
  agent: string
  /** The message of each occurrence, without its id. */
  message: Omit<UIMessage, 'id'>
  /** The time of the creation, in milliseconds since 1970. */
  createdAt: number
}

/**
 * The schedules of the session to which a tool call belongs, so that an agent can send a message to itself
 * later. `ToolContext.schedules` has one.
 * @example
 * ```ts
 * import type { CallSchedules } from 'loomkit'
 *
 * const tomorrow = (schedules: CallSchedules) =>
 *   schedules.add({ after: 24 * 3_600_000 }, 'Look at the build again.')
 * ```
 */
export interface CallSchedules {
  /**
   * Adds a schedule. The message of each occurrence comes from the user of the session, and the agent of this
   * call answers it.
   * @param id identifies the schedule: the same id and content again changes nothing. @defaultValue a random UUID
   * @throws LoomError `invalid-request` for a bad time or message; `refused` if the id was used;
   * `mailbox-full` if the session has too many schedules
   */
  add: (time: ScheduleTime, message: string, id?: string) => Promise<ScheduleInfo>
  /** Returns the schedules, the next one first. */
  list: () => Promise<ScheduleInfo[]>
  /** Removes a schedule. Returns false if there is none with this id. */
  remove: (id: string) => Promise<boolean>
}
