/** Accepts a schedule of a client or of a program. Both mean the same. */
import type { JSONObject } from '@ai-sdk/provider'

import type { Agent } from '../agent.ts'
import type { ScheduleInfo } from '../schedule.ts'
import type { Author } from '../store/member.ts'
import type { SessionRecord } from '../store/session.ts'
import { checkChosenModel } from './chosen-model.ts'
import { scheduleInfo } from './schedule-info.ts'
import { scheduledLetter } from './scheduled-letter.ts'
import type { SessionHost } from './session-host.ts'
import { storedId } from './tenant-ids.ts'

export { scheduleInfo } from './schedule-info.ts'

export interface SchedulePost {
  tenant: string
  /** @defaultValue the tenant itself */
  author?: Author
  /** The id by which the tenant names the session. */
  sessionId: string
  /** Undefined if there is none yet. */
  session: SessionRecord | undefined
  agent: Agent
  message: string | Readonly<Record<string, unknown>>
  /** The fields of the time; see `ScheduleTime`. */
  time: Readonly<Record<string, unknown>>
  /** @defaultValue a random UUID */
  id?: string | undefined
  context?: JSONObject | undefined
  /** One of the agent's `models`. @defaultValue the agent's `model` */
  model?: string | undefined
}

interface AcceptedSchedule {
  info: ScheduleInfo
  /** False if the schedule was there already. */
  isNew: boolean
}

/** @throws LoomError `invalid-request` for a bad message, time or model; as `Sessions.addSchedule` */
export async function acceptSchedule(
  { sessions, fileUrls }: SessionHost,
  post: SchedulePost,
): Promise<AcceptedSchedule> {
  const { tenant, session, agent, message, time, id, context, model } = post
  if (model !== undefined) await checkChosenModel(agent, model, async () => context ?? {})
  const request = {
    agent: agent.name,
    ...(model !== undefined && { model }),
    ...(context !== undefined && { context }),
  }
  const letter = await scheduledLetter(message, { request, fileUrls })
  const sessionId = session?.id ?? storedId(tenant, post.sessionId)
  const added = await sessions.addSchedule(
    sessionId,
    { id, time, letter },
    { ...post.author, tenant, agent: agent.name },
  )
  const info = scheduleInfo(added.schedule, await sessions.taskOf(sessionId))
  return { info, isNew: added.isNew }
}
