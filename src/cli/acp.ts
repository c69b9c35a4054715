/**
 * `loom acp`: an agent for editors that speak the Agent Client Protocol. The editor starts this process and talks
 * with it over stdin and stdout, so nothing else may be written to stdout.
 */
import { Readable, Writable } from 'node:stream'
import { format } from 'node:util'

import { ndJsonStream } from '@agentclientprotocol/sdk'

import { errorMessage } from '../ground/error.ts'
import { withResource } from '../ground/resource.ts'
import { keepRunning } from '../ground/unhandled-failures.ts'
import { EditorAgent } from './acp/editor-agent.ts'
import { type AcpFlags, EditorConversations } from './acp/editor-conversations.ts'
import type { CommandWorld } from './app.ts'
import { checkFlags } from './chat-options.ts'
import { exitCodes } from './exit-code.ts'
import { openInterrupts } from './interrupts.ts'
import { plain } from './render/plain.ts'

/** @returns the exit code @throws LoomError for flags that contradict each other */
export async function acp(world: CommandWorld, flags: AcpFlags): Promise<number> {
  checkFlags(flags, [])
  const { program, app } = world
  const report = (error: unknown) => {
    program.stderr.write(`loom: ${plain(errorMessage(error))}\n`)
  }
  keepRunning(program, report)
  logToStderr(program)
  const editor = new EditorAgent({
    conversations: new EditorConversations(world, flags),
    version: app.version,
    firstSession: flags.session,
    report,
  })
  return withResource(openInterrupts(program), async (interrupts) => {
    const connection = editor
      .app()
      .connect(ndJsonStream(Writable.toWeb(program.stdout), Readable.toWeb(program.stdin)))
    interrupts.onStop = () => connection.close()
    await connection.closed
    await editor.close()
    return interrupts.exitCode ?? exitCodes.done
  })
}

/** The code of a user may log to the console, and stdout belongs to the protocol. */
function logToStderr({ stderr }: NodeJS.Process): void {
  const write = (...values: unknown[]) => void stderr.write(`${format(...values)}\n`)
  Object.assign(console, { log: write, info: write, debug: write })
}
