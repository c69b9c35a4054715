/** The settings of providers, and the installation. */
import { join } from 'node:path'

import { expect } from 'vitest'

import { createModels, defineAgent, run } from '../../src/index.ts'
import { root } from '../docs/pages.ts'
import { packageEntries } from '../package-entries.ts'
import { bodyServer } from './body-server.ts'
import { type Checks, loomCode, type Row } from './row.ts'

const model = 'fireworks/accounts/fireworks/models/kimi-k2p5'

/** The name of the setting in a row: `FIREWORKS_API_KEY=…`. */
const settingOf = (row: Row): string => loomCode(row).split('=')[0] ?? ''

/** Runs an agent with settings of an environment, and returns the request of the model call. */
async function requestWith(settingsOf: (url: string) => Record<string, string>) {
  await using server = await bodyServer()
  const models = createModels({ environment: settingsOf(server.url) })
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'You teach.', model })
  expect((await run(agent, 'Hi', { models })).text).toBe('Hello.')
  return { ...server.requests[0], body: server.bodies[0] }
}

export const configurationChecks: Checks = {
  '`{:loom_ex, github: "lulucatdev/loom_ex"}` in `mix.exs`': async (row) => {
    const entry = packageEntries()[loomCode(row)]
    expect(entry).toBe('src/index.ts')
    const library: object = await import(join(root, entry ?? ''))
    expect(library).toMatchObject({ defineAgent, run })
  },

  '`config :loom_ex, providers: %{fireworks: %{api_key: …}}`': async (row) => {
    const key = settingOf(row)
    const { key: sent } = await requestWith((url) => ({
      [key]: 'a-secret',
      FIREWORKS_BASE_URL: url,
    }))
    expect(sent).toBe('Bearer a-secret')
    const listed = createModels({ environment: { [key]: 'a-secret' } })
    const { total, models } = await listed.search({ query: 'kimi', configured: true })
    expect(total).toBeGreaterThan(0)
    expect(models.every(({ id }) => id.startsWith('fireworks'))).toBe(true)
  },

  '`base_url: "https://…/v1/chat/completions"`': async (row) => {
    const { path } = await requestWith((url) => ({ [settingOf(row)]: url }))
    expect(path).toBe('/v1/chat/completions')
  },

  '`"fireworks/accounts/fireworks/models/kimi-k2p5"`': async () => {
    const { body } = await requestWith((url) => ({ FIREWORKS_BASE_URL: url }))
    expect(body).toMatchObject({ model: 'accounts/fireworks/models/kimi-k2p5' })
  },
}
