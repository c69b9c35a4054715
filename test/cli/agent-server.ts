/** A server of the command that serves agents of a folder, and requests to it. */
import { expect } from 'vitest'

import { type Run, type RunOptions, start } from './command.ts'

/** Starts `loom serve` with these words on a free port, and returns its address. */
export const serverAt = async (words: readonly string[], options: RunOptions): Promise<string> =>
  addressOf(startServer(['serve', ...words], options))

export const startServer = (words: readonly string[], options: RunOptions): Run =>
  start(words, { ...options, environment: { PORT: '0', ...options.environment } })

export async function addressOf(run: Run): Promise<string> {
  const look = () => {
    const [, address] = /^Loom is ready: (\S+)$/m.exec(run.stdout) ?? []
    return address ?? (run.child.exitCode === null ? undefined : `ended: ${run.stderr}`)
  }
  await expect.poll(look, { timeout: 60_000 }).toMatch(/^http/)
  return look() ?? ''
}

export async function namesAt(url: string): Promise<string[]> {
  const listed: unknown = await (await fetch(`${url}/api/agents`)).json()
  const { agents = [] }: { agents?: { name: string }[] } = Object(listed)
  return agents.map(({ name }) => name)
}

/** Posts a body and returns the text of the answer. */
export async function post(url: string, body: object): Promise<string> {
  const response = await fetch(`${url}/api/chat?protocol=text`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  return response.text()
}
