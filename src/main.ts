/**
 * The `loom` command. The only place that knows the process, this app's agents, its tools and its
 * routes: all else is handed what it needs, and it is loaded when it is needed.
 */
import manifest from '../package.json' with { type: 'json' }
import type { App } from './cli/app.ts'
import { runCommand } from './cli/program.ts'
import { fileModules } from './file-module.ts'
import type { NamedTool } from './tool.ts'

const toolNames = ['calculator', 'clock'] as const

const app: App = {
  version: manifest.version,
  async agents() {
    const { assistant } = await import('../agents/assistant.ts')
    const { researcher } = await import('../agents/researcher.ts')
    return [assistant, researcher]
  },
  toolNames,
  async tools(names) {
    const { calculator } = await import('../tools/calculator.ts')
    const { clock } = await import('../tools/clock.ts')
    const all: Record<(typeof toolNames)[number], NamedTool> = { calculator, clock }
    return Object.entries(all).flatMap(([name, tool]) => (names.includes(name) ? [tool] : []))
  },
  importFile: fileModules({
    loom: { load: () => import('./index.ts'), isOnlyOurs: true },
    zod: { load: () => import('zod') },
    ai: { load: () => import('ai') },
  }),
  async fetch(options) {
    const { createApp } = await import('../routes/app.ts')
    return createApp(options).fetch
  },
}

export async function main(program: NodeJS.Process): Promise<void> {
  // A reader that has left is no reason to fail: who writes on is told to stop elsewhere.
  for (const stream of [program.stdout, program.stderr]) stream.on('error', () => undefined)
  program.exitCode = await runCommand({ program, app })
  await Promise.all([flushed(program.stdout), flushed(program.stderr)])
  // Work that was aborted may still hold a timer or a socket of its own.
  program.exit()
}

/** Resolves when all that was written has been taken, or never will be: `exit` would cut it off. */
async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  stream.once('close', resolve)
  stream.write('', () => resolve())
  await promise
}
