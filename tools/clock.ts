/** The current date and time, which a model cannot know. The default time zone is the server's. */
import { defineTool } from '../src/define-tool.ts'
import { zodSchema } from '../src/ground/schema.ts'

export const clock = defineTool({
  name: 'clock',
  title: 'Clock',
  description: 'Returns the current date and time, in a given time zone or in that of the server.',
  inputSchema: zodSchema((z) =>
    z.object({
      timeZone: z
        .string()
        .max(100)
        .optional()
        .describe('An IANA time zone such as "Europe/Berlin" or "UTC"'),
    }),
  ),
  retry: 'safe',
  execute: ({ timeZone }) => timeIn(new Date(), timeZone),
})

export interface TimeOfDay {
  /** ISO 8601, with the offset of the time zone. */
  iso: string
  timeZone: string
  /** The date and time in words. */
  text: string
}

function timeIn(now: Date, timeZone: string | undefined): TimeOfDay {
  const parts = partsIn(now, timeZone)
  const part = (type: string) => parts.get(type) ?? ''
  const date = `${part('year')}-${part('month')}-${part('day')}`
  const time = `${part('hour')}:${part('minute')}:${part('second')}`
  const zone = formatIn(timeZone).resolvedOptions().timeZone
  return {
    iso: `${date}T${time}${offsetOf(part('timeZoneName'))}`,
    timeZone: zone,
    text: now.toLocaleString('en-GB', { dateStyle: 'full', timeStyle: 'short', timeZone: zone }),
  }
}

function partsIn(now: Date, timeZone: string | undefined): Map<string, string> {
  return new Map(
    formatIn(timeZone)
      .formatToParts(now)
      .map(({ type, value }) => [type, value]),
  )
}

function formatIn(timeZone: string | undefined): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-GB', {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      timeZoneName: 'longOffset',
      ...(timeZone !== undefined && { timeZone }),
    })
  } catch (error) {
    throw new Error(
      `Unknown time zone "${timeZone}". Use an IANA name such as "Europe/Berlin" or "UTC".`,
      { cause: error },
    )
  }
}

/** Converts `GMT+05:30` to `+05:30`, and `GMT` or `GMT+00:00` to `Z`. */
function offsetOf(zoneName: string): string {
  const offset = zoneName.replace('GMT', '')
  return offset === '' || offset === '+00:00' ? 'Z' : offset
}
