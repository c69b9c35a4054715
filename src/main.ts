/**
 * The entry point of the `loom` command. Only this file imports the agents, tools and routes of
 * this application and uses the process. It passes them to the other modules, and loads each when
 * it is needed.
 */
import manifest from '../package.json' with { type: 'json' }
import type { App } from './cli/app.ts'
import { exitCodes, isReaderGone } from './cli/exit-code.ts'
import { runCommand } from './cli/program.ts'
import { fileModules } from './ground/file-module.ts'
import type { ActingWorld } from './server/chosen-agents.ts'
import type { NamedTool } from './tool.ts'

const harmlessTools = {
  calculator: async () => (await import('../tools/calculator.ts')).calculator,
  clock: async () => (await import('../tools/clock.ts')).clock,
  human: async () => (await import('../tools/human.ts')).human(),
} satisfies Record<string, () => Promise<NamedTool>>

/**
 * By default each call needs an approval. The command skips the question for calls that the user
 * allowed.
 */
const approval = { needsApproval: true }

const actingTools = {
  async bash({ workspace, sandbox, environment }) {
    const { bash } = await import('../tools/bash.ts')
    return bash({ workspace: workspace.root, sandbox, environment, ...approval })
  },
  read_file: async ({ workspace }) => (await import('../tools/read-file.ts')).readFile(workspace),
  write_file: async ({ workspace }) =>
    (await import('../tools/write-file.ts')).writeFile(workspace, approval),
  edit_file: async ({ workspace }) =>
    (await import('../tools/edit-file.ts')).editFile(workspace, approval),
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
    loomkit: { load: () => import('./index.ts'), isExclusive: true },
    'loomkit/client': { load: () => import('./client.ts'), isExclusive: true },
    'loomkit/hono': { load: () => import('./entries/hono.ts'), isExclusive: true },
    'loomkit/mcp': { load: () => import('./entries/mcp.ts'), isExclusive: true },
    'loomkit/redis': { load: () => import('./entries/redis.ts'), isExclusive: true },
    'loomkit/tools': { load: () => import('./entries/tools.ts'), isExclusive: true },
    // The package's name before it was `loomkit`. An installed package `loom` is a stranger's.
    loom: { load: () => import('./index.ts') },
    zod: { load: () => import('zod') },
    'zod/v4': { load: () => import('zod/v4') },
    ai: { load: () => import('ai') },
  }),
  async fetch(options) {
    const [{ createApp }] = await Promise.all([
      import('../routes/app.ts'),
      // The handlers load here, so that the first request does not wait for them.
      import('../routes/session-handlers.ts'),
    ])
    return createApp(options).fetch
  },
}

export async function main(program: NodeJS.Process): Promise<void> {
  const { stdout, stderr } = program
  let writeError: Error | undefined
  // A reader that closed its end is not a failure. `openInterrupts` stops the work in that case.
  stdout.on('error', (error) => {
    if (!isReaderGone(error)) writeError ??= error
  })
  stderr.on('error', () => undefined)
  // The event loop is empty although the command still waits. The exit code must not be 0.
  program.once('beforeExit', () => {
    stderr.write('loom: ended early: a tool or model waits for something that can never come\n')
    program.exitCode = exitCodes.failed
  })
  program.exitCode = await runCommand({ program, app })
  await flush(stdout)
  if (writeError !== undefined) {
    stderr.write(`loom: stdout cannot be written: ${writeError.message}\n`)
    program.exitCode ||= exitCodes.failed
  }
  await flush(stderr)
  // Aborted work may still hold a timer or a socket, which would keep the process running.
  program.exit()
}

/**
 * Resolves when the reader has taken all output, or the stream is closed. `exit` cuts output off.
 */
async function flush(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  stream.once('close', resolve)
  stream.write('', () => resolve())
  await promise
}
