/**
 * A stored session that continues: its agent, folder and model take precedence over the defaults.
 */
import type { UIMessage } from 'ai'

import type { Config } from '../config.ts'
import type { Environment } from '../ground/environment.ts'
import { textField } from '../ground/fields.ts'
import type { Models } from '../model.ts'
import type { ChatFlags } from './chat-options.ts'
import { lastIn } from './conversation.ts'
import type { StoredSession, SessionFiles } from './session-files.ts'

/**
 * Returns the stored session that `--continue` or `--session` names. Undefined if there is none.
 */
export async function storedSession(
  { continue: isContinued = false, session }: ChatFlags,
  { files, here }: { files: SessionFiles | undefined; here: string },
): Promise<StoredSession | undefined> {
  const id = isContinued ? lastIn((await files?.list()) ?? [], here)?.id : session
  return id === undefined ? undefined : files?.read(id)
}

/**
 * Returns the folder of the agent: `LOOM_WORKSPACE` if it is set, or else the folder of the
 * session.
 */
export function directoryOf(
  stored: StoredSession | undefined,
  { config, environment }: { config: Config; environment: Environment },
): string {
  const { LOOM_WORKSPACE: setting = '' } = environment
  return setting === '' ? (stored?.directory ?? config.workspace) : config.workspace
}

/** The model that gave the last answer. */
export function modelOf(messages: readonly UIMessage[]): string | undefined {
  const last = messages.findLast(({ role }) => role === 'assistant')
  return textField(last?.metadata, 'model')
}

/** Whether the model can be used now, for example because its key is set. */
export const isAvailable = (model: string, models: Models): Promise<boolean> =>
  models.resolve(model).then(
    () => true,
    () => false,
  )
