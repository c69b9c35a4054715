/** The models of the agents of a server. */
import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import type { ModelReference, Models } from '../model.ts'
import { subAgentOf } from '../sub-agent.ts'
import { isNamedTool, toolEntries } from '../tool-list.ts'

/**
 * Returns the models of the agents and of their sub-agents. The model and the tools of a callback are not known before
 * a request.
 */
export const modelsOf = (agents: readonly Agent[]): ModelReference[] =>
  withSubAgents(agents).flatMap(modelsOfOne)

/**
 * Checks the models, to report a bad one in one line now and not in the first request.
 * @throws LoomError `unknown-model`, `missing-key` or `invalid-config`, with the name of the agent
 */
export async function checkModels(agents: readonly Agent[], models: Models): Promise<void> {
  for (const agent of withSubAgents(agents)) {
    for (const reference of modelsOfOne(agent)) {
      try {
        await models.resolve(reference)
      } catch (error) {
        if (!(error instanceof LoomError)) throw error
        const { code, message } = error
        throw new LoomError(code, `Agent "${agent.name}": ${message}`, { cause: error })
      }
    }
  }
}

const modelsOfOne = ({ model = [] }: Agent): readonly ModelReference[] =>
  typeof model === 'function' ? [] : [model].flat()

/** An agent may be below itself. */
function withSubAgents(agents: readonly Agent[]): Agent[] {
  const found = new Set(agents)
  // A loop over a set also visits the members that are added meanwhile.
  for (const { tools } of found) {
    if (typeof tools === 'function') continue
    const each = toolEntries(tools).flatMap((entry): object[] =>
      isNamedTool(entry) ? [entry] : Object.values(entry),
    )
    for (const tool of each) {
      const agent = subAgentOf(tool)
      if (agent !== undefined) found.add(agent)
    }
  }
  return [...found]
}
