import { readConfig } from '../../src/config.ts'
/** The answer of a server with the given settings, as text. */
import type { Agent } from '../../src/index.ts'
import { servedApp } from '../served-app.ts'

export async function answerOf(
  agent: Agent,
  text: string,
  settings: Record<string, string>,
): Promise<string> {
  const config = readConfig({ LOOM_AGENT: agent.name, ...settings })
  const app = await servedApp({ agents: [agent], config })
  const message = { id: 'm1', role: 'user', parts: [{ type: 'text', text }] }
  const response = await app.request('/api/chat?protocol=text', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: 'parity', messages: [message] }),
  })
  return response.text()
}
