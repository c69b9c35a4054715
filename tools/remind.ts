/** Sends a message to the conversation later, so that an agent can wake itself. */
import { createHash } from 'node:crypto'

import { defineTool } from '../src/define-tool.ts'
import { LoomError } from '../src/ground/error.ts'
import { zodSchema } from '../src/ground/schema.ts'
import type { ScheduleInfo } from '../src/schedule.ts'

/**
 * A schedule, as the tool `remind` returns it to the model.
 * @example
 * ```ts
 * import type { Reminder } from 'loomkit'
 *
 * const line = ({ due, message }: Reminder) => `${due}: ${message}`
 * ```
 */
export interface Reminder {
  /** Names it for `remove`. */
  id: string
  /** The time of the next message, in ISO 8601. */
  due: string
  /** The text of the message. */
  message: string
  /** The seconds between two messages. */
  everySeconds?: number
  /** The cron expression. Absent if the reminder has another time. */
  cron?: string
  /** The time zone of `cron`. */
  timeZone?: string
}

/**
 * A tool that sends a message to its conversation later: once, after an interval, or by a cron expression. The
 * agent answers the message as one of the user. The tool also lists and removes these schedules. A call that
 * is repeated adds its schedule once.
 * @example
 * ```ts
 * import { defineAgent, remind } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'helper', systemPrompt: 'Help.', tools: [remind] })
 * ```
 */
export const remind = defineTool({
  name: 'remind',
  title: 'Reminder',
  description: `Sends a message to this conversation later, and wakes you to answer it. Use it when the user wants a reminder, or when you must look at something again.
"add" needs a message and one of afterSeconds, at, everySeconds and cron. "list" returns the reminders. "remove" needs an id.`,
  inputSchema: zodSchema((z) =>
    z.object({
      action: z.enum(['add', 'list', 'remove']),
      message: z.string().max(10_000).optional().describe('The text of the message'),
      afterSeconds: z.number().min(0).optional(),
      at: z
        .string()
        .optional()
        .describe('ISO 8601 with a time zone, such as "2027-01-31T09:00:00+01:00"'),
      everySeconds: z.number().min(1).optional(),
      cron: z.string().optional().describe('Five fields, such as "0 9 * * 1" for Mondays at 9:00'),
      timeZone: z.string().optional().describe('For cron: an IANA name. The default is UTC'),
      id: z.string().optional(),
    }),
  ),
  retry: 'safe',
  /** Adds, lists or removes reminders of the session. */
  async execute({ action, message, id, ...time }, { schedules, idempotencyKey }) {
    if (schedules === undefined) {
      throw new LoomError(
        'invalid-request',
        'Reminders need a conversation on a server. Tell the user that there are none here.',
      )
    }
    if (action === 'list') return { reminders: (await schedules.list()).map(reminderOf) }
    if (action === 'remove') {
      if (id === undefined)
        throw new LoomError('invalid-request', 'remove needs the id of a reminder.')
      return { removed: await schedules.remove(id) }
    }
    if (message === undefined || message === '') {
      throw new LoomError('invalid-request', 'add needs a message.')
    }
    const added = await schedules.add(timeIn(time), message, idOf(idempotencyKey))
    return { added: reminderOf(added) }
  },
})

interface TimeInput {
  afterSeconds?: number | undefined
  at?: string | undefined
  everySeconds?: number | undefined
  cron?: string | undefined
  timeZone?: string | undefined
}

function timeIn({ afterSeconds, at, everySeconds, cron, timeZone }: TimeInput) {
  const times = [
    afterSeconds !== undefined && { after: afterSeconds * 1000 },
    at !== undefined && { at },
    everySeconds !== undefined && { every: everySeconds * 1000 },
    cron !== undefined && { cron, ...(timeZone !== undefined && { timeZone }) },
  ].filter((time) => time !== false)
  const [time] = times
  if (time !== undefined && times.length === 1) return time
  throw new LoomError(
    'invalid-request',
    'add needs exactly one of afterSeconds, at, everySeconds and cron.',
  )
}

/** The same for every attempt of a call, so that a repeated call adds one schedule. */
const idOf = (key: string) =>
  `remind-${createHash('sha256').update(key).digest('hex').slice(0, 16)}`

function reminderOf(schedule: ScheduleInfo): Reminder {
  const { id, dueAt, message, every, cron, timeZone } = schedule
  const text = message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))
  return {
    id,
    due: new Date(dueAt).toISOString(),
    message: text.join(''),
    ...(every !== undefined && { everySeconds: every / 1000 }),
    ...(cron !== undefined && { cron }),
    ...(timeZone !== undefined && { timeZone }),
  }
}
