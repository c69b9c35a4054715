/**
 * The questions of a task in the message of the session above: calls that wait for a client or a human. Each
 * is a dynamic tool part with the name `<agent>.<tool>`. Its id, and the id of its approval, begin with the
 * key of the task, so that the answer finds its way down. Both ids are unreserved characters of URLs, apart
 * from the id of the call.
 */

/** The id of a call of a task, or of its approval, in the message of the session above. */
export const mirroredId = (taskKey: string, id: string): string => `~${taskKey}.${id}`

/** Returns the key of the task and the id below. Returns undefined for the id of another call. */
export function mirroredIn(id: unknown): { taskKey: string; id: string } | undefined {
  const [, taskKey, below] =
    typeof id === 'string' ? (/^~([0-9a-z]{26})\.(.+)$/s.exec(id) ?? []) : []
  return taskKey === undefined || below === undefined ? undefined : { taskKey, id: below }
}

/** Whether a part of a message is the question of a task. */
export const isMirrored = ({ type, toolCallId }: { type: string; toolCallId?: unknown }): boolean =>
  type === 'dynamic-tool' && mirroredIn(toolCallId) !== undefined

/** The name of a mirrored call. The question of a task below keeps its name. */
export const mirroredName = (agent: string, tool: string): string =>
  tool.includes('.') ? tool : `${agent}.${tool}`
