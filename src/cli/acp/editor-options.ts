/** The choices of a session in an editor: whether tools ask, and the model. */
import type { SessionConfigOption, SessionModeState } from '@agentclientprotocol/sdk'

import { LoomError } from '../../ground/error.ts'
import type { Grants } from '../approval.ts'
import type { LocalChat } from '../open-conversations.ts'

const modes = [
  { id: 'ask', name: 'Ask', description: 'Tools that may have effects ask first' },
  { id: 'allow', name: 'Allow everything', description: 'Every tool runs without asking' },
]

export const modesOf = ({ isEverything }: Grants): SessionModeState => ({
  currentModeId: isEverything ? 'allow' : 'ask',
  availableModes: modes,
})

/** @throws LoomError `invalid-request` for an unknown mode */
export function setMode(grants: Grants, modeId: string): void {
  if (!modes.some(({ id }) => id === modeId)) {
    throw new LoomError('invalid-request', `There is no mode ${JSON.stringify(modeId)}.`)
  }
  grants.isEverything = modeId === 'allow'
}

/** The largest number of models in the list of an editor. */
const modelsMax = 100

/** Returns the models of a session in this process. A server chooses the model of its agents itself. */
export async function optionsOf(local: LocalChat | undefined): Promise<SessionConfigOption[]> {
  if (local === undefined) return []
  const { models } = await local.models.search({ configured: true, limit: modelsMax })
  const { model } = local.settings
  const currentValue = typeof model === 'string' ? model : local.defaultModel
  const listed = models.map(({ id, name }) => ({ value: id, name }))
  const isListed = listed.some(({ value }) => value === currentValue)
  return [
    {
      type: 'select',
      id: 'model',
      name: 'Model',
      category: 'model',
      currentValue,
      options: isListed ? listed : [{ value: currentValue, name: currentValue }, ...listed],
    },
  ]
}

/** @throws LoomError for an unknown option, or a model that cannot be used */
export async function setOption(
  local: LocalChat | undefined,
  { configId, value }: { configId: string; value: unknown },
): Promise<SessionConfigOption[]> {
  if (local === undefined || configId !== 'model' || typeof value !== 'string') {
    throw new LoomError('invalid-request', `There is no option ${JSON.stringify(configId)}.`)
  }
  await local.models.resolve(value)
  local.settings.model = value
  return optionsOf(local)
}
