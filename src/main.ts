/**
 * The `loom` command. The only place that knows the process, this app's agents, its tools and its
 * routes: all else is handed what it needs, and it is loaded when it is needed.
 */
import manifest from '../package.json' with { type: 'json' }
import type { App } from './cli/app.ts'
import { exitCodes, isLeft } from './cli/exit-code.ts'
import { runCommand } from './cli/program.ts'
import { fileModules } from './ground/file-module.ts'
import type { ActingWorld } from './server/chosen-agents.ts'
import type { NamedTool } from './tool.ts'

const harmlessTools = {
  calculator: async () => (await import('../tools/calculator.ts')).calculator,
  clock: async () => (await import('../tools/clock.ts')).clock,
  human: async () => (await import('../tools/human.ts')).human(),
} satisfies Record<string, () => Promise<NamedTool>>

/** They ask as they are made; the command, which knows what was allowed, spares whom it may. */
const asking = { needsApproval: true }

const actingTools = {
  async bash({ workspace, sandbox, environment }) {
    const { bash } = await import('../tools/bash.ts')
    return bash({ workspace: workspace.root, sandbox, environment, ...asking })
  },
  read_file: async ({ workspace }) => (await import('../tools/read-file.ts')).readFile(workspace),
  write_file: async ({ workspace }) =>
    (await import('../tools/write-file.ts')).writeFile(workspace, asking),
  edit_file: async ({ workspace }) =>
    (await import('../tools/edit-file.ts')).editFile(workspace, asking),
  grep: async ({ workspace }) => (await import('../tools/grep.ts')).grep(workspace),
  glob: async ({ workspace }) => (await import('../tools/glob.ts')).glob(workspace),
} satisfies Record<string, (world: ActingWorld) => Promise<NamedTool>>

const app: App = {
  version: manifest.version,
  async agents() {
    const { assistant } = await import('../agents/assistant.ts')
    const { researcher } = await import('../agents/researcher.ts')
    return {
      harmless: [assistant, researcher],
      acting: { coder: async (world) => (await import('../agents/coder.ts')).coder(world) },
    }
  },
  tools: { harmless: harmlessTools, acting: actingTools },
  importFile: fileModules({
    loom: { load: () => import('./index.ts'), isExclusive: true },
    zod: { load: () => import('zod') },
    ai: { load: () => import('ai') },
  }),
  async fetch(options) {
    const [{ createApp }] = await Promise.all([
      import('../routes/app.ts'),
      // Its handlers, so that the first request does not wait for them.
      import('../routes/session-handlers.ts'),
    ])
    return createApp(options).fetch
  },
}

export async function main(program: NodeJS.Process): Promise<void> {
  const { stdout, stderr } = program
  let lost: Error | undefined
  // A reader that has left is no reason to fail: who writes on is told to stop elsewhere.
  stdout.on('error', (error) => {
    if (!isLeft(error)) lost ??= error
  })
  stderr.on('error', () => undefined)
  // Nothing is left that could wake it, though it still waits: that must not look like success.
  program.once('beforeExit', () => {
    stderr.write('loom: ended early: what it waits for can never come\n')
    program.exitCode = exitCodes.failed
  })
  program.exitCode = await runCommand({ program, app })
  await flushed(stdout)
  if (lost !== undefined) {
    stderr.write(`loom: stdout cannot be written: ${lost.message}\n`)
    program.exitCode ||= exitCodes.failed
  }
  await flushed(stderr)
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
