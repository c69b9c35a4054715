/** What a session goes on with: its own agent, folder and model, whatever is usual here. */
import type { UIMessage } from 'ai'

import type { Config } from '../config.ts'
import type { Environment } from '../ground/environment.ts'
import { textField } from '../ground/fields.ts'
import type { Models } from '../model.ts'
import type { ChatFlags } from './chat-options.ts'
import { lastIn } from './conversation.ts'
import type { KeptSession, SessionFiles } from './session-files.ts'

/** Its agent and its folder go on with a session, whatever is usual here. */
export async function keptSession(
  { continue: goesOn = false, session }: ChatFlags,
  { files, here }: { files: SessionFiles | undefined; here: string },
): Promise<KeptSession | undefined> {
  const id = goesOn ? lastIn((await files?.list()) ?? [], here)?.id : session
  return id === undefined ? undefined : files?.read(id)
}

/** What is set in so many words wins. */
export function directoryOf(
  kept: KeptSession | undefined,
  { config, environment }: { config: Config; environment: Environment },
): string {
  const { LOOM_WORKSPACE: set = '' } = environment
  return set === '' ? (kept?.directory ?? config.workspace) : config.workspace
}

/** The model that gave the last answer. */
export function modelOf(messages: readonly UIMessage[]): string | undefined {
  const last = messages.findLast(({ role }) => role === 'assistant')
  return textField(last?.metadata, 'model')
}

export const isThere = (model: string, models: Models): Promise<boolean> =>
  models.resolve(model).then(
    () => true,
    () => false,
  )
