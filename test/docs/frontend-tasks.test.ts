/** The code for tasks in the page about frontends, with a live server. */
import { join } from 'node:path'

import { afterAll, expect, it } from 'vitest'

import { readConfig } from '../../src/config.ts'
import { createModels } from '../../src/model/resolve.ts'
import { listen } from '../../src/server/listen.ts'
import type { TaskInfo } from '../../src/task.ts'
import lead from '../cli/files/lead.ts'
import { servedApp } from '../served-app.ts'
import { writeFiles } from './written-files.ts'

interface TaskParts {
  tasksOf: (api: string, id: string) => Promise<TaskInfo[]>
  namesOf: (part: object) => { tool: string; agent?: string }
}

const written = writeFiles(['ts'])
afterAll(() => written[Symbol.dispose]())
// The type of this import is `any`: TypeScript has not read the file.
const { tasksOf, namesOf }: TaskParts = await import(join(written.folder, 'task-parts.ts'))

it('the code of the documentation lists tasks and names their questions', async () => {
  const app = await servedApp({
    agents: [lead],
    config: readConfig({ LOOM_AGENT: 'lead' }),
    models: createModels({ environment: {} }),
  })
  const server = await listen(app.fetch, { host: '127.0.0.1', port: 0 })
  try {
    const api = `${server.url}/api/chat`
    const post = { method: 'POST', body: JSON.stringify({ id: 'one', message: 'ask' }) }
    await (await fetch(api, post)).text()
    expect(await tasksOf(api, 'one')).toMatchObject([
      { agent: 'researcher', state: 'waiting' },
      { agent: 'checker', state: 'waiting' },
    ])
    // The waiting answer is in the stream, and not yet in the history.
    const stream = await (await fetch(`${api}/one/stream`)).text()
    expect(stream).toContain('"toolName":"checker.human"')
    const question = {
      type: 'dynamic-tool',
      toolName: 'checker.human',
    }
    expect(namesOf(question)).toEqual({ tool: 'human', agent: 'checker' })
    expect(namesOf({ type: 'tool-researcher' })).toEqual({ tool: 'researcher' })
  } finally {
    await server.stop(0)
  }
})
