/**
 * The cancellation of a call by a client of MCP 2025-11-25 or earlier. Its notification may reach another instance than
 * the call, so it names the letter of the call, and the session with this letter is found in the store.
 */
import { LoomError } from '../../src/ground/error.ts'
import { newSessionId } from '../../src/mcp-server/call-session.ts'
import type { McpHost } from '../../src/mcp-server/host.ts'
import type { SessionRecord } from '../../src/store/session.ts'

/** The requests that this process serves, by their keys. */
export class OpenRequests {
  readonly #requests = new Map<string, AbortController>()

  /** @returns a function that removes the request */
  add(key: string, request: AbortController): () => void {
    this.#requests.set(key, request)
    return () => {
      if (this.#requests.get(key) === request) this.#requests.delete(key)
    }
  }

  /** Returns false if this process does not serve the request. */
  cancel(key: string): boolean {
    const request = this.#requests.get(key)
    request?.abort(new LoomError('aborted', 'The client cancelled the request.'))
    return request !== undefined
  }
}

/** The sessions that a cancellation looks at, the last used ones. */
const searchedMax = 100

export async function cancelCall(
  host: McpHost,
  key: string,
  openRequests: OpenRequests,
): Promise<void> {
  if (openRequests.cancel(key)) return
  const session = await sessionOf(host, key)
  if (session === undefined) return
  const { sessions } = host.loom
  const { id, tenant } = session
  const { stopped, withdrawn } = await sessions.stopMessage(id, tenant, {
    messageId: key,
    queue: 'run',
  })
  if (stopped || withdrawn) await host.audit({ action: 'stop', sessionId: id })
}

/** The session of a call without the name of one is named after the call. Any other one has the letter. */
async function sessionOf(host: McpHost, key: string): Promise<SessionRecord | undefined> {
  const own = await host.findSession(newSessionId(key), 'writer').catch(unlessMissing)
  if (own !== undefined) return own
  const { sessions } = host.loom
  const { tenant, subject, session: only } = host.principal
  if (only !== undefined) return host.findSession(only, 'writer')
  const page = await sessions.list(tenant, {
    limit: searchedMax,
    ...(subject !== undefined && { subject }),
  })
  for (const session of page.sessions) {
    if (session.state === 'running' && session.turn?.letterId === key) return session
    if (session.queued === 0) continue
    if ((await sessions.queue(session.id)).some(({ id }) => id === key)) return session
  }
  return undefined
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof LoomError && (error.code === 'not-found' || error.code === 'forbidden'))
    return
  throw error
}
