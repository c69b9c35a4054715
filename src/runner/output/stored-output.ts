/** The output of a stored answer, as the schema of the agent returned it. */
import type { JSONValue } from '@ai-sdk/provider'

import type { Agent } from '../../agent.ts'
import { toJson } from '../../ground/json.ts'
import { outputOf } from '../run-settings.ts'

/**
 * The store has the output as JSON. The schema makes it the same value again if it can: a date from its
 * text. Where a transform of the schema is not repeatable, the output stays JSON.
 */
export async function storedOutput<CONTEXT>(
  agent: Agent<CONTEXT>,
  json: JSONValue,
  context: CONTEXT,
): Promise<unknown> {
  try {
    const schema = await outputOf(agent, context)
    const checked = await schema?.check(json)
    if (checked === undefined || !('value' in checked)) return json
    const isSame = JSON.stringify(toJson(checked.value)) === JSON.stringify(json)
    return isSame ? checked.value : json
  } catch {
    // A schema that needs another context than this one.
    return json
  }
}
