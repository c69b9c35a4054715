/**
 * The entry point of the `loom` command. Only this file imports the routes of this application and
 * uses the process. It passes them to the other modules, and loads each when it is needed.
 */
import { fileURLToPath } from 'node:url'

import manifest from '../package.json' with { type: 'json' }
import type { App, AppModules } from './cli/app.ts'
import { exitCodes, isReaderGone } from './cli/exit-code.ts'
import { runCommand } from './cli/program.ts'

/** The files of the command. An artefact has none. */
export interface Installation {
  /** The address of this module. */
  address: string
  /** Returns the address of a package that Loom uses. */
  resolve: (name: string) => string
}

function createApp(installation: Installation | undefined): App {
  let opening: Promise<AppModules> | undefined
  return {
    version: manifest.version,
    modules: () => (opening ??= openModules(installation)),
    async fetch(options) {
      const [routes] = await Promise.all([
        import('../routes/app.ts'),
        // The handlers load here, so that the first request does not wait for them.
        import('../routes/session-handlers.ts'),
      ])
      return routes.createApp({ ...options, version: manifest.version }).fetch
    },
  }
}

async function openModules(installation: Installation | undefined): Promise<AppModules> {
  const [{ builtInModules }, { fileModules }] = await Promise.all([
    import('./built-in.ts'),
    import('./ground/file-module.ts'),
  ])
  const { address = '', resolve } = installation ?? {}
  const [ending] = /\.\w+$/.exec(address) ?? ['']
  /** A module of Loom. A second copy of it would not know the objects of this one. */
  const own = (path: string, load: () => Promise<object>) => ({
    load,
    address: installation && new URL(path + ending, address).href,
    isExclusive: true,
  })
  const library = own('./index', () => import('./index.ts'))
  const files = fileModules({
    ownFolder: installation && new URL('./', address).href,
    provided: {
      loomkit: library,
      'loomkit/client': own('./client', () => import('./client.ts')),
      'loomkit/hono': own('./entries/hono', () => import('./entries/hono.ts')),
      'loomkit/mcp': own('./entries/mcp', () => import('./entries/mcp.ts')),
      'loomkit/redis': own('./entries/redis', () => import('./entries/redis.ts')),
      'loomkit/testing': own('./entries/testing', () => import('./entries/testing.ts')),
      'loomkit/tools': own('./entries/tools', () => import('./entries/tools.ts')),
      // The package's name before it was `loomkit`. An installed package `loom` is another project.
      loom: { ...library, isExclusive: false },
      zod: { load: () => import('zod'), address: resolve?.('zod') },
      'zod/v4': { load: () => import('zod/v4'), address: resolve?.('zod/v4') },
      ai: { load: () => import('ai'), address: resolve?.('ai') },
    },
  })
  const root = installation === undefined ? '' : fileURLToPath(new URL('..', address))
  return { builtIn: builtInModules(root, files), files }
}

/** @param installation the files of the command. Undefined in an artefact */
export async function main(program: NodeJS.Process, installation?: Installation): Promise<void> {
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
  program.exitCode = await runCommand({ program, app: createApp(installation) })
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
